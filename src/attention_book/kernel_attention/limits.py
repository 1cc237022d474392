"""Kernel attention in the family, and the two simplest of all: the mean and the best match."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal

from . import module, reference


def mean(v, L):
    """Answer each of L queries with the mean of the values."""
    return np.broadcast_to(v.mean(axis=-2), (L, v.shape[-1]))


def lookup(scores, v):
    """Answer each query with the value of its largest score."""
    return v[scores.argmax(axis=-1)]


def _call(n, d):
    x = torch.randn(n, d)
    return lambda: module.attention(x, x, x, gamma=1 / d)


MEAN = Mechanism("the mean of the values", mean, "part1/kernel_attention.ipynb#formula")
LOOKUP = Mechanism(
    "the value of the best key", lookup, "part1/kernel_attention.ipynb#from-the-nearest-to-the-mean"
)
KERNEL = Mechanism(
    "kernel attention",
    reference.attention,
    "part1/kernel_attention.ipynb",
    source="nadaraya1964estimating",
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
