"""The exercises on kernel regression as attention."""

import math

import numpy as np

from attention_book.checking import (
    Case,
    faults,
    function_exercise,
    letters,
    question,
    random_inputs,
)
from attention_book.kernels.gaussian import reference
from attention_book.scores.scaled_dot_product import reference as dot_product
from attention_book.softmax import softmax

PLACE = (1, 1)

# 1 ---------------------------------------------------------------------------------------------


@question(
    title="Three points, by hand",
    difficulty="easy",
    minutes=10,
    rtol=1e-6,
    hints=[
        "The squared distances from point 0 are 0, 1 and 4. So the kernel gives 1, 1/2 and 1/16.",
        "Each row of kernel values is divided by its own sum: 25/16, 2 and 25/16.",
        "The middle point sees its two neighbours with equal weights, so it stays where it is.",
    ],
)
def three_points():
    """Average three points by hand.

    The points 0, 1 and 2 are queries, keys and values at once. The kernel is 2^(-distance²), and
    each point takes part in its own average. Answer with the three outputs.
    """
    return (0.4, 1.0, 1.6)


three_points.mistake(
    "nothing was divided by the sum of the weights",
    "That is the plain sum, and its third entry lies beyond all the points. An average divides "
    "each row by its sum.",
    (0.625, 2.0, 2.5),
)
three_points.mistake(
    "each point was left out of its own average",
    "This is leave-one-out, rightly divided. Asked is the average with the point itself.",
    (10 / 9, 1.0, 8 / 9),
)
three_points.mistake(
    "the point itself is left out, and nothing is divided",
    "These are the plain sums without the diagonal. Keep it, and divide by the sum of the row.",
    (0.625, 1.0, 0.5),
)
three_points.mistake(
    "the diagonal was removed after the division",
    "The rows no longer sum to 1. Here the diagonal stays anyway.",
    (0.4, 0.5, 0.32),
)
three_points.mistake(
    "everything was divided by one total",
    "Each point has weights of its own: divide each row by its own sum, not by that of all nine.",
    (0.625 / 5.125, 2 / 5.125, 2.5 / 5.125),
)
three_points.mistake(
    "the columns were made to sum to 1",
    "The middle column sums to 2, as does the middle row, but it is the weights of one query, a "
    "row, that must sum to 1.",
    (0.5 / 2 + 2 / 25, 16 / 25, 0.25 + 32 / 25),
)
three_points.mistake(
    "the distance was not squared",
    "From 0 to 2 the squared distance is 4, so the kernel gives 1/16, not 1/4.",
    (4 / 7, 1.0, 10 / 7),
)
three_points.mistake(
    "that is the mean of the points",
    "It is what a very wide kernel gives. This one falls to 1/2 at distance 1.",
    (1.0, 1.0, 1.0),
)


# 2 ---------------------------------------------------------------------------------------------


def _tables():
    """Four ways to mix three points; the two middle rows to find are left out."""
    x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    kernel = np.exp(-0.5 * ((x[:, None] - x) ** 2).sum(axis=-1))
    others = kernel * (1 - np.eye(3))
    to_find = np.array([[False], [True], [False]])
    averaged, predicted = (
        np.where(to_find, np.nan, w @ x / w.sum(axis=1, keepdims=True)) for w in (kernel, others)
    )
    return {"A": others @ x, "B": predicted, "C": kernel @ x, "D": averaged}


TABLES = _tables()


def _labels(answer):
    return "".join(map(letters, answer[:4])).upper()


def _near(row, wanted, tolerance):
    """Return whether two numbers are near the wanted ones."""
    found = np.asarray(row, dtype=float)
    return found.shape == (2,) and np.allclose(found, wanted, rtol=0, atol=tolerance)


def _middle(wanted, tolerance=2e-3):
    return lambda answer: _near(answer[4], wanted, tolerance)


def _not_four_and_a_row(answer):
    if not isinstance(answer, list) or len(answer) != 5:
        return True
    return any(letters(part) not in tuple("abcd") for part in answer[:4]) or (
        np.shape(answer[4]) != (2,)
    )


@question(
    title="Four tables: the formula or the program?",
    difficulty="easy",
    minutes=10,
    accepts=[
        *(lambda part, label=label: letters(part) == label for label in "acdb"),
        lambda row: _near(row, (3, 4), 1e-9),
    ],
    hints=[
        "Nothing is divided in two of the tables: neither in the formula nor in the program.",
        "The formula leaves out j = i. Nobody else is near, so its sums are close to 0.",
        "The middle point has the same distance to both others, so these two have equal weights.",
    ],
)
def four_tables():
    """Say which table comes from a formula that forgot its denominator, which from its program.

    The points (1, 2), (3, 4), (5, 6) ask each other, with the kernel exp(-distance²/2). Answer
    with four letters and a row: the table of the sums over the *other* points, undivided; that of
    the sums over all points, undivided; that of the averages with each point itself, that of the
    averages without it; and the middle row of the last two, which is the same in both.
    """
    return ("A", "C", "D", "B", (3.0, 4.0))


four_tables.mistake(
    "four letters and a row of two numbers are asked for",
    "The formula's table, the program's, the two averages, then the middle row of these, as in "
    '"A", "B", "C", "D", (0, 0).',
    ("A", "C", "D", "B"),
    _not_four_and_a_row,
)
four_tables.mistake(
    "formula and program do not make the same table",
    "The formula sums over j ≠ i. The program multiplies the whole matrix, diagonal included.",
    {0: "C"},
    lambda answer: _labels(answer)[0] == _labels(answer)[1],
)
four_tables.mistake(
    "a table has two labels",
    "Each of the four tables is one of the four things.",
    {3: "D"},
    lambda answer: len(set(_labels(answer))) < 4,
)
four_tables.mistake(
    "formula and program are exchanged",
    "The program keeps the diagonal, where the kernel is 1: its rows stay close to the points.",
    {0: "C", 1: "A"},
    lambda answer: _labels(answer)[:2] == "CA",
)
four_tables.mistake(
    "neither the formula nor the program divides",
    "Look for rows that no average can give: beyond all the points, or near zero.",
    ("B", "D", "C", "A", (3, 4)),
    lambda answer: set(_labels(answer)[:2]) != set("AC"),
)
four_tables.mistake(
    "the two averages are exchanged",
    "With itself a point stays near its place. Without, it is predicted from the others, and the "
    "two outer points get almost the middle one.",
    {2: "B", 3: "D"},
    lambda answer: _labels(answer)[2:] == "BD",
)
four_tables.mistake(
    "the middle row is that of the sum",
    "That is the program's row. Divide by the sum of its weights.",
    {4: (3.11, 4.147)},
    _middle(TABLES["C"][1]),
)
four_tables.mistake(
    "the middle row is that of the formula",
    "The two neighbours count e⁻⁴ each, and nothing was divided by their sum.",
    {4: (0.11, 0.147)},
    _middle(TABLES["A"][1]),
)
four_tables.mistake(
    "the middle row is exact",
    "By symmetry it needs no rounding: the mean of the two outer points.",
    {4: (3.001, 4.001)},
    _middle((3, 4), 0.05),
)


# 3 ---------------------------------------------------------------------------------------------

_YEARS = [1964, 2010, 2014, 2014, 2017]


def _years(years):
    return [float(year) for year in years]


def _first(rule):
    return lambda answer: rule(letters(answer[0]))


def _when(rule):
    return lambda answer: rule(_years(answer[1]))


def _not_five(answer):
    if not isinstance(answer, list) or len(answer) != 5:
        return True
    options = ("pqrs", "xyz", "xyz")
    if any(
        len(letters(part)) != 1 or letters(part) not in choice
        for part, choice in zip(answer[2:], options, strict=True)
    ):
        return True
    try:
        return len(_years(answer[1])) != 5
    except (TypeError, ValueError):
        return True


@question(
    title="Who came first?",
    difficulty="easy",
    minutes=10,
    accepts=[
        lambda order: letters(order) == "cebda",
        lambda years: _years(years) == _YEARS,
        *(lambda part, letter=letter: letters(part) == letter for letter in "qyz"),
    ],
    hints=[
        "One of the five is a pair of statisticians, long before any neural network learned.",
        "Two of them appeared in 2014, one in June, one in September.",
        "The rest stands under Who found it, and when, and in the last question of the FAQ.",
    ],
)
def who_came_first():
    """Put five works in the order of their dates, and set three more things right.

    a: Vaswani et al., the Transformer. b: Mnih et al., recurrent glimpses. c: Nadaraya and
    Watson, the kernel average. d: Bahdanau et al., translation. e: Larochelle and Hinton, foveal
    glimpses. Answer with the five letters, the oldest first, as in "abcde"; their five years, in
    the same order; the letter of what Chorin is known for (p: the psychology of attention,
    q: computing the flow of fluids, r: machine translation, s: the theory of computation); the
    letter of the reading that is a web page, though it has been called a book; and the letter of
    the one that could not be found (x: Attention Is All You Need, y: The Annotated Transformer,
    z: Attention Models for Natural Language Processing).
    """
    return ("cebda", (1964, 2010, 2014, 2014, 2017), "q", "y", "z")


who_came_first.mistake(
    "five answers are asked for",
    "Five letters as one word, five years in a list, and three single letters.",
    ("cebda", _YEARS),
    _not_five,
)
who_came_first.mistake(
    "each of the five letters is needed once",
    "Write the letters a, b, c, d, e in the right order, as one word.",
    {0: "cebd"},
    _first(lambda order: sorted(order) != list("abcde")),
)
who_came_first.mistake(
    "the newest stands first",
    "The order is right, the direction is not: begin with the oldest.",
    {0: "adbec"},
    _first(lambda order: order == "adbec"),
)
who_came_first.mistake(
    "attention did not begin with the Transformer",
    "The paper of 2017 is the youngest of the five, and it cites earlier self-attention itself.",
    {0: "acebd"},
    _first(lambda order: order[0] == "a"),
)
who_came_first.mistake(
    "the Transformer is the youngest of the five",
    "Its paper is of 2017, three years after the next.",
    {0: "cebad"},
    _first(lambda order: order[-1] != "a"),
)
who_came_first.mistake(
    "the weighted average is older than the networks",
    "Nadaraya and Watson published it in 1964, 46 years before the next of the five.",
    {0: "ecbda"},
    _first(lambda order: order[0] != "c"),
)
who_came_first.mistake(
    "the two works of 2014 are exchanged",
    "Glimpses came in June 2014, translation in September.",
    {0: "cedba"},
    _first(lambda order: order == "cedba"),
)
who_came_first.mistake(
    "foveal glimpses came before 2014",
    "Larochelle and Hinton published in 2010, before both works of 2014.",
    {0: "cbeda"},
    _first(lambda order: order[1] != "e"),
)
who_came_first.mistake(
    "none of the five is of the 1990s",
    "That date is often given, and none of these works bears it out.",
    {1: (1964, 1998, 2014, 2014, 2017)},
    _when(lambda years: any(1990 <= year < 2000 for year in years)),
)
who_came_first.mistake(
    "the years stand in another order than the letters",
    "Give the year of the oldest first, as you did with the letters.",
    {1: (2017, 2014, 1964, 2014, 2010)},
    _when(lambda years: years != _YEARS and sorted(years) == _YEARS),
)
who_came_first.mistake(
    "the order is right, a year is not",
    "They stand in the table under Who found it, and when.",
    {1: (1964, 2010, 2014, 2015, 2017)},
    _when(lambda years: years != _YEARS),
)
who_came_first.mistake(
    "Chorin is no psychologist",
    "His field is applied mathematics: see the last paragraph of Who found it, and when.",
    {2: "p"},
    lambda answer: letters(answer[2]) == "p",
)
who_came_first.mistake(
    "Chorin did not work on translation",
    "Attention in translation is the work of Bahdanau, Cho and Bengio.",
    {2: "r"},
    lambda answer: letters(answer[2]) == "r",
)
who_came_first.mistake(
    "Chorin is not known for the theory of computation",
    "A Turing Award is sometimes ascribed to him; it is not his. See the last paragraph of Who "
    "found it, and when.",
    {2: "s"},
    lambda answer: letters(answer[2]) == "s",
)
who_came_first.mistake(
    "the two readings are exchanged",
    "One of them you can read today, as a notebook. Of the other no trace was found.",
    {3: "z", 4: "y"},
    lambda answer: [*map(letters, answer[3:])] == ["z", "y"],
)
who_came_first.mistake(
    "that one is a paper, and has always been called one",
    "Asked is what has been called a book. It exists, but as something else.",
    {3: "x"},
    lambda answer: letters(answer[3]) == "x",
)
who_came_first.mistake(
    "of that one nothing is known, not even that it is no book",
    "Asked is the one that exists and is a notebook with a short paper.",
    {3: "z"},
    lambda answer: letters(answer[3]) == "z",
)
who_came_first.mistake(
    "that one can be found",
    "Two of the three are easy to find: a paper of 2017 and a notebook of 2018.",
    {4: "x"},
    lambda answer: letters(answer[4]) in ("x", "y"),
)


# 4 ---------------------------------------------------------------------------------------------


@question(
    title="How wide does a Transformer look?",
    difficulty="medium",
    minutes=10,
    rtol=2e-3,
    hints=[
        "On a sphere the kernel's scores are 2γ q·k plus something that is the same for all keys.",
        "Compare 2γ with 1/√64. Then use γ = 1/(2σ²).",
        "σ² = 1/(2γ) = √d_k, so σ is the fourth root of d_k.",
    ],
)
def transformer_bandwidth():
    """Find the kernel that hides in the scale 1/√d_k.

    All keys have the same length, and d_k = 64. At which γ is Gaussian kernel attention the same
    as softmax(q·k/√d_k)? And which bandwidth σ is that? Answer with γ and σ, to three digits.
    """
    return (1 / 16, math.sqrt(8))


transformer_bandwidth.mistake(
    "the factor 2 of the expanded square is missing",
    "-γ‖q - k‖² contains +2γ q·k, not γ q·k.",
    (1 / 8, 2.0),
)
transformer_bandwidth.mistake(
    "the factor 2 went to the wrong side",
    "2γ = 1/√d_k, so γ is half of 1/8, not twice.",
    (1 / 4, math.sqrt(2)),
)
transformer_bandwidth.mistake(
    "that would divide by d_k, not by its root",
    "The scale is 1/√64 = 1/8.",
    (1 / 128, 8.0),
)
transformer_bandwidth.mistake(
    "γ is right, but that is σ²",
    "γ = 1/(2σ²), so σ² = 8. Take the root.",
    {1: 8.0},
)
transformer_bandwidth.mistake(
    "γ is right, but the bandwidth is not its inverse",
    "γ = 1/(2σ²): solve for σ.",
    {1: 16.0},
)
transformer_bandwidth.mistake(
    "γ is right, but the 2 in γ = 1/(2σ²) was forgotten",
    "σ² = 1/(2γ), not 1/γ.",
    {1: 4.0},
)
transformer_bandwidth.mistake(
    "the two answers are exchanged",
    "First γ, then σ.",
    (math.sqrt(8), 1 / 16),
)


# 5 ---------------------------------------------------------------------------------------------


def _average_cases():
    three, two = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0, 1.0], [0.5, 3.0]])
    uneven = np.array([[0.0, 0.0], [0.5, 0.0], [0.6, 0.1], [3.0, 3.0]])
    some = np.random.default_rng(5).standard_normal((6, 3))
    printed = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    single = some.astype(np.float32)
    return [
        Case("three points, themselves included", (three, 0.7, True)),
        Case("the same, each left out", (three, 0.7, False)),
        Case("uneven points", (uneven, 0.5, True)),
        Case("uneven points, each left out", (uneven, 0.5, False)),
        Case("six points", (some, 0.3, True)),
        Case("six points, each left out", (some, 0.3, False)),
        Case("three points on a line", (printed, 0.5, True)),
        Case("three points on a line, each left out", (printed, 0.5, False)),
        Case("γ = 0, which is the mean", (uneven, 0.0, True)),
        Case("γ = 0, each left out", (uneven, 0.0, False)),
        Case("points that are far apart, each left out", (100 * uneven, 0.5, False)),
        Case("one point in five copies, each left out", (np.full((5, 2), 1.5), 2.0, False)),
        Case("a lonely point, left out", (np.array([[4.0, 2.0]]), 0.5, False)),
        Case("two points, each left out", (two, 0.5, False), rtol=1e-15),
        Case("points that are far apart, themselves included", (100 * two, 0.5, True), rtol=1e-15),
        Case("single precision", (single, 0.3, False), rtol=1e-5),
        Case("single precision, themselves included", (single, 0.3, True), rtol=1e-5),
    ]


@function_exercise(
    title="Erratum: the average that leaves its data",
    difficulty="medium",
    minutes=20,
    cases=_average_cases,
    hints=[
        "An average has weights that sum to 1. Divide each row by its sum, with keepdims=True.",
        "Leaving a point out means score -inf on the diagonal, before the division. Subtracting "
        "1 from the kernel's diagonal works too, but not when all the other entries underflow.",
        "Use scores: -γ·distance², minus the largest of the row, then the exponential. When "
        "nobody is left, the row is all zeros.",
    ],
)
def kernel_average(x, gamma, include_self):
    """Return the weights, (n, n), and the averages, (n, d), of points under a Gaussian kernel.

    The points, rows of x of shape (n, d), are queries, keys and values at once; gamma is a
    number. With include_self each point takes part in its own average, without it does not. A
    point with nobody to look at gets zeros. Both results have the dtype of x.
    """
    scores = -gamma * ((x[:, None] - x) ** 2).sum(axis=-1)
    if not include_self:
        scores = np.where(np.eye(len(x), dtype=bool), -np.inf, scores)
    peak = scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isneginf(peak), 0, peak))
    total = weights.sum(axis=-1, keepdims=True)
    weights = (weights / np.where(total == 0, 1, total)).astype(x.dtype)
    return weights, weights @ x


_SQUARED = "((x[:, None] - x) ** 2).sum(axis=-1)"
_PEAK = "np.where(np.isneginf(peak), 0, peak)"
_TOTAL = "np.where(total == 0, 1, total)"
_SHARES = f"weights / {_TOTAL}"

kernel_average.mistake(
    "the rows do not sum to 1",
    "A sum of shares that do not make a whole is no average: with many neighbours it grows "
    "beyond the data, far from all it shrinks to 0. Divide each row by its sum.",
    {f" - {_PEAK}": "", f" / {_TOTAL}": ""},
)
kernel_average.mistake(
    "this is a sum over the others, undivided",
    "It always leaves out the point itself, and it divides by nothing. Leave it out only when "
    "include_self is False, and divide each row by its sum.",
    {f" - {_PEAK}": "", f" / {_TOTAL}": "", "if not include_self": "if True"},
)
kernel_average.mistake(
    "the columns sum to 1",
    "The kernel is symmetric, so the numbers look almost right. A / A.sum(axis=1) without "
    "keepdims=True does this too: it divides entry (i, j) by the sum of row j.",
    {f" - {_PEAK}": "", _SHARES: "weights / weights.sum(axis=0)"},
)
kernel_average.mistake(
    "everything was divided by one total",
    "Each query has its own sum: sum(axis=-1, keepdims=True).",
    {f" - {_PEAK}": "", _SHARES: "weights / weights.sum()"},
)
kernel_average.mistake(
    "the diagonal was removed after the division",
    "The point has already taken its share, and the rest no longer sums to 1. Remove it first.",
    {"if not include_self": "if False",
     _SHARES: f"{_SHARES} * (1 if include_self else 1 - np.eye(len(x)))"},
)  # fmt: skip
kernel_average.mistake(
    "far points underflow to 0/0",
    "Either the exponential was taken first, or what was subtracted before it is the score of the "
    "point itself, 0, although that point is left out. Stay with scores, leave the point out, "
    "subtract the largest of the row, and take the exponential then.",
    {f" - {_PEAK}": "", _SHARES: "weights / total"},
)
kernel_average.mistake(
    "far points get zeros",
    "0/0 was caught, but the far points had neighbours. Before the exponential subtract the "
    "largest score of those that take part: with the point itself among them it is always 0.",
    {f" - {_PEAK}": ""},
)
kernel_average.mistake(
    "a point with nobody to look at gets NaN",
    "Its only score is -inf, and -inf minus -inf is NaN. Say what it shall get: zeros.",
    {_PEAK: "peak", _TOTAL: "total"},
)
kernel_average.mistake(
    "a point with nobody else looks at itself",
    "A large negative score is no minus infinity: where it is the only one, it gets the weight 1.",
    {"-np.inf": "-1e30"},
)
kernel_average.mistake(
    "the point itself always takes part",
    "With include_self=False the diagonal of the weights must be 0. (A score of 0 there is no "
    "help: it is what the diagonal has already, and the largest of all.)",
    {"if not include_self": "if False"},
)
kernel_average.mistake(
    "the point itself never takes part",
    "With include_self=True it does, and it has the largest weight of its row.",
    {"if not include_self": "if True"},
)
kernel_average.mistake(
    "include_self is read the wrong way round",
    "True keeps the diagonal, False removes it.",
    {"if not include_self": "if include_self"},
)
kernel_average.mistake(
    "the distance is not squared",
    "exp(-γ·distance) is another kernel, the Laplacian. The Gaussian has the squared distance.",
    {_SQUARED: f"np.sqrt({_SQUARED})"},
)
kernel_average.mistake(
    "the sign is wrong: the farthest point wins",
    "A distance is not a similarity. Put a minus in front.",
    {"-gamma": "gamma"},
)
kernel_average.mistake(
    "the scores are dot products",
    "Dot products prefer long points. Asked is nearness: minus the squared distance.",
    {f"-gamma * {_SQUARED}": "gamma * (x @ x.T)"},
)
kernel_average.mistake(
    "γ was taken for the bandwidth",
    "The score is -γ·distance². With a bandwidth σ it would be -distance²/(2σ²).",
    {f"-gamma * {_SQUARED}": f"-{_SQUARED} / (2 * gamma**2)"},
)
kernel_average.mistake(
    *faults.epsilon(
        _TOTAL, "Only the row without neighbours needs help: np.where(total == 0, 1, total)."
    )
)
kernel_average.mistake(
    *faults.double(
        {".astype(x.dtype)": ".astype(float)"},
        "Something in it is float64: np.zeros(shape) and np.eye(n) are. Take the dtype of x.",
    )
)


# 6 ---------------------------------------------------------------------------------------------


def _error_cases():
    rng = np.random.default_rng(8)
    keys, values = rng.standard_normal((7, 2)), rng.standard_normal((7, 3))
    lonely = np.array([[0.0], [0.3], [0.7], [1.1], [9.0]])
    two = np.array([[0.0], [1.0]]), np.array([[1.0], [3.0]])
    twice = np.array([[0.0], [0.5], [0.5], [2.0]])
    return [
        Case("seven points", (keys, values, 0.8)),
        Case("a narrow kernel", (keys, values, 5.0)),
        Case("γ = 0", (keys, values, 0.0)),
        Case("five points, one feature", (rng.random((5, 1)), rng.random((5, 1)), 4.0)),
        Case("far from each other", (100 * keys, values, 0.8)),
        Case("one point is lonely", (lonely, values[:5], 0.8)),
        Case("two points with the same key", (twice, values[:4], 0.8)),
        Case("two points", (*two, 0.8), rtol=1e-14),
    ]


@function_exercise(
    title="Judge a bandwidth without looking",
    difficulty="medium",
    minutes=15,
    cases=_error_cases,
    hints=[
        "Each key asks all the others what its own value is. Whom must it not ask?",
        "reference.attention(keys, keys, values, gamma=gamma, mask=...) with a mask that is True "
        "everywhere but on the diagonal.",
        "~np.eye(n, dtype=bool) is that mask. The error is the mean of all squared differences.",
    ],
)
def leave_one_out_error(keys, values, gamma):
    """Return the leave-one-out error of Gaussian kernel attention.

    Predict each value, (n, d_v), from the other points, whose keys have the shape (n, d_k), and
    return the mean of the squared differences over all n · d_v numbers.
    """
    others = ~np.eye(len(keys), dtype=bool)
    predicted = reference.attention(keys, keys, values, gamma=gamma, mask=others)
    return ((predicted - values) ** 2).mean()


def _scores(keys, gamma):
    return -gamma * ((keys[:, None] - keys) ** 2).sum(axis=-1)


def _late(keys, values, gamma):
    weights = softmax(_scores(keys, gamma)) * (1 - np.eye(len(keys)))
    return ((weights @ values - values) ** 2).mean()


def _shortened(keys, values, gamma):
    weights = softmax(_scores(keys, gamma))
    residual = (values - weights @ values) / (1 - np.diagonal(weights)[:, None])
    return (residual**2).mean()


def _underflows(keys, values, gamma, epsilon=0.0):
    kernel = np.exp(_scores(keys, gamma))
    np.fill_diagonal(kernel, 0)
    weights = kernel / (kernel.sum(axis=1, keepdims=True) + epsilon)
    return ((weights @ values - values) ** 2).mean()


def _with_epsilon(epsilon):
    def shifted(keys, values, gamma):
        scores = np.where(np.eye(len(keys), dtype=bool), -np.inf, _scores(keys, gamma))
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights = shares / (shares.sum(axis=1, keepdims=True) + epsilon)
        return ((weights @ values - values) ** 2).mean()

    return [shifted, lambda *arguments: _underflows(*arguments, epsilon)]


leave_one_out_error.mistake(
    "each point was allowed to ask itself",
    "This error falls to 0 as γ grows, since each key is its own nearest neighbour. Mask the "
    "diagonal.",
    {", mask=others": ""},
)
leave_one_out_error.mistake(
    "the mask is the wrong way round",
    "Each point asked only itself and was right. True means: may attend.",
    {"~np.eye": "np.eye"},
)
leave_one_out_error.mistake(
    "points with the same key were left out, too",
    "Another point may lie in the same place, and it has a value of its own. Leave out by number, "
    "not by distance.",
    {"~np.eye(len(keys), dtype=bool)": "((keys[:, None] - keys) ** 2).sum(axis=-1) > 0"},
)
leave_one_out_error.mistake(
    "the diagonal was removed after the division",
    "The other weights no longer sum to 1. Mask before the softmax: hand the mask to attention.",
    _late,
)
leave_one_out_error.mistake(
    "the short formula divides 0 by 0",
    "(v - o)/(1 - α_ii) is a true identity, and fails where a point is so lonely that its own "
    "weight rounds to 1. Mask instead.",
    _shortened,
)
leave_one_out_error.mistake(
    "far points underflow to 0/0",
    "Far from all others, every exponential that is left is 0, and so is their sum. Mask the "
    "scores with -inf and subtract the largest of those that are left before the exponential.",
    _underflows,
)
leave_one_out_error.mistake(
    "the squared errors were added up, not averaged",
    "Divide by how many numbers there are: mean() instead of sum().",
    {"mean()": "sum()"},
)
leave_one_out_error.mistake(
    "only the points were averaged, the features were added",
    "The mean runs over all n · d_v numbers.",
    {"mean()": "sum(axis=-1).mean()"},
)
leave_one_out_error.mistake(
    "that is the root of the error",
    "Asked is the mean of the squares itself.",
    {"mean()": "mean() ** 0.5"},
)
leave_one_out_error.mistake(
    "the differences were not squared",
    "The mean absolute error is another measure.",
    {"(predicted - values) ** 2": "np.abs(predicted - values)"},
)
leave_one_out_error.mistake(
    "the differences cancel: nothing was squared",
    "Errors up and down must not cancel. Square first, then average.",
    {" ** 2": ""},
)
leave_one_out_error.mistake(
    "the keys were predicted instead of the values",
    "Keys say where to look. What is averaged, and compared, are the values.",
    lambda keys, values, gamma: leave_one_out_error.solve(keys, keys, gamma),
)
leave_one_out_error.mistake(
    "an epsilon in the denominator makes every weight a little too small",
    "The diagonal is out before the softmax, and somebody is always left: the sum needs none.",
    *(wrong for epsilon in faults.EPSILONS for wrong in _with_epsilon(epsilon)),
)


# 7 ---------------------------------------------------------------------------------------------


def _dot_product_cases():
    q, k, v = random_inputs(11)
    sphere = k / np.linalg.norm(k, axis=-1, keepdims=True)
    return [
        Case("three queries, seven keys", (q, k, v, 0.4)),
        Case("other sizes", (*random_inputs(12, L=6, S=4, d_k=3, d_v=5), 0.7)),
        Case("keys on a sphere", (q, sphere, v, 0.4)),
        Case("a batch of heads", (*random_inputs(13, lead=(2, 3), L=4, S=3), 0.25)),
        Case("three leading dimensions", (*random_inputs(16, lead=(2, 1, 3), S=4), 0.3)),
        Case("γ = 0", (q, k, v, 0.0)),
        Case("one feature", (*random_inputs(14, d_k=1), 0.3)),
        Case("far queries", (*random_inputs(15, scale=30.0), 0.5)),
        Case("very far queries, keys close together", (1e9 * q, 1e-9 * k, v, 0.5)),
    ]


@function_exercise(
    title="With dot products only",
    difficulty="hard",
    minutes=25,
    cases=_dot_product_cases,
    hints=[
        "Expand -γ‖q - k‖². Which of the three terms is the same for all keys?",
        "What remains is 2γ q·k - γ‖k‖². The second term belongs to the key alone: give the key "
        "one more feature, ‖k‖², and the query one more, -γ.",
        "The function divides by the root of the number of features, and now there is one more.",
    ],
)
def with_dot_products(q, k, v, gamma):
    """Return Gaussian kernel attention from one call of scaled dot-product attention.

    Build new queries and keys, and hand them with the same values to
    dot_product.attention(q, k, v), which is softmax(q kᵀ / √features) v. Shapes: q (..., L, d_k),
    k (..., S, d_k), v (..., S, d_v); gamma is a number. A query may be very far from all keys:
    there q - k has lost the digits of k, and the dot products have not.
    """
    last = np.full_like(q[..., :1], -gamma)
    new_q = np.concatenate([2 * gamma * q, last], axis=-1)
    new_q = new_q * math.sqrt(new_q.shape[-1])
    new_k = np.concatenate([k, (k**2).sum(axis=-1, keepdims=True)], axis=-1)
    return dot_product.attention(new_q, new_k, v)


def _as_on_a_sphere(q, k, v, gamma):
    return dot_product.attention(2 * gamma * math.sqrt(q.shape[-1]) * q, k, v)


def _with_unit_keys(q, k, v, gamma):
    return _as_on_a_sphere(q, k / np.linalg.norm(k, axis=-1, keepdims=True), v, gamma)


with_dot_products.mistake(
    "the length of the keys is missing",
    "On a sphere this is right. Elsewhere long keys win too much: -γ‖k‖² has to be added to "
    "their scores.",
    _as_on_a_sphere,
)
with_dot_products.mistake(
    "that is plain dot-product attention",
    "It knows no γ. Scale the query, and add the length of the key.",
    lambda q, k, v, gamma: dot_product.attention(q, k, v),
)
with_dot_products.mistake(
    "‖q‖² is in the scores, and the digits of the keys are lost",
    "It is the same for all keys, so the softmax does not need it. As part of a distance or as a "
    "third term, for a query far away it is so large that the rest is rounded off.",
    lambda q, k, v, gamma: reference.attention(q, k, v, gamma=gamma),
)
with_dot_products.mistake(
    "the factor 2 is missing",
    "-γ‖q - k‖² contains 2γ q·k.",
    {"2 * gamma": "gamma"},
)
with_dot_products.mistake(
    "the number of features was counted before one was added",
    "The function divides by √(d_k + 1) now.",
    {"sqrt(new_q": "sqrt(q"},
)
with_dot_products.mistake(
    "the scale 1/√features was not undone",
    "The function divides the scores: multiply the query by √(d_k + 1) first.",
    {" * math.sqrt(new_q.shape[-1])": ""},
)
with_dot_products.mistake(
    "the length of the keys is not squared",
    "The term is -γ‖k‖², the squared length.",
    {"keepdims=True)": "keepdims=True) ** 0.5"},
)
with_dot_products.mistake(
    "the sign of the key's length is wrong",
    "Long keys must lose: the term is -γ‖k‖².",
    {"-gamma": "gamma"},
)
with_dot_products.mistake(
    "γ is missing in the last feature",
    "Both terms carry it: 2γ q·k and -γ‖k‖².",
    {"-gamma": "-1.0"},
)
with_dot_products.mistake(
    "γ is in the last feature only",
    "Both terms carry it: 2γ q·k and -γ‖k‖².",
    {"2 * gamma": "2"},
)
with_dot_products.mistake(
    "the last feature carries γ twice",
    "Put -γ into the query or into the key, not into both.",
    {"-gamma": "-(gamma**2)"},
)
with_dot_products.mistake(
    "the keys were made equally long",
    "That changes the question. Their lengths belong to the distances.",
    _with_unit_keys,
)


# 8 ---------------------------------------------------------------------------------------------


def _gradient_cases():
    def with_upstream(seed, gamma, **sizes):
        q, k, v = random_inputs(seed, **sizes)
        shape = (*q.shape[:-1], v.shape[-1])
        return q, k, v, np.random.default_rng(seed + 100).standard_normal(shape), gamma

    return [
        Case("three queries, seven keys", with_upstream(21, 0.3)),
        Case("other sizes", with_upstream(22, 0.15, L=6, S=4, d_k=3, d_v=5)),
        Case("a batch", with_upstream(23, 0.2, lead=(2,), L=4, S=7)),
        Case("three leading dimensions", with_upstream(26, 0.2, lead=(2, 1, 3), L=4, S=5)),
        Case("γ = 0", with_upstream(24, 0.0)),
        Case("far queries", with_upstream(25, 0.02, scale=30.0)),
        Case("queries far from all keys", with_upstream(28, 0.3, scale=1000.0), atol=1e-8),
        Case("one key", with_upstream(27, 0.3, S=1), atol=1e-13),
    ]


@function_exercise(
    title="Which way to turn the bandwidth",
    difficulty="hard",
    minutes=30,
    cases=_gradient_cases,
    hints=[
        "The score is s_j = -γ δ_j with δ_j = ‖q - k_j‖², so ∂s_j/∂γ = -δ_j.",
        "Raising a score raises its weight at the cost of all others: "
        "∂α_j/∂γ = -α_j (δ_j - Σ α δ). So the output changes by minus a covariance.",
        "Multiply by v_j, sum over the keys, multiply by grad_output, sum over everything.",
    ],
)
def gamma_gradient(q, k, v, grad_output, gamma):
    """Return the derivative of sum(attention(q, k, v, gamma=gamma) * grad_output) by gamma.

    One number, though the inputs may be batched. Shapes: q (..., L, d_k), k (..., S, d_k),
    v (..., S, d_v), grad_output (..., L, d_v), all leading dimensions alike. A query may be far
    from all keys.
    """
    squared = ((q[..., :, None, :] - k[..., None, :, :]) ** 2).sum(axis=-1)
    exponentials = np.exp(-gamma * (squared - squared.min(axis=-1, keepdims=True)))
    weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
    centred = squared - (weights * squared).sum(axis=-1, keepdims=True)
    return -((weights * centred) @ v * grad_output).sum()


_NEAREST = " - squared.min(axis=-1, keepdims=True)"
_MEAN = "(weights * squared).sum(axis=-1, keepdims=True)"

gamma_gradient.mistake(
    "the sign is turned",
    "A larger γ lowers the score of what is far: ∂s/∂γ = -δ.",
    {"return -": "return "},
)
gamma_gradient.mistake(
    "the weights are not divided again",
    "-α δ would be the derivative of the plain sum. As the weights sum to 1, the mean distance "
    "has to be taken off: δ_j - Σ α δ.",
    {f" - {_MEAN}": ""},
)
gamma_gradient.mistake(
    *faults.diagonal(
        {f"squared - {_MEAN}": "squared * (1 - weights)"},
        "α(1 - α) is how a weight reacts to its own score. It reacts to all the others as well.",
    )
)
gamma_gradient.mistake(
    "the mean distance is not the weighted one",
    "Take off Σ α δ, the mean under the weights, not the plain mean over the keys.",
    {_MEAN: "squared.mean(axis=-1, keepdims=True)"},
)
gamma_gradient.mistake(
    "the mean was taken over the queries",
    "Each query has its own softmax: the sum runs over its keys, axis=-1.",
    {_MEAN: "(weights * squared).sum(axis=-2, keepdims=True)"},
)
gamma_gradient.mistake(
    "the weights are missing",
    "Each distance counts with its weight: α_j (δ_j - Σ α δ).",
    {"(weights * centred)": "centred"},
)
gamma_gradient.mistake(
    "the distance is not squared",
    "The score is -γ‖q - k‖², and its derivative by γ is the squared distance, with a minus.",
    {"centred =": "squared = np.sqrt(squared)\n    centred ="},
)
gamma_gradient.mistake(
    "that is the derivative by log γ",
    "It is γ times the one that is asked: right for learning log γ, not here.",
    {"return -": "return -gamma * "},
)
gamma_gradient.mistake(
    "grad_output is not used",
    "Each output counts with its own factor: multiply by grad_output before the sum.",
    {" * grad_output": ""},
)
gamma_gradient.mistake(
    "the mean was taken instead of the sum",
    "The loss is a sum over all outputs.",
    {").sum()": ").mean()"},
)
gamma_gradient.mistake(
    "far queries underflow to 0/0",
    "Far from all keys every exponential is 0, and so is their sum. Subtract the smallest distance "
    "of each row before the exponential.",
    {_NEAREST: ""},
)
gamma_gradient.mistake(
    *faults.epsilon("exponentials.sum(axis=-1, keepdims=True)"),
)
