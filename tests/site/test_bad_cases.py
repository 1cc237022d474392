"""A page where things are not as usual: other scripts, a slow network, wide formulas, no mouse."""

from itertools import pairwise

import pytest
from conftest import SIZES, each_size, views

CHAPTER = "chapters/part1/scaled_dot_product.html"


@views("dark phone")
def test_a_browser_that_writes_from_right_to_left_shows_the_page_as_it_is(view):
    assert view.evaluate("navigator.language") == "ar"
    assert view.evaluate("getComputedStyle(document.body).direction") == "ltr"
    assert view.evaluate("document.documentElement.scrollWidth <= innerWidth")


SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (!entry.hadRecentInput) {
      shifts.push([entry.value, entry.sources.map(s => s.node?.className ?? String(s.node))]);
    }
  }
}).observe({type: "layout-shift", buffered: true});
"""


def slowly(open_page, address, *, kilobytes, width=1400):
    """Begin to open the chapter over a slow network, with an eye on what moves."""
    page = open_page("", at="about:blank", width=width)
    page.add_init_script(SHIFTS)
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 200,
            "downloadThroughput": kilobytes * 1000,
            "uploadThroughput": kilobytes * 1000,
        },
    )
    return page


@each_size
def test_on_a_slow_network_the_page_keeps_still(open_page, address, size):
    page = slowly(open_page, address, kilobytes=200, width=SIZES[size])
    page.goto(f"{address}/{CHAPTER}", wait_until="load", timeout=60_000)
    page.wait_for_timeout(500)
    assert sum(value for value, _ in page.evaluate("shifts")) < 0.1, page.evaluate("shifts")


@each_size
def test_while_one_reads_on_the_page_keeps_still(open_page, address, size):
    page = slowly(open_page, address, kilobytes=1000, width=SIZES[size])
    page.goto(f"{address}/{CHAPTER}", wait_until="load", timeout=60_000)
    for _ in range(25):
        page.mouse.wheel(0, 700)
        page.wait_for_timeout(150)
    assert sum(value for value, _ in page.evaluate("shifts")) < 0.1, page.evaluate("shifts")


@pytest.mark.parametrize("late", ["**/*.woff2", "**/_static/scripts/*", "**/live/*"])
def test_text_is_there_before_fonts_and_scripts(open_page, address, late):
    page = open_page("", at="about:blank")
    page.add_init_script(SHIFTS)
    held, waiting = [late], []
    page.route(late, lambda route: waiting.append(route) if held else route.continue_())
    page.goto(f"{address}/{CHAPTER}", wait_until="commit")
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    page.locator("article p").filter(visible=True).nth(3).wait_for()
    assert page.locator("article h1").is_visible()
    page.wait_for_timeout(300)
    held.clear()
    for route in waiting:
        route.continue_()
    page.wait_for_load_state("load")
    page.wait_for_timeout(500)
    assert waiting
    assert sum(value for value, _ in page.evaluate("shifts")) < 0.1, page.evaluate("shifts")


def test_a_formula_wider_than_a_phone_scrolls_within_its_box(open_page):
    page = open_page(CHAPTER, width=390)
    box = page.locator("article div.math").first
    box.evaluate(
        """box => {
            const row = box.querySelector("math > *");
            for (let i = 0; i < 6; i++) row.append(row.cloneNode(true));
            dispatchEvent(new Event("resize"));
        }"""
    )
    assert box.evaluate("box => box.scrollWidth > 2 * box.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(400)
    assert box.evaluate("box => box.scrollLeft") > 0


STOP = """() => {
    const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();
    const again = visited.has(e);
    if (b.right > 0 && b.bottom > 0) visited.add(e);
    return {
        what: e === document.body ? null : e.outerHTML.slice(0, 160),
        again,
        marked: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1,
        on: b.width > 0 && b.right > 0 && b.left < innerWidth
            && b.bottom > 0 && b.top < innerHeight,
        article: Boolean(e.closest("article")),
        y: b.top + scrollY,
    };
}"""


@each_size
def test_the_keyboard_goes_through_the_page_in_order_and_out_of_it(open_page, size):
    page = open_page(CHAPTER, width=SIZES[size])
    page.evaluate("window.visited = new Set(); document.body.tabIndex = -1; document.body.focus()")
    stops = []
    for _ in range(600):
        page.keyboard.press("Tab")
        stop = page.evaluate(STOP)
        if not stop["on"]:  # the first one slides in
            page.wait_for_timeout(400)
            stop = page.evaluate(STOP)
        if stop["what"] is None or stop["again"]:
            break
        stops.append(stop)
    assert len(stops) > 60
    assert stop["what"] is None or "#main-content" in stop["what"]  # out of it, or round again
    assert "#main-content" in stops[0]["what"]
    assert not [stop["what"] for stop in stops if not stop["marked"]]
    assert not [stop["what"] for stop in stops if not stop["on"]]
    heights = [stop["y"] for stop in stops if stop["article"]]
    assert not [(a, b) for a, b in pairwise(heights) if b < a - 400]


def test_the_first_stop_leads_past_the_menus(open_page):
    page = open_page(CHAPTER)
    page.keyboard.press("Tab")
    link = page.locator(":focus")
    assert link.get_attribute("href") == "#main-content"
    # it slides in
    page.wait_for_function("document.activeElement.getBoundingClientRect().top >= 0")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("Boolean(document.activeElement.closest('main'))")


@pytest.mark.parametrize("width", [1400, 390])
def test_a_link_into_the_depth_of_a_page_ends_where_it_says(open_page, address, width):
    """What is far from the window has no layout yet, and a guessed height."""
    page = open_page("", at=f"{address}/{CHAPTER}#masks-and-the-row-that-sees-nothing", width=width)
    heading = page.locator("#masks-and-the-row-that-sees-nothing h3")
    page.wait_for_timeout(500)
    assert 0 <= heading.bounding_box()["y"] < 250
    page.evaluate("location.hash = '#sources'")
    page.wait_for_timeout(500)
    assert 0 <= page.locator("#sources h2").bounding_box()["y"] < 900
