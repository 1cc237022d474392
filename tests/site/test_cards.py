"""The cards beside links: also from a disk, by keyboard and pointer, and within the window."""

import gzip
import json

import pytest
from bs4 import BeautifulSoup
from conftest import HTML, PAGES

PAGE = "chapters/faq.html"
SCRIPTS = {
    path.relative_to(HTML / "_static/cards").as_posix().removesuffix(".js"): path.read_text("utf-8")
    for path in (HTML / "_static/cards").rglob("*.js")
}
CARDS = {
    f"{name}#{place}": card
    for name, script in SCRIPTS.items()
    for place, card in json.loads(script.partition("]=")[2][:-2]).items()
}
LINK = "article a.reference.internal[href*='bibliography.html#']"
CARD = "#hover-card"


def test_the_script_of_the_cards_of_a_page_is_small():
    assert len(CARDS) > 200
    assert SCRIPTS.keys() == {name for name in PAGES if name.startswith("chapters/")}
    assert max(len(gzip.compress(script.encode())) for script in SCRIPTS.values()) < 25_000
    assert not [place for place, card in CARDS.items() if len(card) < 20 or " id=" in card]


@pytest.mark.parametrize("name", [name for name in PAGES if "/part" in name])
def test_each_term_has_a_card(name):
    page = BeautifulSoup((HTML / name).read_text("utf-8"), "html.parser")
    terms = [link["href"].removeprefix("../") for link in page.select("a.term")]
    assert len(terms) > 5
    assert not [address for address in terms if f"chapters/{address}" not in CARDS]


def test_a_page_does_not_load_the_cards_before_they_are_wanted(open_page):
    page = open_page(PAGE)
    page.wait_for_load_state("networkidle")
    assert not [url for url in page.asked if "_static/cards/" in url]


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_a_link_shows_what_it_leads_to(open_page, address, scheme):
    start = address if scheme == "http" else HTML.as_uri()
    page = open_page(PAGE, at=f"{start}/{PAGE}")
    link = page.locator(LINK).first
    place = link.get_attribute("href")
    link.hover()
    card = page.locator(CARD)
    card.wait_for()
    assert card.get_attribute("role") == "tooltip"
    assert link.get_attribute("aria-describedby") == "hover-card"
    expected = BeautifulSoup(CARDS[f"chapters/{place}"], "html.parser").get_text()
    assert card.text_content() == expected
    assert card.locator("a").count() == 0
    assert not page.complaints


@pytest.mark.parametrize("name", ["chapters/glossary.html", "chapters/account.html"])
def test_links_within_a_page_have_cards_too(open_page, name):
    page = open_page(name)
    links = page.locator("article a.reference.internal[href^='#']")
    places = links.evaluate_all("links => links.map(a => decodeURIComponent(a.hash))")
    number = next(n for n, place in enumerate(places) if name + place in CARDS)
    links.nth(number).hover()
    page.locator(CARD).wait_for()


def test_the_keyboard_brings_a_card_and_escape_closes_it(open_page):
    page = open_page(PAGE)
    page.locator(LINK).nth(1).evaluate("link => { link.scrollIntoView({block: 'center'}); }")
    page.locator(LINK).first.focus()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate(f"document.activeElement.matches({LINK!r})"):
            break
    page.locator(CARD).wait_for()
    page.keyboard.press("Escape")
    assert page.locator(CARD).count() == 0
    assert page.locator("[aria-describedby=hover-card]").count() == 0
    assert page.evaluate(f"document.activeElement.matches({LINK!r})")
    page.wait_for_timeout(400)
    assert page.locator(CARD).count() == 0


def test_focus_that_moves_on_takes_the_card_along(open_page):
    page = open_page(PAGE)
    page.locator(LINK).first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    page.locator(CARD).wait_for()
    page.evaluate("document.activeElement.blur()")
    page.locator(CARD).wait_for(state="detached")


def test_a_card_stays_while_the_pointer_is_on_it_and_goes_when_it_leaves(open_page):
    page = open_page(PAGE)
    page.locator(LINK).first.hover()
    card = page.locator(CARD)
    card.wait_for()
    box = card.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2, steps=5)
    page.wait_for_timeout(600)
    assert card.is_visible()
    page.mouse.move(box["x"] + box["width"] + 80, 5, steps=5)
    card.wait_for(state="detached")


def test_a_pointer_that_only_passes_brings_no_card(open_page):
    page = open_page(PAGE)
    link = page.locator(LINK).first
    link.scroll_into_view_if_needed()
    box = link.bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.move(5, 5)
    page.wait_for_timeout(500)
    assert page.locator(CARD).count() == 0


@pytest.mark.parametrize(("width", "height"), [(1400, 900), (390, 844), (640, 320)])
def test_no_card_is_cut_by_the_window(open_page, width, height):
    """At the top, in the middle and at the bottom, with the longest card there is."""
    page = open_page("chapters/part1/scaled_dot_product.html", width=width)
    page.set_viewport_size({"width": width, "height": height})
    # The way back to the top lies over the middle of the last line.
    page.add_style_tag(content="#pst-back-to-top { display: none !important; }")
    longest = max(CARDS, key=lambda place: len(CARDS[place]))
    link = page.locator("article a.reference.internal").filter(visible=True).nth(6)
    link.evaluate("(link, place) => { link.href = '../../' + place; }", longest)
    for block in ("start", "center", "end"):
        link.evaluate("(link, block) => link.scrollIntoView({block})", block)
        page.mouse.move(1, 1)
        page.wait_for_timeout(400)
        box = link.evaluate("link => { const b = link.getClientRects()[0]; return [b.x, b.y]; }")
        page.mouse.move(box[0] + 3, box[1] + 4)
        card = page.locator(CARD)
        card.wait_for()
        box = card.bounding_box()
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
        page.keyboard.press("Escape")


def test_a_tap_follows_the_link(open_page):
    page = open_page(PAGE, width=390, has_touch=True)
    page.locator(LINK).first.tap()
    page.wait_for_url("**/bibliography.html#*")
