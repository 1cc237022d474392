"""The pointer network in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.scores.additive.limits import ADDITIVE
from attention_book.scores.additive.reference import attention as additive
from attention_book.simplest.limits import LOOKUP
from attention_book.simplest.reference import lookup

from . import module, reference


def _call(n, d):
    x, w, pointed = torch.randn(n, d), torch.randn(d), torch.arange(n)
    return lambda: module.weights(x, x, pointed, w=w)


POINTER = Mechanism(
    "a pointer network",
    reference.weights,
    "part2/pointing_and_memory.ipynb#the-pointer",
    source="vinyals2015pointer",
    oracle="loops written from the paper; PyTorch's `Categorical`; all permutations, which sum "
    "to 1",
    advice=Advice(
        choose="the answer is a choice among the inputs, however many they are",
        order="its answer is an order; of the inputs it sees none",
        exact="exact",
        hardware="any; a hidden layer for each pair, no fused kernel",
        time="n**2*d",
        memory="n**2*d",
        call=_call,
    ),
)


@limit_case(
    POINTER,
    ADDITIVE,
    when="nothing has been pointed at, and $v = I$",
    otherwise={"pointed": (4, 1, 2)},
)
def nothing_pointed_at(rng, pointed=(-1, -1, -1)):
    q, k, w = normal(rng, (3, 4), (5, 4), 4)
    points = reference.weights(q, k, np.array(pointed), w=w)
    return points, additive(q, k, np.eye(5), w=w)


@limit_case(POINTER, LOOKUP, when="$w$ grows without bound", otherwise={"size": 0.1})
def a_certain_pointer(rng, size=1e9):
    q, k, w = normal(rng, (3, 4), (5, 4), 4)
    scores = np.tanh(q[:, None] + k) @ w
    points = reference.weights(q, k, np.full(3, -1), w=size * w)
    return points, lookup(scores, np.eye(5))
