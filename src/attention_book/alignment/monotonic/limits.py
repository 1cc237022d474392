"""Monotonic attention in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case
from attention_book.simplest.limits import LOOKUP
from attention_book.simplest.reference import lookup

from . import module, reference


def _call(L, S):
    p = torch.rand(L, S)
    return lambda: module.choose(p)


CHOICE = Mechanism(
    "the hard monotonic choice",
    reference.choose,
    "part2/pointing_and_memory.ipynb#only-forwards",
    source="raffel2017online",
    oracle="loops over lists in plain Python",
    advice=Advice(
        choose="the output has to begin before the input has ended",
        order="yes: only forwards",
        exact="one choice, where training takes the mean over all",
        hardware="any, one step after the other; a stream needs L + S looks, not L times S",
        time="L*S",
        memory="L*S",
        call=_call,
        sizes={"L": 128, "S": 256},
    ),
)
MONOTONIC = Mechanism(
    "monotonic attention",
    reference.alignment,
    "part2/pointing_and_memory.ipynb#only-forwards",
    source="raffel2017online",
    oracle="the sum over all ways to read, one by one; the quotient of the paper",
)


@limit_case(MONOTONIC, CHOICE, when="every $p_{ij}$ is 0 or 1", otherwise={"blur": 0.2})
def no_doubt(rng, blur=0.0):
    p = np.where(rng.random((4, 7)) < 0.4, 1 - blur, blur)
    p[:, -1] = 1 - blur
    return reference.alignment(p), reference.choose(p)


@limit_case(
    CHOICE,
    LOOKUP,
    when="each row has one $p_{ij}$ above ½, none before that of the row above",
    otherwise={"order": (5, 0, 4)},
)
def one_place_a_row(rng, order=(0, 4, 5)):
    p = 0.4 * rng.random((3, 6))
    p[np.arange(3), order] = 0.9
    v = rng.standard_normal((6, 2))
    return reference.choose(p) @ v, lookup(p, v)
