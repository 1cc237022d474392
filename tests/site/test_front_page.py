"""The front page: what stands on its first screen, and the pad on which a reader draws."""

import re
from urllib.parse import urldefrag

import numpy as np
import pytest
from conftest import HTML, SIZES, each_size
from test_bad_cases import slowly
from test_live_figures import agrees

FRONT = "index.html"
HEIGHT = 900
KNOWN = f"#half={'0' * 11 + 'g' * 2 + '0' * 19}&beta=16"


@pytest.fixture
def opened(open_page, address):
    """Return a function that opens the front page and gives it with its figure."""

    def open_(hash_="", *, at=None, **options):
        page = open_page("", at=f"{at or f'{address}/{FRONT}'}{hash_}", **options)
        figure = page.locator("section.live-digits")
        figure.wait_for()
        return page, figure

    return open_


def half(figure):
    return agrees(figure)["arguments"]["half"]


def beta(figure):
    return agrees(figure)["arguments"]["beta"]


def answer(figure):
    return figure.evaluate(
        "root => [...root.querySelectorAll('.digits-answer > *')]"
        ".map((square) => +square.style.getPropertyValue('--ink'))"
    )


# The first screen --------------------------------------------------------------------------------


def test_the_first_screen_has_the_sentence_the_figure_and_the_ways_in(opened):
    page, figure = opened()
    for place in (page.locator("h1 + p"), figure, page.locator(".ways")):
        box = place.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= HEIGHT
    links = page.locator(".ways a").evaluate_all(
        "links => links.map((a) => a.getAttribute('href'))"
    )
    for wanted in ("kernel_attention", "#run-it", "#do-the-exercises", "symptoms", "#nan", "faq"):
        assert any(wanted in link for link in links), wanted


def test_on_a_phone_the_sentence_and_the_pad_come_first(opened):
    page, figure = opened(width=SIZES["phone"])
    pad = figure.locator(".digits-pad").bounding_box()
    assert page.locator("h1 + p").bounding_box()["y"] < pad["y"]
    assert pad["y"] + 2 * pad["height"] < 700
    assert figure.locator(".digits-heard").bounding_box()["y"] > pad["y"] + 2 * pad["height"]


@each_size
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_figure_comes_without_a_shift(open_page, address, size, scheme):
    page = slowly(open_page, address, kilobytes=200, width=SIZES[size])
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{address}/{FRONT}", wait_until="load", timeout=60_000)
    page.locator("section.live-digits").wait_for()
    page.wait_for_timeout(300)
    assert sum(value for value, _ in page.evaluate("shifts")) < 0.01, page.evaluate("shifts")


@pytest.mark.parametrize("width", [360, 767, 768, 992, 1199, 1920])
def test_the_room_that_is_kept_is_enough_at_any_width(open_page, width):
    page = open_page(FRONT, width=width)
    page.locator("section.live-digits").wait_for()
    rooms = page.evaluate(
        """() => {
            const cell = document.querySelector(".cell.tag_live-digits");
            const shown = [...cell.children].filter((part) => part.offsetHeight);
            return [cell.offsetHeight, shown.at(-1).getBoundingClientRect().bottom
                - cell.getBoundingClientRect().top, parseFloat(getComputedStyle(cell).minHeight)];
        }"""
    )
    assert rooms[1] <= rooms[2] + 1, rooms
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_scripts_a_picture_stands_there_and_no_room_is_kept(open_page):
    page = open_page(FRONT, java_script_enabled=False)
    picture = page.locator(".tag_live-digits img.only-light")
    assert picture.is_visible()
    assert len(picture.get_attribute("alt").split()) > 30
    gap = page.locator(".ways").bounding_box()["y"] - (
        picture.bounding_box()["y"] + picture.bounding_box()["height"]
    )
    assert gap < 120


def test_on_paper_the_picture_stands_there(opened):
    page, figure = opened()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert not figure.is_visible()
    assert page.locator(".tag_live-digits img.only-light").is_visible()


def test_only_the_front_page_loads_the_digits(opened, open_page):
    page, _ = opened()
    assert [url for url in page.asked if url.endswith("_static/digits.js")]
    assert not [
        url for url in open_page("chapters/part1/kernel_attention.html").asked if "digits" in url
    ]


# What the figure does ----------------------------------------------------------------------------


def test_something_good_is_there_before_anything_is_touched(opened):
    page, figure = opened()
    assert beta(figure) == 64
    assert sum(level > 0 for level in half(figure)) > 8
    assert max(answer(figure)) > 0.7
    assert figure.locator(".digits-heard li").count() == 10
    assert re.search(r"\d+ % of the weight, all 3s together \d+ %", figure.inner_text())
    assert urldefrag(page.url)[1] == ""


def test_what_is_seen_is_what_was_computed(opened):
    _, figure = opened()
    result = agrees(figure)["result"]
    assert answer(figure) == pytest.approx(result["output"], abs=1e-6)
    ten = sorted(result["weights"], reverse=True)[:10]
    texts = figure.locator(".digits-heard span").all_inner_texts()
    assert texts == [f"{100 * w:.0f} %" if w >= 0.01 else f"{100 * w:.1f} %" for w in ten]
    shares = [
        int(text.split()[1][:-1]) for text in figure.locator(".digits-names li").all_inner_texts()
    ]
    assert sum(shares) == pytest.approx(100, abs=5)
    assert shares.index(max(shares)) == 3


def test_a_pointer_draws_with_a_soft_pen(opened):
    page, figure = opened()
    figure.get_by_role("button", name="Clear").click()
    assert half(figure) == [0] * 32
    assert "the mean of all" in figure.inner_text()
    box = figure.locator(".digits-pad").bounding_box()
    side = box["width"] / 8
    page.mouse.move(box["x"] + 2 * side, box["y"] + 0.5 * side)
    page.mouse.down()
    page.mouse.move(box["x"] + 6 * side, box["y"] + 0.5 * side, steps=2)
    page.mouse.up()
    drawn = half(figure)
    assert drawn[2:6] == [16] * 4
    assert all(0 < level < 16 for level in drawn[10:14])
    assert drawn[16:] == [0] * 16
    page.mouse.move(box["x"] + 4 * side, box["y"] + 3 * side, steps=3)
    assert half(figure) == drawn  # the pen is up
    assert (
        urldefrag(page.url)[1]
        == f"half={''.join(f'{n:x}' if n < 16 else 'g' for n in drawn)}&beta=64"
    )
    page.mouse.click(box["x"] + 0.5 * side, box["y"] + 3.5 * side)
    again = half(figure)
    assert again[24] == 16
    assert again[:16] == drawn[:16]  # a new stroke, not a longer one


def test_a_finger_draws_and_the_rest_of_the_figure_scrolls(opened):
    _, figure = opened(width=SIZES["phone"], has_touch=True)
    figure.get_by_role("button", name="Clear").tap()
    figure.locator(".digits-square").nth(9).tap()
    assert half(figure)[9] == 16
    touch = "(e) => getComputedStyle(e).touchAction"
    assert figure.locator(".digits-pad").evaluate(touch) == "none"
    assert figure.locator(".digits-answer").evaluate(touch) == "auto"
    assert figure.evaluate(touch) == "auto"


def test_the_keyboard_moves_on_the_pad_inks_and_is_told(opened):
    page, figure = opened()
    figure.get_by_role("button", name="Clear").click()
    figure.locator('.digits-square[tabindex="0"]').focus()
    for key in ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowRight", "ArrowDown", "Space"):
        page.keyboard.press(key)
    assert half(figure) == [16 if n == 10 else 0 for n in range(32)]
    focused = page.locator(":focus")
    assert focused.get_attribute("aria-label") == "row 2, column 3: ink 16 of 16"
    assert focused.evaluate("e => parseFloat(getComputedStyle(e).outlineWidth)") >= 2
    told = figure.locator("[aria-live]").first
    assert told.inner_text().startswith("row 2, column 3 is inked.")
    page.keyboard.press("Enter")
    assert half(figure) == [0] * 32
    assert told.inner_text().startswith("row 2, column 3 is empty.")
    for key in ["ArrowDown"] * 5 + ["ArrowRight"] * 9:
        page.keyboard.press(key)
    assert page.locator(":focus").get_attribute("aria-label").startswith("row 4, column 8:")
    assert figure.locator('.digits-square[tabindex="0"]').count() == 1
    page.keyboard.press("Tab")
    assert not page.evaluate("Boolean(document.activeElement.closest('.digits-pad'))")


def test_each_example_is_a_half_that_is_completed(opened):
    _, figure = opened()
    seen = []
    for button in figure.locator(".digits-buttons button:has(canvas)").all():
        button.click()
        name = button.locator("canvas").get_attribute("aria-label")
        assert re.search(rf"all {name[-1]}s together \d+ %", figure.inner_text()), name
        seen.append(half(figure))
    assert len(seen) >= 5
    assert all(one != other for n, one in enumerate(seen) for other in seen[:n])


def test_sharpness_leads_from_all_to_one(opened):
    page, figure = opened()
    slider = figure.locator("input[type=range]")
    slider.focus()
    page.keyboard.press("Home")
    assert max(agrees(figure)["result"]["weights"]) < 0.01
    page.keyboard.press("End")
    assert max(agrees(figure)["result"]["weights"]) > 0.9


def test_the_memory_is_as_blue_as_the_weights(opened):
    _, figure = opened()
    shades = figure.locator(".digits-all canvas").evaluate(
        """canvas => {
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            return [...Array(data.length / 4).keys()].map((n) => data[4 * n + 3]).filter(Boolean);
        }"""
    )
    weights = np.array(agrees(figure)["result"]["weights"])
    expected = 255 * (0.08 + 0.92 * np.sqrt(weights / weights.max()))
    np.testing.assert_allclose(sorted(shades), np.sort(expected), atol=1)


# The address -------------------------------------------------------------------------------------


def test_the_address_holds_drawing_and_sharpness(opened, address):
    page, figure = opened()
    figure.get_by_role("button", name="upper half of a 5").click()
    slider = figure.locator("input[type=range]")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    before = agrees(figure)["arguments"]
    link = page.url
    assert re.fullmatch(rf"{address}/{FRONT}#half=[0-9a-g]{{32}}&beta=[\d.]+", link)
    _, other = opened(f"#{urldefrag(link)[1]}")
    assert agrees(other)["arguments"] == before
    assert other.locator("output").inner_text() == figure.locator("output").inner_text()


def test_a_link_that_is_followed_on_the_page_restores_too(opened):
    page, figure = opened()
    page.evaluate("hash => { location.hash = hash }", KNOWN)
    page.wait_for_function("document.querySelector('.live').shown().arguments.beta === 16")
    assert [n for n, level in enumerate(half(figure)) if level] == [11, 12]


@pytest.mark.parametrize(
    "hash_",
    [
        "#what-is-in-it",
        "#half=&beta=64",
        f"#half={'0' * 31}&beta=64",
        f"#half={'0' * 33}&beta=64",
        f"#half={'h' * 32}&beta=64",
        f"#half={'G' * 32}&beta=64",
        f"#half={'0' * 32}&beta=",
        f"#half={'0' * 32}&beta=0",
        f"#half={'0' * 32}&beta=0.5",
        f"#half={'0' * 32}&beta=1e9",
        f"#half={'0' * 32}&beta=99999",
        f"#half={'0' * 32}&beta=1.2.3",
        f"#half={'0' * 32}&beta=-4",
        f"#half={'0' * 32}",
        f"#half={'0' * 32}&beta=64&more",
        "#%",
        "#<script>",
    ],
)
def test_an_address_that_holds_something_else_is_left_alone(opened, hash_):
    page, figure = opened(hash_)
    assert beta(figure) == 64
    assert any(half(figure))
    assert page.url.partition("#")[2] == hash_[1:].replace("<", "%3C").replace(">", "%3E")
    assert not page.complaints


def test_from_a_disk_it_works_and_keeps_its_address(opened):
    page, figure = opened(KNOWN, at=(HTML / FRONT).as_uri())
    assert beta(figure) == 16
    figure.get_by_role("button", name="Clear").click()
    assert page.url.endswith(f"{FRONT}#half={'0' * 32}&beta=16")
    assert not page.complaints


def test_a_link_is_copied_or_one_is_told_where_it_is(opened):
    page, figure = opened()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    figure.get_by_role("button", name="Copy link").click()
    figure.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    figure.get_by_role("button", name="Clear").click()
    figure.get_by_role("button", name="Copy link").click()
    figure.get_by_role("button", name="See the address").wait_for()


# The cards ---------------------------------------------------------------------------------------


def test_a_whole_card_leads_to_its_chapter(open_page):
    page = open_page(FRONT)
    card = page.locator(".book-cards li", has_text="Scaled dot-product attention").first
    box = card.bounding_box()
    card.click(position={"x": box["width"] - 8, "y": box["height"] - 8})
    page.wait_for_url("**/part1/scaled_dot_product.html")
