"""A browser on the built book: every page, wide and narrow, light and dark, without a network."""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
PAGES = sorted(path.relative_to(HTML).as_posix() for path in HTML.glob("**/*.html"))
SIZES = {"desktop": 1400, "phone": 390}
each_size = pytest.mark.parametrize("size", SIZES)
PAPER = 718  # CSS pixels between the margins of A4
# How each page is looked at. The dark one is that of a browser that writes from right to left, and
# it opens the page from a disk; paper is printed from a dark screen.
VIEWS = {
    "desktop": {"width": SIZES["desktop"]},
    "phone": {"width": SIZES["phone"]},
    "dark phone": {"width": SIZES["phone"], "scheme": "dark", "locale": "ar", "disk": True},
    "without scripts": {"width": SIZES["desktop"], "java_script_enabled": False},
    "paper": {"width": PAPER, "scheme": "dark", "media": "print"},
}
# The first of these that is there. The one without windows takes half of the others' time.
BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
# Chromium is to ask nothing of anybody by itself.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def address():
    """Serve the built book and return where."""
    handler = functools.partial(Quiet, directory=str(HTML))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def find_browser():
    """Return the path of a Chromium or Chrome on this machine, None where there is none."""
    named = os.environ.get("CHROME_PATH")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="session")
def browser():
    if find_browser() is None:
        pytest.skip(f"no browser here: looked for {', '.join(BROWSERS)} and CHROME_PATH")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=find_browser(), args=QUIET)
        yield running
        running.close()


def views(*kinds, pages=PAGES):
    """Run a test on these views of each page: it finds the open page in the argument ``view``.

    All tests of a view share one loading of the page, and leave the page as they found it.
    """
    found = [pytest.param((name, kind), id=f"{name} {kind}") for name in pages for kind in kinds]
    return pytest.mark.parametrize("view", found, indirect=True)


class OneViewOneWorker(LoadScopeScheduling):
    """Give all tests of a view to one worker, and every other test to the next that is free."""

    def _split_scope(self, nodeid):
        end = nodeid.rpartition("[")[2].removesuffix("]")
        return end if end.endswith(tuple(f" {kind}" for kind in VIEWS)) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return OneViewOneWorker(config, log)


def pytest_collection_modifyitems(items):
    """Put the tests of one view together."""
    places = {}
    for number, item in enumerate(items):
        view = getattr(item, "callspec", None) and item.callspec.params.get("view")
        item.place = places.setdefault(view, number) if view else number
    items.sort(key=lambda item: item.place)


@pytest.fixture(scope="session")
def opened(browser, address):
    """Return a function that opens a view of a page, or returns it when it is the one open."""
    now = {}

    def open_(view):
        if now.get("view") != view:
            close()
            name, kind = view
            options = dict(VIEWS[kind])
            media = options.pop("media", None)
            at = (HTML / name).as_uri() if options.pop("disk", False) else f"{address}/{name}"
            page = now["page"] = new_page(browser, at, **options)
            now["view"] = view
            page.wait_for_load_state("networkidle")
            if media:
                page.emulate_media(media=media)
                page.evaluate("dispatchEvent(new Event('beforeprint'))")
        return now["page"]

    def close():
        if now:
            now["page"].context.close()
            now.clear()

    open_.close = close
    yield open_
    close()


@pytest.fixture
def view(request, opened):
    """An open page. What a test that failed may have left there is not kept."""
    failed = request.session.testsfailed
    yield opened(request.param)
    if request.session.testsfailed > failed:
        opened.close()


def new_page(browser, at, *, width=1400, scheme="light", **options):
    """Open an address in a context of its own, wait until the page is drawn to its end, and note
    what it asks for and complains of.
    """
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        reduced_motion="reduce",
        **options,
    )
    page = context.new_page()
    page.asked, page.complaints = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("requestfailed", lambda r: page.complaints.append(f"failed: {r.url}"))
    page.on("pageerror", lambda error: page.complaints.append(f"error: {error}"))
    page.on(
        "console",
        lambda m: page.complaints.append(m.text) if m.type in ("error", "warning") else None,
    )
    page.goto(at, wait_until="load")
    page.wait_for_selector("html:not([data-drawn='near'])", state="attached")
    return page


@pytest.fixture
def open_page(browser, address):
    """Return a function that opens a page for one test."""
    pages = []

    def open_(name, *, at=None, **options):
        pages.append(new_page(browser, at or f"{address}/{name}", **options))
        return pages[-1]

    yield open_
    for page in pages:
        page.context.close()
