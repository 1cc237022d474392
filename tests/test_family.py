"""The family of mechanisms: every limit case holds, both ways of it, and every cost is counted."""

import inspect
import sys

import numpy as np
import pytest
from subjects import variants

from attention_book import cost
from attention_book.family import Advice, LimitCase, Mechanism, limit_case, limit_cases, mechanisms

CASES = [pytest.param(case, id=case.sides.__name__) for case in limit_cases()]
ADVISED = [pytest.param(m, id=m.name) for m in mechanisms() if m.advice]


def test_the_family_is_found():
    assert len(mechanisms()) >= 13
    assert len(limit_cases()) >= 20
    assert len({m.name for m in mechanisms()}) == len(mechanisms())


def test_every_variant_belongs_to_it():
    """Softmax alone is no mechanism: it is a piece of nearly all."""
    assert {m.variant for m in mechanisms()} == set(variants()) - {"softmax"}


def test_what_others_become_comes_first():
    names = [m.name for m in mechanisms()]
    assert names.index("the mean of the values") < names.index("scaled dot-product attention")
    assert names.index("scaled dot-product attention") < names.index("a residual stack")
    order = [names.index(case.general.name) for case in limit_cases()]
    assert order == sorted(order)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", range(8))
def test_a_limit_case_holds_under_its_condition_and_only_there(case, seed):
    assert case.gap(seed) <= case.within
    assert case.gap(seed, **case.otherwise) > 10 * case.within
    assert case.gap(seed, **case.otherwise) > 1e-3
    assert case.holds(seed)


@pytest.mark.parametrize("case", CASES)
def test_a_limit_case_asks_both_mechanisms(case):
    """A line of the map is no evidence if its two sides are one function."""
    called = set()
    sys.setprofile(lambda frame, event, _: called.add(frame.f_code) if event == "call" else None)
    try:
        case.gap()
    finally:
        sys.setprofile(None)
    assert case.general is not case.special
    functions = map(inspect.unwrap, (case.general.function, case.special.function))
    assert {function.__code__ for function in functions} <= called


@pytest.mark.parametrize("mechanism", mechanisms(), ids=lambda m: m.name)
def test_a_mechanism_has_a_place_on_the_map(mechanism):
    assert any(mechanism in (case.general, case.special) for case in limit_cases())


@pytest.mark.parametrize("mechanism", ADVISED)
def test_attention_has_a_simpler_case_and_a_source(mechanism):
    assert any(mechanism is case.general for case in limit_cases())
    assert mechanism.source


@pytest.mark.parametrize("mechanism", ADVISED)
@pytest.mark.parametrize(
    ("what", "measure"), [("time", cost.operations), ("memory", cost.largest_tensor_bytes)]
)
def test_the_cost_grows_as_the_formula_says(mechanism, what, measure):
    advice = mechanism.advice
    for size in advice.sizes:
        grown = advice.growth(measure, size)
        assert grown == pytest.approx(advice.claimed(what, size), rel=0.1), size


def test_costs_have_sizes_of_any_name():
    def call(*, tokens, window):
        return lambda: tokens * window + window

    sizes = {"tokens": 4, "window": 3}
    advice = Advice("a", "b", "c", "d", "tokens*window", "window", call, sizes)
    assert advice.growth(lambda call: call(), "tokens") == 27 / 15
    assert advice.claimed("time", "tokens") == advice.claimed("time", "window") == 2
    assert advice.claimed("memory", "tokens") == 1
    with pytest.raises(KeyError):
        advice.growth(lambda call: call(), "n")


def example(sides, **options):
    one = Mechanism("one", np.negative, "one.ipynb")
    other = Mechanism("another", np.positive, "one.ipynb")
    return limit_case(one, other, when="a is 0", otherwise={"a": 1.0}, **options)(sides)


def test_what_a_limit_case_says_and_measures():
    case = example(lambda rng, a=0.0: (np.array([4.0, 2.0 + a]), np.array([4.0, 2.0])))
    assert isinstance(case, LimitCase)
    assert str(case) == "one is another when a is 0"
    assert case.gap() == 0
    assert case.gap(a=-3.0) == 0.75
    assert case.holds()


def test_a_limit_case_that_does_not_hold():
    apart = example(lambda rng, a=0.0: (np.ones(2), np.ones(2) + 1e-6))
    assert not apart.holds()
    close_enough = example(lambda rng, a=0.0: (np.ones(2), np.ones(2) + 1e-6 + a), within=1e-5)
    assert close_enough.holds()


def test_a_limit_case_that_always_holds_says_nothing():
    assert not example(lambda rng, a=0.0: (np.ones(2), np.ones(2))).holds()


def test_nan_is_no_agreement():
    assert not example(lambda rng, a=0.0: (np.full(2, np.nan), np.ones(2))).holds()


def test_two_sides_of_different_shapes():
    case = example(lambda rng, a=0.0: (np.ones((3, 1)), np.ones(3)))
    with pytest.raises(ValueError, match=r"one returns shape \(3, 1\), another \(3,\)"):
        case.gap()
