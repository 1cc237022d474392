"""Paged attention in the family."""

import numpy as np
import torch

from attention_book import masks
from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.parallel.ring.limits import RING
from attention_book.parallel.ring.reference import attention as ring
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product
from attention_book.simplest.limits import MEAN
from attention_book.simplest.reference import mean
from attention_book.tiles.online_softmax.limits import MERGED
from attention_book.tiles.online_softmax.reference import attend, merge

from . import module, reference


def _call(n, d, heads):
    blocks = torch.randn(n // 16, heads, 16, d)
    q, table = torch.randn(heads, 1, d), torch.randperm(n // 16)
    return lambda: module.attention(q, blocks, blocks, table, n)


PAGED = Mechanism(
    "paged attention",
    reference.attention,
    "part4/pages_and_rings.ipynb#a-table-of-blocks",
    source="kwon2023efficient",
    oracle="a loop over tokens that looks each of them up; `F.scaled_dot_product_attention` over "
    "a contiguous cache",
    advice=Advice(
        choose="many sequences of unknown length are decoded at once, or share what they begin "
        "with: the cache of a server",
        order="as what is cached: the table keeps the order of the tokens",
        exact="exact",
        hardware="GPUs, where a kernel reads the blocks in their places; here they are copied "
        "together first",
        time="heads*n*d",
        memory="heads*n*d",
        call=_call,
        sizes={"n": 1024, "d": 16, "heads": 4},
    ),
)


def _pool(rng, number=7, heads=2, size=3):
    return normal(rng, (number, heads, size, 4), (number, heads, size, 5))


def _one_after_the_other(blocks, number):
    """Return the first blocks as one contiguous cache, (heads, tokens, d)."""
    return np.concatenate(blocks[:number], axis=1)


@limit_case(
    PAGED,
    DOT_PRODUCT,
    when="the table is 0, 1, 2, … and the last block is full: the cache is contiguous",
    otherwise={"table": (0, 2, 1)},
)
def in_order(rng, table=(0, 1, 2)):
    q, (keys, values) = rng.standard_normal((2, 4, 4)), _pool(rng)
    k, v = (_one_after_the_other(x, 3) for x in (keys, values))
    return reference.attention(q, keys, values, table, 9), dot_product(
        q, k, v, mask=masks.causal(4, 9)
    )


@limit_case(
    PAGED, DOT_PRODUCT, when="a block has one slot, and there is one query", otherwise={"extra": 1}
)
def one_slot(rng, extra=0):
    q, (keys, values) = rng.standard_normal((2, 1, 4)), _pool(rng, size=1)
    table = [5, 0, 3, 2]
    k, v = (x[table, :, 0].swapaxes(0, 1) for x in (keys, values))
    return reference.attention(q, keys, values, [*table, 1][: 4 + extra], 4 + extra), dot_product(
        q, k, v
    )


@limit_case(
    PAGED,
    MERGED,
    when="there is one query, and its blocks are full: each is a part",
    otherwise={"averaged": True},
)
def each_block_a_part(rng, averaged=False):
    q, (keys, values), table = rng.standard_normal((2, 1, 4)), _pool(rng), [4, 1, 6]
    parts = [attend(q, keys[block], values[block]) for block in table]
    if averaged:
        parts = [(output, np.zeros((2, 1))) for output, _ in parts]
    merged = merge(*merge(*parts[0], *parts[1]), *parts[2])
    return reference.attention(q, keys, values, table, 9), merged[0]


@limit_case(
    PAGED,
    RING,
    when="there is one query, and each block lies at a rank of its own",
    otherwise={"ranks_away": 1},
)
def each_block_a_rank(rng, ranks_away=0):
    q, (keys, values), table = rng.standard_normal((2, 1, 4)), _pool(rng), [4, 1, 6]
    lie = table[: 3 - ranks_away]
    k, v = (_one_after_the_other(x[lie], len(lie)) for x in (keys, values))
    return reference.attention(q, keys, values, table, 9), ring(q, k, v, ranks=len(lie))


@limit_case(PAGED, MEAN, when="every query is 0, and there is one", otherwise={"size": 1.0})
def no_question(rng, size=0.0):
    q, (keys, values) = rng.standard_normal((1, 1, 4)), _pool(rng, heads=1)
    v = _one_after_the_other(values[[4, 1, 6]], 3)[0, :8]
    return reference.attention(size * q, keys, values, [4, 1, 6], 8), mean(v, 1)[None]
