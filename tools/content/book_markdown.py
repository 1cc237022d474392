"""Sphinx extension: a chapter is Markdown that reads in every notebook; here it becomes MyST.

On the left what stands in a source, on the right what Sphinx reads in its place:

    [Xu et al. [2015]](references.bib#xu2015show)   {cite:t}`xu2015show`, see citations.py
    [the gradient](#equation-reinforce)             the gradient {eq}`reinforce`
    <a id="equation-reinforce"></a> above $$...$$   $$...$$ (reinforce)
    <a id="what-it-costs"></a> above a heading      nothing: a page has this address by itself
    <!-- {family-map} -->                           the directive, of which notebooks show nothing
    <span class="in-notebook">...</span>            nothing, since only notebooks need it
    <details>, <summary>, text, </details>          {dropdown}
    <div class="ways">, text, </div>                {container} ways

A directive in a comment may have lines of its own below its name. Between tags and text is an
empty line, so that notebooks read the text as Markdown.
"""

import json
import os
import re

from citations import BIBLIOGRAPHY, faults, with_roles
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)

FORMULA = r"\$\$\n(?:(?!\$\$).*\n)+?\$\$"
NAMED_FORMULA = re.compile(rf'^<a id="equation-([\w-]+)"></a>\n({FORMULA})$', re.M)
PLACE = re.compile(r'^<a id="(?!equation-)[^"]+"></a>\n', re.M)
FORMULA_LINK = re.compile(r"\[([^\[\]]+)\]\([^)\s#]*#equation-([\w-]+)\)")
DIRECTIVE = re.compile(r"^<!-- (\{[\w-]+\}.*?)(?: |\n((?:(?!-->).*\n)+))-->$", re.M)
ONLY_IN_NOTEBOOKS = re.compile(r'\s*<span class="in-notebook">.*?</span>', re.S)
BOX = re.compile(r'^<div class="([\w -]+)">\n\n((?:(?!</div>).*\n)+?)\n</div>$', re.M)
FOLDED = re.compile(
    r"^<details>\n<summary>(.+?)</summary>\n\n((?:(?!</details>).*\n)+?)\n</details>$", re.M
)


def setup(app):
    app.connect("source-read", read_as_myst)
    return {"parallel_read_safe": True}


def for_the_page(text):
    """Return Markdown as MyST. What is MyST already stays as it is."""
    text = ONLY_IN_NOTEBOOKS.sub("", text)
    text = PLACE.sub("", NAMED_FORMULA.sub(r"\2 (\1)", text))
    text = FORMULA_LINK.sub(r"\1 {eq}`\2`", text)
    text = FOLDED.sub(r"::::{dropdown} \1\n\2::::", text)
    text = BOX.sub(r":::::{container} \1\n\2:::::", text)
    text = DIRECTIVE.sub(r"```\1\n\2```", text)
    return with_roles(text)


def read_as_myst(app, docname, content):
    """Exchange what Sphinx reads, and say in which file and cell a citation is wrong."""
    source = app.env.doc2path(docname)
    bibliography = os.path.relpath(BIBLIOGRAPHY, os.path.dirname(source)).replace(os.sep, "/")

    def checked(text, where=""):
        for fault in faults(text, bibliography):
            LOGGER.warning("%s%s", where, fault, location=docname)
        return for_the_page(text)

    if not source.endswith(".ipynb"):
        content[0] = checked(content[0])
        return
    notebook = json.loads(content[0])
    for number, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] == "markdown":
            cell["source"] = checked("".join(cell["source"]), f"cell {number}: ")
    content[0] = json.dumps(notebook)
