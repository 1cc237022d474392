"""The exponents that the cards declare are those that are fitted, over several sizes."""

import ast
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from test_family import ADVISED

import attention_book
from attention_book import cost, growth
from attention_book.family import Advice

WITHIN = 0.25  # lower terms bend a curve over three sizes; a false power is off by half or more


@pytest.mark.parametrize("mechanism", ADVISED)
@pytest.mark.parametrize("what", growth.MEASURES)
def test_the_declared_exponent_is_the_fitted_one(mechanism, what):
    for size in mechanism.advice.sizes:
        declared = growth.declared(mechanism.advice, what, size)
        assert growth.fitted(mechanism.advice, what, size) == pytest.approx(declared, abs=WITHIN), (
            size
        )


def card(time, memory, call):
    return Advice("a", "b", "c", "d", time, memory, call, {"n": 64, "d": 32})


def squares(n, d):
    x = torch.ones(n, d)
    return lambda: x @ x.mT


def test_a_false_formula_is_found():
    right, wrong = card("n**2*d", "n**2", squares), card("n*d", "n*d", squares)
    assert growth.declared(right, "time", "n") == pytest.approx(2)
    assert growth.fitted(right, "time", "n") == pytest.approx(2, abs=0.05)
    assert growth.fitted(right, "memory", "d") == pytest.approx(0)
    for what, size in (("time", "n"), ("memory", "n"), ("memory", "d")):
        gap = growth.declared(wrong, what, size) - growth.fitted(wrong, what, size)
        assert abs(gap) > 3 * WITHIN


def test_a_sum_has_an_exponent_between_those_of_its_terms():
    both = card("n**2*d + n*d**2", "n", squares)
    assert growth.declared(both, "time", "n", (1, 2)) == pytest.approx(1.737, abs=1e-3)
    assert growth.declared(both, "time", "n", (100, 200)) == pytest.approx(2, abs=0.01)


def test_ladder_changes_one_size():
    steps = growth.ladder(card("n", "n", squares), "d", (1 / 4, 1, 3))
    assert steps == [{"n": 64, "d": 8}, {"n": 64, "d": 32}, {"n": 64, "d": 96}]


def test_rows_have_the_first_size_of_each_card(monkeypatch):
    some = [case.values[0] for case in ADVISED[2:4]]
    monkeypatch.setattr(growth, "mechanisms", lambda: some)
    monkeypatch.setitem(growth.MEASURES, "time", lambda call: 7)
    factors = (1 / 2, 1)
    for mechanism, row in zip(some, growth.rows(factors), strict=True):
        of, size, *found = row
        assert (of, size) == (mechanism, next(iter(mechanism.advice.sizes)))
        assert found[1] == pytest.approx(0)  # what is counted here never grows
        assert found[0] == growth.declared(mechanism.advice, "time", size, factors)
        assert found[2] == growth.declared(mechanism.advice, "memory", size, factors)
        assert found[3] == growth.fitted(mechanism.advice, "memory", size, factors)


def test_the_table_has_the_formulas_of_the_cards_beside_both_exponents():
    mechanism = ADVISED[0].values[0]
    time, memory = mechanism.advice.time, mechanism.advice.memory
    shown = growth.table([(mechanism, "L", 2.04, 1.96, -0.04, -1.23)])
    head, row = shown
    assert row == (f"{mechanism.name}, L", time, "2.0,\u00a02.0", memory, "0.0,\u00a0-1.2")
    assert repr(shown) == " | ".join(head) + "\n" + " | ".join(row)
    page = ElementTree.fromstring(growth.Table([head, ("a<b", *row[1:])])._repr_html_())
    texts = [["".join(cell.itertext()) for cell in line] for line in page.iter("tr")]
    assert texts == [list(head), ["a<b", *row[1:]]]
    assert [code.text for code in page.iter("code")] == [time, memory]


def test_costs_are_declared_on_cards_and_nowhere_else_in_the_package():
    """A docstring that said O(n) could become false; a formula of a card is counted."""
    landau, titles = re.compile(r"(?<![\w.])[OΘ]\("), re.compile('"[^"]*"')  # of a source
    for path in sorted(Path(attention_book.__path__[0]).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                said = titles.sub("", ast.get_docstring(node) or "")
                assert not landau.search(said), f"{path}: {node}"


def test_the_exponent_of_one_doubling_is_the_logarithm_of_its_factor():
    advice = card("n**2*d", "n**2", squares)
    factor = advice.claimed("time", "n")
    declared = growth.declared(advice, "time", "n", (1, 2))
    assert cost.exponent([1, 2], [1, factor]) == pytest.approx(declared)
