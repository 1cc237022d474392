"""Sphinx extension: the chapters as cards, with what they hold, and the parts that are to come.

Titles and sentences are those of the chapters. Minutes are counted in their text and code,
exercises in the package.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from book_preview import attention_of
from sphinx.util.docutils import SphinxDirective

from attention_book.checking.catalogue import all_chapters, all_exercises

# What a reader takes in within a minute.
WORDS, LINES = 200, 30
ROUNDED = 5  # minutes
OPENING = re.compile(r"# (?P<title>.+)\n\n\*(?P<sentence>[^*]+)\*\n")
# The theme leaves out the contents of a page that says so: the cards are its contents.
NO_CONTENTS = "html_theme.sidebar_secondary.remove"
COMING = re.compile(r"(?P<number>[IVX]+): (?P<name>[^:]+): (?P<topics>.+)")


@dataclass(frozen=True)
class Chapter:
    """What the card of a chapter says."""

    title: str
    sentence: str
    minutes: int
    exercises: int


def setup(app):
    app.add_directive("chapters", Chapters)
    return {"parallel_read_safe": True}


def chapter(path):
    """Read what the card of a chapter says from its notebook and from its exercises."""
    cells = nbformat.read(path, as_version=4).cells
    opening = OPENING.match(cells[0].source)
    if not opening:
        raise ValueError(f"{path.name} does not open with its title and a sentence in italics")
    name = path.stem
    exercises = len(all_exercises(name)) if name in all_chapters() else 0
    return Chapter(opening["title"], opening["sentence"], minutes(cells), exercises)


def minutes(cells):
    """Return how long it takes to read a notebook up to its exercises."""
    words = lines = 0
    for cell in cells:
        if cell.source.startswith("## Exercises"):
            break
        if cell.cell_type == "code":
            lines += len(cell.source.splitlines())
        else:
            words += len(cell.source.split())
    return ROUNDED * round((words / WORDS + lines / LINES) / ROUNDED)


def parts(site_map):
    """Return the chapters' documents of each numbered part of the table of contents, by caption."""
    return {
        tree.caption: [str(item) for item in tree.items]
        for tree in site_map.root.subtrees
        if tree.numbered
    }


class Chapters(SphinxDirective):
    """``{chapters}``: those of the table of contents; each line names a part that is to come."""

    has_content = True

    def run(self):
        self.env.metadata[self.env.docname][NO_CONTENTS] = True
        written = parts(self.config.external_site_map)
        found = {name: self.read(name) for names in written.values() for name in names}
        text = [totals(found.values())]
        numbers = {name: number for number, name in enumerate(found, 1)}
        for caption, names in written.items():
            text += [f"**{caption}**", ":::{container} book-cards"]
            text += [self.card(numbers[name], name, found[name]) for name in names]
            text.append(":::")
        coming = [self.coming(line, written) for line in self.content]
        if coming:
            text += ["**Not written yet**", ":::{container} book-cards book-coming", *coming, ":::"]
        return self.parse_text_to_nodes("\n\n".join(text))

    def read(self, docname):
        path = Path(self.env.doc2path(docname))
        self.env.note_dependency(str(path))
        try:
            return chapter(path)
        except ValueError as fault:
            raise self.error(str(fault)) from None

    def card(self, number, docname, chapter):
        link = f"[{number}. {chapter.title}](/{docname}.ipynb)"
        holds = f"{chapter.minutes} minutes, {chapter.exercises} exercises"
        return f"- {drawn(chapter.title)}\n\n  {link}\n\n  {chapter.sentence}\n\n  {holds}"

    def coming(self, line, written):
        """Return the card of a part that is to come, an error where it has come."""
        part = COMING.fullmatch(line)
        if not part:
            raise self.error(f"a part that is to come reads 'II: name: topics', not '{line}'")
        if any(caption.startswith(f"Part {part['number']}.") for caption in written):
            raise self.error(f"Part {part['number']} is in the table of contents: it has come")
        return f"- **Part {part['number']}. {part['name']}**\n\n  {part['topics']}"


def totals(chapters):
    """Return what all chapters hold, as a sentence."""
    hours = sum(chapter.minutes for chapter in chapters) / 60
    exercises = sum(chapter.exercises for chapter in chapters)
    return (
        f"{len(chapters)} chapters are written. They take about {hours:.0f} hours to read, and "
        f"have {exercises} exercises. The picture on a card shows how much each word of its title "
        "attends to itself and to the words before it, by the letters that they share."
    )


def drawn(title):
    """Return a picture of the attention that the words of a title pay to each other."""
    weights = attention_of(title)
    squares = "".join(
        f'<rect x="{5 * column}" y="{5 * row}" width="4" height="4" rx="0.8"'
        f' fill-opacity="{max(0.1, weight):.2f}"/>'
        for row, line in enumerate(weights)
        for column, weight in enumerate(line)
    )
    side = 5 * len(weights) - 1
    return f'<svg viewBox="0 0 {side} {side}" aria-hidden="true">{squares}</svg>'
