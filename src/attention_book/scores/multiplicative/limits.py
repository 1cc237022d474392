"""Multiplicative attention in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product
from attention_book.simplest.limits import MEAN
from attention_book.simplest.reference import mean

from . import module, reference


def _call(n, d):
    x, W = torch.randn(n, d), torch.randn(d, d)
    return lambda: module.attention(x, x, x, W=W)


MULTIPLICATIVE = Mechanism(
    "multiplicative attention",
    reference.attention,
    "part2/alignment.ipynb#the-multiplicative-score",
    source="luong2015effective",
    oracle="loops written from the paper; `torch.nn.functional.bilinear`; PyTorch's kernel",
    advice=Advice(
        choose="queries and keys come from different networks, and many pairs are scored",
        order="no",
        exact="exact, in the fused kernel too",
        hardware="any; matrix products, and a fused kernel on CPUs and GPUs",
        time="n**2*d + n*d**2",
        memory="n*d",
        call=_call,
    ),
)


@limit_case(
    MULTIPLICATIVE,
    DOT_PRODUCT,
    when="$W$ is the identity, divided by $\\sqrt{d_k}$",
    otherwise={"scale": 1.0},
)
def identity_between(rng, scale=0.5):  # 1/√4
    q, k, v = normal(rng, (3, 4), (5, 4), (5, 2))
    return reference.attention(q, k, v, W=scale * np.eye(4)), dot_product(q, k, v)


@limit_case(MULTIPLICATIVE, MEAN, when="$W = 0$", otherwise={"size": 1.0})
def nothing_between(rng, size=0.0):
    q, k, v, W = normal(rng, (3, 6), (5, 4), (5, 2), (6, 4))
    return reference.attention(q, k, v, W=size * W), mean(v, 3)
