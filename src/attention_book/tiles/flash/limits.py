"""FlashAttention in the family."""

import numpy as np
import torch

from attention_book import masks
from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product
from attention_book.simplest.limits import MEAN
from attention_book.simplest.reference import mean
from attention_book.tiles.online_softmax.limits import MERGED, ONLINE, SEES_NOTHING
from attention_book.tiles.online_softmax.reference import attention as online
from attention_book.tiles.online_softmax.reference import merge

from . import module, reference

DEPARTURES = {"attend": {"stays_finite": SEES_NOTHING}}


def _call(n, d, rows, columns):
    x = torch.randn(n, d)
    return lambda: module.attention(x, x, x, rows=rows, columns=columns)


FLASH = Mechanism(
    "FlashAttention",
    reference.attention,
    "part4/tiles.ipynb",
    source="dao2022flashattention",
    oracle="`F.scaled_dot_product_attention`, its gradients and the logsumexp of its kernel; "
    "finite differences; `flex_attention`",
    advice=Advice(
        choose="sequences are long: it is what a fused kernel computes. Use PyTorch's own",
        order="no, as plain attention",
        exact="exact, in the gradient too",
        hardware="any in PyTorch; written for GPUs, whose fast memory a tile has to fit",
        time="n**2*d",
        memory="rows*columns",
        call=_call,
        sizes={"n": 1024, "d": 16, "rows": 256, "columns": 256},
    ),
)


@limit_case(
    FLASH,
    DOT_PRODUCT,
    when="every query meets every key in some tile",
    otherwise={"whole_tiles_only": True},
)
def every_tile(rng, whole_tiles_only=False):
    q, k, v = normal(rng, (3, 4), (5, 4), (5, 2))
    read = 4 if whole_tiles_only else 5
    return reference.attention(q, k[:read], v[:read], rows=2, columns=2), dot_product(q, k, v)


@limit_case(
    FLASH,
    ONLINE,
    when="a tile has all the queries: then it is one pass over the keys",
    otherwise={"left_out": True},
)
def all_queries_in_a_tile(rng, left_out=False):
    q, k, v = normal(rng, (3, 4), (6, 4), (6, 2))
    mask = masks.causal(3, 6)
    in_tiles = reference.attention(q, k, v, rows=3, columns=2, mask=mask)
    return in_tiles, online(q, k, v, tile=2, mask=None if left_out else mask)


@limit_case(
    FLASH,
    MERGED,
    when="there are two tiles of keys, merged by their logsumexp",
    otherwise={"averaged": True},
)
def two_tiles(rng, averaged=False):
    q, k, v = normal(rng, (3, 4), (6, 4), (6, 2))
    parts = [reference.attend(q, k[j], v[j], rows=3, columns=3) for j in (slice(3), slice(3, 6))]
    if averaged:
        parts = [(output, np.zeros(3)) for output, _ in parts]
    return reference.attention(q, k, v, rows=3, columns=3), merge(*parts[0], *parts[1])[0]


@limit_case(FLASH, MEAN, when="every query is 0", otherwise={"size": 1.0})
def no_question(rng, size=0.0):
    q, k, v = normal(rng, (3, 4), (5, 4), (5, 2))
    return reference.attention(size * q, k, v, rows=2, columns=2), mean(v, 3)
