"""Attention pooling in the family."""

import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product
from attention_book.simplest.limits import LOOKUP, MEAN
from attention_book.simplest.reference import lookup, mean

from . import module, reference


def _call(n, d):
    x, w = torch.randn(n, d), torch.randn(d)
    return lambda: module.pool(x, w)


POOLING = Mechanism(
    "attention pooling",
    reference.pool,
    "part1/attention_pooling.ipynb#pooling",
    source="raffel2015feed",
    oracle="PyTorch's kernel with one query; loops",
    advice=Advice(
        choose="a sequence has to become one vector, and some positions matter more than others",
        order="no: shuffle the positions, and the vector stays",
        exact="exact",
        hardware="any; one pass over the positions",
        time="n*d",
        memory="n*d",
        call=_call,
    ),
)


@limit_case(POOLING, MEAN, when="$w = 0$", otherwise={"size": 1.0})
def pooling_without_a_question(rng, size=0.0):
    x, w = normal(rng, (5, 4), 4)
    return reference.pool(x, size * w), mean(x, 1)[0]


@limit_case(POOLING, LOOKUP, when="$w$ grows without bound", otherwise={"size": 1.0})
def pooling_with_a_large_w(rng, size=1e9):
    x, w = normal(rng, (5, 4), 4)
    return reference.pool(x, size * w), lookup(x @ w, x)


@limit_case(
    DOT_PRODUCT,
    POOLING,
    when="the only query is $\\sqrt{d}\\,w$ and the keys are the values",
    otherwise={"scale": 1},
)
def one_query(rng, scale=2):  # √4
    x, w = normal(rng, (5, 4), 4)
    return dot_product(scale * w[None], x, x)[0], reference.pool(x, w)
