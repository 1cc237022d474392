"""The gradient of a draw in the family."""

import numpy as np

from attention_book.family import Mechanism, limit_case
from attention_book.hard.glimpse.limits import GLIMPSE
from attention_book.hard.glimpse.reference import glimpse
from attention_book.softmax import softmax

from . import reference

EXPECTED = Mechanism(
    "the gradient over all draws",
    reference.expected_gradient,
    "part1/visual_attention.ipynb#soft-or-hard",
    source="williams1992simple",
    oracle="autograd through the soft average",
)
REINFORCE = Mechanism(
    "the score-function gradient",
    reference.score_function_gradient,
    "part1/visual_attention.ipynb#soft-or-hard",
    source="williams1992simple",
    oracle="the sum over all draws; the gradients of PyTorch's `Categorical`",
)


@limit_case(
    REINFORCE,
    EXPECTED,
    when="it is averaged over its draws",
    otherwise={"draws": 1},
    within=0.05,
)
def mean_estimate(rng, draws=300_000):
    scores, rewards = rng.standard_normal(4), rng.standard_normal(4)
    many = np.broadcast_to(scores, (draws, 4))
    chosen = glimpse(many, rng.random((draws, 4)))
    estimates = reference.score_function_gradient(many, chosen, chosen @ rewards)
    return estimates.mean(axis=0), reference.expected_gradient(scores, rewards)


@limit_case(
    REINFORCE,
    GLIMPSE,
    when="$R - b = 1$ and the weights are added",
    otherwise={"advantage": 0.5},
)
def a_unit_advantage(rng, advantage=1.0):
    scores = rng.standard_normal((3, 4))
    chosen = glimpse(scores, rng.random((3, 4)))
    estimate = reference.score_function_gradient(scores, chosen, advantage + 2, baseline=2.0)
    return estimate + softmax(scores), chosen


DEPARTURES = {
    "score_function_gradient": {
        "gives_zeros_where_nothing_may_be_seen": "the mask must show the position that was drawn",
    },
}
