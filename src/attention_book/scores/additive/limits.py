"""Additive attention in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.pooling.attention_pooling.limits import POOLING
from attention_book.pooling.attention_pooling.reference import pool
from attention_book.simplest.limits import MEAN
from attention_book.simplest.reference import mean

from . import module, reference


def _call(n, d):
    x, w = torch.randn(n, d), torch.randn(d)
    return lambda: module.attention(x, x, x, w=w)


ADDITIVE = Mechanism(
    "additive attention",
    reference.attention,
    "part1/attention_pooling.ipynb#the-additive-score",
    source="bahdanau2015neural",
    oracle="loops written from the paper; the concatenated form in PyTorch",
    advice=Advice(
        choose="queries and keys come from different networks and few pairs are scored, as in a "
        "recurrent decoder",
        order="no",
        exact="exact",
        hardware="any; a hidden layer for each pair, no fused kernel",
        time="n**2*d",
        memory="n**2*d",
        call=_call,
    ),
)


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
    return additive, np.broadcast_to(pool(x, w), (3, 4))


@limit_case(ADDITIVE, MEAN, when="$w = 0$", otherwise={"size": 1.0})
def additive_without_a_scorer(rng, size=0.0):
    q, k, v, w = normal(rng, (3, 4), (5, 4), (5, 2), 4)
    return reference.attention(q, k, v, w=size * w), mean(v, 3)
