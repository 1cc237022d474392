"""RoPE in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product

from . import module, reference


def _call(n, d):
    x = torch.randn(n, d)
    return lambda: module.attention(x, x, x)


ROPE = Mechanism(
    "rotary positions (RoPE)",
    reference.attention,
    "part3/positions.ipynb#from-sines-to-rope",
    source="su2021roformer",
    oracle="loops over complex numbers; a loop over queries and keys",
    advice=Advice(
        choose="a decoder, with a cache or without, trained at the lengths that it will see: the "
        "usual choice today",
        order="yes: through the distance of query and key",
        exact="exact",
        hardware="any; it leaves the fused kernel as it is, since it acts on queries and keys",
        time="n**2*d",
        memory="n*d",
        call=_call,
        sizes={"n": 2048, "d": 32},
    ),
)
ROPE_HALVES = Mechanism(
    "RoPE on halves",
    reference.rotate_halves,
    "part3/positions.ipynb#two-pairings",
    source="black2022gptneox",
    oracle="loops over complex numbers; neighbours, with the features in another order",
)


@limit_case(ROPE, DOT_PRODUCT, when="no pair turns ($\\omega = 0$)", otherwise={"speed": 1.0})
def standing_still(rng, speed=0.0):
    q, k, v = normal(rng, (3, 4), (5, 4), (5, 2))
    omega = speed * reference.frequencies(4)
    return reference.attention(q, k, v, omega=omega), dot_product(q, k, v)


@limit_case(
    ROPE_HALVES,
    ROPE,
    when="the features are put in the order 0, $d/2$, 1, $d/2 + 1$, …",
    otherwise={"order": range(6)},
)
def other_pairs(rng, order=(0, 3, 1, 4, 2, 5)):
    q, k, v = normal(rng, (5, 6), (5, 6), (5, 2))
    places, order = np.arange(5), list(order)
    turned = (reference.rotate_halves(x, places) for x in (q, k))
    return dot_product(*turned, v), reference.attention(q[:, order], k[:, order], v)
