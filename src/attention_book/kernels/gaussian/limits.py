"""Gaussian kernel regression in the family."""

import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.simplest.limits import LOOKUP, MEAN
from attention_book.simplest.reference import lookup, mean

from . import module, reference


def _call(n, d):
    x = torch.randn(n, d)
    return lambda: module.attention(x, x, x, gamma=1 / d)


KERNEL = Mechanism(
    "kernel attention",
    reference.attention,
    "part1/kernel_attention.ipynb",
    source="nadaraya1964estimating",
    oracle="loops written from the formula; scikit-learn's radial basis kernel and nearest "
    "neighbours",
    advice=Advice(
        choose="similar means *near*: positions on a line or a map, measurements, patches; there "
        "are few parameters to learn, or none",
        order="only if the positions are the keys",
        exact="exact",
        hardware="any; a matrix of distances, no fused kernel",
        time="n**2*d",
        memory="n**2",
        call=_call,
    ),
)


@limit_case(KERNEL, MEAN, when="$\\gamma = 0$", otherwise={"gamma": 0.2})
def gamma_0(rng, gamma=0.0):
    q, k, v = normal(rng, (3, 4), (5, 4), (5, 2))
    return reference.attention(q, k, v, gamma=gamma), mean(v, 3)


@limit_case(KERNEL, LOOKUP, when="$\\gamma \\to \\infty$", otherwise={"gamma": 0.2})
def gamma_without_bound(rng, gamma=1e9):
    q, k, v = normal(rng, (3, 4), (5, 4), (5, 2))
    return reference.attention(q, k, v, gamma=gamma), lookup(-(((q[:, None] - k) ** 2).sum(-1)), v)


_SQUARE = {"stays_finite": "the square of a long way is too large for half precision"}
DEPARTURES = {"as_dot_product": _SQUARE, "squared_distances": _SQUARE}
