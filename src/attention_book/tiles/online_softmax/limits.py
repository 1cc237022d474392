"""Online softmax in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product
from attention_book.simplest.limits import LOOKUP, MEAN
from attention_book.simplest.reference import lookup, mean

from . import module, reference

SEES_NOTHING = "the logsumexp of a row that sees nothing is -inf, the identity of the merge"
DEPARTURES = {"attend": {"stays_finite": SEES_NOTHING}}


def _call(n, tile, d):
    x = torch.randn(n, d)
    return lambda: module.attention(x, x, x, tile=tile)


def _merge_call(n, d):
    output, logsumexp = torch.randn(n, d), torch.randn(n)
    return lambda: module.merge(output, logsumexp, output, logsumexp)


ONLINE = Mechanism(
    "online softmax",
    reference.attention,
    "part4/tiles.ipynb",
    source="milakov2018online",
    oracle="`F.scaled_dot_product_attention`; softmax over all keys at once; a loop over keys",
    advice=Advice(
        choose="keys come one after the other, or not all scores of a query fit the memory",
        order="no: tiles may come in any order",
        exact="exact",
        hardware="any; a loop over tiles. With gradients take FlashAttention",
        time="n**2*d",
        memory="n*tile",
        call=_call,
        sizes={"n": 1024, "tile": 128, "d": 32},
    ),
)

MERGED = Mechanism(
    "the merge of partial results",
    reference.merge,
    "part4/tiles.ipynb",
    source="juravsky2024hydragen",
    oracle="softmax over all keys at once; `torch.logsumexp`",
    advice=Advice(
        choose="the keys lie in several places: pages, a shared prefix, other machines",
        order="no: parts may come in any order and grouping",
        exact="exact",
        hardware="any; a few numbers for each query and part",
        time="n*d",
        memory="n*d",
        call=_merge_call,
        sizes={"n": 256, "d": 64},
    ),
)


@limit_case(
    ONLINE, DOT_PRODUCT, when="every key lies in a tile", otherwise={"whole_tiles_only": True}
)
def every_key(rng, whole_tiles_only=False):
    q, k, v = normal(rng, (3, 4), (5, 4), (5, 2))
    read = 4 if whole_tiles_only else 5
    return reference.attention(q, k[:read], v[:read], tile=2), dot_product(q, k, v)


@limit_case(ONLINE, MEAN, when="every query is 0", otherwise={"size": 1.0})
def no_question(rng, size=0.0):
    q, k, v = normal(rng, (3, 4), (5, 4), (5, 2))
    return reference.attention(size * q, k, v, tile=2), mean(v, 3)


@limit_case(
    MERGED, DOT_PRODUCT, when="every key lies in one of the parts", otherwise={"twice": True}
)
def parts_of_the_keys(rng, twice=False):
    q, k, v = normal(rng, (3, 4), (5, 4), (5, 2))
    second = slice(1 if twice else 2, None)
    parts = reference.attend(q, k[:2], v[:2]), reference.attend(q, k[second], v[second])
    return reference.merge(*parts[0], *parts[1])[0], dot_product(q, k, v)


@limit_case(
    MERGED, ONLINE, when="the parts are the tiles, in any order", otherwise={"averaged": True}
)
def parts_are_tiles(rng, averaged=False):
    q, k, v = normal(rng, (3, 4), (6, 4), (6, 2))
    parts = [reference.attend(q, k[j : j + 2], v[j : j + 2]) for j in (4, 0, 2)]
    if averaged:
        parts = [(output, np.zeros(3)) for output, _ in parts]
    merged = parts[0]
    for part in parts[1:]:
        merged = reference.merge(*merged, *part)
    return merged[0], reference.attention(q, k, v, tile=2)


@limit_case(
    MERGED, LOOKUP, when="the logsumexp of one part is far above the others", otherwise={"gap": 1.0}
)
def one_part_wins(rng, gap=1e3):
    outputs = rng.standard_normal((2, 3, 2))
    logsumexps = np.array([[0.0] * 3, [gap] * 3])
    merged, _ = reference.merge(outputs[0], logsumexps[0], outputs[1], logsumexps[1])
    return merged, np.stack([lookup(logsumexps[:, i], outputs[:, i]) for i in range(3)])
