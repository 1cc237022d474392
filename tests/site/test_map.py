"""The map as a browser shows it: all of it can be read, of the book and of sixty mechanisms.

`tests/test_map.py` holds what follows from the places alone, this the sizes of the type.
"""

import book_map
import pytest
from conftest import SIZES, each_size, views
from made_up_family import install

# What is shown of a picture: sizes of type in pixels of the screen, and what does not fit.
LOOK = """() => [...document.querySelectorAll(".family-map svg")]
    .filter((svg) => svg.getBoundingClientRect().width)
    .map((svg) => {
        const texts = [...svg.querySelectorAll("tspan")].map((tspan) => tspan.textContent);
        const sizes = [...svg.querySelectorAll("text, tspan")].map(
            (text) => parseFloat(getComputedStyle(text).fontSize) * svg.getScreenCTM().a);
        const tooWide = [...svg.querySelectorAll("text")].filter((text) => {
            const ink = text.getBoundingClientRect();
            const room = text.previousElementSibling.getBoundingClientRect();
            return ink.left < room.left || ink.right > room.right
                || ink.top < room.top - 2 || ink.bottom > room.bottom + 2;
        }).map((text) => text.textContent);
        const numbers = [...svg.querySelectorAll(".map-arrow text")]
            .map((text) => text.getBoundingClientRect());
        const meeting = numbers.flatMap((a, i) => numbers.slice(i + 1).filter((b) =>
            a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom));
        const boxes = [...svg.querySelectorAll(".map-box rect")].map((box) => box.getBBox());
        const behind = [...svg.querySelectorAll(".map-arrow path")].filter((path) => {
            const steps = Math.ceil(path.getTotalLength() / 3);
            return [...Array(steps + 1).keys()].some((i) => {
                const { x, y } = path.getPointAtLength(i * path.getTotalLength() / steps);
                return boxes.some((box) => x > box.x + 0.5 && x < box.x + box.width - 0.5
                    && y > box.y + 0.5 && y < box.y + box.height - 0.5);
            });
        }).map((path) => path.parentNode.dataset.ends);
        return {
            kind: svg.getAttribute("class"), boxes: boxes.length, texts: texts.length,
            smallest: Math.min(...sizes), tooWide, meeting: meeting.length, behind,
        };
    })"""


def check(page, kind, count):
    pictures = page.evaluate(LOOK)
    assert len(pictures) == count
    for picture in pictures:
        assert picture["kind"] == kind
        assert picture["texts"] >= picture["boxes"] >= 1
        assert picture["smallest"] >= 12
        assert (picture["tooWide"], picture["meeting"], picture["behind"]) == ([], 0, [])
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@views("desktop", "phone", "without scripts", "paper", pages=["chapters/map.html"])
def test_the_map_can_be_read(view):
    wide = view.viewport_size["width"] > SIZES["phone"]
    count = 1 + len(book_map.in_parts()) + len(book_map.families())
    check(view, "wide" if wide else "narrow", count)


@each_size
@pytest.mark.parametrize(
    "made", [{"seed": 0}, {"seed": 1}, {"seed": 5, "size": 90, "cases": 140, "families": 25}]
)
def test_a_map_of_sixty_mechanisms_can_be_read(open_page, monkeypatch, size, made):
    install(monkeypatch, book_map, **made)
    cases = book_map.numbered()
    pictures = [book_map.overview({})]
    pictures += [book_map.map_of_part(part, cases) for part in book_map.in_parts()]
    pictures += [book_map.map_of(family, cases) for family in book_map.families()]
    page = open_page("chapters/map.html", width=SIZES[size])
    page.evaluate(
        """(pictures) => {
            document.querySelectorAll(".family-map").forEach(
                (old, i) => i ? old.remove() : old.outerHTML = pictures.join(""));
        }""",
        pictures,
    )
    check(page, {"desktop": "wide", "phone": "narrow"}[size], len(pictures))


@views("desktop", pages=["chapters/map.html"])
def test_the_arrows_of_a_box_light_up(view):
    box = view.locator(".family-map .wide .map-box:visible").first
    box.focus()
    lit = view.locator(".map-arrow.map-lit:visible")
    ends = lit.evaluate_all("arrows => arrows.map((arrow) => arrow.dataset.ends.split('|'))")
    assert ends
    assert all(box.get_attribute("aria-label") in pair for pair in ends)
    view.evaluate("document.activeElement.blur()")
    view.locator("article h1").hover()
    assert not lit.count()
