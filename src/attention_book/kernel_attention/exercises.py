"""The exercises on kernel regression as attention."""

import math

import numpy as np

from attention_book.exercise import Case, function_exercise, letters, question, random_inputs
from attention_book.scaled_dot_product import reference as dot_product

from . import reference

# 1 ---------------------------------------------------------------------------------------------


@question(
    title="Three points, by hand",
    difficulty="easy",
    minutes=10,
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
    """The four ways to mix the points of article 002; the two middle rows to find are left out."""
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


def _middle(answer, wanted, tolerance=2e-3):
    row = np.asarray(answer[4], dtype=float)
    return row.shape == (2,) and np.allclose(row, wanted, rtol=0, atol=tolerance)


@question(
    title="Four tables: the formula or the program?",
    difficulty="easy",
    minutes=10,
    accepts=lambda answer: (
        len(answer) == 5
        and all(len(letters(part)) == 1 for part in answer[:4])
        and _labels(answer) == "ACDB"
        and _middle(answer, (3, 4), 1e-9)
    ),
    hints=[
        "Nothing is divided in two of the tables: neither in the formula nor in the program.",
        "The formula leaves out j = i. Nobody else is near, so its sums are close to 0.",
        "The middle point has the same distance to both others, so these two have equal weights.",
    ],
)
def four_tables():
    """Say which table is the article's formula, and which its program.

    The points (1, 2), (3, 4), (5, 6) ask each other, with the kernel exp(-distance²/2). Answer
    with four letters and a row: the table of the article's formula, that of its program, that of
    the averages with each point itself, that of the averages without it, and the middle row of
    the last two, which is the same in both.
    """
    return ("A", "C", "D", "B", (3.0, 4.0))


@four_tables.mistake(
    "four letters and a row of two numbers are asked for",
    "The formula's table, the program's, the two averages, then the middle row of these, as in "
    '"A", "B", "C", "D", (0, 0).',
    ("A", "C", "D", "B"),
)
def _(answer):
    if not isinstance(answer, list) or len(answer) != 5:
        return True
    return any(letters(part) not in tuple("abcd") for part in answer[:4]) or (
        np.shape(answer[4]) != (2,)
    )


@four_tables.mistake(
    "formula and program do not make the same table",
    "The formula sums over j ≠ i. The program multiplies the whole matrix, diagonal included.",
    ("C", "C", "D", "B", (3, 4)),
)
def _(answer):
    return _labels(answer)[0] == _labels(answer)[1]


@four_tables.mistake(
    "a table has two labels",
    "Each of the four tables is one of the four things.",
    ("A", "C", "D", "D", (3, 4)),
)
def _(answer):
    return len(set(_labels(answer))) < 4


@four_tables.mistake(
    "formula and program are exchanged",
    "The program keeps the diagonal, where the kernel is 1: its rows stay close to the points.",
    ("C", "A", "D", "B", (3, 4)),
)
def _(answer):
    return _labels(answer)[:2] == "CA"


@four_tables.mistake(
    "neither the formula nor the program divides",
    "Look for rows that no average can give: beyond all the points, or near zero.",
    ("B", "D", "C", "A", (3, 4)),
)
def _(answer):
    return set(_labels(answer)[:2]) != set("AC")


@four_tables.mistake(
    "the two averages are exchanged",
    "With itself a point stays near its place. Without, it is predicted from the others, and the "
    "two outer points get almost the middle one.",
    ("A", "C", "B", "D", (3, 4)),
)
def _(answer):
    return _labels(answer)[2:] == "BD"


@four_tables.mistake(
    "the middle row is that of the sum",
    "That is the program's row. Divide by the sum of its weights.",
    ("A", "C", "D", "B", (3.11, 4.147)),
)
def _(answer):
    return _middle(answer, TABLES["C"][1])


@four_tables.mistake(
    "the middle row is that of the formula",
    "The two neighbours count e⁻⁴ each, and nothing was divided by their sum.",
    ("A", "C", "D", "B", (0.11, 0.147)),
)
def _(answer):
    return _middle(answer, TABLES["A"][1])


@four_tables.mistake(
    "the middle row is exact",
    "By symmetry it needs no rounding: the mean of the two outer points.",
    ("A", "C", "D", "B", (3.001, 4.001)),
)
def _(answer):
    return _middle(answer, (3, 4), 0.05)


# 3 ---------------------------------------------------------------------------------------------


_YEARS = (1964, 2010, 2014, 2014, 2017)


def _years(answer):
    return tuple(float(year) for year in answer[1])


@question(
    title="Who came first?",
    difficulty="easy",
    minutes=10,
    accepts=lambda answer: (
        len(answer) == 5
        and letters(answer[0]) == "cebda"
        and _years(answer) == _YEARS
        and tuple(map(letters, answer[2:])) == ("q", "y", "z")
    ),
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
    letter of the reading that article 002 calls a book and that is none; and the letter of the
    one that could not be found (x: Attention Is All You Need, y: The Annotated Transformer,
    z: Attention Models for Natural Language Processing).
    """
    return ("cebda", (1964, 2010, 2014, 2014, 2017), "q", "y", "z")


def _but(place, part):
    """The right answer with one part exchanged."""
    answer = ["cebda", _YEARS, "q", "y", "z"]
    answer[place] = part
    return tuple(answer)


@who_came_first.mistake(
    "five answers are asked for",
    "Five letters as one word, five years in a list, and three single letters.",
    ("cebda", _YEARS),
)
def _(answer):
    if not isinstance(answer, list) or len(answer) != 5:
        return True
    options = ("pqrs", "xyz", "xyz")
    if any(
        len(letters(part)) != 1 or letters(part) not in choice
        for part, choice in zip(answer[2:], options, strict=True)
    ):
        return True
    try:
        return len(_years(answer)) != 5
    except (TypeError, ValueError):
        return True


@who_came_first.mistake(
    "each of the five letters is needed once",
    "Write the letters a, b, c, d, e in the right order, as one word.",
    _but(0, "cebd"),
)
def _(answer):
    return sorted(letters(answer[0])) != list("abcde")


@who_came_first.mistake(
    "the newest stands first",
    "The order is right, the direction is not: begin with the oldest.",
    _but(0, "adbec"),
)
def _(answer):
    return letters(answer[0]) == "adbec"


@who_came_first.mistake(
    "attention did not begin with the Transformer",
    "The paper of 2017 is the youngest of the five, and it cites earlier self-attention itself.",
    _but(0, "acebd"),
)
def _(answer):
    return letters(answer[0])[0] == "a"


@who_came_first.mistake(
    "the Transformer is the youngest of the five",
    "Its paper is of 2017, three years after the next.",
    _but(0, "cebad"),
)
def _(answer):
    return letters(answer[0])[-1] != "a"


@who_came_first.mistake(
    "the weighted average is older than the networks",
    "Nadaraya and Watson published it in 1964, 46 years before the next of the five.",
    _but(0, "ecbda"),
)
def _(answer):
    return letters(answer[0])[0] != "c"


@who_came_first.mistake(
    "the two works of 2014 are exchanged",
    "Glimpses came in June 2014, translation in September.",
    _but(0, "cedba"),
)
def _(answer):
    return letters(answer[0]) == "cedba"


@who_came_first.mistake(
    "foveal glimpses came before 2014",
    "Larochelle and Hinton published in 2010, before both works of 2014.",
    _but(0, "cbeda"),
)
def _(answer):
    return letters(answer[0])[1] != "e"


@who_came_first.mistake(
    "none of the five is of the 1990s",
    "That date is the article's, and none of these works bears it out.",
    _but(1, (1964, 1998, 2014, 2014, 2017)),
)
def _(answer):
    return any(1990 <= year < 2000 for year in _years(answer))


@who_came_first.mistake(
    "the years stand in another order than the letters",
    "Give the year of the oldest first, as you did with the letters.",
    _but(1, (2017, 2014, 1964, 2014, 2010)),
)
def _(answer):
    return _years(answer) != _YEARS and sorted(_years(answer)) == list(_YEARS)


@who_came_first.mistake(
    "the order is right, a year is not",
    "They stand in the table under Who found it, and when.",
    _but(1, (1964, 2010, 2014, 2015, 2017)),
)
def _(answer):
    return _years(answer) != _YEARS


for _option, _name, _hint in (
    (
        "p",
        "Chorin is no psychologist",
        "His field is applied mathematics: see the last paragraph of Who found it, and when.",
    ),
    (
        "r",
        "Chorin did not work on translation",
        "Attention in translation is the work of Bahdanau, Cho and Bengio.",
    ),
    (
        "s",
        "Chorin is not known for the theory of computation",
        "The Turing Award that the article gives him is not his. See the last paragraph of Who "
        "found it, and when.",
    ),
):
    who_came_first.mistake(_name, _hint, _but(2, _option))(
        lambda answer, option=_option: letters(answer[2]) == option
    )


@who_came_first.mistake(
    "the two readings are exchanged",
    "One of them you can read today, as a notebook. Of the other no trace was found.",
    ("cebda", _YEARS, "q", "z", "y"),
)
def _(answer):
    return tuple(map(letters, answer[3:])) == ("z", "y")


@who_came_first.mistake(
    "that one is a paper, and the article calls it one",
    "Asked is what the article calls a book. It exists, but as something else.",
    _but(3, "x"),
)
def _(answer):
    return letters(answer[3]) == "x"


@who_came_first.mistake(
    "of that one nothing is known, not even that it is no book",
    "Asked is the one that exists and is a notebook with a short paper.",
    _but(3, "z"),
)
def _(answer):
    return letters(answer[3]) == "z"


@who_came_first.mistake(
    "that one can be found",
    "Two of the three are easy to find: a paper of 2017 and a notebook of 2018.",
    _but(4, "x"),
)
def _(answer):
    return letters(answer[4]) in ("x", "y")


# 4 ---------------------------------------------------------------------------------------------


def _near(*wanted):
    def recognises(answer):
        found = np.asarray(answer, dtype=float)
        return found.shape == (2,) and np.allclose(found, wanted, rtol=2e-3, atol=0)

    return recognises


@question(
    title="How wide does a Transformer look?",
    difficulty="medium",
    minutes=10,
    accepts=_near(1 / 16, math.sqrt(8)),
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


for _name, _hint, _wrong in (
    (
        "the factor 2 of the expanded square is missing",
        "-γ‖q - k‖² contains +2γ q·k, not γ q·k.",
        (1 / 8, 2.0),
    ),
    (
        "the factor 2 went to the wrong side",
        "2γ = 1/√d_k, so γ is half of 1/8, not twice.",
        (1 / 4, math.sqrt(2)),
    ),
    (
        "that would divide by d_k, not by its root",
        "The scale is 1/√64 = 1/8.",
        (1 / 128, 8.0),
    ),
    (
        "γ is right, but that is σ²",
        "γ = 1/(2σ²), so σ² = 8. Take the root.",
        (1 / 16, 8.0),
    ),
    (
        "γ is right, but the bandwidth is not its inverse",
        "γ = 1/(2σ²): solve for σ.",
        (1 / 16, 16.0),
    ),
    (
        "γ is right, but the 2 in γ = 1/(2σ²) was forgotten",
        "σ² = 1/(2γ), not 1/γ.",
        (1 / 16, 4.0),
    ),
    (
        "the two answers are exchanged",
        "First γ, then σ.",
        (math.sqrt(8), 1 / 16),
    ),
):
    transformer_bandwidth.mistake(_name, _hint, _wrong)(_near(*_wrong))


# 5 ---------------------------------------------------------------------------------------------


def _average_cases():
    uneven = np.array([[0.0, 0.0], [0.5, 0.0], [0.6, 0.1], [3.0, 3.0]])
    some = np.random.default_rng(5).standard_normal((6, 3))
    printed = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    return [
        Case("three points, themselves included", (np.array([[0.0], [1.0], [2.0]]), 0.7, True)),
        Case("the same, each left out", (np.array([[0.0], [1.0], [2.0]]), 0.7, False)),
        Case("uneven points", (uneven, 0.5, True)),
        Case("uneven points, each left out", (uneven, 0.5, False)),
        Case("six points", (some, 0.3, True)),
        Case("six points, each left out", (some, 0.3, False)),
        Case("the points of article 002", (printed, 0.5, True)),
        Case("the points of article 002, each left out", (printed, 0.5, False)),
        Case("γ = 0, which is the mean", (uneven, 0.0, True)),
        Case("γ = 0, each left out", (uneven, 0.0, False)),
        Case("points that are far apart, each left out", (100 * uneven, 0.5, False)),
        Case("one point in five copies, each left out", (np.full((5, 2), 1.5), 2.0, False)),
        Case("a lonely point, left out", (np.array([[4.0, 2.0]]), 0.5, False)),
        Case("single precision", (some.astype(np.float32), 0.3, False), rtol=1e-5),
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


def _squared(x):
    return ((x[:, None] - x) ** 2).sum(axis=-1)


def _strength(x, gamma, include_self, scores=None):
    """The kernel's numbers, 0 on the diagonal where a point is left out."""
    strength = np.exp(-gamma * _squared(x) if scores is None else scores)
    return strength if include_self else strength * (1 - np.eye(len(x), dtype=x.dtype))


def _both(weights, x):
    weights = weights.astype(x.dtype)
    return weights, weights @ x


def _stable(scores, include_self, fill=-np.inf):
    """The softmax of the rows, with the diagonal filled where a point is left out."""
    if not include_self:
        scores = np.where(np.eye(len(scores), dtype=bool), fill, scores)
    peak = scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isneginf(peak), 0, peak))
    total = weights.sum(axis=-1, keepdims=True)
    return weights / np.where(total == 0, 1, total)


@kernel_average.mistake(
    "the rows do not sum to 1",
    "A sum of shares that do not make a whole is no average: with many neighbours it grows "
    "beyond the data, far from all it shrinks to 0. Divide each row by its sum.",
)
def _(x, gamma, include_self):
    return _both(_strength(x, gamma, include_self), x)


@kernel_average.mistake(
    "this is the formula of article 002, just as it stands",
    "It always leaves out the point itself, and it divides by nothing. Leave it out only when "
    "include_self is False, and divide each row by its sum.",
)
def _(x, gamma, include_self):
    return _both(_strength(x, gamma, False), x)


@kernel_average.mistake(
    "the columns sum to 1",
    "The kernel is symmetric, so the numbers look almost right. A / A.sum(axis=1) without "
    "keepdims=True does this too: it divides entry (i, j) by the sum of row j.",
)
def _(x, gamma, include_self):
    strength = _strength(x, gamma, include_self)
    return _both(strength / strength.sum(axis=0), x)


@kernel_average.mistake(
    "everything was divided by one total",
    "Each query has its own sum: sum(axis=-1, keepdims=True).",
)
def _(x, gamma, include_self):
    strength = _strength(x, gamma, include_self)
    return _both(strength / strength.sum(), x)


@kernel_average.mistake(
    "the diagonal was removed after the division",
    "The point has already taken its share, and the rest no longer sums to 1. Remove it first.",
)
def _(x, gamma, include_self):
    weights = _stable(-gamma * _squared(x), True)
    return _both(weights if include_self else weights * (1 - np.eye(len(x))), x)


@kernel_average.mistake(
    "far points underflow to 0/0",
    "The exponential was taken first. Stay with scores, subtract the largest of the row, and "
    "take the exponential then.",
)
def _(x, gamma, include_self):
    strength = _strength(x, gamma, include_self)
    return _both(strength / strength.sum(axis=-1, keepdims=True), x)


@kernel_average.mistake(
    "far points get zeros",
    "0/0 was caught, but the far points had neighbours. Before the exponential subtract the "
    "largest score of those that take part: with the point itself among them it is always 0.",
)
def _(x, gamma, include_self):
    strength = _strength(x, gamma, include_self)
    total = strength.sum(axis=-1, keepdims=True)
    return _both(strength / np.where(total == 0, 1, total), x)


@kernel_average.mistake(
    "a point with nobody to look at gets NaN",
    "Its only score is -inf, and -inf minus -inf is NaN. Say what it shall get: zeros.",
)
def _(x, gamma, include_self):
    scores = -gamma * _squared(x)
    if not include_self:
        scores = np.where(np.eye(len(x), dtype=bool), -np.inf, scores)
    strength = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return _both(strength / strength.sum(axis=-1, keepdims=True), x)


@kernel_average.mistake(
    "a point with nobody else looks at itself",
    "A large negative score is no minus infinity: where it is the only one, it gets the weight 1.",
)
def _(x, gamma, include_self):
    return _both(_stable(-gamma * _squared(x), include_self, fill=-1e30), x)


@kernel_average.mistake(
    "the point itself always takes part",
    "With include_self=False the diagonal of the weights must be 0. (A score of 0 there is no "
    "help: it is what the diagonal has already, and the largest of all.)",
)
def _(x, gamma, include_self):
    return _both(_stable(-gamma * _squared(x), True), x)


@kernel_average.mistake(
    "the point itself never takes part",
    "With include_self=True it does, and it has the largest weight of its row.",
)
def _(x, gamma, include_self):
    return _both(_stable(-gamma * _squared(x), False), x)


@kernel_average.mistake(
    "include_self is read the wrong way round",
    "True keeps the diagonal, False removes it.",
)
def _(x, gamma, include_self):
    return _both(_stable(-gamma * _squared(x), not include_self), x)


@kernel_average.mistake(
    "the distance is not squared",
    "exp(-γ·distance) is another kernel, the Laplacian. The Gaussian has the squared distance.",
)
def _(x, gamma, include_self):
    return _both(_stable(-gamma * np.sqrt(_squared(x)), include_self), x)


@kernel_average.mistake(
    "the sign is wrong: the farthest point wins",
    "A distance is not a similarity. Put a minus in front.",
)
def _(x, gamma, include_self):
    return _both(_stable(gamma * _squared(x), include_self), x)


@kernel_average.mistake(
    "the scores are dot products",
    "Dot products prefer long points. Asked is nearness: minus the squared distance.",
)
def _(x, gamma, include_self):
    return _both(_stable(gamma * (x @ x.T), include_self), x)


@kernel_average.mistake(
    "γ was taken for the bandwidth",
    "The score is -γ·distance². With a bandwidth σ it would be -distance²/(2σ²).",
)
def _(x, gamma, include_self):
    return _both(_stable(-_squared(x) / (2 * gamma**2), include_self), x)


@kernel_average.mistake(
    "an epsilon in the denominator makes every weight a little too small",
    "Only the row without neighbours needs help: np.where(total == 0, 1, total).",
)
def _(x, gamma, include_self):
    scores = -gamma * _squared(x)
    if not include_self:
        scores = np.where(np.eye(len(x), dtype=bool), -np.inf, scores)
    peak = scores.max(axis=-1, keepdims=True)
    strength = np.exp(scores - np.where(np.isneginf(peak), 0, peak))
    return _both(strength / (strength.sum(axis=-1, keepdims=True) + 1e-8), x)


# 6 ---------------------------------------------------------------------------------------------


def _error_cases():
    rng = np.random.default_rng(8)
    keys, values = rng.standard_normal((7, 2)), rng.standard_normal((7, 3))
    return [
        Case("seven points", (keys, values, 0.8)),
        Case("a narrow kernel", (keys, values, 5.0)),
        Case("γ = 0", (keys, values, 0.0)),
        Case("five points, one feature", (rng.random((5, 1)), rng.random((5, 1)), 4.0)),
        Case("far from each other", (100 * keys, values, 0.8)),
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


def _predict(keys, values, gamma, mask=None):
    return reference.attention(keys, keys, values, gamma=gamma, mask=mask)


def _others(keys):
    return ~np.eye(len(keys), dtype=bool)


@leave_one_out_error.mistake(
    "each point was allowed to ask itself",
    "This error falls to 0 as γ grows, since each key is its own nearest neighbour. Mask the "
    "diagonal.",
)
def _(keys, values, gamma):
    return ((_predict(keys, values, gamma) - values) ** 2).mean()


@leave_one_out_error.mistake(
    "the mask is the wrong way round",
    "Each point asked only itself and was right. True means: may attend.",
)
def _(keys, values, gamma):
    return ((_predict(keys, values, gamma, ~_others(keys)) - values) ** 2).mean()


@leave_one_out_error.mistake(
    "the diagonal was removed after the division",
    "The other weights no longer sum to 1. Mask before the softmax: hand the mask to attention.",
)
def _(keys, values, gamma):
    weights = reference.attention(keys, keys, values, gamma=gamma, return_weights=True)[1]
    return ((weights * _others(keys) @ values - values) ** 2).mean()


@leave_one_out_error.mistake(
    "the short formula divides 0 by 0",
    "(v - o)/(1 - α_ii) is a true identity, and fails where a point is so lonely that its own "
    "weight rounds to 1. Mask instead.",
)
def _(keys, values, gamma):
    output, weights = reference.attention(keys, keys, values, gamma=gamma, return_weights=True)
    residual = (values - output) / (1 - np.diagonal(weights)[:, None])
    return (residual**2).mean()


@leave_one_out_error.mistake(
    "the squared errors were added up, not averaged",
    "Divide by how many numbers there are: mean() instead of sum().",
)
def _(keys, values, gamma):
    return ((_predict(keys, values, gamma, _others(keys)) - values) ** 2).sum()


@leave_one_out_error.mistake(
    "only the points were averaged, the features were added",
    "The mean runs over all n · d_v numbers.",
)
def _(keys, values, gamma):
    errors = (_predict(keys, values, gamma, _others(keys)) - values) ** 2
    return errors.sum(axis=-1).mean()


@leave_one_out_error.mistake(
    "that is the root of the error",
    "Asked is the mean of the squares itself.",
)
def _(keys, values, gamma):
    return np.sqrt(((_predict(keys, values, gamma, _others(keys)) - values) ** 2).mean())


@leave_one_out_error.mistake(
    "the differences were not squared",
    "The mean absolute error is another measure.",
)
def _(keys, values, gamma):
    return np.abs(_predict(keys, values, gamma, _others(keys)) - values).mean()


@leave_one_out_error.mistake(
    "the differences cancel: nothing was squared",
    "Errors up and down must not cancel. Square first, then average.",
)
def _(keys, values, gamma):
    return (_predict(keys, values, gamma, _others(keys)) - values).mean()


@leave_one_out_error.mistake(
    "the keys were predicted instead of the values",
    "Keys say where to look. What is averaged, and compared, are the values.",
)
def _(keys, values, gamma):
    return ((_predict(keys, keys, gamma, _others(keys)) - keys) ** 2).mean()


# 7 ---------------------------------------------------------------------------------------------


def _dot_product_cases():
    q, k, v = random_inputs(11)
    sphere = k / np.linalg.norm(k, axis=-1, keepdims=True)
    return [
        Case("three queries, seven keys", (q, k, v, 0.4)),
        Case("other sizes", (*random_inputs(12, L=6, S=4, d_k=3, d_v=5), 0.7)),
        Case("keys on a sphere", (q, sphere, v, 0.4)),
        Case("a batch of heads", (*random_inputs(13, lead=(2, 3), L=4, S=3), 0.25)),
        Case("γ = 0", (q, k, v, 0.0)),
        Case("one feature", (*random_inputs(14, d_k=1), 0.3)),
        Case("far queries", (*random_inputs(15, scale=30.0), 0.5)),
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
    k (..., S, d_k), v (..., S, d_v); gamma is a number.
    """
    last = np.full_like(q[..., :1], -gamma)
    new_q = np.concatenate([2 * gamma * q, last], axis=-1)
    new_q = new_q * math.sqrt(new_q.shape[-1])
    new_k = np.concatenate([k, (k**2).sum(axis=-1, keepdims=True)], axis=-1)
    return dot_product.attention(new_q, new_k, v)


def _augmented(q, k, v, *, query=1.0, feature=None, last=-1.0, root=None):
    """Dot-product attention with one more feature, right but for the part that is handed in."""
    feature = (k**2).sum(axis=-1, keepdims=True) if feature is None else feature
    new_q = np.concatenate([query * q, np.full_like(q[..., :1], last)], axis=-1)
    new_k = np.concatenate([k, feature], axis=-1)
    return dot_product.attention(new_q * math.sqrt(root or new_q.shape[-1]), new_k, v)


@with_dot_products.mistake(
    "the length of the keys is missing",
    "On a sphere this is right. Elsewhere long keys win too much: -γ‖k‖² has to be added to "
    "their scores.",
)
def _(q, k, v, gamma):
    return dot_product.attention(2 * gamma * math.sqrt(q.shape[-1]) * q, k, v)


@with_dot_products.mistake(
    "that is plain dot-product attention",
    "It knows no γ. Scale the query, and add the length of the key.",
)
def _(q, k, v, gamma):
    return dot_product.attention(q, k, v)


@with_dot_products.mistake(
    "the factor 2 is missing",
    "-γ‖q - k‖² contains 2γ q·k.",
)
def _(q, k, v, gamma):
    return _augmented(q, k, v, query=gamma, last=-gamma)


@with_dot_products.mistake(
    "the number of features was counted before one was added",
    "The function divides by √(d_k + 1) now.",
)
def _(q, k, v, gamma):
    return _augmented(q, k, v, query=2 * gamma, last=-gamma, root=q.shape[-1])


@with_dot_products.mistake(
    "the scale 1/√features was not undone",
    "The function divides the scores: multiply the query by √(d_k + 1) first.",
)
def _(q, k, v, gamma):
    return _augmented(q, k, v, query=2 * gamma, last=-gamma, root=1)


@with_dot_products.mistake(
    "the length of the keys is not squared",
    "The term is -γ‖k‖², the squared length.",
)
def _(q, k, v, gamma):
    length = np.linalg.norm(k, axis=-1, keepdims=True)
    return _augmented(q, k, v, query=2 * gamma, last=-gamma, feature=length)


@with_dot_products.mistake(
    "the sign of the key's length is wrong",
    "Long keys must lose: the term is -γ‖k‖².",
)
def _(q, k, v, gamma):
    return _augmented(q, k, v, query=2 * gamma, last=gamma)


@with_dot_products.mistake(
    "γ is missing in the last feature",
    "Both terms carry it: 2γ q·k and -γ‖k‖².",
)
def _(q, k, v, gamma):
    return _augmented(q, k, v, query=2 * gamma, last=-1.0)


@with_dot_products.mistake(
    "γ is in the last feature only",
    "Both terms carry it: 2γ q·k and -γ‖k‖².",
)
def _(q, k, v, gamma):
    return _augmented(q, k, v, query=2.0, last=-gamma)


@with_dot_products.mistake(
    "the last feature carries γ twice",
    "Put -γ into the query or into the key, not into both.",
)
def _(q, k, v, gamma):
    return _augmented(q, k, v, query=2 * gamma, last=-(gamma**2))


@with_dot_products.mistake(
    "the keys were made equally long",
    "That changes the question. Their lengths belong to the distances.",
)
def _(q, k, v, gamma):
    unit = k / np.linalg.norm(k, axis=-1, keepdims=True)
    return dot_product.attention(2 * gamma * math.sqrt(q.shape[-1]) * q, unit, v)


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
        Case("γ = 0", with_upstream(24, 0.0)),
        Case("far queries", with_upstream(25, 0.02, scale=30.0)),
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
    v (..., S, d_v), grad_output (..., L, d_v), all leading dimensions alike.
    """
    squared = ((q[..., :, None, :] - k[..., None, :, :]) ** 2).sum(axis=-1)
    exponentials = np.exp(-gamma * (squared - squared.min(axis=-1, keepdims=True)))
    weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
    centred = squared - (weights * squared).sum(axis=-1, keepdims=True)
    return -((weights * centred) @ v * grad_output).sum()


def _through(q, k, v, grad_output, gamma, by_score, *, of=lambda squared: -squared):
    """The chain rule with the two middle factors handed in."""
    squared = ((q[..., :, None, :] - k[..., None, :, :]) ** 2).sum(axis=-1)
    weights = reference.attention(q, k, v, gamma=gamma, return_weights=True)[1]
    return (by_score(weights, of(squared)) @ v * grad_output).sum()


def _softmax_rule(weights, change):
    return weights * (change - (weights * change).sum(axis=-1, keepdims=True))


@gamma_gradient.mistake(
    "the sign is turned",
    "A larger γ lowers the score of what is far: ∂s/∂γ = -δ.",
)
def _(q, k, v, grad_output, gamma):
    return -_through(q, k, v, grad_output, gamma, _softmax_rule)


@gamma_gradient.mistake(
    "the weights are not divided again",
    "-α δ would be the derivative of the plain sum. As the weights sum to 1, the mean distance "
    "has to be taken off: δ_j - Σ α δ.",
)
def _(q, k, v, grad_output, gamma):
    return _through(q, k, v, grad_output, gamma, lambda p, c: p * c)


@gamma_gradient.mistake(
    "the softmax Jacobian is not diagonal",
    "α(1 - α) is how a weight reacts to its own score. It reacts to all the others as well.",
)
def _(q, k, v, grad_output, gamma):
    return _through(q, k, v, grad_output, gamma, lambda p, c: p * (1 - p) * c)


@gamma_gradient.mistake(
    "the mean distance is not the weighted one",
    "Take off Σ α δ, the mean under the weights, not the plain mean over the keys.",
)
def _(q, k, v, grad_output, gamma):
    rule = lambda p, c: p * (c - c.mean(axis=-1, keepdims=True))  # noqa: E731
    return _through(q, k, v, grad_output, gamma, rule)


@gamma_gradient.mistake(
    "the mean was taken over the queries",
    "Each query has its own softmax: the sum runs over its keys, axis=-1.",
)
def _(q, k, v, grad_output, gamma):
    rule = lambda p, c: p * (c - (p * c).sum(axis=-2, keepdims=True))  # noqa: E731
    return _through(q, k, v, grad_output, gamma, rule)


@gamma_gradient.mistake(
    "the weights are missing",
    "Each distance counts with its weight: α_j (δ_j - Σ α δ).",
)
def _(q, k, v, grad_output, gamma):
    rule = lambda p, c: c - (p * c).sum(axis=-1, keepdims=True)  # noqa: E731
    return _through(q, k, v, grad_output, gamma, rule)


@gamma_gradient.mistake(
    "the distance is not squared",
    "The score is -γ‖q - k‖², and its derivative by γ is the squared distance, with a minus.",
)
def _(q, k, v, grad_output, gamma):
    return _through(q, k, v, grad_output, gamma, _softmax_rule, of=lambda d: -np.sqrt(d))


@gamma_gradient.mistake(
    "that is the derivative by log γ",
    "It is γ times the one that is asked: right for learning log γ, not here.",
)
def _(q, k, v, grad_output, gamma):
    return gamma * _through(q, k, v, grad_output, gamma, _softmax_rule)


@gamma_gradient.mistake(
    "grad_output is not used",
    "Each output counts with its own factor: multiply by grad_output before the sum.",
)
def _(q, k, v, grad_output, gamma):
    return _through(q, k, v, np.ones_like(grad_output), gamma, _softmax_rule)


@gamma_gradient.mistake(
    "the mean was taken instead of the sum",
    "The loss is a sum over all outputs.",
)
def _(q, k, v, grad_output, gamma):
    return _through(q, k, v, grad_output, gamma, _softmax_rule) / grad_output.size
