"""The font of the formulas: each page names one that has its signs, and none is heavy."""

import posixpath
import re
from functools import cache
from html import unescape

import pytest
from bs4 import BeautifulSoup
from conftest import HTML, PAGES
from fontTools.ttLib import TTFont
from test_cards import CARDS

SOURCE = re.compile(r'@font-face \{ font-family: "Book Math"; src: url\("([^"]+)"\)')


@cache
def characters(font):
    return frozenset(TTFont(font).getBestCmap())


def formulas(name):
    """Return the text of all formulas that a page shows, and of those on the cards beside it."""
    page = BeautifulSoup((HTML / name).read_text("utf-8"), "html.parser")
    shown = [page]
    for link in page.select("a.internal[href*='#']"):
        address, _, place = unescape(link["href"]).partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), address))
        card = CARDS.get(f"{target if address else name}#{place}", "")
        shown += [BeautifulSoup(card, "html.parser")] if "<math" in card else []
    return "".join(formula.get_text() for part in shown for formula in part("math"))


@pytest.mark.parametrize("name", [name for name in PAGES if name != "404.html"])
def test_the_font_that_a_page_names_has_the_signs_of_its_formulas(name):
    (source,) = SOURCE.findall((HTML / name).read_text("utf-8"))
    font = HTML / posixpath.normpath(posixpath.join(posixpath.dirname(name), source))
    assert font.stat().st_size < 62_000
    written = {c for c in formulas(name) if c.isprintable() and not c.isspace()}
    assert {c for c in written if ord(c) not in characters(font)} == set()
