"""Transformer-XL's relative positions in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.positions.shaw.limits import SHAW
from attention_book.positions.shaw.reference import attention as shaw
from attention_book.positions.sinusoidal.reference import encoding
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product

from . import module, reference


def _call(n, d):
    x, W_r, u, w = torch.randn(n, d), torch.randn(d, d), torch.randn(d), torch.randn(d)
    return lambda: module.attention(x, x, x, W_r, u=u, w=w)


TRANSFORMER_XL = Mechanism(
    "Transformer-XL's relative positions",
    reference.attention,
    "part3/positions.ipynb#distance-as-a-vector",
    source="dai2019transformerxl",
    oracle="loops written from the paper, with an explicit look-up in place of the shift",
    advice=Advice(
        choose="the states of the text before stay readable, and distances without bound matter",
        order="yes: through the sines of the distance",
        exact="exact",
        hardware="any, without the fused kernel",
        time="n**2*d",
        memory="n**2",
        call=_call,
        sizes={"n": 2048, "d": 64},
    ),
)


@limit_case(TRANSFORMER_XL, DOT_PRODUCT, when="$W_r = 0$ and $u = 0$", otherwise={"size": 1.0})
def content_alone(rng, size=0.0):
    q, k, v, W_r, u, w = normal(rng, (3, 4), (5, 4), (5, 2), (6, 4), 4, 4)
    return reference.attention(q, k, v, size * W_r, u=size * u, w=w), dot_product(q, k, v)


@limit_case(
    TRANSFORMER_XL,
    SHAW,
    when="$u = w = 0$, and the vector of each distance is $r_{i-j}$",
    otherwise={"size": 1.0},
)
def without_the_biases(rng, size=0.0):
    q, k, v, W_r, u, w = normal(rng, (3, 4), (5, 4), (5, 2), (6, 4), 4, 4)
    keys = encoding(-np.arange(-4, 5), 6) @ W_r
    return reference.attention(q, k, v, W_r, u=size * u, w=size * w), shaw(q, k, v, keys)
