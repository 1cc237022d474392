"""The parts of the book's extensions that need no build."""

import doctest
import importlib
import re
import subprocess
import sys
from datetime import date
from importlib.resources import files

import book_about
import book_cards
import book_code
import book_fonts
import book_preview
import book_site
import book_styles
import numpy as np
import pytest
import tinycss2
from book_math import mathml
from fontTools.ttLib import TTFont
from pybtex.database import parse_string
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer, YamlLexer
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES, Token
from small_book import ROOT
from sphinx.errors import SphinxError

EXAMPLES = [p.stem for p in (ROOT / "tools").rglob("*.py") if ">>> " in p.read_text("utf-8")]


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_examples_in_the_tools_are_true(name):
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried
    assert not failed


# Formulas ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tex", "part"),
    [
        (r"x_i", "<msub><mi>x</mi><mi>i</mi></msub>"),
        (r"(-x)", '<mo form="prefix" stretchy="false" lspace="0" rspace="0">−</mo><mi>x</mi>'),
        (r"a-x", "<mi>a</mi><mo>−</mo><mi>x</mi>"),
        (r"\lVert q \rVert", '<mo stretchy="false" lspace="0" rspace="0">‖</mo><mi>q</mi>'),
        (r"\mathcal L", "<mi>ℒ</mi>"),
        (r"\tanh z", '<mspace width="0.1667em"></mspace><mi>z</mi>'),
        (r"\sqrt{d}", "<msqrt><mi>d</mi></msqrt>"),
    ],
)
def test_a_formula_says_what_a_browser_does_not_find_out(tex, part):
    found = mathml(tex)
    assert found.startswith("<math>")
    assert "annotation" not in found
    without = found.replace(' form="prefix"', "").replace(' stretchy="false"', "")
    assert part.replace(' form="prefix"', "").replace(' stretchy="false"', "") in without


def test_a_sign_after_a_parenthesis_is_a_sign_and_a_function_in_parentheses_stands_close():
    assert 'form="prefix"' in mathml("(-x)")
    assert 'form="prefix"' in mathml("=-x")
    assert 'form="prefix"' not in mathml("a-x")
    assert 'form="prefix"' not in mathml("f(a)-x")
    assert "mspace" not in mathml(r"\tanh(z)")
    assert "mspace" in mathml(r"\operatorname{softmax}_j s")


def test_columns_are_aligned_by_style():
    cells = mathml(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", block=True)
    assert cells.startswith('<math display="block">')
    assert "text-align:right" in cells
    assert "text-align:left" in cells
    assert "columnalign" not in cells


def test_a_formula_that_cannot_be_set_is_an_error_that_names_it():
    with pytest.raises(SphinxError, match=r"chapters/one: the formula .*frac"):
        mathml(r"\frac{1}{", "chapters/one")
    with pytest.raises(SphinxError, match="nosuch"):
        mathml(r"\nosuch")


def test_a_program_that_set_a_formula_comes_to_its_end():
    program = f"import sys; sys.path.append({str(ROOT / 'tools/look')!r}); "
    program += "from book_math import mathml; print(mathml('x'))"
    done = subprocess.run([sys.executable, "-c", program], timeout=60, capture_output=True)
    assert done.stdout == b"<math><mrow><mi>x</mi></mrow></math>\n"
    assert done.returncode == 0


def test_the_signs_of_formulas_are_upright_and_in_italics():
    found = book_fonts.signs("<p>z</p><math><mi>h</mi><mo>&lt;</mo><mi>α</mi></math>")
    assert {ord("h"), ord("ℎ"), ord("<"), ord("α"), ord("𝛼"), ord("√")} <= found
    assert ord("z") not in found


def test_icons_are_those_that_pages_name_and_those_of_the_theme():
    style = (
        '.fa-bars:before,.fa-navicon:before{content:"\\f0c9"}'
        '.fa-cat:before{content:"\\f6be"}html{--pst-icon-download:"\\f019"}'
    )
    assert book_fonts.icons('<i class="fa-solid fa-navicon">', style) == {0xF0C9, 0xF019}


@pytest.mark.filterwarnings("ignore:path is deprecated")  # raised where ziamath is imported
def test_all_forms_of_the_root_are_equally_wide(tmp_path):
    source = files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf"
    book_fonts.cut(source, {ord("√"), ord("(")}, tmp_path / "math.woff2")
    font = TTFont(tmp_path / "math.woff2")
    variants = font["MATH"].table.MathVariants
    widths = {}
    for name, forms in zip(
        variants.VertGlyphCoverage.glyphs, variants.VertGlyphConstruction, strict=True
    ):
        glyphs = [record.VariantGlyph for record in forms.MathGlyphVariantRecord]
        glyphs += [part.glyph for part in forms.GlyphAssembly.PartRecords]
        widths[name] = {font["hmtx"][glyph][0] for glyph in glyphs}
    root, parenthesis = (widths[font.getBestCmap()[ord(sign)]] for sign in "√(")
    assert len(root) == 1
    assert len(parenthesis) > 1


# Style sheets ------------------------------------------------------------------------------------


STYLES = [get_style_by_name(f"a11y-high-contrast-{mode}") for mode in ("light", "dark")]
PROGRAM = "import numpy as np\n\ndef half(x):\n    return np.exp(x[0]) / 2  # of it\n"


def colours(html, style):
    """Return each letter of a program with the style of the element that it stands in."""
    kinds = {name: kind for kind, name in STANDARD_TYPES.items()}
    parts = re.findall(r'<span class="(\w+)">(.*?)</span>|([^<]+)', html.partition("<pre>")[2])
    return [
        (letter, tuple(style.style_for_token(kinds[name]).items()))
        for name, inside, outside in parts
        for letter in inside or outside
    ]


@pytest.mark.parametrize("style", STYLES)
def test_a_program_has_the_same_colours_with_fewer_elements(style):
    fewer = highlight(PROGRAM, PythonLexer(), book_code.formatter_for(*STYLES)())
    all_of_them = highlight(PROGRAM, PythonLexer(), HtmlFormatter())
    assert fewer.count("<span") < all_of_them.count("<span") / 2
    assert colours(fewer, style) == colours(all_of_them, style)


def test_a_colour_that_one_style_alone_has_stays():
    punctuation = Token.Punctuation

    class Loud(STYLES[0]):
        styles = STYLES[0].styles | {punctuation: "#ff0000"}

    def written(*styles):
        return highlight("(a)", PythonLexer(), book_code.formatter_for(*styles)())

    assert 'class="p"' in written(Loud, STYLES[1])
    assert 'class="p"' not in written(*STYLES)


def test_a_kind_that_only_its_lexer_knows_looks_like_what_it_is_a_kind_of():
    html = highlight("read: it", YamlLexer(), book_code.formatter_for(*STYLES)())
    assert "read: it" in re.sub("<[^>]+>", "", html)


@pytest.mark.parametrize(
    ("css", "left"),
    [
        (".used{a:b}", ".used{a:b}"),
        (".unused{a:b}", ""),
        (".used,.unused{a:b}", ".used{a:b}"),
        (".used .unused{a:b}", ""),
        ("#used p>i{a:b}", "#used p>i{a:b}"),
        ("#unused{a:b}", ""),
        ("p:not(.unused){a:b}", "p:not(.unused){a:b}"),
        ("p{a:b}", "p{a:b}"),
        ("@media print{.used{a:b}.unused{a:b}}", "@media print{.used{a:b}\n}"),
        ("@media print{.unused{a:b}}", ""),
        ("@keyframes unused{from{a:b}}", "@keyframes unused{from{a:b}}"),
        ("@font-face{src:url(x)}", "@font-face{src:url(x)}"),
    ],
)
def test_a_rule_stays_when_something_may_match_it(css, left):
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    assert "".join(book_styles._pruned(rules, {"used"})).strip() == left


def test_addresses_move_with_a_style_sheet_and_imports_stand_in_their_place(tmp_path):
    (tmp_path / "styles").mkdir()
    (tmp_path / "basic.css").write_text("p{color:red}")
    (tmp_path / "styles/theme.css").write_text(
        '@import "../basic.css";i{a:url(../fonts/x.woff2)}b{a:url("data:x,y")}u{a:url(x.png)}'
    )
    found = book_styles._sheet(tmp_path, "styles/theme.css", set())
    assert found.index("p{color:red}") < found.index('url("fonts/x.woff2")')
    assert 'url("styles/x.png")' in found
    assert 'url("data:x,y")' in found


# The site ----------------------------------------------------------------------------------------


def test_a_page_moves_to_the_root_with_its_links():
    page = (
        '<html data-content_root="../"><a href="../a.html"><a href="b.html#c"><a href="#c">'
        '<a href="https://x.y/z"><img src="../_static/i.png"><form action="../search.html">'
        '<a href="mailto:a@b.c"><a href="/x"><p title="../stays">'
    )
    assert book_site.from_the_root(page, "chapters") == (
        '<html data-content_root="./"><a href="a.html"><a href="chapters/b.html#c"><a href="#c">'
        '<a href="https://x.y/z"><img src="_static/i.png"><form action="search.html">'
        '<a href="mailto:a@b.c"><a href="/x"><p title="../stays">'
    )


def test_the_sitemap_dates_the_pages_that_have_a_date():
    found = book_site.sitemap({"https://x.y/b?c&d": None, "https://x.y/": date(2026, 3, 1)})
    assert "<url><loc>https://x.y/</loc><lastmod>2026-03-01</lastmod></url>" in found
    assert "<url><loc>https://x.y/b?c&amp;d</loc></url>" in found


# How to cite -------------------------------------------------------------------------------------

WORK = {
    "title": "A Book",
    "authors": [
        {"given-names": "Ada", "family-names": "Byron"},
        {"name": "The others"},
    ],
    "date-released": date(2026, 3, 1),
    "version": "1.2.0",
}


@pytest.mark.parametrize("address", [None, "https://x.y/book"])
def test_the_citation_reads_back_as_what_the_file_says(address):
    sentence, bibtex = book_about.citation(WORK, address)
    assert sentence.startswith("Ada Byron, The others (2026). A Book, version 1.2.0.")
    (entry,) = parse_string(bibtex, "bibtex").entries.values()
    assert entry.type == "software"
    assert [str(person) for person in entry.persons["author"]] == ["Byron, Ada", "{The others}"]
    read = {"title": "{A Book}", "year": "2026", "version": "1.2.0"}
    assert dict(entry.fields) == (read | {"url": address} if address else read)
    assert ("https" in sentence) == bool(address)


def test_the_address_that_the_file_names_comes_first():
    assert "https://a.b" in book_about.citation(WORK | {"url": "https://a.b"}, "https://x.y")[1]


@pytest.mark.parametrize("field", WORK)
def test_a_field_that_is_missing_is_named(field):
    with pytest.raises(KeyError, match=field):
        book_about.citation({name: WORK[name] for name in WORK if name != field})


# Previews ----------------------------------------------------------------------------------------


def test_the_words_of_a_title_attend_to_themselves_and_those_before():
    weights = book_preview.attention_of("The attention: book")
    assert weights.shape == (3, 3)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert not np.triu(weights, 1).any()


def test_the_mark_is_that_of_the_logo():
    shades = book_preview._logo(ROOT / "_static/logo.svg")
    assert shades.shape == (3, 3)
    assert shades[0].tolist() == [1, 0.14, 0.14]
    assert shades[2].tolist() == [0.2, 0.35, 0.55]


def test_a_title_that_cannot_be_drawn_fails(tmp_path):
    with pytest.raises(SphinxError, match="注意力"):
        book_preview.draw("注意力", "a book", ROOT / "_static/logo.svg", tmp_path / "x.png")


# Hover cards -------------------------------------------------------------------------------------

LOOKING_UP = """<article><dl><dt id="a">A<a class="headerlink" href="#a">#</a></dt><dt id="b">B</dt>
<dd><p id="p">Not <a class="reference internal" href="#c">C</a>.</p></dd><dt id="c">C</dt>
<dd>Third.</dd></dl><ul><li id="e-1"><p>One</p><p id="e-2">Two</p></li></ul>
<section id="s"><p>More</p></section></article>"""
READING = """<article><a class="reference internal" href="../x/look.html#a">a</a>
<a class="reference internal" href="../x/look.html#e-2">e</a>
<a class="reference internal" href="../x/look.html#s">s</a>
<a class="reference internal" href="../none.html#s">gone</a>
<a class="headerlink" href="../x/look.html#b">b</a></article>"""


def test_a_card_is_what_stands_at_the_place_that_a_link_leads_to():
    assert book_cards.cards({"x/look.html": LOOKING_UP, "y/read.html": READING}) == {
        "x/look.html": {
            "a": "<div>A</div><div><p>Not C.</p></div>",
            "c": "<div>C</div><div>Third.</div>",
            "e-2": "<div><p>One</p><p>Two</p></div>",
        },
        "y/read.html": {},
    }
