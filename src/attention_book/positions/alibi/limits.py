"""ALiBi in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product
from attention_book.simplest.limits import IDENTITY
from attention_book.simplest.reference import identity

from . import module, reference


def _call(n, d):
    x, slopes = torch.randn(n, d), torch.tensor(0.5)
    return lambda: module.attention(x, x, x, slopes)


ALIBI = Mechanism(
    "ALiBi",
    reference.attention,
    "part3/positions.ipynb#distance-as-a-number",
    source="press2022train",
    oracle="loops written from the paper; the slopes printed there",
    advice=Advice(
        choose="texts will be longer than in training, and what is near matters most",
        order="yes: through the distance alone, the same in every layer",
        exact="exact",
        hardware="any; the fused kernel takes its bias as a mask of numbers",
        time="n**2*d",
        memory="n**2",
        call=_call,
        sizes={"n": 1024, "d": 128},
    ),
)


@limit_case(ALIBI, DOT_PRODUCT, when="the slope is 0", otherwise={"slope": 0.5})
def no_slope(rng, slope=0.0):
    q, k, v = normal(rng, (3, 4), (5, 4), (5, 2))
    return reference.attention(q, k, v, np.array(slope)), dot_product(q, k, v)


@limit_case(ALIBI, IDENTITY, when="the slope is unbounded", otherwise={"slope": 1.0})
def the_steepest_slope(rng, slope=1e9):
    q, k, v = normal(rng, (5, 4), (5, 4), (5, 2))
    return reference.attention(q, k, v, np.array(slope)), identity(v)
