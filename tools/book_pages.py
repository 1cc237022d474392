"""Sphinx extension: the small things a page of the book has that a stock page has not."""

import os
import re
import shutil
import subprocess
from importlib.metadata import distribution
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from attention_book.exercise.catalogue import all_exercises

# The part of MathJax that a page loads, out of 24 MB.
MATHJAX = ("tex-chtml.js", "input/tex/extensions", "output/chtml/fonts/woff-v2")


class HintsAndSolution(SphinxDirective):
    """``{hints-and-solution} variant.exercise``: folded, from the package's own tested text."""

    required_arguments = 1

    def run(self):
        variant, _, name = self.arguments[0].partition(".")
        found = [exercise for exercise in all_exercises(variant) if exercise.name == name]
        if not found:
            raise self.error(f"there is no exercise {self.arguments[0]}")
        (exercise,) = found
        parts = [
            (f"Hint {number} of {len(exercise.hints)}", hint)
            for number, hint in enumerate(exercise.hints, 1)
        ]
        parts.append(("Solution", f"```python\n{exercise.source}\n```"))
        text = "\n\n".join(
            f":::{{dropdown}} {title}\n:class-container: exercise-help\n\n{body}\n:::"
            for title, body in parts
        )
        return self.parse_text_to_nodes(text)


def setup(app):
    app.add_directive("hints-and-solution", HintsAndSolution)
    app.connect("config-inited", point_at_the_repository)
    app.connect("doctree-read", mark_the_exercises)
    app.connect("html-page-context", say_scripts_once)
    app.connect("build-finished", bring_mathjax)
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
        f"or in Google Colab, where you first run `%pip install git+{url}` in a cell of its own."
        if url
        else "A copy of this book that is built from a repository on GitHub has a rocket at the "
        "top of each chapter. It opens the chapter on Binder, where everything is installed, or "
        "in Google Colab, where you first run `%pip install git+` followed by the repository's "
        "address in a cell of its own."
    )


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


def say_scripts_once(app, pagename, templatename, context, doctree):
    """Drop the second copy of an inline script, which Sphinx 7.4 adds for each extension."""
    seen = set()
    scripts = []
    for script in context.get("script_files", []):
        body = getattr(script, "attributes", {}).get("body")
        if body is None or body not in seen:
            scripts.append(script)
        seen.add(body)
    context["script_files"] = scripts


def bring_mathjax(app, exception):
    """Copy MathJax from its package into the book, so that no page asks another host."""
    if exception is not None or app.builder.format != "html":
        return
    package = Path(distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline"))
    target = Path(app.outdir) / "_static" / "mathjax"
    for name in MATHJAX:
        source = package / "static" / "mathjax" / name
        if source.is_dir():
            shutil.copytree(source, target / name, dirs_exist_ok=True)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / name)
