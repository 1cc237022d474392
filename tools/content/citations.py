"""Citations as links, whose words are those that a page shows.

A link reads in every notebook, a role only on a page. So a source says on the left what Sphinx
reads as on the right; the words come from the code that writes them on the page.

    [Xu et al. [2015]](references.bib#xu2015show)       {cite:t}`xu2015show`
    [[Xu et al., 2015](references.bib#xu2015show)]      {cite:p}`xu2015show`
"""

import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import yaml
from pybtex.database import parse_file
from pybtex.plugin import find_plugin as find_pybtex_plugin
from pybtex_docutils import Backend
from sphinxcontrib.bibtex.plugin import find_plugin
from sphinxcontrib.bibtex.style.referencing import format_references
from sphinxcontrib.bibtex.style.template import SphinxReferenceInfo

ROOT = Path(__file__).resolve().parents[2]
BIBLIOGRAPHY = ROOT / "chapters/references.bib"
# Of a page that cites nothing but is asked for, sphinxcontrib-bibtex needs no more than this.
NOWHERE = SphinxReferenceInfo(SimpleNamespace(name="html"), "", "", "id", None, "", "")

# A link's words may have one pair of brackets within, those of a year.
LINK = r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\((?:\.\./)*references\.bib#[^)\s]*\)"
# In brackets it stands beside a sentence, and there may be several; otherwise it is a part of one.
CITATION = re.compile(rf"(?P<beside>\[{LINK}(?:[,;]\s+{LINK})*\])|{LINK}")
KEY = re.compile(r"references\.bib#([^)\s]*)\)")
ROLE = re.compile(r"\{cite(?P<kind>:[tp])?\}`(?P<keys>[^`{}]+)`")


@cache
def entries():
    return parse_file(BIBLIOGRAPHY, "bibtex").entries


@cache
def style():
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["sphinx"]["config"]
    return find_plugin("sphinxcontrib.bibtex.style.referencing", config["bibtex_reference_style"])()


@cache
def order():
    """Return the place of each key in the bibliography, which is its place in a citation."""
    sort = find_pybtex_plugin("pybtex.style.formatting", "alpha")().sort
    return {entry.key: place for place, entry in enumerate(sort(entries().values()))}


def words(role, key):
    """Return what a page shows for a role with this key."""
    text = format_references(style(), role, [(entries()[key], None, NOWHERE)])
    shown = "".join(node.astext() for node in text.render(Backend()))
    return " ".join(shown.split())  # a source has no spaces that look like others


def link(key, path, beside):
    return f"[{words('alp' if beside else 't', key)}]({path}#{key})"


def citation(kind, keys, path):
    """Return the links of a citation; ``path`` leads to the bibliography."""
    if kind == "t":
        return ", ".join(link(key, path, False) for key in keys)
    return f"[{', '.join(link(key, path, True) for key in sorted(keys, key=order().get))}]"


def kind_and_keys(match):
    return "p" if match["beside"] else "t", KEY.findall(match[0])


def keys_of_role(match):
    return [key.strip() for key in match["keys"].split(",")]


def with_roles(text):
    """Return a text with the roles that Sphinx knows in place of the links."""

    def role(match):
        kind, keys = kind_and_keys(match)
        return f"{{cite:{kind}}}`{','.join(keys)}`"

    return CITATION.sub(role, text)


def with_links(text, path):
    """Return a text with links in place of roles, and with the words of today in every link.

    A citation with an unknown key is left as it is.
    """

    def linked(before, kind, keys):
        if not set(keys) <= set(entries()):
            return before
        now = citation(kind, keys, path)
        return before if now.split() == before.split() else now  # a line may break within

    def of_role(match):
        return linked(match[0], (match["kind"] or ":p")[1:], keys_of_role(match))

    def of_links(match):
        return linked(match[0], *kind_and_keys(match))

    return CITATION.sub(of_links, ROLE.sub(of_role, text))


def faults(text, path):
    """Yield what is wrong with the citations of a text: their keys, and the words of links."""
    found = [(match[0], kind_and_keys(match)[1]) for match in CITATION.finditer(text)]
    for _, keys in found + [(None, keys_of_role(match)) for match in ROLE.finditer(text)]:
        yield from (f"there is no {key} in references.bib" for key in keys if key not in entries())
    for written, _ in found:
        if with_links(written, path) != written:
            yield f"these are not the words of today, which make format writes: {written}"
