"""Sphinx extension: the two fonts that a page loads, each cut down to the signs that the book uses.

One is for formulas, one for the theme's icons. (The theme ships its icons as a script of 1.5 MB as
well, which the book's page template leaves out.)
"""

import re
from html import unescape
from importlib.resources import files
from pathlib import Path

from finishing import after_the_pages
from fontTools import subset

MATH = "stix-two-math.woff2"
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
    after_the_pages(app, cut_fonts)
    return {"parallel_read_safe": True}


def cut_fonts(app):
    """Write both fonts with what the finished pages need of them."""
    static = Path(app.outdir) / "_static"
    pages = "".join(page.read_text("utf-8") for page in Path(app.outdir).rglob("*.html"))
    cut(files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf", signs(pages), static / MATH)
    style = (static / THEME_STYLE).read_text("utf-8")
    theme = files("pydata_sphinx_theme") / "theme/pydata_sphinx_theme/static"
    cut(theme / ICONS, icons(pages, style), static / ICONS)


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
