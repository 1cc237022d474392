"""Sphinx extension: what a link to a term, a source, an equation or a statement leads to.

A page shows it on a card beside the link. The cards of what stands on one page are in one script,
loaded when the first of them is wanted: a script, unlike a page, can also be loaded from a disk.
"""

import json
import posixpath
import re
from copy import copy
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from bs4 import BeautifulSoup
from finishing import after_the_pages

SCRIPTS = "_static/cards"
LINK = re.compile(r'<a class="(?:term )?reference internal" href="([^"#]*)#([^"]+)"')
PLACES = "dt[id], div.citation[id], div.math[id], li[id]"


def setup(app):
    after_the_pages(app, write_cards)
    return {"parallel_read_safe": True}


def write_cards(app):
    """Write a script for each page, with the cards of its places."""
    names = [app.builder.get_target_uri(name) for name in sorted(app.env.found_docs)]
    texts = {name: Path(app.outdir, name).read_text("utf-8") for name in names}
    for name, found in cards(texts).items():
        written = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
        path = Path(app.outdir, SCRIPTS, f"{name}.js")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'(window.bookCards ??= {{}})["{name}"]={written};\n', "utf-8")


def read(script):
    """Return the cards that a script brings, by their places."""
    return json.loads(script.read_text("utf-8").partition("]=")[2].rstrip(";\n"))


def cards(texts):
    """Return the card of each place to which one of these pages links, ``{page: {id: HTML}}``."""
    links = {
        (posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name, place)
        for name, text in texts.items()
        for path, place in LINK.findall(unquote(text))
    }

    @cache
    def places(name):
        return {tag["id"]: tag for tag in BeautifulSoup(texts[name], "html.parser")(id=True)}

    made = {name: {} for name in texts}
    for name, place in sorted(links):
        # Most links lead to a section. A page without anything else is not worth reading.
        if re.search(rf'<(dt|div|li|p)\b[^>]* id="{re.escape(place)}"', texts.get(name, "")):
            found = places(name)[place]
            shown = next((tag for tag in [found, *found.parents] if tag.css.match(PLACES)), None)
            if shown:
                made[name][place] = card(shown)
    return made


def card(place):
    """Return what stands at a place, as text and formulas without links and addresses."""
    parts = [place]
    if place.name == "dt":  # the names of a term and what it means
        parts.append(place.find_next_sibling("dd"))
    return "".join(f"<div>{plain(part)}</div>" for part in parts)


def plain(part):
    part = copy(part)
    for left_out in part.select(".headerlink, .backrefs"):
        left_out.decompose()
    for link in part.select("a"):
        link.unwrap()
    for tag in part.select("[id]"):
        del tag["id"]
    return part.decode_contents().strip()
