r"""Paged attention in NumPy: put the blocks in the order of the table, then attend."""

import numpy as np

from attention_book import masks
from attention_book.scores.scaled_dot_product import reference as scaled_dot_product
from attention_book.shapes import anything, count, shapes


@shapes(
    np,
    "q: H L d_k, keys: N H B! d_k, values: N H B! d_v -> H L d_v",
    block_table=anything("n", "the blocks of the sequence, in order"),
    length=count(1, "how many tokens the sequence has, the queries included"),
)
def attention(q, keys, values, block_table, length):
    r"""Answer the newest queries of a sequence whose keys and values lie in blocks.

    With B slots a block, token j is in slot :math:`j \bmod B` of block
    :math:`b_{\lfloor j / B \rfloor}` of the table. What lies behind the last token in its block
    belongs to nobody, and is never read. The queries are causal, the last one at the last token.

    Raises:
        TypeError: ``block_table`` has no integers.
        ValueError: ``block_table`` names a block that there is not, or has no room for ``length``.

    Source:
        W. Kwon et al., "Efficient Memory Management for Large Language Model Serving with
        PagedAttention", 2023, section 4.1. Departures: the blocks are first brought
        together, and any number of queries may come at once.
    """
    table = _checked(block_table, keys, length)
    k, v = (_in_order(blocks[table], length) for blocks in (keys, values))
    return scaled_dot_product.attention(q, k, v, mask=masks.causal(q.shape[1], length))


def _in_order(blocks, length):
    """Return the first tokens (H, length, d) of the blocks (n, H, B, d)."""
    H, d = blocks.shape[1], blocks.shape[3]
    return blocks.swapaxes(0, 1).reshape(H, -1, d)[:, :length]


def _checked(block_table, keys, length):
    (N, _, B, _), table = keys.shape, np.asarray(block_table)
    if table.size and not np.issubdtype(table.dtype, np.integer):
        raise TypeError(f"block_table has dtype {table.dtype}; it needs integers")
    if table.size and not 0 <= table.min() <= table.max() < N:
        raise ValueError(f"block_table names blocks {table.min()} to {table.max()}; there are {N}")
    if length > len(table) * B:
        raise ValueError(f"length is {length}; block_table has {len(table)} blocks of {B} tokens")
    return table.astype(int)
