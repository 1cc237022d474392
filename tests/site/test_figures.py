"""Figures have numbers, and open in place, larger, with number and caption."""

import re

import pytest
from bs4 import BeautifulSoup
from conftest import HTML, PAGES, SIZES, each_size, views

CHAPTER = "chapters/part1/scaled_dot_product.html"
CHAPTERS = [name for name in PAGES if name.startswith("chapters/part")]
WITH_FIGURES = [name for name in PAGES if "figure-number" in (HTML / name).read_text("utf-8")]


@pytest.mark.parametrize("name", WITH_FIGURES)
def test_the_figures_of_a_page_are_numbered_in_their_order(name):
    page = BeautifulSoup((HTML / name).read_text("utf-8"), "html.parser").article
    numbers = [number.get_text() for number in page.select(".figure-number")]
    assert len(numbers) == len(page.select(".cell_output img.only-light"))
    chapter = re.match(r"(\d+)\. ", page.h1.get_text())
    prefix = f"{chapter[1]}." if chapter else ""
    assert numbers == [f"Figure {prefix}{n}" for n in range(1, len(numbers) + 1)]


def test_every_chapter_has_figures():
    assert set(CHAPTERS) <= set(WITH_FIGURES)


@views("desktop", "phone", "dark phone", pages=CHAPTERS)
def test_in_the_first_screen_of_a_chapter_stands_a_picture(view):
    """Screens of 1400 x 900 and of 390 x 844: below title and lead, with no code before it."""
    figures = view.locator("article .cell_output a.image-reference img").filter(visible=True)
    figures.first.evaluate("e => e.decode()")
    (title, lead, figure) = (
        part.first.evaluate(
            "e => { const b = e.getBoundingClientRect(); return [b.top + scrollY, b.height]; }"
        )
        for part in (view.locator("article h1"), view.locator("article h1 + p > em"), figures)
    )
    assert 0 < sum(title) < lead[0] < sum(lead) < figure[0]
    assert figure[1] > 100
    if view.viewport_size["width"] == SIZES["phone"]:
        assert figure[0] < 844
    else:
        assert figure[0] + 0.6 * figure[1] <= 900
    cell = view.locator("article .cell").first
    assert cell.locator("a.image-reference img").filter(visible=True).count() == 1
    assert not cell.locator(".cell_input").is_visible()
    assert "?" in cell.locator(".figure-number + .figure-says").inner_text()


@each_size
def test_the_code_of_the_first_picture_opens_below_it(open_page, size):
    page = open_page(CHAPTER, width=SIZES[size])
    cell = page.locator(".cell.tag_opening")
    cell.locator("summary").click()
    code, caption = cell.locator(".cell_input"), cell.locator(".figure-says")
    assert code.is_visible()
    assert code.bounding_box()["y"] > caption.bounding_box()["y"]
    assert cell.locator(".show-code").count() == 0
    page.get_by_role("switch", name="Fold code").click()
    assert code.is_visible()


@each_size
def test_a_picture_that_is_not_there_yet_has_its_room(open_page, address, size):
    page, waiting = open_page("", at="about:blank", width=SIZES[size]), []
    page.route("**/*.png", lambda route: waiting.append(route))
    page.goto(f"{address}/{CHAPTER}", wait_until="domcontentloaded")
    picture = page.locator("article .cell_output img.only-light").first
    page.wait_for_function("document.querySelector('.show-code, .study')")
    before = picture.bounding_box()
    assert picture.evaluate("e => e.naturalWidth") == 0
    for route in waiting:
        route.continue_()
    picture.evaluate("e => e.decode()")
    assert picture.bounding_box() == pytest.approx(before, abs=1)
    assert before["height"] > 100


@pytest.mark.parametrize("scheme", ["light", "dark"])
@each_size
def test_a_figure_opens_larger_in_place_with_number_and_caption(open_page, size, scheme):
    page = open_page(CHAPTER, width=SIZES[size], scheme=scheme)
    link = page.locator(f"article a.image-reference.only-{scheme}").nth(1)
    before = link.locator("img").bounding_box()
    link.click()
    box = page.locator("dialog.enlarged")
    box.wait_for()
    assert page.url.endswith(CHAPTER)
    assert box.get_attribute("aria-label") == "Figure 2.2"
    picture = box.locator("img")
    page.wait_for_function("document.querySelector('.enlarged img').naturalWidth > 100")
    assert picture.get_attribute("src") == link.get_attribute("href") or picture.evaluate(
        "(e, at) => e.src === at", link.evaluate("e => e.href")
    )
    assert picture.is_visible()
    assert picture.bounding_box()["width"] > 1.3 * before["width"]
    assert "Figure 2.2. " in box.inner_text()
    assert link.locator("img").get_attribute("alt") in box.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("Escape")
    box.wait_for(state="detached")
    assert link.evaluate("e => e === document.activeElement")
    assert not page.complaints


def test_the_keyboard_opens_it_makes_it_larger_moves_and_closes_it(open_page):
    page = open_page(CHAPTER)
    link = page.locator("article a.image-reference.only-light").first
    link.focus()
    page.keyboard.press("Enter")
    box = page.locator("dialog.enlarged")
    box.wait_for()
    room, picture = box.locator(".enlarged-room"), box.locator("img")
    before = picture.bounding_box()["width"]
    for _ in range(2):
        box.get_by_role("button", name="Larger").press("Enter")
    assert picture.bounding_box()["width"] > 2 * before
    room.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.enlarged-room').scrollLeft > 0")
    for _ in range(4):
        box.get_by_role("button", name="Smaller").press("Enter")
    assert picture.bounding_box()["width"] == pytest.approx(before)
    box.get_by_role("button", name="Close").press("Enter")
    box.wait_for(state="detached")
    assert link.evaluate("e => e === document.activeElement")


def test_a_tap_beside_the_figure_closes_it(open_page):
    page = open_page(CHAPTER)
    page.locator("article a.image-reference.only-light").first.click()
    box = page.locator("dialog.enlarged")
    box.wait_for()
    page.mouse.click(3, 450)
    box.wait_for(state="detached")


def test_two_fingers_zoom_and_one_moves(open_page):
    page = open_page(CHAPTER, width=SIZES["phone"], has_touch=True, is_mobile=True)
    view = page.locator("meta[name=viewport]").last.get_attribute("content")
    assert "user-scalable" not in view
    assert "maximum-scale" not in view
    page.locator("article a.image-reference.only-light").first.tap()
    room = page.locator(".enlarged-room")
    room.wait_for()
    actions = page.locator(".enlarged, .enlarged *").evaluate_all(
        "all => [...new Set(all.map(e => getComputedStyle(e).touchAction))]"
    )
    assert set(actions) <= {"auto", "manipulation"}
    assert room.evaluate("e => e.scrollWidth > e.clientWidth + 100")


def test_without_scripts_the_link_leads_to_the_picture(open_page):
    page = open_page(CHAPTER, java_script_enabled=False)
    page.locator("article a.image-reference.only-light").first.click()
    page.wait_for_url("**/*.png")


def test_it_opens_from_a_disk(open_page):
    page = open_page("", at=(HTML / CHAPTER).as_uri())
    page.locator("article a.image-reference.only-light").first.click()
    page.locator("dialog.enlarged").wait_for()
    assert not page.complaints


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_head_asks_early_for_the_picture_of_the_first_screen(name):
    page = BeautifulSoup((HTML / name).read_text("utf-8"), "html.parser")
    asked = {link["href"]: link["media"] for link in page.select("head link[as=image]")}
    light, dark = (page.select_one(f".tag_opening img.only-{s}")["src"] for s in ("light", "dark"))
    assert asked == {
        light: "(prefers-color-scheme: light)",
        dark: "(prefers-color-scheme: dark)",
    }
