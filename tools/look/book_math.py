"""Sphinx extension: formulas are MathML in the page, set by KaTeX while the book is built.

A page needs no script for its formulas, and a screen reader reads them. KaTeX writes for browsers
that draw its HTML; what browsers that draw MathML itself still need is added here.
"""

import atexit
from functools import cache
from importlib.metadata import distribution
from itertools import zip_longest
from pathlib import Path
from xml.etree import ElementTree

from docutils import nodes
from py_mini_racer import MiniRacer
from sphinx.errors import SphinxError
from sphinx.util.math import get_node_equation_number

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
SCRIPT = dict(zip("BEFHILMR", "ℬℰℱℋℐℒℳℛ", strict=True))
OPENING = ("(", "[", "{", "⟨", "⌊", "⌈", "‖")
CLOSING = (")", "]", "}", "⟩", "⌋", "⌉", "‖", "!", "′", "…")
APPLIED = "\u2061"  # the invisible application of a function to what follows


def setup(app):
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True}


def visit_inline(self, node):
    self.body.append(mathml(node.astext(), self.builder.current_docname))
    raise nodes.SkipNode


def visit_block(self, node):
    self.body.append(self.starttag(node, "div", CLASS="math"))
    if node["number"]:
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(mathml(node.astext(), self.builder.current_docname, block=True))
    self.body.append("</div>")
    raise nodes.SkipNode


@cache
def mathml(tex, page="", *, block=False):
    """Return a formula as a ``<math>`` element.

    Raises:
        SphinxError: KaTeX can't read the formula; the message quotes it and names the page.
    """
    try:
        html = _katex().call("render", tex, block)
    except Exception as error:
        raise SphinxError(f"{page}: the formula {tex!r} can't be set: {error}") from None
    start, end = html.index("<math"), html.index("</math>") + len("</math>")
    math = ElementTree.fromstring(html[start:end])
    semantics = math[0]
    math[:] = [semantics[0]]  # without the annotation that repeats the TeX
    _mend(math)
    for element in math.iter():
        element.tag = element.tag.removeprefix(f"{{{NAMESPACE}}}")
    if block:
        math.set("display", "block")
    return ElementTree.tostring(math, encoding="unicode", short_empty_elements=False)


@cache
def _katex():
    """Return a JavaScript engine that holds KaTeX and a function ``render(tex, block)``."""
    engine = MiniRacer()
    atexit.register(engine.close)  # later than that, its thread can't end: Python 3.13 would wait
    package = distribution("sphinxcontrib-katex")
    engine.eval(Path(package.locate_file("sphinxcontrib/katex.min.js")).read_text("utf-8"))
    engine.eval(
        "function render(tex, block) { return katex.renderToString(tex, "
        "{displayMode: block, output: 'mathml', strict: 'error', throwOnError: true}); }"
    )
    return engine


def _mend(parent):
    """Say in the element itself what a browser does not find out by itself."""
    before = None
    children = list(parent)
    for element, after in zip_longest(children, children[1:]):
        tag, text = _tag(element), element.text or ""
        if tag == "mtable":
            _align(element)
        elif tag == "mi" and element.get("mathvariant") == "script":
            element.text = "".join(SCRIPT.get(letter, letter) for letter in text)
            del element.attrib["mathvariant"]
        elif tag == "mo" and text == "∥":
            element.text = "‖"
            element.attrib.update(stretchy="false", lspace="0", rspace="0")
        elif tag == "mo" and text in ("−", "-", "+") and _opens(before):
            element.attrib.update(form="prefix", lspace="0", rspace="0")
        _mend(element)
        if _is_function(element) and after is not None and (after.text or "") not in OPENING:
            space = ElementTree.Element(f"{{{NAMESPACE}}}mspace", width="0.1667em")
            parent.insert(list(parent).index(element) + 1, space)
        before = element


def _tag(element):
    return element.tag.removeprefix(f"{{{NAMESPACE}}}")


def _opens(before):
    """Return whether a sign after this element is a sign, and not an operation."""
    return before is None or (_tag(before) == "mo" and before.text not in CLOSING)


def _is_function(element):
    """Return whether an element is the name of a function, to be set apart from what follows."""
    if _tag(element) == "mo":
        return element.text == APPLIED
    return _tag(element) in ("msub", "msup", "munder") and APPLIED in "".join(element[0].itertext())


def _align(table):
    """Write the alignment of columns into the cells, where style sheets can reach it."""
    aligned = table.attrib.pop("columnalign", "center").split()
    spacing = table.attrib.pop("columnspacing", "1em").split()
    table.attrib.pop("rowspacing", None)
    for row in table:
        for number, cell in enumerate(row):
            side = aligned[min(number, len(aligned) - 1)]
            space = spacing[min(number - 1, len(spacing) - 1)] if number else "0"
            cell.set("style", f"text-align:{side};padding-left:{space}")
