"""Sphinx extension: the digits that the live figure of the front page compares a drawing with.

They are those that the chapter on scaled dot-product attention stores, in a script, which unlike
other data can also be loaded when the book is read from a disk.
"""

import json
from pathlib import Path

import numpy as np
from finishing import after_the_pages

SCRIPT = "_static/digits.js"
STORED = 1297
# Digits that were kept back, by their place among these; the first is shown before one draws.
EXAMPLES = (439, 266, 204, 47, 445, 339)


def setup(app):
    after_the_pages(app, write_digits)
    return {"parallel_read_safe": True}


def write_digits(app):
    """Write the digits, if the front page has the figure that needs them."""
    if "tag_live-digits" in Path(app.outdir, f"{app.config.root_doc}.html").read_text("utf-8"):
        Path(app.outdir, SCRIPT).write_text(script(), "utf-8")


def script():
    """Return the stored digits, sorted by class, and the examples, as a script."""
    pictures, classes = shuffled()
    stored = np.argsort(classes[:STORED], kind="stable")
    asked = np.add(EXAMPLES, STORED)
    packed = packed_with(pictures, classes, stored)
    packed["examples"] = packed_with(pictures, classes, asked)
    return f"window.bookDigits={json.dumps(packed, separators=(',', ':'))};\n"


def shuffled():
    """Return all digits, 64 levels of ink from 0 to 16, and their classes, in the book's order."""
    from sklearn.datasets import load_digits  # two seconds, which most builds need not wait

    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    return digits.data[order].astype(np.uint8), digits.target[order]


def packed_with(pictures, classes, chosen):
    return {"classes": "".join(map(str, classes[chosen])), "stored": pack(pictures[chosen])}


def pack(pictures):
    """Return a letter for each pixel: the first pixel of all digits, the second of all, and so on.

    What is alike stands together in this order, which makes the text a tenth smaller when a server
    compresses it.

    >>> pack(np.array([[0, 16], [1, 2]]))
    'abqc'
    """
    return bytes(ord("a") + pictures.T.astype(np.uint8).ravel()).decode("ascii")
