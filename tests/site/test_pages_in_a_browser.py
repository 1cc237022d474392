"""What every page of the built book keeps, seen with a real browser. Run with `make site-test`."""

import gzip
import html.parser
import posixpath
from collections import Counter
from importlib.resources import files
from urllib.parse import unquote, urldefrag

import pytest
from conftest import HTML, PAGES, SIZES, each_size

AXE = files("axe_playwright_python") / "axe.min.js"
SCROLLERS_CAN_BE_FOCUSED = """() => typeof SCROLLERS === "undefined" ||
    [...document.querySelectorAll(SCROLLERS)].every(
        (box) => box.scrollWidth <= box.clientWidth || box.tabIndex === 0)"""

each_page = pytest.mark.parametrize("name", PAGES)
each_scheme = pytest.mark.parametrize("scheme", ["light", "dark"])


class Reader(html.parser.HTMLParser):
    """Collects the ids, links and pictures of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.pictures = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        if tag == "img":
            self.pictures.append(attributes)


READ = {name: Reader((HTML / name).read_text("utf-8")) for name in PAGES}


def test_there_are_pages():
    assert len(PAGES) > 10
    assert "index.html" in PAGES


# In the text of the page -------------------------------------------------------------------------


@each_page
def test_ids_are_unique(name):
    twice = [id_ for id_, count in Counter(READ[name].ids).items() if count > 1]
    assert not twice


@each_page
def test_links_within_the_book_lead_somewhere(name):
    dead = []
    for link in READ[name].links:
        if "://" in link or link.startswith(("mailto:", "data:")):
            continue
        path, anchor = urldefrag(unquote(link))
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
        target = target.lstrip("/") or "index.html"
        if target in READ:
            found = not anchor or anchor in READ[target].ids
        else:
            found = (HTML / target).is_file()
        if not found:
            dead.append(link)
    assert not dead


@each_page
def test_every_picture_has_an_alternative_text(name):
    assert all("alt" in picture for picture in READ[name].pictures)
    figures = [p for p in READ[name].pictures if "only-" in (p.get("class") or "")]
    drawn = [p for p in figures if "logo" not in p["class"]]
    assert all(len(picture["alt"].split()) >= 10 for picture in drawn)


# In the browser ----------------------------------------------------------------------------------


@each_page
@each_size
@each_scheme
def test_a_page_is_open_to_everyone(open_page, name, size, scheme):
    page = open_page(name, width=SIZES[size], scheme=scheme)
    page.wait_for_function(SCROLLERS_CAN_BE_FOCUSED)
    page.evaluate(AXE.read_text("utf-8"))
    # the dark page differs in its colours only
    rules = {} if scheme == "light" else {"runOnly": ["color-contrast", "link-in-text-block"]}
    found = page.evaluate(
        "async (rules) => (await axe.run(document, rules)).violations",
        {"resultTypes": ["violations"], **rules},
    )
    assert not [
        f"{violation['id']}: {node['html'][:160]}"
        for violation in found
        for node in violation["nodes"]
    ]
    assert not page.complaints


@each_page
def test_a_page_asks_nobody_else(open_page, address, name):
    page = open_page(name)
    page.wait_for_load_state("networkidle")
    assert page.asked
    assert not [url for url in page.asked if not url.startswith((address, "data:"))]


@each_page
def test_a_page_is_light(open_page, address, name):
    """What a phone has to load before the page is whole, compressed as a server does it."""
    page = open_page(name, width=SIZES["phone"])
    page.wait_for_load_state("networkidle")
    paths = {url.partition("?")[0].removeprefix(address).lstrip("/") for url in page.asked}
    files = [HTML / path for path in paths if not path.startswith("data:")]
    weights = {file.name: len(gzip.compress(file.read_bytes())) for file in files}
    assert sum(weights.values()) < 300_000, weights


@each_page
@each_size
def test_a_page_does_not_scroll_sideways(open_page, name, size):
    page = open_page(name, width=SIZES[size])
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]


@each_page
def test_a_page_fits_with_text_at_twice_its_size(open_page, name):
    page = open_page(name)
    page.add_style_tag(content="html { font-size: 200% !important; }")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1400


@each_page
def test_a_page_reads_without_scripts(open_page, name):
    page = open_page(name, java_script_enabled=False)
    article = page.locator("main").first
    assert len(article.inner_text()) > 20
    for formula in page.locator("math").all()[:3]:
        assert formula.bounding_box()["width"] > 3
    for figure in page.locator("img.only-light:not(.logo__image)").all()[:3]:
        assert figure.is_visible()
    assert not page.locator("img.only-dark:visible").count()


@each_page
def test_a_page_opens_from_disk(open_page, name):
    page = open_page(name, at=(HTML / name).as_uri())
    assert not page.complaints
    assert page.evaluate("document.styleSheets.length") >= 1
