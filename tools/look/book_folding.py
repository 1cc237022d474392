"""Sphinx extension: which cells of a chapter can be folded away, and the switch that does it.

A reader who does not run the code wants prose, formulas and pictures. One switch in the page's bar
folds the cells that only prepare, draw or assert; ``_static/folding.js`` works it. What a cell does
is read off its code, so that nobody has to say it of each.
"""

import ast

from docutils import nodes

# What attention is made of. A cell that computes with it itself is read, not folded.
MECHANISM = {"dot", "einsum", "exp", "masked_fill", "matmul", "softmax", "tanh"}
DEFINES = ast.FunctionDef, ast.ClassDef, ast.Lambda
EXERCISES = ("attention_book.exercises", "attention_book.pauses")
BUTTON = '<button class="show-code" type="button" aria-expanded="false">Show the code</button>'


def setup(app):
    app.connect("doctree-read", mark_the_cells)
    app.connect("html-page-context", offer_the_switch)
    return {"parallel_read_safe": True}


def only_shows(source):
    """Return whether a cell only prepares, draws or asserts: it can be folded.

    It defines nothing, and what it computes it leaves to functions: no matrix product and nothing
    else that attention is made of. A cell of an exercise is never folded.

    >>> only_shows("weights = reference.weights(q, k)\\nplotting.matrix(weights)")
    True
    >>> only_shows("weights = np.exp(q @ k.T)\\nplotting.matrix(weights)")
    False
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DEFINES) or isinstance(getattr(node, "op", None), ast.MatMult):
            return False
        if isinstance(node, ast.Call) and _name(node.func) in MECHANISM:
            return False
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(EXERCISES):
            return False
    return True


def _name(function):
    return getattr(function, "attr", None) or getattr(function, "id", None)


def mark_the_cells(app, doctree):
    """Give each cell of a chapter that can be folded a class, and a button that opens it."""
    if not app.env.docname.startswith("chapters/part"):
        return
    for cell in doctree.findall(nodes.container):
        if "cell" not in cell["classes"] or not cell.children or cell.get("hide_mode"):
            continue  # what is hidden from the beginning opens by itself
        code = (
            cell[0].next_node(nodes.literal_block) if "cell_input" in cell[0]["classes"] else None
        )
        if code is not None and only_shows(code.astext()):
            cell["classes"].append("only-shows")
            cell.insert(0, nodes.raw("", BUTTON, format="html"))


def offer_the_switch(app, pagename, templatename, context, doctree):
    """Tell the page's template whether there is something to fold."""
    context["can_fold"] = doctree is not None and "only-shows" in context.get("body", "")
