"""Write what makes the chapters read in every notebook; the forms are those of book_markdown.py.

Roles of citing become links, and every link gets the words of today; directives become comments
and folded text; each formula with a label and each heading that is linked gets its address, since
the addresses of headings differ between JupyterLab and the page. It can be run at any time, and a
second run changes nothing.

Usage: python tools/content/plain_markdown.py            (make format calls it)
"""

import os
import re
import sys
from pathlib import Path

import nbformat
from book_markdown import FORMULA, PLACE
from citations import BIBLIOGRAPHY, ROOT, faults, with_links
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from myst_parser.mdit_to_docutils.base import compute_unique_slug, default_slugify

CHAPTERS = ROOT / "chapters"
LABELLED_FORMULA = re.compile(rf"^({FORMULA}) \(([\w-]+)\)$", re.M)
DROPDOWN = re.compile(r"^(:{3,})\{dropdown\} (.+)\n((?!:).*\n(?:.*\n)*?)\1$", re.M)
CONTAINER = re.compile(r"^(:{3,})\{container\} (.+)\n((?!:).*\n(?:.*\n)*?)\1$", re.M)
EMPTY_DIRECTIVE = re.compile(r"^(`{3,}|:{3,})(\{[\w-]+\}.*)\n\1$", re.M)
LINK = re.compile(r"\]\(([^)\s#:]*)#([^)\s]+)\)")


def for_every_notebook(text, bibliography):
    """Return MyST as plain Markdown: the other way round of ``for_the_page``."""
    text = LABELLED_FORMULA.sub(r'<a id="equation-\2"></a>\n\1', text)
    text = DROPDOWN.sub(r"<details>\n<summary>\2</summary>\n\n\3\n</details>", text)
    text = CONTAINER.sub(r'<div class="\2">\n\n\3\n</div>', text)
    text = EMPTY_DIRECTIVE.sub(r"<!-- \2 -->", text)
    return with_links(text, bibliography)


def with_places(text, wanted, taken):
    """Return a text with the address of each heading that is wanted on the line above it.

    ``taken`` are the addresses that earlier cells have; those of this text are added.
    """
    lines = PLACE.sub("", text).split("\n")
    found = []
    for node in SyntaxTreeNode(MarkdownIt("commonmark").parse("\n".join(lines))).walk():
        if node.type == "heading" and node.level == 0 and int(node.tag[1]) <= 3:
            slug = compute_unique_slug(node, taken, default_slugify)
            taken.append(slug)
            found.append((node.map[0], slug))
    for line, slug in reversed(found):
        if slug in wanted:
            lines.insert(line, f'<a id="{slug}"></a>')
    return "\n".join(lines)


def sources():
    """Return the files in which somebody cites or refers."""
    kinds = ("*.ipynb", "*.md", "*.yml")
    found = sorted(path for kind in kinds for path in CHAPTERS.rglob(kind))
    return [path for path in found if ".ipynb_checkpoints" not in path.parts]


def texts(path, content):
    """Return the texts of a file, each with its place in it."""
    if path.suffix != ".ipynb":
        return {"": content}
    return {
        f"cell {number}: ": cell.source
        for number, cell in enumerate(content.cells, 1)
        if cell.cell_type == "markdown"
    }


def read(path):
    if path.suffix == ".ipynb":
        return nbformat.read(path, as_version=nbformat.NO_CONVERT)
    return path.read_text(encoding="utf-8")


def links(contents):
    """Return the headings to which links lead, ``{path: {address, ...}}``."""
    found = {path: set() for path in contents}
    for path, content in contents.items():
        for text in texts(path, content).values():
            for page, address in LINK.findall(text):
                target = Path(os.path.normpath(path.parent / page)) if page else path
                found.setdefault(target, set()).add(address)
    return found


def rewritten(contents):
    """Return the texts of all files as they are to be, ``{path: {place: text}}``."""
    wanted = links(contents)
    made = {}
    for path, content in contents.items():
        bibliography = Path(os.path.relpath(BIBLIOGRAPHY, path.parent)).as_posix()
        taken = []
        made[path] = {}
        for place, text in texts(path, content).items():
            text = for_every_notebook(text, bibliography)
            if place:
                text = with_places(text, wanted[path], taken)
            made[path][place] = text
    return made


def problems(contents):
    """Yield what is wrong with the citations of all files."""
    for path, content in contents.items():
        bibliography = Path(os.path.relpath(BIBLIOGRAPHY, path.parent)).as_posix()
        for place, text in texts(path, content).items():
            for fault in faults(text, bibliography):
                yield f"{path.relative_to(ROOT).as_posix()}, {place}{fault}"


def main():
    contents = {path: read(path) for path in sources()}
    for path, made in rewritten(contents).items():
        content = contents[path]
        if made == texts(path, content):
            continue
        if path.suffix == ".ipynb":
            for place, text in made.items():
                content.cells[int(re.search(r"\d+", place)[0]) - 1].source = text
            nbformat.write(content, path)
        else:
            contents[path] = made[""]
            path.write_text(made[""], encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT).as_posix()}")
    wrong = list(problems(contents))
    print("\n".join(wrong), end="\n" if wrong else "")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
