"""A phone: nothing lies over anything else, nothing in the way, nothing cut without a hint."""

import pytest
from conftest import PAGES, SIZES, views

CHAPTER = "chapters/part1/scaled_dot_product.html"
READ = [name for name in PAGES if name.startswith("chapters/")]
WIDTH = SIZES["phone"]


@views("phone", "desktop", pages=READ)
def test_the_number_of_a_formula_stands_beside_it_or_below(view):
    over = view.locator("div.math:has(> .eqno)").evaluate_all(
        """boxes => boxes.filter((box) => {
            const number = box.querySelector(".eqno").getBoundingClientRect();
            return [...box.querySelectorAll("math *")].map(e => e.getBoundingClientRect()).some(
                sign => sign.width && sign.right > number.left + 1 && sign.left < number.right - 1
                    && sign.bottom > number.top + 1 && sign.top < number.bottom - 1);
        }).map(box => box.id)"""
    )
    assert not over


@views("phone", pages=READ)
def test_code_is_wrapped_and_what_scrolls_fades_until_its_end(view):
    uncut = view.locator("article .cell_input pre").evaluate_all(
        "all => all.every(e => e.scrollWidth <= e.clientWidth)"
    )
    assert uncut
    hints = view.evaluate(
        """async () => {
            const boxes = [...document.querySelectorAll(SCROLLERS)].filter(
                box => box.closest("article") && box.checkVisibility()
                    && box.scrollWidth > box.clientWidth + 1
                    && /auto|scroll/.test(getComputedStyle(box).overflowX));
            const drawn = () => new Promise(
                go => requestAnimationFrame(() => requestAnimationFrame(go)));
            const fade = box => parseFloat(getComputedStyle(box).getPropertyValue("--fade"));
            const found = [];
            for (let frame = 0; frame < 300 && boxes.some(box => box.tabIndex < 0); frame++)
                await drawn();
            for (const box of boxes.slice(0, 8)) {
                await drawn();
                const before = fade(box);
                box.scrollLeft = box.scrollWidth;
                await drawn();
                found.push([before > 20, fade(box) < 1, box.outerHTML.slice(0, 99)]);
                box.scrollLeft = 0;
            }
            return found;
        }"""
    )
    assert not [hint for hint in hints if hint[:2] != [True, True]]


def test_the_contents_go_away_when_a_section_was_chosen(open_page):
    page = open_page(CHAPTER, width=WIDTH)
    page.locator(".secondary-toggle").click()
    drawer = page.locator("#pst-secondary-sidebar-modal")
    drawer.locator("a[href='#formula']").click()
    drawer.wait_for(state="hidden")
    assert 0 <= page.locator("#formula h2").bounding_box()["y"] < 200
    page.locator(".secondary-toggle").click()  # and can be opened again
    assert drawer.is_visible()


def swipe(page, at, *, up):
    """Draw a finger upwards from the middle of a box."""
    touch = page.context.new_cdp_session(page)
    x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
    for step in range(11):
        kind = "touchMove" if step else "touchStart"
        point = {"x": x, "y": y - up * step / 10}
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        page.wait_for_timeout(16)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(300)


PLANES = {"attention": CHAPTER, "kernel": "chapters/part1/kernel_attention.html"}


@pytest.mark.parametrize("name", PLANES)
def test_a_swipe_over_a_live_figure_scrolls_and_one_on_a_point_drags(open_page, name):
    page = open_page(PLANES[name], width=WIDTH, has_touch=True, is_mobile=True)
    plane = page.locator(f".live-{name} .live-plane").first
    plane.evaluate("e => e.scrollIntoView({block: 'center'})")
    page.wait_for_timeout(500)  # what stands above was never drawn, and finds its height now
    point = plane.locator(".live-point").first
    before, place = page.evaluate("scrollY"), point.get_attribute("transform")
    swipe(page, point.bounding_box(), up=60)
    assert page.evaluate("scrollY") == before
    assert point.get_attribute("transform") != place
    box = plane.bounding_box()
    swipe(page, {**box, "width": 20, "height": 2 * box["height"] - 20}, up=200)  # a corner
    assert page.evaluate("scrollY") > before + 50


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_way_back_to_the_top_can_be_read_when_it_appears(open_page, scheme):
    page = open_page(CHAPTER, width=WIDTH, scheme=scheme)
    ratio = page.evaluate(
        """() => {
            const style = getComputedStyle(document.getElementById("pst-back-to-top"));
            const light = (colour) => {
                const [r, g, b] = colour.match(/[\\d.]+/g).map(x => x / 255).map(
                    x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
            };
            const [a, b] = [light(style.color), light(style.backgroundColor)];
            return Math.max(a, b) / Math.min(a, b);
        }"""
    )
    assert ratio >= 4.5


@pytest.mark.parametrize("width", SIZES.values())
def test_what_is_searched_for_stands_beside_the_icon_in_one_frame(open_page, width):
    page = open_page(CHAPTER, width=width)
    page.keyboard.press("Control+k")
    form = page.locator("#pst-search-dialog form")
    icon = form.locator(".fa-magnifying-glass").bounding_box()
    field = form.locator("input")
    typed = field.evaluate(
        "e => e.getBoundingClientRect().left + parseFloat(getComputedStyle(e).paddingLeft)"
    )
    assert icon["x"] + icon["width"] <= typed
    assert form.evaluate("e => getComputedStyle(e).boxShadow") == "none"
    assert field.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"


@views("desktop", "phone", pages=READ)
def test_a_heading_outweighs_the_headings_below_it(view):
    weights = view.evaluate(
        """() => ["h1", "h2", "h3", "h4"].map(name => document.querySelector(`article ${name}`))
            .filter(Boolean).map(e => getComputedStyle(e))
            .map(s => parseFloat(s.fontSize) * s.fontWeight)"""
    )
    assert weights == sorted(weights, reverse=True)
    assert len(set(weights)) == len(weights)
