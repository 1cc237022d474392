"""Sphinx extension: the timeline of attention, made from timeline.yml and the bibliography."""

from pathlib import Path

import yaml
from citations import with_roles
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

ERA = {"years", "name", "asks", "entries"}
ENTRY = ({"key", "what", "new"}, {"key", "found", "new"})


def setup(app):
    app.add_directive("timeline", Timeline)
    return {"parallel_read_safe": True}


def read(path):
    """Return the eras, each with its years, its name, its question and its entries."""
    return yaml.safe_load(with_roles(Path(path).read_text(encoding="utf-8")))


def fault(entry, publications):
    """Say what is wrong with an entry's fields or with its key, or return None."""
    if set(entry) - {"at"} not in ENTRY:
        return f"an entry needs key, what or found, new, and may have at; it has {', '.join(entry)}"
    if entry["key"] not in publications:
        return "there is no such key in the bibliography"
    if not publications[entry["key"]].fields.get("year", "").isdigit():
        return "this publication has no year"
    return None


class Timeline(SphinxDirective):
    """``{timeline} timeline.yml``: era by era, what was new, who made it, and in which year."""

    required_arguments = 1

    def run(self):
        relative, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(relative)
        for bibliography in self.config.bibtex_bibfiles:
            self.env.note_dependency(bibliography)
        self.publications = self.env.get_domain("cite").bibdata.data.entries
        return [self.era(era) for era in read(path)]

    def era(self, era):
        if set(era) != ERA:
            raise self.error(f"an era needs {', '.join(sorted(ERA))}; it has {', '.join(era)}")
        first, last = era["years"]
        span = f"{first}–{last}" if last > first else first
        title = nodes.title("", f"{span}: {era['name']}")
        question = nodes.paragraph("", "", *self.inline(era["asks"]))
        entries = nodes.enumerated_list("", *map(self.entry, era["entries"]), classes=["timeline"])
        return nodes.section("", title, question, entries, ids=[f"from-{first}"])

    def entry(self, entry):
        """The year; the name and the authors; why it was needed and what it changed; where."""
        name = entry.get("key", "without a key")
        problem = fault(entry, self.publications)
        if problem:
            raise self.error(f"{name}: {problem}")
        year = self.publications[name].fields["year"]
        what = nodes.strong("", "", *self.inline(entry.get("what") or entry["found"]))
        line = [nodes.inline("", year, classes=["timeline-year"]), nodes.Text(" "), what]
        if "found" in entry:
            line += [nodes.Text(" "), nodes.inline("", "insight", classes=["timeline-insight"])]
        line += [nodes.Text(" "), *self.inline(f"{{cite:author}}`{name}`")]
        more = f" In this book: []({entry['at']})." if "at" in entry else ""
        return nodes.list_item(
            "",
            nodes.paragraph("", "", *line),
            nodes.paragraph("", "", *self.inline(entry["new"] + more)),
        )

    def inline(self, text):
        found, messages = self.parse_inline(text)
        return [*found, *messages]
