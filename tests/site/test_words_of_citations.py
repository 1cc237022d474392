"""The words of every citation, in the sources, are those that the built page shows."""

import re

import pytest
from bs4 import BeautifulSoup
from citations import CITATION
from plain_markdown import CHAPTERS, ROOT, read, sources, texts

CITING = [path for path in sources() if path.suffix != ".yml"]
NAMES = [path.relative_to(CHAPTERS).with_suffix("").as_posix() for path in CITING]


def in_source(path):
    """Return the citations of a file as Markdown shows them, in their order."""
    found = [m[0] for text in texts(path, read(path)).values() for m in CITATION.finditer(text)]
    return [" ".join(re.sub(r"\]\([^)]+\)", "", text).split()) for text in found]


def on_page(name):
    page = BeautifulSoup(
        (ROOT / f"_build/html/chapters/{name}.html").read_text(encoding="utf-8"), "html.parser"
    )
    return [" ".join(tag.get_text().split()) for tag in page.select("article .bibtex-citation")]


def plain(citations):
    """Return citations without brackets, which are a link's in a source and a year's on a page."""
    return [re.sub(r"[\[\]]", "", text) for text in citations]


@pytest.mark.parametrize(("path", "name"), list(zip(CITING, NAMES, strict=True)), ids=NAMES)
def test_a_page_shows_the_words_of_its_source(path, name):
    if name in {"glossary", "timeline"}:  # the one is sorted, the other has more from its data
        assert set(plain(in_source(path))) <= set(plain(on_page(name)))
    else:
        assert plain(in_source(path)) == plain(on_page(name))
