"""Execute chapters in place and keep what git should hold: counts and text, no pictures.

What was executed, with its pictures, is kept for the book and for the tests as well.

Usage: python tools/running/notebooks.py [NOTEBOOK ...]      (all chapters when none is named)
"""

import copy
import sys
from pathlib import Path

import nbformat
from copies import keep
from execution import NotebookFailed, execute

ROOT = Path(__file__).resolve().parents[2]
_TRANSIENT = ("execution", "ExecuteTime")


def chapters():
    """Return the notebooks of the book, without the checkpoints that an editor keeps of them."""
    found = sorted(ROOT.glob("chapters/**/*.ipynb"))
    return [path for path in found if ".ipynb_checkpoints" not in path.parts]


def strip(notebook):
    """Drop pictures and times from an executed notebook, in place, and return it."""
    for cell in notebook.cells:
        for key in _TRANSIENT:
            cell.metadata.pop(key, None)
        for output in cell.get("outputs", []):
            if "data" in output:
                kinds = output.data.keys()
                output.data = {kind: output.data[kind] for kind in kinds if "image/" not in kind}
                output.metadata = {}
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def main(names):
    paths = [Path(name).resolve() for name in names] or chapters()
    try:
        for done in execute(paths):
            shown = copy.deepcopy(done.notebook)
            nbformat.write(strip(done.notebook), done.path)
            shown.metadata = done.notebook.metadata
            for cell, written in zip(shown.cells, done.notebook.cells, strict=True):
                cell.metadata = written.metadata
            done.notebook = shown
            keep(done, ROOT)
    except NotebookFailed as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main(sys.argv[1:])
