"""The switch *Fold code*: what it folds, that it remembers, and what it leaves alone."""

import pytest
from conftest import HTML, PAGES, SIZES, each_size

CHAPTERS = [name for name in PAGES if name.startswith("chapters/part")]
CHAPTER = "chapters/part1/scaled_dot_product.html"
FOLDED = ".cell.only-shows > .cell_input"
each_chapter = pytest.mark.parametrize("name", CHAPTERS)


def visible(page, selector):
    return page.locator(selector).evaluate_all("all => all.filter(e => e.checkVisibility()).length")


@each_chapter
def test_it_folds_what_only_shows_and_nothing_else(open_page, name):
    page = open_page(name)
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    cells, code = page.locator(FOLDED).count(), visible(page, ".cell > .cell_input")
    pictures, said = visible(page, "article img"), visible(page, ".cell_output")
    assert 5 < cells < code
    page.get_by_role("switch", name="Fold code").click()
    assert visible(page, ".cell > .cell_input") == code - cells
    assert visible(page, FOLDED) == 0
    assert visible(page, ".show-code") == cells
    assert (visible(page, "article img"), visible(page, ".cell_output")) == (pictures, said)
    page.get_by_role("switch", name="Fold code").click()
    assert visible(page, ".cell > .cell_input") == code
    assert visible(page, ".show-code") == 0
    assert not page.complaints


@each_size
def test_the_keyboard_works_it_and_it_is_announced(open_page, size):
    page = open_page(CHAPTER, width=SIZES[size])
    switch, says = page.get_by_role("switch", name="Fold code"), page.locator("#fold-says")
    assert switch.get_attribute("aria-checked") == "false"
    assert says.get_attribute("role") == "status"
    switch.focus()
    page.keyboard.press("Space")
    assert switch.get_attribute("aria-checked") == "true"
    assert says.inner_text() == f"{page.locator(FOLDED).count()} pieces of code folded"
    page.keyboard.press("Enter")
    assert switch.get_attribute("aria-checked") == "false"
    assert says.inner_text() == "All code shown"
    bar = page.locator(".bd-header-article").bounding_box()
    box = switch.bounding_box()
    assert bar["y"] <= box["y"]
    assert box["y"] + box["height"] <= bar["y"] + bar["height"]
    assert min(box["height"], box["width"]) >= 24


def test_folded_code_is_opened_piece_by_piece(open_page):
    page = open_page(CHAPTER)
    page.locator("#fold-code").click()
    button = page.locator(".show-code").nth(2)
    button.focus()
    page.keyboard.press("Enter")
    assert visible(page, FOLDED) == 1
    assert button.get_attribute("aria-expanded") == "true"
    assert button.inner_text() == "Fold the code"
    page.keyboard.press("Enter")
    assert visible(page, FOLDED) == 0
    assert button.get_attribute("aria-expanded") == "false"


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_the_choice_is_remembered_on_the_next_page(open_page, address, scheme):
    start = address if scheme == "http" else HTML.as_uri()
    page = open_page("", at=f"{start}/{CHAPTER}")
    page.locator("#fold-code").click()
    page.goto(f"{start}/{CHAPTERS[0]}")
    assert page.locator("#fold-code").get_attribute("aria-checked") == "true"
    assert visible(page, FOLDED) == 0
    page.locator("#fold-code").click()
    page.reload()
    assert page.locator("#fold-code").get_attribute("aria-checked") == "false"
    assert visible(page, FOLDED) > 0


NO_STORAGE = """
Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("no", "SecurityError"); },
});
"""
FULL = """
Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };
"""


@pytest.mark.parametrize("script", [NO_STORAGE, FULL], ids=["none", "full"])
def test_without_storage_it_works_for_the_page(open_page, address, script):
    page = open_page("", at="about:blank", scheme="dark")
    page.add_init_script(script)
    page.goto(f"{address}/{CHAPTER}")
    page.locator("#fold-code").click()
    assert visible(page, FOLDED) == 0
    assert page.locator("html").get_attribute("data-theme") in ("dark", "auto")
    page.reload()
    assert visible(page, FOLDED) > 0


def test_what_one_reads_stays_where_it_is(open_page):
    page = open_page(CHAPTER)
    heading = page.locator("#no-order h3")
    heading.evaluate("e => e.scrollIntoView({block: 'center'})")
    before, switch = heading.bounding_box()["y"], page.locator("#fold-code").bounding_box()
    for _ in range(2):
        page.mouse.click(switch["x"] + 20, switch["y"] + 10)
        page.wait_for_timeout(200)
        assert abs(heading.bounding_box()["y"] - before) < 60


def test_without_scripts_all_code_stands_there_and_no_switch(open_page):
    page = open_page(CHAPTER, java_script_enabled=False)
    assert page.locator(FOLDED).first.is_visible()
    assert page.locator("#fold-code").filter(visible=True).count() == 0
    assert page.locator(".show-code").filter(visible=True).count() == 0


def test_on_paper_all_code_is_printed(open_page):
    page = open_page(CHAPTER)
    page.locator("#fold-code").click()
    page.emulate_media(media="print")
    assert visible(page, FOLDED) == page.locator(FOLDED).count()
    assert visible(page, ".show-code") == 0


def test_a_page_without_such_cells_has_no_switch(open_page):
    assert open_page("chapters/notation.html").locator("#fold-code").count() == 0
