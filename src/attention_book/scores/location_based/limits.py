"""Location-based attention in the family."""

import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.scores.multiplicative.limits import MULTIPLICATIVE
from attention_book.scores.multiplicative.reference import attention as multiplicative
from attention_book.simplest.limits import MEAN
from attention_book.simplest.reference import mean

from . import module, reference


def _call(n, d):
    x, W = torch.randn(n, d), torch.randn(d, n)
    return lambda: module.attention(x, x, W=W)


LOCATION_BASED = Mechanism(
    "location-based attention",
    reference.attention,
    "part2/alignment.ipynb#a-score-that-looks-at-no-key",
    source="luong2015effective",
    oracle="loops written from the paper",
    advice=Advice(
        choose="what matters stands at the same places in every input, of a length that is known",
        order="yes: it sees places and nothing else",
        exact="exact",
        hardware="any; matrix products",
        time="n**2*d",
        memory="n**2",
        call=_call,
    ),
)


@limit_case(
    MULTIPLICATIVE,
    LOCATION_BASED,
    when="every input has the same keys, which are then columns of a matrix",
    otherwise={"another": 1.0},
)
def keys_that_never_change(rng, another=0.0):
    q, k, v, W, change = normal(rng, (3, 6), (5, 4), (5, 2), (6, 4), (5, 4))
    found = multiplicative(q, k + another * change, v, W=W)
    return found, reference.attention(q, v, W=W @ k.T)


@limit_case(LOCATION_BASED, MEAN, when="$W = 0$", otherwise={"size": 1.0})
def no_place_preferred(rng, size=0.0):
    q, v, W = normal(rng, (3, 4), (5, 2), (4, 5))
    return reference.attention(q, v, W=size * W), mean(v, 3)


DEPARTURES = {"weights": {"sees_what_is_not_masked": "there is no key to look at, only a place"}}
