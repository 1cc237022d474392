"""A browser on the built book: every page, wide and narrow, light and dark, without a network."""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
PAGES = sorted(path.relative_to(HTML).as_posix() for path in HTML.glob("**/*.html"))
SIZES = {"desktop": 1400, "phone": 390}
each_size = pytest.mark.parametrize("size", SIZES)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
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


@pytest.fixture
def open_page(browser, address):
    """Return a function that opens a page and notes what it asks for and complains of."""
    contexts = []

    def open_(name, *, width=1400, scheme="light", at=None, **options):
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            reduced_motion="reduce",
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        page.asked, page.complaints = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("requestfailed", lambda r: page.complaints.append(f"failed: {r.url}"))
        page.on("pageerror", lambda error: page.complaints.append(f"error: {error}"))
        page.on(
            "console",
            lambda m: page.complaints.append(m.text) if m.type in ("error", "warning") else None,
        )
        page.goto(at or f"{address}/{name}", wait_until="load")
        return page

    yield open_
    for context in contexts:
        context.close()
