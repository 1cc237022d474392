"""Sinusoidal positions in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case
from attention_book.positions.rope.limits import ROPE
from attention_book.positions.rope.reference import attention as rope
from attention_book.scores.scaled_dot_product.reference import attention as dot_product

from . import module, reference


def _call(n, d):
    x = torch.randn(n, d)
    return lambda: module.add(x)


SINUSOIDAL = Mechanism(
    "sinusoidal positions",
    reference.add,
    "part3/positions.ipynb#why-sines",
    source="vaswani2017attention",
    oracle="loops written from the paper; complex numbers",
    advice=Advice(
        choose="positions are to be added once, at the bottom, without anything to learn",
        order="yes: where each token stands",
        exact="exact",
        hardware="any",
        time="n*d",
        memory="n*d",
        call=_call,
        sizes={"n": 512, "d": 64},
    ),
)


@limit_case(
    SINUSOIDAL,
    ROPE,
    when="the tokens are 0, and each pair of RoPE's queries and keys is (1, 0)",
    otherwise={"tokens": 1.0},
)
def codes_alone(rng, tokens=0.0):
    x, v = tokens * rng.standard_normal((5, 6)), rng.standard_normal((5, 2))
    coded, ones = reference.add(x), np.tile([1.0, 0.0], (5, 3))
    return dot_product(coded, coded, v), rope(ones, ones, v)
