"""Sphinx extension: the search finds the Chinese names of the glossary's terms, whole or in part.

Sphinx looks for whole words, and a Chinese text has no spaces between them. It also looks for parts
of the names of objects, such as functions. So each name becomes an object, whose place is the entry
of the term in the glossary. What lists the names is the glossary's table from Chinese to English.
"""

from docutils import nodes
from sphinx import addnodes
from sphinx.errors import SphinxError

TABLE = "chinese-to-english"


def setup(app):
    app.add_object_type("chinese-name", "chinese", objname="Chinese name")
    app.connect("doctree-read", name_the_terms)
    return {"parallel_read_safe": True}


def name_the_terms(app, doctree):
    """Note each name of the table as an object at the term, or terms, that its row links to."""
    domain = app.env.get_domain("std")
    for section in doctree.findall(nodes.section):
        if TABLE not in section["ids"]:
            continue
        for row in section.findall(nodes.row):
            name = row[0].astext().partition(" → ")[0]
            links = [x["reftarget"] for x in row.findall(addnodes.pending_xref)]
            for number, term in enumerate(links):
                if ("term", term) not in domain.objects:
                    raise SphinxError(f"{app.env.docname}: {name}: there is no term {term}")
                place = domain.objects["term", term][1]
                # A name of two terms stands for the first; the second is told apart.
                shown = f"{name} ({term})" if number else name
                domain.note_object("chinese-name", shown, place)
