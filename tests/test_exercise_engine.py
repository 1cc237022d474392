"""The engine that judges answers, tried on small exercises of its own."""

import functools
import html
import importlib
import itertools
import json
import math
import re
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch

from attention_book.checking import (
    Case,
    function_exercise,
    letters,
    progress,
    question,
    reset_progress,
)
from attention_book.checking.catalogue import all_chapters, all_exercises


@pytest.fixture(autouse=True)
def progress_file(tmp_path, monkeypatch):
    """A file for this test alone, and nobody has asked for a hint yet."""
    file = tmp_path / "progress.json"
    monkeypatch.setenv("ATTENTION_BOOK_PROGRESS", str(file))
    for exercise in PUBLISHED:
        monkeypatch.setattr(exercise, "_hints_given", 0)
    return file


# The exercises -----------------------------------------------------------------------------------


def in_a_package(function):
    """An exercise takes its id from its module; these pretend to live in one."""
    function.__module__ = "attention_book.exercises.sample"
    return function


def blend_cases():
    row = np.array([1.0, 2.0, 3.0])
    return [
        Case("two rows", (row, row[::-1].copy())),
        Case("a column and a row", (np.array([[0.5], [1.5]]), row)),
        Case("single precision", (row.astype(np.float32), -row.astype(np.float32)), rtol=1e-6),
        Case("large numbers", (1e300 * row, 1e300 * row)),
    ]


@function_exercise(
    title="Blend two arrays",
    difficulty="easy",
    minutes=3,
    cases=blend_cases,
    hints=["Weights multiply.", "The second weighs twice as much.", "x + 2 * y"],
)
@in_a_package
def blend(x, y):
    """Return x plus two times y.

    The shapes broadcast.
    """
    return x + 2 * y


blend.mistake("the weight is missing", "It is y that counts twice.", {"2 * y": "y"})
blend.mistake("x and y are exchanged", "It is y that counts twice, not x.", lambda x, y: 2 * x + y)
blend.mistake(
    "x is written to",
    "x += writes into the caller's array.",
    {"return x + 2 * y": "x += y\n    return x + y"},
)


@function_exercise(
    title="The area of a ring",
    difficulty="medium",
    minutes=5,
    cases=lambda: [Case("a ring", (2.0, 3.0)), Case("by keyword", (1.0,), {"outer": 4.0})],
    hints=["Subtract two discs.", "A disc has π r²."],
)
@in_a_package
def ring(inner, outer):
    """Return the area between two circles."""
    return math.pi * (outer**2 - inner**2)


@function_exercise(
    title="Both neighbours",
    difficulty="hard",
    minutes=5,
    cases=lambda: [Case("two numbers", (np.array([1.0, 5.0]),)), Case("one", (np.array([7.0]),))],
    hints=["One below, one above.", "Return a tuple."],
)
@in_a_package
def neighbours(x):
    """Return x - 1 and x + 1."""
    return x - 1, x + 1


@question(title="A pair", difficulty="easy", minutes=1, hints=["An integer.", "And a half."])
@in_a_package
def pair():
    """Answer with 3 and 1/2."""
    return (3, 0.5)


pair.mistake("the two are exchanged", "The integer comes first.", (0.5, 3))
pair.mistake("the half is missing", "1/2 is 0.5.", {1: 1})


@question(
    title="A large number",
    difficulty="easy",
    minutes=1,
    hints=["More.", "More still."],
    accepts=lambda number: number > 100,
)
@in_a_package
def large():
    """Answer with any number above 100."""
    return 101


large.mistake("100 is not above itself", "Add something.", 100)
large.mistake("it is below 0", "Go up.", -1, lambda number: number < 0)


EXERCISES = [blend, ring, neighbours, pair, large]
FUNCTIONS = [blend, ring, neighbours]
QUESTIONS = [pair, large]


def by_name(thing):
    return getattr(thing, "name", None) or getattr(thing, "__name__", None)


def solved(exercise):
    return exercise.solve if exercise in FUNCTIONS else exercise.solve()


# What passes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("exercise", EXERCISES, ids=by_name)
def test_the_solution_passes(exercise):
    verdict = exercise.check(solved(exercise))
    assert verdict.status == "passed"
    assert bool(verdict) is True
    assert str(verdict).startswith(f"✓ {exercise.name}: passed")
    assert verdict.mistake is None


class Blend:
    def __call__(self, x, y):
        return x + 2 * y

    def method(self, x, y):
        return x + 2 * y


def blend_with(weight, x, y):
    return x + weight * y


def blend_with_more(x, y, weight=2, *rest, **options):
    return x + weight * y


def blend_by_star(*arguments):
    return arguments[0] + 2 * arguments[1]


def blend_by_torch(x, y):
    return torch.add(torch.from_numpy(x), torch.from_numpy(y), alpha=2).numpy()


def blend_with_a_warning(x, y):
    warnings.warn("be careful", stacklevel=1)
    return x + 2 * y


def blend_in_fortran_order(x, y):
    return np.asfortranarray(x + 2 * y)


def blend_as_a_view(x, y):
    return np.repeat(x + 2 * y, 2, axis=-1)[..., ::2]


def blend_with_a_detour_through_infinity(x, y):
    assert np.isinf(np.exp(np.float64(1e4)))
    return x + 2 * y


@pytest.mark.parametrize(
    "answer",
    [
        lambda x, y: y + x + y,
        Blend(),
        Blend().method,
        functools.partial(blend_with, 2),
        blend_with_more,
        blend_by_star,
        blend_by_torch,
        blend_with_a_warning,
        blend_in_fortran_order,
        blend_as_a_view,
        blend_with_a_detour_through_infinity,
    ],
    ids=lambda answer: getattr(answer, "__name__", type(answer).__name__),
)
def test_any_callable_that_does_it_passes(answer):
    assert blend.check(answer)


def test_a_builtin_can_be_an_answer():
    @function_exercise(
        title="Add up",
        difficulty="easy",
        minutes=1,
        cases=lambda: [Case("three", ([1, 2, 3],)), Case("none", ([],))],
        hints=["Python has it.", "It is called sum."],
    )
    @in_a_package
    def total(numbers):
        """Add the numbers up."""
        return sum(numbers)

    assert total.check(sum)
    verdict = total.check(max)
    assert not verdict
    assert "called with [1, 2, 3], the numbers differ" in str(verdict)


def test_a_buffer_that_is_handed_out_each_time_does_not_confuse():
    buffers = {}

    def reuses_its_buffer(x, y):
        result = x + 2 * y
        buffer = buffers.setdefault((result.shape, result.dtype), np.empty_like(result))
        buffer[...] = result
        return buffer

    assert blend.check(reuses_its_buffer)
    assert len(buffers) < len(blend.cases)


@pytest.mark.parametrize("form", [list, tuple])
def test_two_arrays_may_come_as_a_list(form):
    assert neighbours.check(lambda x: form([x - 1, x + 1]))


@pytest.mark.parametrize("number", [float, np.float64, np.array, np.longdouble])
def test_a_number_may_have_any_real_type(number):
    assert ring.check(lambda inner, outer: number(math.pi * (outer**2 - inner**2)))


@pytest.mark.parametrize("whole", [int, Fraction, np.int64, np.uint8, np.float32])
def test_a_whole_number_may_have_any_real_type(whole):
    @function_exercise(
        title="Twice",
        difficulty="easy",
        minutes=1,
        cases=lambda: [Case("seven", (7,)), Case("hundred", (100,))],
        hints=["Add it to itself.", "2 n"],
    )
    @in_a_package
    def twice(n):
        """Return 2 n."""
        return 2 * n

    assert twice.check(lambda n: whole(2 * n))
    assert not twice.check(lambda n: whole(2 * n + 1))


@pytest.mark.parametrize(
    "answer",
    [
        (3, 0.5),
        [3, 0.5],
        (np.int64(3), np.float32(0.5)),
        (3.0, Fraction(1, 2)),
        (np.array(3), 0.5),
        np.array([3, 0.5]),
        torch.tensor([3, 0.5]),
    ],
    ids=repr,
)
def test_a_value_may_be_written_in_several_ways(answer):
    assert pair.check(answer)
    assert pair.check(*answer)


# What is not written yet -------------------------------------------------------------------------


def dots(*arguments, **more): ...


def returns_dots(*arguments, **more):
    return ...


def returns_none(*arguments, **more):
    return None


def passes(*arguments, **more):
    pass


def raises_not_implemented(*arguments, **more):
    raise NotImplementedError("later")


@pytest.mark.parametrize("exercise", EXERCISES, ids=by_name)
@pytest.mark.parametrize("answer", [(), (None,), (...,)], ids=str)
def test_no_answer_is_neutral(exercise, answer):
    verdict = exercise.check(*answer)
    assert str(verdict) == f"○ {exercise.name}: not written yet"
    assert not verdict


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=by_name)
@pytest.mark.parametrize(
    "stub", [dots, returns_dots, returns_none, passes, raises_not_implemented], ids=by_name
)
def test_a_stub_is_neutral(exercise, stub):
    verdict = exercise.check(stub)
    assert verdict.status == "unwritten"
    assert verdict.headline == f"{exercise.name}: not written yet"


@pytest.mark.parametrize(
    "answer",
    [
        (3, ...),
        (..., ...),
        [None, 0.5],
        (3, None),
        [[..., 1], [2, 3]],
        [[..., ...], [..., ...], [..., ...]],
        (3, [[...]]),
    ],
    ids=str,
)
def test_a_half_written_value_is_neutral(answer):
    assert pair.check(answer).status == "unwritten"
    assert "still open" in str(pair.check(answer))


@pytest.mark.parametrize(
    "answer",
    [
        (n for n in (3, 0.5)),
        itertools.count(),
        map(float, itertools.repeat("3")),
        (itertools.cycle([3]), 0.5),
        [[3, zip([1], [2], strict=True)], 0.5],
        np.array([itertools.count(), 0.5]),
        {"a": iter([3, 0.5])},
        {itertools.count()},
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_an_iterator_is_not_started(answer):
    for exercise in QUESTIONS:
        verdict = exercise.check(answer)
        assert verdict.status == "wrong"
        assert verdict.headline == f"{exercise.name}: the answer is a value, not an iterator"


def test_an_iterator_beside_a_part_that_is_open_is_neutral():
    assert pair.check(itertools.count(), ...).status == "unwritten"


def test_a_function_without_return_is_asked_for_one():
    def forgets(x, y):
        print("the sum is", (x + 2 * y).tolist())

    verdict = blend.check(forgets)
    assert verdict.status == "unwritten"
    assert "is there a return?" in str(verdict)
    assert "the sum is [7.0, 6.0, 5.0]" in str(verdict)


def test_a_stub_in_one_branch_only_is_an_error():
    def half(x, y):
        if x.ndim > 1:
            raise NotImplementedError("matrices")
        return x + 2 * y

    verdict = blend.check(half)
    assert verdict.headline == "blend: your function raises NotImplementedError"
    assert "“a column and a row”" in str(verdict)


# What is wrong, and how it is said ---------------------------------------------------------------


class Unruly:
    """An object on which almost every question raises."""

    __hash__ = None

    def raises(self, *arguments, **more):
        raise ValueError("unruly")

    __eq__ = __ne__ = __bool__ = __repr__ = __str__ = __len__ = __iter__ = raises
    __array__ = __float__ = __index__ = __getitem__ = __add__ = __lt__ = __gt__ = raises


class SpeechlessError(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Stop(BaseException):
    pass


def raising(error):
    def answer(x, y):
        raise error

    return answer


def recurses(x, y):
    return recurses(x, y)


def makes_numpy_strict(x, y):
    np.seterr(all="raise")
    return np.exp(1e6 * x) + 2 * y


def turns_warnings_into_errors(x, y):
    warnings.simplefilter("error")
    warnings.warn("now an error", stacklevel=1)
    return x + 2 * y


def yields(x, y):
    yield x + 2 * y


def prints(x, y):
    print("<b>shape</b>", x.shape)
    return x


SAID = {
    "its argument": (lambda x, y: y, "the numbers differ", "returns its argument y as it came"),
    "another shape": (lambda x, y: (x + y)[..., :2], "the shape (2,); it needs (3,)"),
    "an extra axis": (lambda x, y: (x + 2 * y)[None], "the shape (1, 3); it needs (3,)"),
    "a scalar": (lambda x, y: 5.0, "the type float; it needs a NumPy array of shape (3,)"),
    "float32": (lambda x, y: (x + 2 * y).astype(np.float32), "dtype float32;", "needs float64"),
    "float64": (lambda x, y: x + 2.0 * y.astype(float), "single precision", "needs float32"),
    "integers": (lambda x, y: (x + 2 * y).astype(int), "dtype int64;"),
    "complex": (lambda x, y: x + 2 * y + 0j, "dtype complex128;"),
    "booleans": (lambda x, y: x + 2 * y > 0, "dtype bool;"),
    "objects": (lambda x, y: (x + 2 * y).astype(object), "dtype object;"),
    "strings": (lambda x, y: (x + 2 * y).astype(str), "dtype <U32;"),
    "a list": (lambda x, y: (x + 2 * y).tolist(), "the type list;"),
    "a tensor": (lambda x, y: torch.from_numpy(x + 2 * y), "the type torch.Tensor;"),
    "np.matrix": (lambda x, y: np.asmatrix(x + 2 * y), "the type matrix;"),
    "a masked array": (lambda x, y: np.ma.masked_array(x + 2 * y), "the type MaskedArray;"),
    "a tuple": (lambda x, y: (x, y), "the type tuple;"),
    "a tuple of a generator": (lambda x, y: ((a for a in x), y), "the type tuple;"),
    "a generator": (yields, "the type generator;"),
    "a function": (lambda x, y: lambda: x + 2 * y, "the type function;"),
    "a module": (lambda x, y: np, "the type module;"),
    "an exception": (lambda x, y: ValueError("x"), "the type ValueError;"),
    "NotImplemented": (lambda x, y: NotImplemented, "the type NotImplementedType;"),
    "an unruly object": (lambda x, y: Unruly(), "Unruly; it needs a NumPy array"),
    "NaN": (lambda x, y: x * np.nan, "the numbers differ", "not all finite", "nan"),
    "infinity": (lambda x, y: x / 0 + y, "the numbers differ", "not all finite", "inf"),
    "an overflow": (lambda x, y: (x * x + 2 * x * y) / x, "“large numbers”", "not all finite"),
    "None in a later case": (lambda x, y: x + 2 * y if x.ndim == 1 else None, "type NoneType;"),
    "too few arguments": (lambda x: x, "takes other arguments", "Yours takes (x); it needs (x, y)"),
    "no argument": (lambda: 1, "Yours takes (); it needs (x, y)."),
    "too many arguments": (lambda x, y, z: x, "Yours takes (x, y, z); it needs (x, y)."),
    "keyword-only arguments": (lambda *, x, y: x, "takes other arguments", "(*, x, y)"),
    "a class that does not fit": (int, "your function raises TypeError"),
    "a builtin that does not fit": (max, "your function raises ValueError"),
    "a string": ("x + 2 * y", "check needs the function itself", "an object of type str"),
    "an array": (np.ones(3), "check needs the function itself", "an object of type ndarray"),
    "an unruly answer": (Unruly(), "check needs the function itself"),
    "an exercise": (blend, "check needs the function itself"),
    "print": (prints, "the numbers differ", "printed in the first case:", "<b>shape</b> (3,)"),
    "ValueError": (raising(ValueError("oh")), "raises ValueError", "raise error", "ValueError: oh"),
    "an assertion": (raising(AssertionError()), "raises AssertionError"),
    "SystemExit": (raising(SystemExit(2)), "raises SystemExit", "SystemExit: 2"),
    "Stop": (raising(Stop("now")), "raises Stop", "Stop: now"),
    "KeyboardInterrupt": (raising(KeyboardInterrupt()), "interrupted before it had finished"),
    "StopIteration": (raising(StopIteration(1)), "raises StopIteration"),
    "MemoryError": (raising(MemoryError()), "raises MemoryError"),
    "a speechless error": (raising(SpeechlessError()), "SpeechlessError: (its message can't be"),
    "a class of error": (raising(KeyError), "raises KeyError"),
    "what is no error": (raising("oops"), "raises TypeError", "must derive from BaseException"),
    "endless recursion": (recurses, "raises RecursionError", "return recurses(x, y)", "more"),
    "np.seterr": (makes_numpy_strict, "raises FloatingPointError"),
    "strict warnings": (turns_warnings_into_errors, "raises UserWarning", "now an error"),
    "mutates y": (lambda x, y: x + y.__imul__(2), "the answer is right, but it changes y"),
    "mutates both": (
        lambda x, y: (x.fill(0), y.sort(), x + 2 * y)[2],
        "the numbers differ",
        "It also changes x",
    ),
    "resizes an argument": (
        lambda x, y: (x + 2 * y, y.resize((3, 1)))[0],
        "the answer is right, but it changes y",
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_what_is_said_of_a_wrong_answer(case):
    answer, *pieces = SAID[case]
    verdict = blend.check(answer)
    assert verdict.status == "wrong"
    assert bool(verdict) is False
    text = str(verdict)
    assert text.startswith("✗ blend: ")
    for piece in pieces:
        assert piece in text
    assert len(text.splitlines()) < 30


@pytest.mark.parametrize("case", SAID)
def test_the_two_forms_say_the_same(case):
    verdict = blend.check(SAID[case][0])
    seen = html.unescape(re.sub(r"<[^>]*>", " ", verdict._repr_html_()))
    for line in (verdict.headline, *verdict.lines, *verdict.code.splitlines()):
        assert line in str(verdict)
        assert line in seen
    if verdict.got is not None:
        assert "yours" in seen
        assert "right" in seen


def test_several_things_are_not_a_function():
    verdict = blend.check(blend.solve, blend.solve)
    assert "check needs the function itself" in verdict.headline
    assert "several things" in str(verdict)


@pytest.mark.parametrize("exercise", EXERCISES, ids=by_name)
@pytest.mark.parametrize(
    "answer",
    [
        Unruly(),
        (Unruly(), Unruly()),
        [Unruly()],
        "text",
        b"bytes",
        True,
        1j,
        np.array([]),
        np.array([[1, 2], [3, 4]]),
        np.array("text"),
        np.array([object(), 0.5]),
        np.ma.masked_array([3, 1]),
        np.ones((1, 2)).view(np.matrix),
        torch.zeros(2, 2),
        (number for number in (3, 1)),
        {3, 1},
        {"a": 3},
        range(2),
        object(),
        np,
        int,
        -(10**400),
        [10**400, 1],
        float("nan"),
        NotImplemented,
        [[[[]]]],
        ((), ()),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_check_judges_anything(exercise, answer):
    verdict = exercise.check(answer)
    assert verdict.status == "wrong"
    assert "could not be judged" not in verdict.headline
    assert verdict.headline in verdict._repr_html_()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda i, outer: str(outer), "the type str; it needs a"),
        (lambda i, outer: True, "the type bool; it needs a"),
        (lambda i, outer: 1j, "the type complex; it needs a"),
        (lambda i, outer: np.array(1j), "the type ndarray of shape (); it needs a"),
        (lambda i, outer: np.array([15.7]), "the type ndarray of shape (1,); it needs a"),
        (lambda i, outer: (15.7,), "the type tuple; it needs a"),
        (lambda i, outer: torch.tensor(15.7), "the type torch.Tensor; it needs a"),
        (lambda i, outer: Unruly(), "Unruly; it needs a"),
        (lambda i, outer: 10**400, "the numbers differ"),
        (lambda i, outer: -(10**400), "the numbers differ"),
        (lambda i, outer: Fraction(157, 10), "the numbers differ"),
        (lambda i, outer: float("nan"), "not all finite"),
        (lambda i, outer: math.pi * (outer**2 - i**2) * (1 + 1e-8), "15.70796"),
    ],
)
def test_what_is_said_of_a_wrong_number(answer, said):
    verdict = ring.check(answer)
    assert verdict.headline == "ring: not right yet"
    assert said in str(verdict)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda x: x - 1, "the type ndarray; it needs a tuple of 2"),
        (lambda x: (x - 1,), "1 values; it needs a tuple of 2"),
        (lambda x: [x - 1, x + 1, x], "3 values; it needs a tuple of 2"),
        (lambda x: {"below": x - 1, "above": x + 1}, "the type dict; it needs a tuple of 2"),
        (lambda x: np.stack([x - 1, x + 1]), "the type ndarray; it needs a tuple of 2"),
        (lambda x: (x - 1, x + 2), "In value 1 of the tuple: On the case “two numbers”"),
        (lambda x: [x - 2, x + 1], "In value 0 of the tuple: On the case “two numbers”"),
        (lambda x: (x - 1, [2.0, 6.0]), "the type list"),
        (lambda x: (x - 1, None), "the type NoneType"),
        (lambda x: (x - 1, x + np.nan), "not all finite"),
        (lambda x: ((y for y in x), x + 1), "the type generator"),
    ],
)
def test_what_is_said_of_wrong_values_in_a_tuple(answer, said):
    verdict = neighbours.check(answer)
    assert verdict.status == "wrong"
    assert said in str(verdict)


def in_lists(numbers):
    @question(title="Lists", difficulty="easy", minutes=1, hints=["One.", "Two."], rtol=1e-6)
    @in_a_package
    def lists():
        """Answer with lists."""
        return numbers

    return lists


def test_lists_are_compared_as_tuples_are():
    exercise = in_lists([[1.2, -0.9], [0.3]])
    assert exercise.check([[1.2 + 1e-15, -0.9], [0.1 + 0.2]])
    assert exercise.check((torch.tensor([1.2, -0.9]), np.array([0.3])))
    assert exercise.check((1.2, -0.9), [0.3])
    for wrong in ([[1.2, -0.9]], [[1.2, -0.9], 0.3], [[1.2, -0.9], [0.3001]], [1.2, -0.9, 0.3]):
        assert exercise.check(wrong).status == "wrong"

    numbers = matrix_exercise([1.5, np.ones(2)])
    assert numbers.check(lambda: (1.5 + 1e-15, np.ones(2)))
    assert "needs a list of 2" in str(numbers.check(lambda: [1.5]))
    assert "In value 1 of the list: " in str(numbers.check(lambda: [1.5, np.zeros(2)]))


def test_letters_may_be_written_in_several_ways():
    for written in ("cebda", "C, E, B, D, A", list("cebda"), ["ce", " b", "(d)", "a."]):
        assert letters(written) == "cebda"
    assert letters([["c", "e"], ["b"]]) == "ceb"
    assert letters(12) == "12"


def test_what_is_said_of_a_wrong_truth_value_or_text():
    @function_exercise(
        title="Is it even?",
        difficulty="easy",
        minutes=1,
        cases=lambda: [Case("four", (4,)), Case("five", (5,))],
        hints=["Divide by two.", "n % 2"],
    )
    @in_a_package
    def even(n):
        """Return whether n is even, and the word for it."""
        return n % 2 == 0, "odd" if n % 2 else "even"

    assert even.check(lambda n: (np.bool_(n % 2 == 0), ["even", "odd"][n % 2]))
    assert "returned False; it needs True" in str(even.check(lambda n: (n % 2 == 1, "even")))
    assert "returned 1; it needs True" in str(even.check(lambda n: (1, "even")))
    assert "returned 'Even'; it needs 'even'" in str(even.check(lambda n: (True, "Even")))


def test_a_function_where_a_value_is_asked_for():
    verdict = pair.check(lambda: (3, 0.5))
    assert verdict.status == "wrong"
    assert "a value, not a function" in verdict.headline


def test_an_argument_that_cannot_be_compared_is_let_be():
    @function_exercise(
        title="Draw",
        difficulty="easy",
        minutes=1,
        cases=lambda: [Case("seeded", (np.random.default_rng(0), [np.ones(2), np.ones(3)]))],
        hints=["Ask the generator.", "rng.random()"],
    )
    @in_a_package
    def draw(rng, arrays):
        """Return one number drawn from the generator."""
        return rng.random()

    assert draw.check(lambda rng, arrays: float(rng.random(1)[0]))
    assert "the numbers differ" in str(draw.check(lambda rng, arrays: 0.5))


# A reader's own error ----------------------------------------------------------------------------


def test_an_error_is_shown_with_the_readers_lines_and_no_others():
    def helper(x):
        return x.no_such_thing  # the line to be shown

    def answer(x, y):
        return helper(x) + y

    shown = blend.check(answer).code
    assert "return helper(x) + y" in shown
    assert "return x.no_such_thing  # the line to be shown" in shown
    assert f"line {answer.__code__.co_firstlineno + 1}, in answer" in shown
    assert shown.endswith("AttributeError: 'numpy.ndarray' object has no attribute 'no_such_thing'")
    assert "engine" not in shown
    assert "program(" not in shown
    assert len(shown.splitlines()) == 5


def test_an_error_deep_in_a_library_is_shown_at_the_readers_line():
    def answer(x, y):
        return np.concatenate(np.broadcast_arrays(x, y), axis=np.linalg.inv(np.ones((2, 3))))

    shown = blend.check(answer).code
    assert "np.linalg.inv" in shown
    assert "linalg.py" not in shown
    assert len(shown.splitlines()) == 3


class Answer(torch.nn.Module):
    def forward(self, x, y):
        return x + y.no_such_thing  # the line in forward


def decorated(function):
    return functools.wraps(function)(lambda *arguments: function(*arguments))


@decorated
def answer_behind_a_decorator(x, y):
    return x + y.no_such_thing  # the line behind a decorator


def answer_for_numbers(x, y):
    return x + y.no_such_thing  # the line inside np.vectorize


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (Answer(), "the line in forward"),
        (answer_behind_a_decorator, "the line behind a decorator"),
        (np.vectorize(answer_for_numbers), "the line inside np.vectorize"),
        (functools.lru_cache(lambda x, y: x), "unhashable type"),
    ],
)
def test_the_readers_line_is_shown_through_a_library(answer, line):
    shown = blend.check(answer).code
    assert line in shown
    assert "site-packages" not in shown
    assert "_call_impl" not in shown
    assert "vectorize_call" not in shown


def test_a_library_of_the_readers_own_installation_is_no_line_of_the_reader(tmp_path, monkeypatch):
    folder = tmp_path / "lib" / "site-packages"
    folder.mkdir(parents=True)
    (folder / "a_library_for_a_test.py").write_text(
        "def call(f, x):\n    return f(x)  # not yours\n"
    )
    monkeypatch.syspath_prepend(folder)
    library = importlib.import_module("a_library_for_a_test")

    def answer(x, y):
        return library.call(lambda z: z.no_such_thing, x)  # the reader's own

    shown = blend.check(answer).code
    assert "the reader's own" in shown
    assert "not yours" not in shown


def test_an_error_in_a_library_that_was_called_directly_is_shown_there():
    shown = blend.check(np.concatenate).code
    assert shown.splitlines()[-1].startswith(("TypeError: ", "AxisError: ", "ValueError: "))


def test_an_error_in_a_later_case_names_the_case():
    verdict = blend.check(lambda x, y: x + 2 * y if x.ndim == 1 else x @ np.ones(7))
    assert verdict.headline == "blend: your function raises ValueError"
    assert "“a column and a row”, inputs of shape (2, 1), (3,)" in str(verdict)


def test_endless_recursion_is_cut_short():
    shown = blend.check(recurses).code.splitlines()
    assert len(shown) < 15
    assert shown[-1].startswith("RecursionError: ")


def test_the_readers_text_is_escaped():
    def answer(x, y):
        print("<img src=x>")
        raise ValueError("<script>alert(1)</script> & more")

    verdict = blend.check(answer)
    assert "<script>alert(1)</script> & more" in str(verdict)
    shown = verdict._repr_html_()
    assert "<script" not in shown
    assert "<img" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in shown


def test_print_is_shown_once_also_when_the_answer_is_right():
    def answer(x, y):
        print("shape", x.shape)
        return x + 2 * y

    verdict = blend.check(answer)
    assert verdict
    assert str(verdict).count("shape") == 1
    assert "shape (3,)" in verdict._repr_html_()


def test_a_flood_of_print_is_cut(capsys):
    def answer(x, y):
        print("\n".join(f"line {n}" for n in range(5000)))
        return x

    shown = str(blend.check(answer))
    assert "line 9" in shown
    assert "line 10" not in shown
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("answer", [makes_numpy_strict, turns_warnings_into_errors])
def test_check_leaves_numpys_and_pythons_settings_alone(answer):
    with np.errstate(all="warn"), warnings.catch_warnings():
        before = np.geterr(), list(warnings.filters)
        blend.check(answer)
        assert (np.geterr(), list(warnings.filters)) == before


def test_check_is_not_disturbed_by_strict_settings():
    with np.errstate(all="raise"):
        assert blend.check(blend.solve)
        verdict = blend.check(lambda x, y: np.zeros(3) / np.zeros(3))
    assert "Yours are not all finite: look for an overflow or a 0/0." in verdict.lines


# Known mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exercise", "mistake"),
    [(exercise, mistake) for exercise in EXERCISES for mistake in exercise.mistakes],
    ids=lambda thing: thing.name,
)
def test_a_known_mistake_is_named(exercise, mistake):
    verdict = exercise.check(*mistake.wrongs)
    assert verdict.status == "wrong"
    assert verdict.mistake == mistake.name
    assert verdict.headline == f"{exercise.name}: {mistake.name}"
    assert verdict.lines == (mistake.hint,)


def test_a_mistake_is_known_in_other_words():
    assert blend.check(lambda a, b: 2 * (a + b) - b).mistake == "x and y are exchanged"


def overflow_exercise():
    """Two mistakes, of which one is wrong only in being NaN."""

    @function_exercise(
        title="Share",
        difficulty="easy",
        minutes=1,
        cases=lambda: [
            Case("small", (np.array([1.0, 2.0]),)),
            Case("large", (np.array([1000.0, 999.0]),)),
            Case("larger", (np.array([2000.0, 1999.0]),)),
            Case("single", (np.array([1.0, 2.0], np.float32),), rtol=1e-6),
        ],
        hints=["Subtract.", "Divide."],
    )
    @in_a_package
    def share(x):
        """Return the softmax."""
        e = np.exp(x - x.max())
        return e / e.sum()

    share.mistake("nothing was subtracted", "Subtract the largest.", {" - x.max()": ""})
    return share


def test_answers_that_are_alike_only_in_being_nan_are_not_called_alike():
    share = overflow_exercise()
    assert share.check(lambda x: np.exp(x) / np.exp(x).sum()).mistake == "nothing was subtracted"

    def other(x):
        e = np.exp(x - x.max()) if x.max() < 900 else np.full(2, np.nan)
        return (e / e.sum()).astype(float)

    verdict = share.check(other)
    assert verdict.status == "wrong"
    assert verdict.mistake is None
    assert "not all finite" in str(verdict)


def test_a_mistake_is_a_function_or_the_solution_with_a_part_exchanged():
    programs = [program for mistake in blend.mistakes for program in mistake.wrongs]
    x, y = np.array([1.0]), np.array([10.0])
    assert [float(program(x.copy(), y)[0]) for program in programs] == [11, 12, 21]


def test_a_mistake_may_be_made_in_several_ways():
    share = overflow_exercise()
    share.mistake("not divided", "Divide.", {" / e.sum()": ""}, {" / e.sum()": " / 2"})
    assert len(share.mistakes[-1].wrongs) == 2
    for divisor in (1, 2):
        verdict = share.check(lambda x, by=divisor: np.exp(x - x.max()) / x.dtype.type(by))
        assert verdict.mistake == "not divided"


def test_a_part_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match=r"blend: the solution has no part '3 . y'"):
        blend.mistake("thrice", "Twice.", {"3 * y": "y"})
    with pytest.raises(IndexError):
        pair.mistake("a third", "There are two.", {2: 1})
    assert len(blend.mistakes) == 3
    assert len(pair.mistakes) == 2


def test_a_mistake_with_another_one_on_top_is_named_with_the_case():
    def answer(x, y):
        return x + y if np.abs(x).max() < 1e9 else x * np.nan

    verdict = blend.check(answer)
    assert verdict.mistake == "the weight is missing"
    assert "On the case “two rows” your answer is what that gives" in str(verdict)


def test_one_coincidence_is_not_a_mistake():
    def answer(x, y):
        return x + y if x.ndim == 1 and x[0] == 1 and x.dtype == float else 0 * x + y / 7

    verdict = blend.check(answer)
    assert verdict.mistake is None
    assert verdict.headline == "blend: not right yet"


def test_of_two_mistakes_that_explain_as_much_none_is_named():
    @function_exercise(
        title="Triple",
        difficulty="easy",
        minutes=1,
        cases=lambda: [Case(str(n), (n * np.ones(2),)) for n in (1, 2, 3, 4)],
        hints=["Add.", "3 x"],
    )
    @in_a_package
    def triple(x):
        """Return three times x."""
        return 3 * x

    triple.mistake("twice below 4", "No.", lambda x: 2 * x if x[0] < 4 else 0 * x)
    assert triple.check(lambda x: 2 * x).mistake == "twice below 4"
    triple.mistake("twice below 4, in other words", "No.", lambda x: 2 * x if x[0] < 4 else -x)
    assert triple.check(lambda x: 2 * x).mistake is None


def test_a_mistake_that_spoils_what_the_answer_gets_right_is_not_named():
    def answer(x, y):
        return x + y if x.dtype == float else x + 2 * y

    verdict = blend.check(answer)
    assert verdict.status == "wrong"
    assert verdict.mistake is None


def test_writing_to_an_argument_is_noticed_in_a_later_case_too():
    def answer(x, y):
        result = x + 2 * y
        if x.dtype == np.float32:
            y[0] = 0
        return result

    assert blend.check(answer).headline == "blend: the answer is right, but it changes y"


def test_an_answer_that_is_wrong_later_is_not_called_right():
    def answer(x, y):
        result = x + 2 * y
        y[...] = 0
        return result if x.ndim == 1 else -result

    verdict = blend.check(answer)
    assert "changes y" in verdict.headline
    assert "the answer is right" not in verdict.headline


def test_the_cases_survive_an_answer_that_destroys_its_arguments():
    def answer(x, y):
        x[...], y[...] = np.nan, np.nan
        return x

    before = [tuple(array.copy() for array in case.args) for case in blend.cases]
    blend.check(answer)
    for case, arrays in zip(blend.cases, before, strict=True):
        for now, then in zip(case.args, arrays, strict=True):
            np.testing.assert_array_equal(now, then)


def test_an_error_of_the_same_kind_is_not_yet_the_same_mistake():
    @function_exercise(
        title="Half",
        difficulty="easy",
        minutes=1,
        cases=lambda: [Case("a number", (np.ones(1),)), Case("many", (np.ones(3),))],
        hints=["Divide.", "x / 2"],
    )
    @in_a_package
    def half(x):
        """Return half of x."""
        return x / 2

    half.mistake(
        "only one number is handled",
        "Divide the whole array.",
        lambda x: np.array([x.item() / 2]),
    )

    verdict = half.check(lambda x: x / 2 if len(x) == 1 else np.reshape(x, (2, 2)))
    assert verdict.headline == "half: your function raises ValueError"
    assert "np.reshape(x, (2, 2))" in verdict.code


def test_a_mistake_recognised_by_a_rule():
    assert large.check(100.0).mistake == "100 is not above itself"
    assert large.check(-7).mistake == "it is below 0"
    assert large.check(99).mistake is None
    assert large.check(99).lines == ("hint() gives one more step.",)
    assert large.check(1000)


def test_a_mistake_may_be_the_right_answer_with_a_place_exchanged():
    assert pair.mistakes[1].wrongs == ((3, 1),)
    assert pair.check(3, 1).mistake == "the half is missing"
    assert pair.check(4, 1).mistake is None


@question(
    title="Two parts",
    difficulty="easy",
    minutes=1,
    hints=["A letter.", "A number."],
    accepts=[lambda letter: letters(letter) == "b", lambda number: 1 < number < 3],
)
@in_a_package
def parts():
    """Answer with b, and a number near 2."""
    return ("b", 2)


@question(
    title="Two years",
    difficulty="easy",
    minutes=1,
    hints=["Long ago.", "And not."],
    accepts=[lambda year: float(year) == 1964, lambda year: float(year) == 2017],
)
@in_a_package
def years():
    """Answer with two years."""
    return (1964, 2017)


@pytest.mark.parametrize(
    ("exercise", "answer", "said"),
    [
        (years, ("1964", 7), "1 of 2 parts is right."),
        (years, ("1964", "then"), "1 of 2 parts is right."),
        (pair, (3, 7), "1 of 2 parts is right."),
        (pair, (7, 7), "0 of 2 parts are right."),
        (pair, (3, 0.5, 1), "It needs 2 numbers, not 3."),
        (pair, 3, "It needs 2 numbers, not one number."),
        (pair, "3 and 1/2", "It needs 2 numbers, not a text."),
        (pair, {3, 0.5}, "It needs 2 numbers, not the type set."),
        (pair, ("3", 0.5), "It needs numbers, and a part of it is of the type str."),
        (pair, [[3, 0.5]], "It needs 2 numbers, not 1."),
        (parts, ("b", 7), "1 of 2 parts is right."),
        (parts, ("c", 7), "0 of 2 parts are right."),
        (parts, ("b", "text"), "1 of 2 parts is right."),
        (parts, "b", "It needs 2 parts, not a text."),
        (parts, ("b", 2, 2), "It needs 2 parts, not 3."),
    ],
)
def test_a_wrong_value_is_told_its_form_or_how_much_is_right(exercise, answer, said):
    verdict = exercise.check(answer)
    assert verdict.status == "wrong"
    assert verdict.lines == (said, "hint() gives one more step.")


def test_parts_are_judged_one_by_one():
    assert parts.check("B.", 2.9)
    assert parts.check(parts.solve())
    assert not parts.check("B.", 3)


@pytest.mark.parametrize(
    "answer", [[[3], [0.5]], np.array([[3], [0.5]]), torch.tensor([[3], [0.5]])]
)
def test_a_column_is_a_list_of_numbers(answer):
    assert pair.check(answer)
    assert not pair.check([answer])


def test_a_rounded_number_is_right_where_the_question_allows_it():
    assert in_lists([0.4, 1.6]).check(np.array([0.4, 1.6], np.float32))
    assert not pair.check(3, 0.5000001)


# How numbers are shown ---------------------------------------------------------------------------


def matrix_exercise(right, **options):
    @function_exercise(
        title="A matrix",
        difficulty="easy",
        minutes=1,
        cases=lambda: [Case("only one", (), **options)],
        hints=["Copy it.", "All of it."],
    )
    @in_a_package
    def matrix():
        """Return the matrix."""
        return right

    return matrix


def test_both_matrices_are_shown_where_they_differ():
    right = np.arange(24.0 * 20).reshape(2, 12, 20)
    wrong = right.copy()
    wrong[1, 10, 19] = -5
    text = str(matrix_exercise(right).check(lambda: wrong))
    assert "at [1], from row 3, column 12, yours:" in text
    assert "-5" in text
    assert "459" in text
    assert len(text.splitlines()) == 2 + 2 * (1 + 8)


def test_only_differing_cells_are_outlined():
    right = np.arange(6.0).reshape(2, 3)
    wrong = right.copy()
    wrong[1, 2] = 9
    shown = matrix_exercise(right).check(lambda: wrong)._repr_html_()
    assert shown.count("outline:2px") == 2  # one in each table


def test_what_the_tolerance_allows_is_not_outlined():
    right = np.arange(1.0, 7).reshape(2, 3)
    wrong = right * (1 + 1e-6)
    wrong[0, 0] = 2
    shown = matrix_exercise(right, rtol=1e-4).check(lambda: wrong)._repr_html_()
    assert shown.count("outline:2px") == 2


@pytest.mark.parametrize("rtol", [1e-4, 1e-9, 1e-13])
def test_a_difference_just_beyond_the_tolerance_is_seen_and_shown(rtol):
    exercise = matrix_exercise(np.array([[1.0, 3.0]]), rtol=rtol)
    assert exercise.check(lambda: np.array([[1.0, 3.0 * (1 + rtol / 2)]]))
    verdict = exercise.check(lambda: np.array([[1.0, 3.0 * (1 + 4 * rtol)]]))
    assert not verdict
    yours, right = (str(verdict).splitlines()[n].split()[1] for n in (-3, -1))
    assert yours != right
    assert verdict._repr_html_().count("outline:2px") == 2


def test_what_the_tolerance_allows_is_shown_short():
    right = np.array([[1 / 3, 2 / 3]])
    wrong = np.array([[1 / 3 + 1e-16, 0.5]])
    verdict = matrix_exercise(right).check(lambda: wrong)
    assert str(verdict).splitlines()[-3:] == [
        "    0.3333     0.5",
        "right:",
        "    0.3333  0.6667",
    ]
    assert "0.3333<" in verdict._repr_html_()


def test_an_argument_that_is_alike_by_chance_is_not_called_returned():
    @function_exercise(
        title="Double",
        difficulty="easy",
        minutes=1,
        cases=lambda: [Case("one", (np.ones((1, 1)),)), Case("ones", (np.ones(3),))],
        hints=["Add.", "Twice."],
    )
    @in_a_package
    def double(x):
        """Return twice x."""
        return 2 * x

    assert "as it came" not in str(double.check(lambda x: x**3))


def test_an_absolute_tolerance_where_right_answers_cancel():
    exercise = matrix_exercise(np.array([[1e-30, 3.0]]), atol=1e-12)
    assert exercise.check(lambda: np.array([[-1e-13, 3.0]]))
    assert not exercise.check(lambda: np.array([[1e-11, 3.0]]))

    both = matrix_exercise((np.array([1e-30]), np.array([3.0])), atol=1e-12)
    assert "In value 1" in str(both.check(lambda: (np.array([-1e-13]), np.array([4.0]))))


def test_nan_agrees_with_nan_only():
    exercise = matrix_exercise(np.array([[np.nan, 3.0]]))
    assert exercise.check(lambda: np.array([[np.nan, 3.0]]))
    assert not exercise.check(lambda: np.array([[0.0, 3.0]]))
    assert not exercise.check(lambda: np.array([[np.nan, np.nan]]))


def test_an_exact_zero_does_not_ask_for_the_last_bit():
    exercise = matrix_exercise(np.array([[0.0, 3.0]]))
    assert exercise.check(lambda: np.array([[1e-17, 3.0]]))
    assert not exercise.check(lambda: np.array([[1e-12, 3.0]]))


@pytest.mark.parametrize("right", [np.array([True, False]), np.array([1, 2]), np.array([[1j]])])
def test_arrays_of_other_kinds(right):
    exercise = matrix_exercise(right)
    assert exercise.check(lambda: right.copy())
    verdict = exercise.check(lambda: right ^ True if right.dtype == bool else right + 1)
    assert "the numbers differ" in str(verdict)
    assert "<table>" in verdict._repr_html_()


# Hints and the solution --------------------------------------------------------------------------


def test_hints_go_one_step_further_each_time_and_end():
    exercise = matrix_exercise(np.ones(1))
    assert repr(exercise.hint()) == "Hint 1 of 2: Copy it."
    assert str(exercise.hint()) == "Hint 2 of 2: All of it."
    last = exercise.hint()
    assert "last hint" in last
    assert "solution()" in last
    assert exercise.hint() == last


def test_the_solution_is_source_without_decorator_and_docstring():
    assert str(blend.solution()) == "def blend(x, y):\n    return x + 2 * y"
    assert str(neighbours.solution()) == "def neighbours(x):\n    return x - 1, x + 1"
    assert str(pair.solution()) == "def pair():\n    return (3, 0.5)"


@pytest.mark.parametrize("exercise", EXERCISES, ids=by_name)
def test_the_shown_solution_runs_and_passes(exercise):
    names = {"math": math}
    exec(exercise.solution(), names)
    answer = names[exercise.name]
    assert exercise.check(answer if exercise in FUNCTIONS else answer())


def test_an_exercise_shows_its_task():
    assert repr(blend) == (
        "Blend two arrays (easy, 3 minutes)\n\nReturn x plus two times y.\n\nThe shapes broadcast."
    )


def test_an_unknown_difficulty_is_refused():
    with pytest.raises(ValueError, match="difficulty is 'tough'; it needs one of easy, medium"):
        question(title="t", difficulty="tough", minutes=1, hints=[])(pair.solve)


def test_an_exercise_can_be_made_in_a_notebook():
    def mine():
        """Answer with 7."""
        return 7

    mine.__module__ = "__main__"
    exercise = question(title="Mine", difficulty="easy", minutes=1, hints=["7", "seven"])(mine)
    assert exercise.id == "mine"
    assert exercise.check(7)


# Progress ----------------------------------------------------------------------------------------

PUBLISHED = all_exercises("scaled_dot_product")


def test_progress_follows_the_book():
    text = progress()
    heads = [text.index(f"{chapter.replace('_', ' ')}: ") for chapter in all_chapters()]
    assert heads == sorted(heads)
    places = [
        importlib.import_module(f"attention_book.exercises.{chapter}").PLACE
        for chapter in all_chapters()
    ]
    assert places == sorted(set(places))


def test_ids_are_those_of_the_readers_files():
    assert [exercise.id for exercise in PUBLISHED[:2]] == [
        "scaled_dot_product.similarity",
        "scaled_dot_product.spread",
    ]
    assert (blend.id, pair.id) == ("sample.blend", "sample.pair")


def test_nothing_is_solved_at_first(progress_file):
    text = progress()
    assert f"scaled dot product: 0 of {len(PUBLISHED)} solved" in text
    for exercise in PUBLISHED:
        assert f"○ {exercise.name} – {exercise.title}" in text
    assert repr(text) == str(text)
    assert not progress_file.exists()


def test_what_passes_is_recorded_and_shown():
    first, second, *_ = PUBLISHED
    first.check(first.solve())
    text = progress()
    assert f"scaled dot product: 1 of {len(PUBLISHED)} solved" in text
    assert re.search(rf"✓ {first.name} – .* \(\d{{4}}-\d\d-\d\d\)", text)
    assert f"○ {second.name}" in text


@pytest.mark.parametrize("answer", [None, lambda x, y: x, raising(ValueError("x")), "text"])
def test_what_does_not_pass_is_not_recorded(answer, progress_file):
    blend.check(answer)
    assert not progress_file.exists()


def test_the_day_of_the_first_success_stays(progress_file):
    progress_file.write_text(json.dumps({blend.id: "2001-02-03"}))
    blend.check(blend.solve)
    pair.check(3, 0.5)
    solved_on = json.loads(progress_file.read_text())
    assert solved_on[blend.id] == {"day": "2001-02-03", "hints": 0}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", solved_on[pair.id]["day"])


def test_what_is_solved_stays_solved(progress_file):
    blend.check(blend.solve)
    blend.check(lambda x, y: x)
    assert blend.id in json.loads(progress_file.read_text())


@pytest.mark.parametrize(
    "content",
    [
        b"not json",
        b"[1, 2]",
        b"null",
        b'"text"',
        b'{"sample.blend": "2001-',
        b"\xff\xfe{\x00}\x00",
        b"\x00" * 50,
        b"[" * 100_000,
    ],
)
def test_a_corrupt_file_is_kept_beside_a_new_one(content, progress_file):
    progress_file.write_bytes(content)
    assert "0 of" in progress()
    assert progress_file.read_bytes() == content

    assert blend.check(blend.solve)
    assert list(json.loads(progress_file.read_text())) == [blend.id]
    assert progress_file.with_suffix(".unreadable").read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"{}", b"\n"])
def test_an_empty_file_is_not_kept(content, progress_file):
    progress_file.write_bytes(content)
    assert blend.check(blend.solve)
    assert sorted(file.name for file in progress_file.parent.iterdir()) == ["progress.json"]


@pytest.mark.parametrize("place", ["no/such/folder/progress.json", "file/progress.json", "."])
def test_a_place_that_cannot_be_written_is_no_error(place, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("a file, not a folder")
    monkeypatch.setenv("ATTENTION_BOOK_PROGRESS", str(tmp_path / place))
    assert blend.check(blend.solve)
    assert "0 of" in progress()
    reset_progress()
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_the_home_folder_is_where_it_is_kept_otherwise(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("ATTENTION_BOOK_PROGRESS")
    blend.check(blend.solve)
    assert blend.id in json.loads((tmp_path / ".attention-book.json").read_text())


def test_one_exercise_can_be_forgotten(progress_file):
    blend.check(blend.solve)
    pair.check(3, 0.5)
    reset_progress(blend)
    assert list(json.loads(progress_file.read_text())) == [pair.id]


def test_all_can_be_forgotten(progress_file):
    blend.check(blend.solve)
    pair.check(3, 0.5)
    reset_progress()
    assert json.loads(progress_file.read_text()) == {}
    assert "✓" not in progress()


def test_forgetting_what_was_never_solved_changes_nothing(progress_file):
    blend.check(blend.solve)
    reset_progress(pair)
    assert list(json.loads(progress_file.read_text())) == [blend.id]
