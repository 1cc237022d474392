"""Bahdanau's decoder in the family."""

import numpy as np

from attention_book.family import Mechanism, limit_case, normal
from attention_book.scores.additive.limits import ADDITIVE
from attention_book.scores.additive.reference import attention as additive

from . import reference

BAHDANAU = Mechanism(
    "Bahdanau's decoder",
    reference.decode,
    "part2/alignment.ipynb#which-state-asks",
    source="bahdanau2015neural",
    oracle="loops written from the paper; the module with PyTorch's cell",
)


@limit_case(BAHDANAU, ADDITIVE, when="it takes one step", otherwise={"steps": 2})
def one_step(rng, steps=1):
    y, memory, start, w, M = normal(rng, (steps, 3), (5, 4), (1, 4), 4, (7, 4))

    def cell(x, state):
        return np.tanh(x @ M + state)

    def attend(q, memory):
        return additive(q, memory, memory, w=w)

    _, contexts = reference.decode(y, memory, start=start[0], cell=cell, attend=attend)
    return contexts[-1:], attend(start, memory)


DEPARTURES = {
    "BahdanauDecoder.forward": {
        "gives_zeros_where_nothing_may_be_seen": "the contexts are zeros, the states go on",
    }
}
