"""Sphinx extension: the search looks into sections, not into pages, and knows synonyms.

Sphinx finds pages, and a page here is long. So the words of each section, of each term of the
glossary too, are counted when the book is built; ``_extra/search/sections.js`` ranks by them.
Words are cut down by Sphinx's own stemmers, here and there, which agree.
"""

import json
from collections import Counter
from pathlib import Path

import yaml
from docutils import nodes
from finishing import after_the_pages
from sphinx.errors import SphinxError

INDEX = "search/index.js"
SYNONYMS = Path(__file__).with_name("synonyms.yml")
UNITS = nodes.section, nodes.definition_list_item
NOT_READ = nodes.raw, nodes.comment, nodes.image


def setup(app):
    app.connect("env-get-outdated", notice_new_synonyms)
    after_the_pages(app, write_index)
    return {"parallel_read_safe": True}


def notice_new_synonyms(app, env, added, changed, removed):
    """Return a page to read again when only the synonyms changed."""
    written = Path(app.outdir, INDEX)
    newer = written.exists() and SYNONYMS.stat().st_mtime > written.stat().st_mtime
    return [app.config.root_doc] if newer else []


def write_index(app):
    """Write the script with the words of all sections, and the groups of synonyms."""
    language = app.builder.indexer.lang

    def stems(text):
        words = [word.lower() for word in language.split(text)]
        kept = [word for word in words if word not in language.stopwords and not word.isdigit()]
        return [language.stem(word).lower() for word in kept]

    sections, words = [], {}
    for name in sorted(app.env.found_docs):
        for title, place, text in sections_of(app.env.get_doctree(name)):
            number = len(sections)
            sections.append([name, place, title, len(counts := stems(text)), stems(title)])
            for word, times in Counter(counts).items():
                words.setdefault(word, {})[number] = times
    groups = yaml.safe_load(SYNONYMS.read_text("utf-8"))
    synonyms = [[stems(member) for member in group] for group in groups]
    for group, members in zip(groups, synonyms, strict=True):
        if len(set(map(tuple, members))) < max(2, len(group)) or [] in members:
            raise SphinxError(f"{SYNONYMS.name}: in {group} two are the same, or one is nothing")
    places = {word: steps(found) for word, found in words.items()}
    found = {"sections": sections, "words": places, "synonyms": synonyms}
    written = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    Path(app.outdir, INDEX).write_text(f"window.bookSections={written};\n", "utf-8")


def steps(places):
    """Return where a word stands, and how often there, as steps from one section to the next.

    Steps are small and much alike, which makes the script a third smaller when it is compressed.

    >>> steps({3: 1, 10: 2})
    [3, 1, 7, 2]
    """
    before = [0, *places]
    return [n for at, (i, times) in enumerate(places.items()) for n in (i - before[at], times)]


def sections_of(doctree):
    """Yield the title, the place and the text of each section and of each term.

    The text of a section is without that of the sections in it; the first of a page has no place.
    """
    for number, unit in enumerate(doctree.findall(lambda node: isinstance(node, UNITS))):
        title = unit.next_node(lambda node: isinstance(node, (nodes.title, nodes.term)))
        ids = unit["ids"] or title["ids"]
        if ids:
            yield title.astext(), f"#{ids[0]}" if number else "", text_of(unit)


def text_of(node):
    if isinstance(node, NOT_READ):
        return ""
    if isinstance(node, nodes.Text):
        return node.astext()
    inner = [child for child in node.children if not isinstance(child, nodes.section)]
    return (" " if isinstance(node, nodes.Element) else "").join(map(text_of, inner))
