"""Which cells the switch *Fold code* folds: read off their code, none that teaches a mechanism."""

import ast
import sys

import nbformat
import pytest
from links import CHAPTERS

sys.path.insert(0, str(CHAPTERS.parent / "tools" / "look"))
sys.path.insert(0, str(CHAPTERS.parent / "tools" / "content"))
from book_folding import only_shows

CODE = [
    (path.stem, number, cell)
    for path in sorted((CHAPTERS / "part1").glob("*.ipynb"))
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells)
    if cell.cell_type == "code"
]


def draws(cell):
    return any("<Figure" in output.get("data", {}).get("text/plain", "") for output in cell.outputs)


@pytest.mark.parametrize(
    ("source", "folded"),
    [
        ("import numpy as np", True),
        ("assert found[-1] < 0.1\nprint(found)", True),
        ("weights = reference.weights(q, k)\nplotting.matrix(weights, title='t')", True),
        ("source_of(reference.attention)", True),
        ("def attention(q, k, v): ...", False),
        ("class Pooling(torch.nn.Module): ...", False),
        ("plotting.curves(x, {'f': f(x)})\nf = lambda x: x", False),
        ("scores = q @ k.T / math.sqrt(d)", False),
        ("scores @= k", False),
        ("plotting.matrix(np.exp(scores))", False),
        ("plotting.matrix(softmax(scores))", False),
        ("weights = torch.softmax(scores.masked_fill(~mask, -1e9), dim=-1)", False),
        ("from attention_book.exercises.kernel_attention import x\nx.check(...)", False),
        ("from attention_book.pauses.kernel_attention import x\nx.check(...)", False),
    ],
)
def test_what_a_cell_does_is_read_off_its_code(source, folded):
    assert only_shows(source) is folded


def test_every_cell_that_draws_and_nothing_else_is_folded():
    """A cell with a picture is shown only where it computes with attention's own parts."""
    shown = [(name, number) for name, number, cell in CODE if draws(cell)]
    kept = [
        (name, number)
        for name, number, cell in CODE
        if draws(cell)
        and not only_shows(cell.source)
        and "hide-input" not in cell.metadata.get("tags", [])
    ]
    assert len(shown) >= 25
    assert len(kept) <= 3, kept


def test_no_cell_that_defines_something_and_none_of_an_exercise_is_folded():
    for name, number, cell in CODE:
        defines = any(
            isinstance(node, (ast.FunctionDef, ast.ClassDef))
            for node in ast.walk(ast.parse(cell.source))
        )
        if defines or ".check(" in cell.source:
            assert not only_shows(cell.source), (name, number)


def test_each_chapter_folds_a_good_part_of_its_cells_and_keeps_another():
    for chapter in {name for name, _, _ in CODE}:
        told = [cell for name, _, cell in CODE if name == chapter and ".check(" not in cell.source]
        share = sum(only_shows(cell.source) for cell in told) / len(told)
        assert 0.2 < share < 0.8, chapter
