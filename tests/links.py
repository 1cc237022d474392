"""What the tests of pages with links share: text, threads, and the headings that links lead to."""

import re
from functools import cache
from pathlib import Path

import nbformat
import yaml
from book_markdown import for_the_page
from markdown_it import MarkdownIt
from mdit_py_plugins.anchors import anchors_plugin
from myst_parser.mdit_to_docutils.base import default_slugify

CHAPTERS = Path(__file__).resolve().parents[1] / "chapters"

THREAD = re.compile(
    r"\[([^\]]+)\]\(https://github\.com/([\w.-]+/[\w.-]+)/(?:issues|pull|discussions)/(\d+)\)"
)
LINK = re.compile(r"\]\((?!https?://)([^)#]+)(?:#([^)]+))?\)")


def text_of(path):
    """Return the prose of a page, as the book reads it."""
    if path.suffix == ".md":
        return for_the_page(path.read_text(encoding="utf-8"))
    cells = nbformat.read(path, as_version=4).cells
    return for_the_page("\n\n".join(c.source for c in cells if c.cell_type == "markdown"))


def threads(text):
    """Return (label, repository, number) for each thread that a text links."""
    return THREAD.findall(text)


def names(found):
    """Return what the labels of threads must be: the repository without its owner, the number."""
    return [f"{repository.split('/')[1]} #{number}" for _, repository, number in found]


def listed():
    """Return the pages in the table of contents."""
    toc = yaml.safe_load((CHAPTERS.parent / "_toc.yml").read_text(encoding="utf-8"))
    return {toc["root"]} | {page["file"] for part in toc["parts"] for page in part["chapters"]}


@cache
def anchors(path):
    """Return the anchors of a page's headings, as the book makes them."""
    parser = MarkdownIt("commonmark").use(anchors_plugin, max_level=3, slug_func=default_slugify)
    tokens = parser.parse(text_of(path))
    return {token.attrs["id"] for token in tokens if token.type == "heading_open"}


def dead(link):
    """Return whether a link leads nowhere: to a page or a heading that the book has not."""
    page, _, anchor = link.partition("#")
    path = CHAPTERS / page
    if f"chapters/{path.relative_to(CHAPTERS).with_suffix('')}" not in listed():
        return True
    return not path.is_file() or (bool(anchor) and anchor not in anchors(path))


def without_a_place(text, folder=CHAPTERS):
    """Return the links to other pages that lead nowhere."""
    lost = []
    for page, anchor in LINK.findall(text):
        if not (folder / page).is_file() or (anchor and anchor not in anchors(folder / page)):
            lost.append(f"{page}#{anchor}")
    return lost
