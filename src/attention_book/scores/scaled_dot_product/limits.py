"""Scaled dot-product attention in the family."""

import math

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.kernels.gaussian.limits import KERNEL
from attention_book.kernels.gaussian.reference import as_dot_product
from attention_book.kernels.gaussian.reference import attention as kernel_attention
from attention_book.simplest.limits import LOOKUP, MEAN
from attention_book.simplest.reference import lookup, mean

from . import module, reference


def _call(n, d):
    x = torch.randn(n, d)
    return lambda: module.attention(x, x, x)


DOT_PRODUCT = Mechanism(
    "scaled dot-product attention",
    reference.attention,
    "part1/scaled_dot_product.ipynb",
    source="vaswani2017attention",
    oracle="a loop written from the paper; `F.scaled_dot_product_attention`; finite differences",
    advice=Advice(
        choose="what is similar has to be learned, and there are many queries: the default",
        order="no: it sees a set; the mask or added positions bring the order",
        exact="exact, in the fused kernel too",
        hardware="any; matrix products, and a fused kernel on CPUs and GPUs",
        time="n**2*d",
        memory="n*d",
        call=_call,
    ),
)


@limit_case(DOT_PRODUCT, MEAN, when="every query is 0", otherwise={"size": 1.0})
def zero_queries(rng, size=0.0):
    q, k, v = normal(rng, (3, 4), (5, 4), (5, 2))
    return reference.attention(size * q, k, v), mean(v, 3)


@limit_case(DOT_PRODUCT, LOOKUP, when="the queries grow without bound", otherwise={"size": 1.0})
def large_queries(rng, size=1e9):
    q, k, v = normal(rng, (3, 4), (5, 4), (5, 2))
    return reference.attention(size * q, k, v), lookup(q @ k.T, v)


@limit_case(
    KERNEL,
    DOT_PRODUCT,
    when="all keys are equally long and $\\gamma = 1/(2\\sqrt{d_k})$",
    otherwise={"lengths": (1, 2, 3, 4, 5)},
)
def equally_long_keys(rng, lengths=(2, 2, 2, 2, 2)):
    q, k, v = normal(rng, (3, 4), (5, 4), (5, 2))
    k *= np.array(lengths)[:, None] / np.linalg.norm(k, axis=-1, keepdims=True)
    of_distance = kernel_attention(q, k, v, gamma=1 / (2 * math.sqrt(4)))
    return of_distance, reference.attention(q, k, v)


@limit_case(
    DOT_PRODUCT,
    KERNEL,
    when="each key brings its squared length as one more feature",
    otherwise={"one_more": False},
)
def squared_lengths(rng, one_more=True):
    q, k, v = normal(rng, (3, 4), (5, 4), (5, 2))
    new_q, new_k = as_dot_product(q, k, gamma=0.2) if one_more else (q, k)
    return reference.attention(new_q, new_k, v), kernel_attention(q, k, v, gamma=0.2)
