"""Sphinx extension: how to cite the book, made from CITATION.cff, and where to report an error."""

from pathlib import Path

import yaml
from book_pages import repository
from docutils import nodes
from sphinx.util.docutils import SphinxDirective


def setup(app):
    app.add_directive("how-to-cite", HowToCite)
    app.connect("config-inited", say_where_to_report)
    return {"parallel_read_safe": True}


class HowToCite(SphinxDirective):
    """``{how-to-cite} ../CITATION.cff``: as a sentence, as BibTeX, and the file as it is."""

    required_arguments = 1

    def run(self):
        relative, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(relative)
        text = Path(path).read_text("utf-8")
        try:
            in_words, in_bibtex = citation(yaml.safe_load(text), repository(self.env.srcdir))
        except KeyError as missing:
            raise self.error(f"{relative} does not say {missing}") from None
        return [
            nodes.paragraph("", in_words),
            nodes.literal_block(in_bibtex, in_bibtex, language="bibtex"),
            nodes.paragraph("", "The same for programs that read the Citation File Format:"),
            nodes.literal_block(text, text, language="yaml"),
        ]


def citation(work, address=None):
    """Return a work of the Citation File Format as a sentence and as BibTeX."""
    authors = work["authors"]
    names = [a.get("name") or f"{a['given-names']} {a['family-names']}" for a in authors]
    # In BibTeX, braces keep the name of a group from being taken apart.
    keyed = [
        f"{{{a['name']}}}" if "name" in a else f"{a['family-names']}, {a['given-names']}"
        for a in authors
    ]
    year = work["date-released"].year
    fields = {
        "author": " and ".join(keyed),
        "title": f"{{{work['title']}}}",
        "year": year,
        "version": work["version"],
    }
    address = work.get("url") or address
    if address:
        fields["url"] = address
    sentence = f"{', '.join(names)} ({year}). {work['title']}, version {work['version']}."
    lines = [f"  {name:7} = {{{value}}}," for name, value in fields.items()]
    bibtex = "\n".join([f"@software{{attention_book_{year},", *lines, "}"])
    return f"{sentence} {address}" if address else sentence, bibtex


def say_where_to_report(app, config):
    """Tell MyST's ``{{ report }}`` where errors are collected, if this copy of the book knows."""
    url = repository(app.srcdir)
    config.myst_substitutions["report"] = (
        f"Report it [where errors of this book are collected]({url}/issues), or follow "
        "*Report an error* at the foot of the page that has it."
        if url
        else "Report it to those who gave you this copy of the book: it was not built from a "
        "repository on GitHub, and so it knows no address for errors."
    )
