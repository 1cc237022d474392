"""Attention pooling and additive attention in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.kernel_attention.limits import LOOKUP, MEAN, lookup, mean
from attention_book.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scaled_dot_product.reference import attention as dot_product

from . import module, reference


def _call_pool(n, d):
    x, w = torch.randn(n, d), torch.randn(d)
    return lambda: module.pool(x, w)


def _call_additive(n, d):
    x, w = torch.randn(n, d), torch.randn(d)
    return lambda: module.attention(x, x, x, w=w)


POOLING = Mechanism(
    "attention pooling",
    reference.pool,
    "part1/attention_pooling.ipynb#pooling",
    source="raffel2015feed",
    advice=Advice(
        choose="a sequence has to become one vector, and some positions matter more than others",
        order="no: shuffle the positions, and the vector stays",
        exact="exact",
        hardware="any; one pass over the positions",
        time="n*d",
        memory="n*d",
        call=_call_pool,
    ),
)
ADDITIVE = Mechanism(
    "additive attention",
    reference.attention,
    "part1/attention_pooling.ipynb#the-additive-score",
    source="bahdanau2015neural",
    advice=Advice(
        choose="queries and keys come from different networks and few pairs are scored, as in a "
        "recurrent decoder",
        order="no",
        exact="exact",
        hardware="any; a hidden layer for each pair, no fused kernel",
        time="n**2*d",
        memory="n**2*d",
        call=_call_additive,
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


@limit_case(
    ADDITIVE,
    POOLING,
    when="the arguments of its tanh go to 0, and $w$ grows by as much",
    otherwise={"size": 1.0},
    within=1e-9,
)
def tanh_of_small_arguments(rng, size=1e-5):
    q, x, w = normal(rng, (3, 4), (5, 4), 4)
    additive = reference.attention(size * q, size * x, x, w=w / size)
    return additive, np.broadcast_to(reference.pool(x, w), (3, 4))


@limit_case(ADDITIVE, MEAN, when="$w = 0$", otherwise={"size": 1.0})
def additive_without_a_scorer(rng, size=0.0):
    q, k, v, w = normal(rng, (3, 4), (5, 4), (5, 2), 4)
    return reference.attention(q, k, v, w=size * w), mean(v, 3)
