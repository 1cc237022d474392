"""Answers to the exercises on kernel regression."""

import math
from fractions import Fraction

import numpy as np
import scipy.special
import torch

from attention_book.kernels.gaussian import reference
from attention_book.scores.scaled_dot_product import reference as dot_product

from . import right, wrong


def softmax_rows(scores):
    return scipy.special.softmax(scores, axis=-1)


def pairwise(x, y):
    return ((x[..., :, None, :] - y[..., None, :, :]) ** 2).sum(-1)


def average_by_loop(x, gamma, include_self):
    n, d = x.shape
    weights, outputs = np.zeros((n, n), x.dtype), np.zeros((n, d), x.dtype)
    for i in range(n):
        others = [j for j in range(n) if include_self or j != i]
        if others:
            scores = [-gamma * float(((x[i] - x[j]) ** 2).sum()) for j in others]
            shares = [math.exp(s - max(scores)) for s in scores]
            for j, share in zip(others, shares, strict=True):
                weights[i, j] = share / sum(shares)
        outputs[i] = sum((weights[i, j] * x[j] for j in range(n)), np.zeros(d))
    return weights, outputs


def average_by_package(x, gamma, include_self):
    mask = None if include_self else ~np.eye(len(x), dtype=bool)
    weights = reference.attention(x, x, np.eye(len(x), dtype=x.dtype), gamma=gamma, mask=mask)
    return weights, weights @ x


def average_by_torch(x, gamma, include_self):
    t = torch.from_numpy(x)
    scores = -gamma * (t[:, None] - t).square().sum(-1)
    if not include_self:
        scores.fill_diagonal_(-torch.inf)
    weights = torch.softmax(scores, dim=-1).nan_to_num()
    return weights.numpy(), (weights @ t).numpy()


def error_by_loop(keys, values, gamma):
    total = 0.0
    for i in range(len(keys)):
        k, v = np.delete(keys, i, axis=0), np.delete(values, i, axis=0)
        total += ((softmax_rows(-gamma * ((k - keys[i]) ** 2).sum(1)) @ v - values[i]) ** 2).sum()
    return total / values.size


def error_by_infinite_distance(keys, values, gamma):
    scores = -gamma * pairwise(keys, keys)
    np.fill_diagonal(scores, -np.inf)
    return float(np.mean((softmax_rows(scores) @ values - values) ** 2))


def dot_by_einsum(q, k, v, gamma):
    scores = 2 * gamma * np.einsum("...id,...jd->...ij", q, k)
    scores = scores - gamma * np.einsum("...jd,...jd->...j", k, k)[..., None, :]
    return softmax_rows(scores) @ v


def dot_by_key(q, k, v, gamma):
    """The factors in the key instead of the query."""
    root = math.sqrt(q.shape[-1] + 1)
    longer_q = np.concatenate([q, np.ones_like(q[..., :1])], -1)
    length = (k**2).sum(-1, keepdims=True)
    longer_k = np.concatenate([2 * gamma * k, -gamma * length], -1)
    return dot_product.attention(longer_q, longer_k * root, v)


def gradient_by_torch(q, k, v, grad_output, gamma):
    q, k, v, upstream = (torch.from_numpy(x) for x in (q, k, v, grad_output))
    gamma = torch.tensor(gamma, dtype=torch.float64, requires_grad=True)
    weights = torch.softmax(-gamma * (q.unsqueeze(-2) - k.unsqueeze(-3)).square().sum(-1), -1)
    ((weights @ v) * upstream).sum().backward()
    return gamma.grad.item()


def gradient_by_package(q, k, v, grad_output, gamma):
    return np.sum(grad_output * reference.gamma_derivative(q, k, v, gamma=gamma))


def gradient_by_covariance(q, k, v, grad_output, gamma):
    """E[distance] E[value] - E[distance · value]."""
    squared = pairwise(q, k)
    p = softmax_rows(-gamma * squared)
    value = grad_output @ np.swapaxes(v, -1, -2)
    apart = (p * squared).sum(-1) * (p * value).sum(-1) - (p * squared * value).sum(-1)
    return apart.sum()


RIGHT_ANSWERS = {
    "three_points": [
        [0.4, 1, 1.6],
        (Fraction(2, 5), 1, Fraction(8, 5)),
        np.array([0.4, 1.0, 1.6]),
        torch.tensor([0.4, 1.0, 1.6]),
        np.array([[0.4], [1.0], [1.6]]),
        average_by_package(np.array([[0.0], [1], [2]]), math.log(2), True)[1],
    ],
    "four_tables": [
        ("a", "c", "d", "b", [3, 4]),
        ["A:", " C", "D)", "b ", np.array([3.0, 4.0])],
        ("A", "C", "D", "B", torch.tensor([3, 4])),
        ("A", "C", "D", "B", (Fraction(3), 4)),
    ],
    "who_came_first": [
        ("CEBDA", [1964, 2010, 2014, 2014, 2017], "Q", "Y", "Z"),
        ("c, e, b, d, a", np.array([1964, 2010, 2014, 2014, 2017]), "q", "y", "z"),
        [list("cebda"), ["1964", "2010", "2014", "2014", "2017"], ["q"], "(y)", "z."],
        ("c e b d a", (1964.0, 2010, 2014, 2014, 2017), "q", "y", "z"),
    ],
    "transformer_bandwidth": [
        [0.0625, 2.83],
        (1 / 16, 64**0.25),
        np.array([0.0625, 2.828]),
        (Fraction(1, 16), 2 * math.sqrt(2)),
    ],
    "kernel_average": [average_by_loop, average_by_package, average_by_torch],
    "leave_one_out_error": [error_by_loop, error_by_infinite_distance],
    "with_dot_products": [dot_by_einsum, dot_by_key],
    "gamma_gradient": [gradient_by_torch, gradient_by_package, gradient_by_covariance],
}


def root(x):
    return math.sqrt(x.shape[-1] + 1)


FOUR_AND_A_ROW = "four letters and a row of two numbers are asked for"
FIVE = "five answers are asked for"
A_YEAR = "the order is right, a year is not"
YEARS = (1964, 2010, 2014, 2014, 2017)


def first(order="cebda", years=YEARS, field="q", no_book="y", not_found="z"):
    """The right answer to the question of who came first, with a part exchanged."""
    return order, years, field, no_book, not_found


WRONG_ANSWERS = {
    "four_tables": [
        ("one word", "ACDB", FOUR_AND_A_ROW),
        ("one word and the row", ("ACDB", (3, 4)), FOUR_AND_A_ROW),
        ("one number for the row", ("A", "C", "D", "B", 3), FOUR_AND_A_ROW),
        ("three numbers", ("A", "C", "D", "B", (3, 4, 5)), FOUR_AND_A_ROW),
        ("the row as text", ("A", "C", "D", "B", "3, 4"), FOUR_AND_A_ROW),
        ("another letter", ("A", "C", "D", "E", (3, 4)), FOUR_AND_A_ROW),
        ("two letters in one", ("AC", "C", "D", "B", (3, 4)), FOUR_AND_A_ROW),
        ("as they come", (*"ABCD", (3, 4)), "neither the formula nor the program divides"),
        ("both are A", (*"AADB", (3, 4)), "formula and program do not make the same table"),
        ("both are D", (*"DDAB", (3, 4)), "formula and program do not make the same table"),
        ("both averages B", (*"ACBB", (3, 4)), "a table has two labels"),
        ("program among the averages", (*"ACCB", (3, 4)), "a table has two labels"),
        ("all exchanged", (*"CABD", (3, 4)), "formula and program are exchanged"),
        ("divided program", (*"ADCB", (3, 4)), "neither the formula nor the program divides"),
        ("divided formula", (*"BCDA", (3, 4)), "neither the formula nor the program divides"),
        ("row rounded down", (*"ACDB", (2.99, 3.99)), "the middle row is exact"),
        ("row of the program", (*"ACDB", (3.1099, 4.1465)), "the middle row is that of the sum"),
        (
            "row of the formula",
            (*"ACDB", (0.1099, 0.1465)),
            "the middle row is that of the formula",
        ),
        ("a column", (*"ACDB", [[3], [4]]), FOUR_AND_A_ROW),
        ("numbers for letters", (1, 3, 4, 2, (3, 4)), FOUR_AND_A_ROW),
        ("a letter too many, one too few", ("AC", "", *"DB", (3, 4)), FOUR_AND_A_ROW),
        ("a number", 3, FOUR_AND_A_ROW),
    ],
    "who_came_first": [
        ("letters only", "cebda", FIVE),
        ("four years", first(years=YEARS[:4]), FIVE),
        ("one year", first(years=2017), FIVE),
        ("years as words", first(years=["then"] * 5), FIVE),
        ("a field of another list", first(field="y"), FIVE),
        ("a word for the field", first(field="fluids"), FIVE),
        ("a reading of another list", first(no_book="q"), FIVE),
        ("two readings", first(no_book="yz"), FIVE),
        ("alphabetical", first("abcde"), "attention did not begin with the Transformer"),
        ("by name", first("dbcea"), "the weighted average is older than the networks"),
        ("a repeated letter", first("cebdd"), "each of the five letters is needed once"),
        ("six letters", first("cebdaa"), "each of the five letters is needed once"),
        ("one letter", first("c"), "each of the five letters is needed once"),
        ("other letters", first("vwxyz"), "each of the five letters is needed once"),
        ("nothing", first(""), "each of the five letters is needed once"),
        ("glimpses last", first("cbdea"), "foveal glimpses came before 2014"),
        ("translation second", first("cdbea"), "foveal glimpses came before 2014"),
        ("then glimpses", first("cdeba"), "foveal glimpses came before 2014"),
        ("foveal first", first("ecdba"), "the weighted average is older than the networks"),
        ("the Transformer third", first("ceabd"), "the Transformer is the youngest of the five"),
        ("translation last", first("cbaed"), "the Transformer is the youngest of the five"),
        ("glimpses youngest", first("cbade"), "the Transformer is the youngest of the five"),
        ("recurrent first", first("bceda"), "the weighted average is older than the networks"),
        (
            "a date of the 1990s",
            first(years=(1990, 2010, 2014, 2014, 2017)),
            "none of the five is of the 1990s",
        ),
        (
            "newest year first",
            first(years=YEARS[::-1]),
            "the years stand in another order than the letters",
        ),
        ("years and a half", first(years=(1964, 2010, 2014.5, 2014.5, 2017)), A_YEAR),
        ("two digits", first(years=(64, 10, 14, 14, 17)), A_YEAR),
        ("nan", first(years=(math.nan, 2010, 2014, 2014, 2017)), A_YEAR),
        ("the same reading twice", first(not_found="y"), "that one can be found"),
        (
            "both x",
            first(no_book="x", not_found="x"),
            "that one is a paper, and has always been called one",
        ),
        ("a number", 2017, FIVE),
    ],
}

for name, answers in RIGHT_ANSWERS.items():
    right(f"kernel_attention.{name}", *answers)
for name, answers in WRONG_ANSWERS.items():
    wrong(f"kernel_attention.{name}", *answers)

wrong(
    "kernel_attention.kernel_average",
    (
        "double precision with the point itself only",
        {"astype(x.dtype)": "astype(float if include_self else x.dtype)"},
    ),
    (
        "the maximum before the point is left out",
        {
            "    if not include_self": "    scores = scores - scores.max(axis=-1, keepdims=True)\n"
            "    if not include_self",
            "np.where(np.isneginf(peak), 0, peak)": "0",
            "np.where(total == 0, 1, total)": "total",
        },
        "far points underflow to 0/0",
    ),
    (
        "city blocks",
        {"((x[:, None] - x) ** 2)": "abs(x[:, None] - x)"},
        "the distance is not squared",
    ),
)
wrong(
    "kernel_attention.with_dot_products",
    (
        "lengths of the query",
        {
            "-gamma)": "-gamma) * (q**2).sum(axis=-1, keepdims=True)",
            "(k**2).sum(axis=-1, keepdims=True)": "np.ones_like(k[..., :1])",
        },
        "the length of the keys is missing",
    ),
)
