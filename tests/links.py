"""What the tests of pages with links share: text, threads, and the headings that links lead to."""

import re
from pathlib import Path

import nbformat
from myst_parser.mdit_to_docutils.base import default_slugify

CHAPTERS = Path(__file__).resolve().parents[1] / "chapters"

THREAD = re.compile(
    r"\[([^\]]+)\]\(https://github\.com/([\w.-]+/[\w.-]+)/(?:issues|pull|discussions)/(\d+)\)"
)
LINK = re.compile(r"\]\((?!https?://)([^)#]+)(?:#([^)]+))?\)")


def text_of(path):
    """Return the prose of a page."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def threads(text):
    """Return (label, repository, number) for each thread that a text links."""
    return THREAD.findall(text)


def names(found):
    """Return what the labels of threads must be: the repository without its owner, the number."""
    return [f"{repository.split('/')[1]} #{number}" for _, repository, number in found]


def anchors(path):
    """Return what a link from another page may lead to: the slugs of the headings."""
    text = re.sub(r"^```.*?^```", "", text_of(path), flags=re.M | re.S)
    return {default_slugify(heading) for heading in re.findall(r"^#{1,3} (.+)$", text, re.M)}


def without_a_place(text, folder=CHAPTERS):
    """Return the links to other pages that lead nowhere."""
    lost = []
    for page, anchor in LINK.findall(text):
        if not (folder / page).is_file() or (anchor and anchor not in anchors(folder / page)):
            lost.append(f"{page}#{anchor}")
    return lost
