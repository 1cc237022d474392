"""Sphinx extension: the small things a page of the book has that a stock page has not."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from docutils import nodes
from finishing import after_the_pages
from sphinx.errors import ExtensionError

# Scripts of extensions that Jupyter Book brings: live cells, toggled cells, tabs.
UNUSED = r"(?i)thebe|toggle|design-tabs"
# Where the theme lays out every box of a page at once, to find those that scroll.
MEASURES_ALL = re.compile(
    r'"complete"===document\.readyState\?\w+\(\):window\.addEventListener\("load",\w+\)'
)
IN_PIECES = "0/* see book.js */"


def setup(app):
    app.connect("config-inited", point_at_the_repository)
    app.connect("doctree-read", mark_the_exercises)
    app.connect("doctree-read", say_how_to_run)
    app.connect("html-page-context", trim_scripts)
    after_the_pages(app, measure_in_pieces)
    app.connect("html-page-context", offer_line_for_colab, priority=900)  # after the theme's menu
    return {"parallel_read_safe": True}


def point_at_the_repository(app, config):
    """Take the repository's address from git, so that every fork links to itself."""
    url = repository(app.srcdir)
    options = config.html_theme_options
    options["repository_url"] = url or ""
    options["repository_branch"] = "main"
    for button in ("repository", "issues", "edit_page"):
        options[f"use_{button}_button"] = bool(url)
    options["launch_buttons"] = (
        {
            "notebook_interface": "jupyterlab",
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
        }
        if url
        else {}
    )
    config.myst_substitutions["launch"] = (
        "The rocket at the top of each chapter opens it on Binder, where everything is installed, "
        f"or in Google Colab, where you first run `{line_for_colab(url)}` in a cell of its own. "
        "The rocket's menu copies that line."
        if url
        else "A copy of this book that is built from a repository on GitHub has a rocket at the "
        "top of each chapter. It opens the chapter on Binder, where everything is installed, or "
        "in Google Colab, where you first run `%pip install git+` followed by the repository's "
        "address in a cell of its own."
    )


def line_for_colab(url):
    """Return what a notebook in Colab has to run first: the book's package is not installed there.

    It is no cell of the notebooks, which are also run where there is no network.
    """
    return f"%pip install git+{url}"


def offer_line_for_colab(app, pagename, templatename, context, doctree):
    """Put that line below the link that opens Colab, as a button that copies it."""
    for menu in context.get("header_buttons", []):
        if menu.get("label") == "launch-buttons":
            line = line_for_colab(app.config.html_theme_options["repository_url"])
            button = {
                "type": "javascript",
                "text": f"In Colab, first run: {line}",
                "icon": "fas fa-copy",
                "label": "line-for-colab",
                "javascript": "copyLineForColab(event)",
            }
            menu["buttons"].append(button)


def repository(folder):
    """Return the https address of the GitHub repository the book is built from, or None."""
    if os.environ.get("GITHUB_REPOSITORY"):
        return f"https://github.com/{os.environ['GITHUB_REPOSITORY']}"
    if shutil.which("git") is None:
        return None
    answer = subprocess.run(
        ["git", "remote", "get-url", "origin"], cwd=folder, capture_output=True, text=True
    )
    match = re.fullmatch(r"(?:https://|git@)github\.com[/:](.+?)(?:\.git)?", answer.stdout.strip())
    return f"https://github.com/{match[1]}" if match else None


def mark_the_exercises(app, doctree):
    """Give the section of each exercise a class, by which the stylesheet sets it apart."""
    for section in doctree.findall(nodes.section):
        if section.next_node(nodes.title).astext().startswith("Exercise "):
            section["classes"].append("exercise")


def say_how_to_run(app, doctree):
    """Put the command that opens a chapter below its first picture, ready to be copied."""
    name = app.env.docname.removeprefix("chapters/")
    if not name.startswith("part"):
        return
    first = next(node for node in doctree.findall(nodes.section))
    below = next(node for node in first.children if isinstance(node, nodes.section))
    command = f"make lab CHAPTER={name}"
    box = nodes.container(
        "",
        nodes.paragraph("", "To run it and to do the exercises, in the folder of the book:"),
        nodes.literal_block(command, command, language="bash"),
        classes=["run-it"],
    )
    first.insert(first.index(below), box)


def trim_scripts(app, pagename, templatename, context, doctree):
    """Drop scripts for what the book has not, and second copies of inline ones (Sphinx 7.4).

    What is left of the files waits until the page can be read.
    """
    kept = {}
    for script in context.get("script_files", []):
        attributes = getattr(script, "attributes", {})
        body = attributes.get("body")
        if re.search(UNUSED, str(body or getattr(script, "filename", ""))):
            continue
        if not body and pagename != "search":  # which uses them before it ends
            attributes = {**attributes, "defer": ""}
            script = type(script)(script.filename, priority=script.priority, **attributes)
        kept.setdefault(body or script, script)
    context["script_files"] = list(kept.values())


def measure_in_pieces(app):
    """Take out of the theme's script what ``book.js`` does piece by piece."""
    path = Path(app.outdir, "_static/scripts/pydata-sphinx-theme.js")
    script = MEASURES_ALL.sub(IN_PIECES, path.read_text("utf-8"))
    if IN_PIECES not in script:
        raise ExtensionError(f"{path.name} has changed: how does it find the boxes that scroll?")
    path.write_text(script, "utf-8")
