"""Figures have numbers, and open in place, larger, with number and caption."""

import re

import pytest
from bs4 import BeautifulSoup
from conftest import HTML, PAGES, SIZES, each_size

CHAPTER = "chapters/part1/scaled_dot_product.html"
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
    assert {name for name in PAGES if name.startswith("chapters/part")} <= set(WITH_FIGURES)


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
