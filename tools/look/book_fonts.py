"""Sphinx extension: the two fonts that a page loads, each cut down to the signs that are used.

One is for formulas, with the signs of the pages of one folder: a part of the book, so that it does
not grow with the others. One is for the theme's icons. (The theme ships its icons as a script of
1.5 MB as well, which the book's page template leaves out.)
"""

import posixpath
import re
from html import unescape
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote

from book_cards import LINK, SCRIPTS, read
from finishing import after_the_pages
from fontTools import subset

MATH = "math/{folder}.woff2"  # as in the template of a page
ICONS = "vendor/fontawesome/webfonts/fa-solid-900.woff2"
THEME_STYLE = "styles/pydata-sphinx-theme.css"
GROWING = "√⏞⏟"  # drawn by a browser around a formula, and written in none
# A lone letter is drawn in italics: Latin and Greek as Unicode lists them, and four strays.
ITALIC = {
    chr(upright + n): chr(italic + n)
    for upright, italic, count in (
        (ord("A"), 0x1D434, 26),
        (ord("a"), 0x1D44E, 26),
        (ord("Α"), 0x1D6E2, 25),
        (ord("α"), 0x1D6FC, 25),
    )
    for n in range(count)
} | {"h": "ℎ", "∂": "𝜕", "ϵ": "𝜖", "ϕ": "𝜙"}


def setup(app):
    after_the_pages(app, cut_fonts, priority=600)  # behind the cards, which have formulas
    return {"parallel_read_safe": True}


def cut_fonts(app):
    """Write the fonts with what the finished pages need of them."""
    out = Path(app.outdir)
    static = out / "_static"
    names = [page.relative_to(out).as_posix() for page in out.rglob("*.html")]
    names = [name for name in names if not name.startswith("_static/")]  # the theme's templates
    pages = {name: (out / name).read_text("utf-8") for name in names}
    cards = {
        script.relative_to(out / SCRIPTS).as_posix().removesuffix(".js"): read(script)
        for script in (out / SCRIPTS).rglob("*.js")
    }
    (static / "math").mkdir(exist_ok=True)
    for folder in {posixpath.dirname(name) for name in pages}:
        shown = "".join(
            text + beside(name, text, cards)
            for name, text in pages.items()
            if posixpath.dirname(name) == folder
        )
        target = static / MATH.format(folder=folder.replace("/", "-") or "root")
        cut(files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf", signs(shown), target)
    style = (static / THEME_STYLE).read_text("utf-8")
    theme = files("pydata_sphinx_theme") / "theme/pydata_sphinx_theme/static"
    cut(theme / ICONS, icons("".join(pages.values()), style), static / ICONS)


def beside(name, text, cards):
    """Return what the cards say that a page shows beside its links."""
    said = ""
    for address, place in LINK.findall(unquote(text)):
        page = posixpath.normpath(posixpath.join(posixpath.dirname(name), address))
        said += cards.get(page if address else name, {}).get(place, "")
    return said


def cut(source, codes, target):
    """Write the part of a font that draws these characters, and what it needs to set formulas."""
    options = subset.Options(flavor="woff2", layout_features=["ssty", "dtls", "flac"])
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=codes)
    with subset.load_font(str(source), options) as font:
        cutter.subset(font)
        if ord("√") in codes and "MATH" in font:
            narrow(font, "√")
        subset.save_font(font, str(target), options)


def narrow(font, sign):
    """Make the taller forms of a growing sign as wide as its smallest.

    A browser keeps room for the widest form, whatever it draws: a gap behind every small root.
    """
    name = font.getBestCmap()[ord(sign)]
    variants = font["MATH"].table.MathVariants
    forms = variants.VertGlyphConstruction[variants.VertGlyphCoverage.glyphs.index(name)]
    taller = {record.VariantGlyph for record in forms.MathGlyphVariantRecord} - {name}
    taller |= {part.glyph for part in forms.GlyphAssembly.PartRecords}
    width = font["hmtx"][name][0]
    for glyph in sorted(taller):
        factor = width / font["hmtx"][glyph][0]
        font["glyf"][glyph].coordinates.scale((factor, 1))
        font["glyf"][glyph].recalcBounds(font["glyf"])
        font["hmtx"][glyph] = width, font["glyf"][glyph].xMin


def signs(pages):
    """Return the code points of all formulas, upright and in italics."""
    formulas = "".join(re.findall(r"<math.*?</math>", pages, re.DOTALL))
    written = {*unescape(re.sub(r"<[^>]+>", "", formulas)), *GROWING}
    return {ord(c) for c in written} | {ord(ITALIC[c]) for c in written & ITALIC.keys()}


def icons(pages, style):
    """Return the code points of the icons that pages name by class, and the theme by variable."""
    named = set(re.findall(r"\bfa-[a-z-]+", pages))
    rules = re.findall(r'([^{}]+)\{content:"\\([0-9a-f]+)"\}', style)
    used = {code for names, code in rules if named & set(re.findall(r"fa-[a-z-]+", names))}
    used |= set(re.findall(r'--pst-icon-[a-z-]+:"\\([0-9a-f]+)"', style))
    return {int(code, 16) for code in used}
