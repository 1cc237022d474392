"""A glimpse in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product
from attention_book.simplest.limits import LOOKUP
from attention_book.simplest.reference import lookup

from . import module, reference


def _call(n, d):
    scores, uniforms = torch.randn(n), torch.rand(n)
    return lambda: module.glimpse(scores, uniforms)


GLIMPSE = Mechanism(
    "a glimpse",
    reference.glimpse,
    "part1/visual_attention.ipynb#soft-or-hard",
    source="mnih2014recurrent",
    oracle="`F.gumbel_softmax`; the shares of many draws",
    advice=Advice(
        choose="looking is what costs: only the chosen place is computed",
        order="no",
        exact="a draw: right on average",
        hardware="any; learns by estimated gradients, so it needs more steps",
        time="n",
        memory="n",
        call=_call,
    ),
)


@limit_case(GLIMPSE, LOOKUP, when="one score is far above the others", otherwise={"size": 0.1})
def a_certain_glimpse(rng, size=1e9):
    scores, uniforms = size * rng.standard_normal((3, 5)), rng.random((3, 5))
    v = rng.standard_normal((5, 2))
    return reference.glimpse(scores, uniforms) @ v, lookup(scores, v)


@limit_case(
    GLIMPSE,
    DOT_PRODUCT,
    when="it is averaged over its draws",
    otherwise={"draws": 1},
    within=0.03,
)
def mean_glimpse(rng, draws=100_000):
    q, k, v = rng.standard_normal((1, 4)), rng.standard_normal((5, 4)), np.eye(5)
    scores = np.broadcast_to(q @ k.T / np.sqrt(4), (draws, 5))
    drawn = reference.glimpse(scores, rng.random((draws, 5)))
    return (drawn @ v).mean(axis=0, keepdims=True), dot_product(q, k, v)


_DRAW = "a draw may stay where it is when a score changes a little"
_LOGARITHM = "the logarithm of a weight of 0 is minus infinity"
DEPARTURES = {
    "glimpse": {"sees_what_is_not_masked": _DRAW},
    "log_weights": {
        "stays_finite": _LOGARITHM,
        "gives_zeros_where_nothing_may_be_seen": _LOGARITHM,
        "has_finite_gradients": _LOGARITHM,
        "ignores_what_is_masked": _LOGARITHM,
    },
}
