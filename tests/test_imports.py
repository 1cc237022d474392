"""Imports run one way, so that reference and module agree as two independent witnesses."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import attention_book

BOOK = "attention_book"
PACKAGE = Path(attention_book.__path__[0])
SOURCES = {
    ".".join((BOOK, *path.relative_to(PACKAGE).with_suffix("").parts)): path.read_text("utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
}
VARIANTS = {
    name.removeprefix(f"{BOOK}.").removesuffix(".reference")
    for name in SOURCES
    if name.endswith(".reference")
}
# Softmax is a variant that everybody needs: its package gives what its reference has.
SHARED = {"softmax"}

LIBRARIES = {"reference": "numpy", "module": "torch"}


def imported_names(module, source):
    """Every imported name with its full path, ``from a import b`` as a.b."""
    package = module.removesuffix(".__init__") if module.endswith(".__init__") else parent(module)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            base = importlib.util.resolve_name(relative, package)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def parent(module):
    return module.rpartition(".")[0]


def split(rest, variants):
    """The variant that a dotted name lies in, or None, and the names behind it."""
    for end in range(len(rest), 0, -1):
        if ".".join(rest[:end]) in variants:
            return ".".join(rest[:end]), rest[end:]
    return None, rest


def violations(module, source, variants=VARIANTS):
    """The names that a module of the package must not import."""
    _, *place = module.split(".")
    variant, inside = split(place, variants)
    room = inside[0] if variant and len(inside) == 1 else None

    def allowed(name):
        top, *rest = name.split(".")
        if top in ("tests", "chapters") or (top == BOOK and rest[:1] == ["exercises"]):
            return False
        if place[0] in ("exercises", "pauses"):
            return top != "torch" and not (top == BOOK and "module" in rest[1:])
        if room in LIBRARIES:
            if top == BOOK:
                # a shared module, or the same room of another variant
                other, behind = split(rest, variants)
                shared = other in SHARED and room == "reference"
                return bool(rest) and (other is None or shared or behind[:1] == [room])
            return top == LIBRARIES[room] or top in sys.stdlib_module_names
        if room == "limits" and top == BOOK:
            # its own rooms of code, and what other variants compute or are
            other, behind = split(rest, variants)
            rooms = ("reference", "limits") if other != variant else ("reference", "module")
            return other in {None, *SHARED} or behind == [] or behind[0] in rooms
        if variant is None and top == BOOK:
            return not rest or split(rest, variants)[0] in {None, *SHARED}
        return True

    return [name for name in imported_names(module, source) if not allowed(name)]


def test_there_is_something_to_read():
    assert "scores.scaled_dot_product" in VARIANTS
    for room in ("reference", "module"):
        assert f"{BOOK}.scores.scaled_dot_product.{room}" in SOURCES
    assert f"{BOOK}.exercises.scaled_dot_product" in SOURCES
    assert f"{BOOK}.pauses.scaled_dot_product" in SOURCES
    assert {f"{BOOK}.shapes", f"{BOOK}.masks", f"{BOOK}.checking.exercise"} <= set(SOURCES)


@pytest.mark.parametrize("module", SOURCES)
def test_imports_run_one_way(module):
    assert violations(module, SOURCES[module]) == []


STAND_INS = {"grouped", "plain", "wide.grouped", "wide.plain"}


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("grouped.reference", "import math, numpy as np"),
        ("grouped.reference", "from collections.abc import Callable"),
        ("grouped.reference", "from attention_book.softmax import softmax"),
        ("grouped.reference", "from attention_book import masks"),
        ("grouped.reference", "from ..plain.reference import attention"),
        ("grouped.reference", "from attention_book.plain import reference"),
        ("grouped.module", "import torch.nn.functional as F"),
        ("grouped.module", "from attention_book.plain.module import attention"),
        ("grouped.module", "from attention_book.shapes import check_qkv"),
        ("exercises.groups", "from attention_book.grouped import reference"),
        ("exercises.groups", "from attention_book.checking import question"),
        ("pauses.groups", "from attention_book.grouped import reference"),
        ("grouped.__init__", "from . import module, reference"),
        ("wide.grouped.reference", "from attention_book.wide.plain import reference"),
        ("wide.grouped.limits", "from attention_book.wide.plain.limits import PLAIN"),
        ("grouped.figures", "import matplotlib"),
        ("plotting", "import matplotlib"),
        ("checking.catalogue", "import attention_book"),
        ("checking.exercise", "from .store import record"),
    ],
)
def test_what_is_allowed(place, source):
    assert violations(f"{BOOK}.{place}", source, STAND_INS) == []


@pytest.mark.parametrize(
    ("place", "source", "found"),
    [
        ("grouped.reference", "import torch", "torch"),
        ("grouped.reference", "import numpy, scipy.special", "scipy.special"),
        ("grouped.reference", "def f():\n    from torch import nn", "torch.nn"),
        ("grouped.reference", "from . import module", f"{BOOK}.grouped.module"),
        ("grouped.reference", "from .module import f", f"{BOOK}.grouped.module.f"),
        ("grouped.reference", "from ..plain.module import f", f"{BOOK}.plain.module.f"),
        ("grouped.reference", "from attention_book.plain import f", f"{BOOK}.plain.f"),
        ("grouped.reference", "from attention_book import plain", f"{BOOK}.plain"),
        ("grouped.reference", "import attention_book", BOOK),
        ("grouped.reference", "from attention_book import exercises", f"{BOOK}.exercises"),
        ("grouped.module", "import numpy as np", "numpy"),
        ("grouped.module", "import einops", "einops"),
        ("wide.grouped.reference", "from ..plain.module import f", f"{BOOK}.wide.plain.module.f"),
        ("wide.grouped.limits", "from ..plain import module", f"{BOOK}.wide.plain.module"),
        ("grouped.module", "from . import reference", f"{BOOK}.grouped.reference"),
        ("grouped.module", "import attention_book.plain.reference", f"{BOOK}.plain.reference"),
        ("pauses.groups", "import torch", "torch"),
        ("exercises.groups", "import torch", "torch"),
        ("exercises.groups", "from torch.nn import Linear", "torch.nn.Linear"),
        ("exercises.groups", "from ..grouped import module", f"{BOOK}.grouped.module"),
        ("exercises.groups", "from ..plain.module import f", f"{BOOK}.plain.module.f"),
        ("exercises.groups", "from .plain import ask", f"{BOOK}.exercises.plain.ask"),
        ("masks", "from attention_book.plain.reference import f", f"{BOOK}.plain.reference.f"),
        ("masks", "from .plain import reference", f"{BOOK}.plain.reference"),
        ("checking.exercise", "from ..plain import reference", f"{BOOK}.plain.reference"),
        ("checking.catalogue", "from ..exercises import plain", f"{BOOK}.exercises.plain"),
        ("__init__", "from . import plain", f"{BOOK}.plain"),
        ("masks", "import tests.test_masks", "tests.test_masks"),
        ("grouped.reference", "from tests import helpers", "tests.helpers"),
        ("exercises.groups", "from chapters import plain", "chapters.plain"),
        ("grouped.figures", "from chapters import plain", "chapters.plain"),
    ],
)
def test_what_is_caught(place, source, found):
    assert violations(f"{BOOK}.{place}", source, STAND_INS) == [found]


@pytest.mark.parametrize("name", [name for name in SOURCES if name.endswith(".reference")])
def test_a_reference_does_not_load_torch(name):
    """Seconds for a reader who only wants the formula. A process of its own has loaded nothing."""
    program = f"import sys, {name}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
