"""A page on paper: the text and nothing else, light, nothing cut off, solutions at the end."""

import pytest
from conftest import PAGES, PAPER, views

CHAPTER = "chapters/part1/scaled_dot_product.html"
READ = [name for name in PAGES if name not in ("404.html", "search.html", "genindex.html")]
CONTROLS = (
    ".bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, .prev-next-footer, .live,"
    ".exercise-help, .headerlink, .hover-card, button, input, select, dialog, .hide > summary"
)


@pytest.fixture
def paper(open_page):
    """Return a function that opens a page as it is printed from a dark screen."""

    def open_(name):
        page = open_page(name, width=PAPER, scheme="dark")
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        return page

    return open_


@views("paper", pages=READ)
def test_text_is_printed_and_what_one_clicks_is_not(view):
    assert len(view.locator("article").inner_text()) > 100
    assert view.locator(CONTROLS).filter(visible=True).count() == 0
    assert view.get_by_text("code under MIT").is_visible()


@views("paper", pages=READ)
def test_nothing_is_cut_off_at_the_right_edge(view):
    assert view.evaluate("document.documentElement.scrollWidth") <= PAPER
    cut = view.locator("article :is(pre, div.math, table, img, li, p)").evaluate_all(
        f"""all => all.filter(e => e.checkVisibility()
                && e.getBoundingClientRect().right > {PAPER} || e.matches("pre")
                && e.scrollWidth > e.clientWidth).map(e => e.outerHTML.slice(0, 120))"""
    )
    assert not cut


def test_paper_is_light_and_the_screen_is_dark_again_afterwards(paper):
    page = paper(CHAPTER)
    shade = "parseInt(getComputedStyle(document.body).color.slice(4))"
    assert page.evaluate(shade) < 80
    drawn = page.locator("article img.only-light")
    assert drawn.count() > 5
    page.wait_for_function("[...document.images].every(e => e.complete)")
    assert drawn.evaluate_all("all => all.every(e => e.checkVisibility() && e.naturalWidth > 100)")
    assert page.locator("img.only-dark").filter(visible=True).count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate(shade) > 150


def test_where_a_figure_lives_on_the_screen_its_picture_is_printed(paper):
    page = paper(CHAPTER)
    cells = page.locator('.cell[class*="tag_live-"]')
    assert cells.count() > 0
    assert cells.locator("section.live").count() == cells.count()
    for cell in cells.all():
        assert cell.locator(".cell_output").first.is_visible()


def test_what_is_folded_on_the_screen_is_printed(paper):
    page = paper(CHAPTER)
    folded = page.locator("details:not(.exercise-help)")
    assert page.locator("details.hide").count() > 0
    assert folded.count() > page.locator("details.hide").count()
    assert folded.evaluate_all("all => all.every(e => e.open)")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert folded.evaluate_all("all => all.every(e => !e.open)")


def test_addresses_of_links_are_not_printed(paper):
    contents = (
        paper(CHAPTER)
        .locator("article a")
        .evaluate_all("all => all.map(a => getComputedStyle(a, '::after').content)")
    )
    assert set(contents) <= {"none", "normal", '""'}


def test_solutions_stand_at_the_end_under_the_titles_of_their_exercises(paper):
    page = paper(CHAPTER)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    titles = page.locator("section.exercise > :is(h2, h3)")
    expected = [title.removesuffix("#") for title in titles.all_text_contents()]
    end = page.locator("#solutions-on-paper")
    assert len(expected) >= 5
    assert end.locator("h3").all_text_contents() == expected
    assert end.locator("pre").count() == len(expected)
    assert "Hint" not in end.inner_text()
    assert end.evaluate("end => end === end.parentElement.lastElementChild")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert end.count() == 0


def test_a_browser_prints_it_and_leaves_the_page_as_it_was(open_page):
    page = open_page(CHAPTER, scheme="dark")
    for _ in range(2):
        assert page.pdf(format="A4").startswith(b"%PDF")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.locator("#solutions-on-paper").count() == 0
