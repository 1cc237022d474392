"""Documentation that ships with Python, the docstrings of its own library, as short real texts.

They are read from the source files and nothing is imported. They differ a little from one version
of Python to the next. Two docstrings with the same first sentence count once, whatever follows.

>>> words("Return the file's size, in bytes.")
['return', 'the', 'file', 's', 'size', 'in', 'bytes']
"""

import ast
import re
import sysconfig
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

LIBRARY = (
    "asyncio", "collections", "email", "http", "importlib", "inspect", "ipaddress", "logging",
    "multiprocessing", "pathlib", "statistics", "tarfile", "threading", "typing", "urllib", "xml",
)  # fmt: skip
PADDING, UNKNOWN, CLS = 0, 1, 2  # no word, a word that is not in the vocabulary, and [CLS]


@dataclass(frozen=True)
class Docstring:
    """What the documentation of one class or function says, and in which package it stands."""

    package: str
    name: str
    text: str

    @property
    def sentences(self):
        """The sentences, without headings, examples and lists of arguments."""
        return _sentences(self.text)


@cache
def load(packages=LIBRARY):
    """Return the docstrings of some packages of Python's library, in the order of their files.

    Raises:
        ValueError: there is no such package.
    """
    home, found = Path(sysconfig.get_path("stdlib")), {}
    for package in packages:
        place = home / package
        files = sorted(place.rglob("*.py")) if place.is_dir() else [home / f"{package}.py"]
        if not files[0].is_file():
            raise ValueError(f"packages has {package!r}, which Python's library does not have")
        for file in files:
            for node in ast.walk(ast.parse(file.read_bytes())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    text = ast.get_docstring(node) or ""
                    first = " ".join(words(next(iter(_sentences(text)), "")))
                    if first:
                        found.setdefault(first, Docstring(package, node.name, text))
    return tuple(found.values())


def words(text):
    """Return the words of a text in small letters, without figures and signs."""
    return re.findall(r"[a-z]+", text.lower())


def vocabulary(texts, *, least=2):
    """Return the number of each word that ``least`` texts have at least: 3, 4, 5 and so on."""
    counts = Counter(word for text in texts for word in set(words(text)))
    kept = sorted(word for word, count in counts.items() if count >= least)
    return {word: number for number, word in enumerate(kept, start=3)}


def encode(texts, numbers, *, length):
    """Return the words of texts as numbers, cut or padded at the end, and how many are real.

    Shapes:
        numbers: as :func:`vocabulary` makes them
        returns: (texts, length) integers, and (texts,) integers
    """
    rows = [[numbers.get(word, UNKNOWN) for word in words(text)[:length]] for text in texts]
    filled = [row + [PADDING] * (length - len(row)) for row in rows]
    return np.array(filled).reshape(-1, length), np.array([len(row) for row in rows], dtype=int)


def _sentences(text):
    """Return the sentences of a docstring that have at least three words."""
    prose = []
    for paragraph in re.split(r"\n\s*\n", text):
        lines = paragraph.splitlines()
        if any(re.match(r"\s*(>>>|\.\.\.|[-*] |\w+ -- )|\s{4}", line) for line in lines):
            continue
        joined = " ".join(line.strip() for line in lines)
        prose += re.split(r"(?<=[.!?:])\s+(?=[A-Z])", joined)
    return [sentence for sentence in prose if len(words(sentence)) >= 3]
