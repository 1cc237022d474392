"""Sphinx extension: small matters of setting, done for all pages at once.

A large number keeps together, and so do a formula and the comma behind it. An exercise, which has
a number of its own, has no second one.
"""

import re

from docutils import nodes

THOUSANDS = re.compile(r"(?<=\d) (?=\d{3}(?!\d))")
SIGNS = re.compile(r"[,.;:!?)\]’”–-]+")
NARROW = "\u202f"  # a space at which no line ends
LITERAL = nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw


def setup(app):
    app.connect("doctree-read", keep_numbers_together)
    app.connect("doctree-read", keep_signs_with_their_formula)
    app.connect("env-check-consistency", number_exercises_once)
    return {"parallel_read_safe": True}


def keep_numbers_together(app, doctree):
    """Exchange the space within a number of prose, such as 10 000, for one that does not break."""
    for text in list(doctree.findall(nodes.Text)):
        if not isinstance(text.parent, LITERAL) and THOUSANDS.search(text):
            text.parent.replace(text, nodes.Text(THOUSANDS.sub(NARROW, text)))


def keep_signs_with_their_formula(app, doctree):
    """Let no line begin with the comma that stands right behind a formula."""
    for formula in list(doctree.findall(nodes.math)):
        siblings = formula.parent
        place = siblings.index(formula) + 1
        after = siblings[place] if place < len(siblings) else None
        if not isinstance(after, nodes.Text) or not (signs := SIGNS.match(after)):
            continue
        siblings.remove(after)
        together = nodes.inline("", classes=["keep-together"])
        siblings.replace(formula, together)
        together += [formula, nodes.Text(signs[0])]
        if rest := after[signs.end() :]:
            siblings.insert(place, nodes.Text(rest))


def number_exercises_once(app, env):
    """Take the number of the section from the exercises in the contents; headings: style sheet."""
    for contents in env.tocs.values():
        for link in contents.findall(nodes.reference):
            if link.get("anchorname", "").startswith("#exercise-"):
                link.attributes.pop("secnumber", None)
