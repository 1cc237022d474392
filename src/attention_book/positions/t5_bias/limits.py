"""T5's relative bias in the family."""

import math

import numpy as np
import torch

from attention_book import masks
from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.positions.alibi.limits import ALIBI
from attention_book.positions.alibi.reference import attention as alibi
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product

from . import module, reference


def _call(n, d):
    x, table = torch.randn(n, d), torch.randn(32)
    return lambda: module.attention(x, x, x, table)


T5_BIAS = Mechanism(
    "T5's relative bias",
    reference.attention,
    "part3/positions.ipynb#distance-as-a-number",
    source="raffel2020exploring",
    oracle="the rule of the buckets in whole numbers; loops",
    advice=Advice(
        choose="each head is to learn for itself what a distance is worth, near ones one by one "
        "and far ones in groups",
        order="yes: through the bucket of the distance",
        exact="exact",
        hardware="any; the fused kernel takes its bias as a mask of numbers",
        time="n**2*d",
        memory="n**2",
        call=_call,
        sizes={"n": 1024, "d": 256},
    ),
)


@limit_case(
    T5_BIAS,
    DOT_PRODUCT,
    when="there is one bucket, and the query is $q / \\sqrt{d_k}$",
    otherwise={"N": 3},
)
def one_bucket(rng, N=1):
    q, k, v, table = normal(rng, (3, 4), (5, 4), (5, 2), N)
    found = reference.attention(q / math.sqrt(4), k, v, table, bidirectional=False)
    return found, dot_product(q, k, v)


@limit_case(
    T5_BIAS,
    ALIBI,
    when="each distance has its bucket, with the bias $-\\mu\\delta$, keys ahead are masked, and "
    "the query is $q / \\sqrt{d_k}$",
    otherwise={"N": 6},
)
def a_bucket_for_each_distance(rng, N=10):
    q, k, v = normal(rng, (5, 4), (5, 4), (5, 2))
    mask, table = masks.causal(5), -0.5 * np.arange(N)
    found = reference.attention(q / 2, k, v, table, bidirectional=False, mask=mask)
    return found, alibi(q, k, v, np.array(0.5), mask=mask)
