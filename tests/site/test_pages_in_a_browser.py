"""What every page of the built book keeps, seen with a real browser. Run with `make site-test`."""

import gzip
import html.parser
import posixpath
from collections import Counter
from importlib.resources import files
from urllib.parse import unquote, urldefrag

import pytest
from conftest import HTML, PAGES, views

AXE = files("axe_playwright_python") / "axe.min.js"
SCROLLERS_CAN_BE_FOCUSED = """() => typeof SCROLLERS === "undefined" ||
    [...document.querySelectorAll(SCROLLERS)].every(
        (box) => box.scrollWidth <= box.clientWidth || box.tabIndex === 0)"""
# A page has ten thousand elements, of which thousands share a few colours. One text of each kind
# stays, with all that it stands in, while the page is looked at: a kind is the element, its colours
# and letters, and the classes of the boxes around it. What was cut is put back afterwards.
KEEP_ONE_OF_EACH_KIND = """() => {
    const seen = new Set(), around = new Map(), kept = new Set();
    const classes = (box) => {
        if (!box) return "";
        if (!around.has(box)) around.set(box, `${classes(box.parentElement)}>${box.className}`);
        return around.get(box);
    };
    const written = (box) => box.matches("input, select, textarea")
        || [...box.childNodes].some((part) => part.nodeType === 3 && part.data.trim());
    for (const box of [...document.body.querySelectorAll("*")].filter(written)) {
        const { color, backgroundColor, fontSize, fontWeight, opacity } = getComputedStyle(box);
        const kind = [box.localName, color, backgroundColor, fontSize, fontWeight, opacity,
            classes(box)].join("|");
        if (!seen.has(kind)) for (let up = box; up; up = up.parentElement) kept.add(up);
        seen.add(kind);
    }
    window.cut = [];
    const thin = (box) => {
        for (const child of [...box.children]) {
            if (kept.has(child)) thin(child);
            else {
                cut.push([child, document.createComment("")]);
                child.replaceWith(cut.at(-1)[1]);
            }
        }
    };
    thin(document.body);
}"""
PUT_BACK = "() => cut.reverse().forEach(([box, place]) => place.replaceWith(box))"
COLOURS = ["color-contrast", "link-in-text-block"]
each_page = pytest.mark.parametrize("name", PAGES)


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


def test_what_is_far_is_drawn_while_the_page_rests(open_page):
    """Who comes to a place in it, or comes back to it, finds all drawn: where that is, is known."""
    drawn = "document.documentElement.dataset.drawn"
    skipped = """() => [...document.querySelectorAll(".bd-article section")]
        .filter((section) => getComputedStyle(section).contentVisibility === "auto").length"""
    page = open_page("chapters/part1/scaled_dot_product.html")
    page.add_init_script("window.requestIdleCallback = () => {}")  # the page never rests
    page.goto("about:blank")
    page.goto(page.asked[0])
    assert page.evaluate(drawn) == "near"
    assert page.evaluate(skipped) > 10
    page.reload()
    assert page.evaluate(drawn) == "whole"
    assert page.evaluate(skipped) == 0
    page.goto("about:blank")
    page.goto(page.asked[0] + "#faq")
    assert page.evaluate(drawn) == "whole"
    again = open_page("chapters/part1/scaled_dot_product.html")
    assert again.evaluate(drawn) == "whole"
    assert again.evaluate(skipped) == 0


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


def violations(view, rules=None):
    """Return what axe finds, of these rules or of all others than those on colours."""
    of_colours = {name: {"enabled": False} for name in COLOURS}
    options = {"runOnly": rules} if rules else {"rules": of_colours}
    found = view.evaluate(
        "async (options) => (await axe.run(document, options)).violations",
        {"resultTypes": ["violations"], **options},
    )
    return [
        f"{violation['id']}: {node['html'][:160]}"
        for violation in found
        for node in violation["nodes"]
    ]


@views("desktop", "phone", "dark phone")
def test_a_page_is_open_to_everyone(view):
    view.wait_for_function(SCROLLERS_CAN_BE_FOCUSED)
    view.evaluate(AXE.read_text("utf-8"))
    # the dark page differs in its colours only
    dark = view.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    found = [] if dark else violations(view)
    view.evaluate(KEEP_ONE_OF_EACH_KIND)
    found += violations(view, COLOURS)
    view.evaluate(PUT_BACK)
    assert not found


@views("phone", pages=[name for name in PAGES if name.startswith("chapters/")])
def test_no_line_begins_with_a_sign_and_no_number_is_torn(view):
    """Neither the comma behind a formula nor the 000 of 10 000 stands at the start of a line."""
    found = view.evaluate(
        r"""() => {
            const torn = [], range = document.createRange();
            const place = (text, at) => {
                range.setStart(text, at);
                range.setEnd(text, at + 1);
                return range.getBoundingClientRect();
            };
            const walker = document.createTreeWalker(
                document.querySelector("article"), NodeFilter.SHOW_TEXT);
            for (let text; (text = walker.nextNode());) {
                const { parentElement: box } = text;
                if (!box.checkVisibility() || box.closest("pre, math")) continue;
                if (text.previousSibling?.nodeName === "math") {
                    const sign = /^[,.;:!?)]/.exec(text.data);
                    const formula = text.previousSibling.getBoundingClientRect();
                    if (sign && place(text, sign[0].length - 1).left < formula.right - 2)
                        torn.push(box.textContent.slice(0, 60));
                }
                for (const { index, 0: number } of text.data.matchAll(/\d[ \u202f]\d{3}(?!\d)/g))
                    if (place(text, index).bottom < place(text, index + 2).top + 2)
                        torn.push(number);
            }
            return torn;
        }"""
    )
    assert not found


@views("dark phone")
def test_a_dark_screen_has_a_dark_page(view):
    theme = view.locator("html").get_attribute("data-theme")
    assert theme in ("dark", None)  # the page for addresses that do not exist has no themes
    shade = view.evaluate("parseInt(getComputedStyle(document.body).color.slice(4))")
    assert shade > 150


@views("desktop", "phone", "dark phone")
def test_a_page_has_nothing_to_complain_of(view):
    assert not view.complaints


@views("desktop", "phone")
def test_a_page_asks_nobody_else(view, address):
    assert view.asked
    assert not [url for url in view.asked if not url.startswith((address, "data:"))]


@views("dark phone")
def test_a_page_opens_from_disk(view):
    assert not [url for url in view.asked if not url.startswith(("file:", "data:"))]
    assert view.evaluate("document.styleSheets.length") >= 1


@views("phone")
def test_a_page_is_light(view, address):
    """What a phone has to load before the page is whole, compressed as a server does it."""
    paths = {url.partition("?")[0].removeprefix(address).lstrip("/") for url in view.asked}
    files = [HTML / path for path in paths if not path.startswith("data:")]
    weights = {file.name: len(gzip.compress(file.read_bytes())) for file in files}
    assert sum(weights.values()) < 300_000, weights


@views("desktop", "phone", "dark phone")
def test_a_page_does_not_scroll_sideways(view):
    assert view.evaluate("document.documentElement.scrollWidth <= innerWidth")


@views("desktop")
def test_a_page_fits_with_text_at_twice_its_size(view):
    style = view.add_style_tag(content="html { font-size: 200% !important; }")
    assert view.evaluate("document.documentElement.scrollWidth") <= 1400
    style.evaluate("style => style.remove()")


@views("without scripts")
def test_a_page_reads_without_scripts(view):
    article = view.locator("main").first
    assert len(article.inner_text()) > 20
    for formula in view.locator("math").all()[:3]:
        assert formula.bounding_box()["width"] > 3
    for figure in view.locator("img.only-light:not(.logo__image)").all()[:3]:
        assert figure.is_visible()
    assert not view.locator("img.only-dark:visible").count()
