"""A copy of the book with one small page, to build in a folder of its own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
BUILD = ["tools/running/build_book.py"]
# A third of a small build is style sheets and fonts, at which few tests look.
LOOK = re.compile(r"(?m)^    book_(styles|fonts): .*\n")


def copy_book(folder, *, styled=False):
    """Copy the package, the tools and the configuration, and a table of contents of one page.

    Without ``styled`` the pages keep the style sheets and fonts of the theme.
    """
    for name in ("src", "tools", "_static", "_templates", "_extra"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("_config.yml", "requirements.txt", "pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / name, folder / name)
    if not styled:
        config = (folder / "_config.yml").read_text("utf-8")
        (folder / "_config.yml").write_text(LOOK.sub("", config), "utf-8")
    (folder / "_toc.yml").write_text("format: jb-book\nroot: chapters/index\n")
    (folder / "chapters").mkdir()
    shutil.copy(ROOT / "chapters/references.bib", folder / "chapters")


def write(book, cells):
    """Write the page as a notebook of these cells."""
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"display_name": "Python 3", "name": "python3"}
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, book / "chapters/index.ipynb")


def run(book, *arguments, **variables):
    """Run Python in the copy, with the copy's package, and return (exit status, output)."""
    environment = os.environ | {"PYTHONPATH": str(book / "src")} | variables
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=book, env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr
