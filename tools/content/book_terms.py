"""Sphinx extension: the first mention of a term in a chapter leads to its entry in the glossary.

The source says nothing of it, so it reads in a notebook as before.
"""

import re

from docutils import nodes

CHAPTERS = re.compile(r"chapters/part\d+/")
# Terms that a sentence also uses in their everyday sense, or that every reader knows.
EVERYDAY = {
    "attend", "attention", "attention model", "baseline", "bias", "filtering", "head", "kernel",
    "key", "parameter", "pixel", "position", "query", "readout", "scaling", "score", "sequence",
    "similarity", "tensor", "value",
}  # fmt: skip
# What a mention may stand in. A heading, a formula, a program or another link is left as it is, and
# so is what is set in bold: a question, or a word that the chapter itself explains.
RUNNING_TEXT = nodes.paragraph, nodes.emphasis
LEFT_ALONE = nodes.reference, nodes.strong, nodes.caption


def setup(app):
    app.connect("env-updated", read_again_when_the_terms_changed)
    app.connect("doctree-resolved", link_terms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def terms(env):
    """Return {name: (page, place)} of the glossary's terms that are worth a link."""
    objects = env.get_domain("std").objects
    names = {name: place for (kind, name), place in objects.items() if kind == "term"}
    return {name: place for name, place in names.items() if name not in EVERYDAY}


def read_again_when_the_terms_changed(app, env):
    """Return the chapters to write again, which are all of them when a term came or went."""
    before, env.terms_linked = getattr(env, "terms_linked", {}), terms(env)
    return [] if before == env.terms_linked else filter(CHAPTERS.match, env.found_docs)


def link_terms(app, doctree, page):
    if not CHAPTERS.match(page):
        return
    known = terms(app.env)

    def address(name):
        home, place = known[name]
        return f"{app.builder.get_relative_uri(page, home)}#{place}"

    link_first_mentions(doctree, {name: address(name) for name in known})


def link_first_mentions(doctree, addresses):
    """Make a link of the first mention of each name, in the singular or with an s."""
    left = {name.lower(): address for name, address in addresses.items()}
    for text in list(doctree.findall(nodes.Text)):
        if left and is_running_text(text):
            pieces = list(pieces_of(text.astext(), left))
            if len(pieces) > 1:
                text.parent.replace(text, pieces)


def is_running_text(text):
    around = [text.parent]
    while around[-1].parent is not None:
        around.append(around[-1].parent)
    left_alone = any(isinstance(node, LEFT_ALONE) for node in around)
    return isinstance(around[0], RUNNING_TEXT) and not left_alone


def pieces_of(text, left):
    """Yield a text in pieces, where links stand for mentions; what was linked is no longer left."""
    names = "|".join(re.escape(name) for name in sorted(left, key=len, reverse=True))
    end = 0
    for match in re.finditer(rf"(?<![\w-])({names})(s?)(?![\w-])", text, re.IGNORECASE):
        address = left.pop(match[1].lower(), None)
        if address:
            yield nodes.Text(text[end : match.start()])
            yield nodes.reference("", match[0], refuri=address, internal=True, classes=["term"])
            end = match.end()
    yield nodes.Text(text[end:])
