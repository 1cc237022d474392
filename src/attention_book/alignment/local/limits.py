"""Local attention in the family."""

import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.scores.multiplicative.limits import MULTIPLICATIVE
from attention_book.scores.multiplicative.reference import attention as multiplicative

from . import module, reference


def _call(n, d):
    x, W = torch.randn(n, d), torch.randn(d, d)
    return lambda: module.attention(x, x, x, torch.arange(float(n)), W=W, reach=8)


LOCAL = Mechanism(
    "local attention",
    reference.attention,
    "part2/alignment.ipynb#local-attention",
    source="luong2015effective",
    oracle="loops written from the paper, with a softmax over the window alone",
    advice=Advice(
        choose="each query needs a few neighbouring keys, and can tell where they stand",
        order="yes: it knows the places of the keys",
        exact="exact",
        hardware="any; here all pairs are scored and most are hidden, a gain only with slices",
        time="n**2*d",
        memory="n**2",
        call=_call,
        sizes={"n": 1024, "d": 128},
    ),
)


@limit_case(
    LOCAL,
    MULTIPLICATIVE,
    when="its window reaches far beyond all keys",
    otherwise={"reach": 3},
    within=1e-9,
)
def wide_window(rng, reach=10**6):
    q, k, v, W = normal(rng, (3, 6), (5, 4), (5, 2), (6, 4))
    centre = 5 * rng.random(3)
    return reference.attention(q, k, v, centre, W=W, reach=reach), multiplicative(q, k, v, W=W)


DEPARTURES = {
    "weights": {
        "has_proper_weights": "the bell comes after the softmax, so a row sums to less than 1"
    }
}
