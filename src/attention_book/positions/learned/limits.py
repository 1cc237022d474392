"""Learned positions in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.positions.sinusoidal.limits import SINUSOIDAL
from attention_book.positions.sinusoidal.reference import add as sinusoidal
from attention_book.positions.sinusoidal.reference import encoding
from attention_book.simplest.limits import IDENTITY
from attention_book.simplest.reference import identity

from . import module, reference


def _call(n, d):
    x, table = torch.randn(n, d), torch.randn(n, d)
    return lambda: module.add(x, table)


LEARNED = Mechanism(
    "learned positions",
    reference.add,
    "part3/positions.ipynb#concepts",
    source="gehring2017convolutional",
    oracle="`nn.Embedding`",
    advice=Advice(
        choose="all inputs have at most a length that is known, and there is data for each place",
        order="yes: where each token stands, up to the last row of the table",
        exact="exact",
        hardware="any",
        time="n*d",
        memory="n*d",
        call=_call,
        sizes={"n": 512, "d": 64},
    ),
)


@limit_case(
    LEARNED, SINUSOIDAL, when="the table holds the sines and cosines", otherwise={"base": 100.0}
)
def a_table_of_sines(rng, base=10_000.0):
    x = rng.standard_normal((5, 6))
    return reference.add(x, encoding(np.arange(8), 6, base=base)), sinusoidal(x)


@limit_case(LEARNED, IDENTITY, when="the table is 0", otherwise={"size": 1.0})
def an_empty_table(rng, size=0.0):
    x, table = normal(rng, (5, 6), (8, 6))
    return reference.add(x, size * table), identity(x)
