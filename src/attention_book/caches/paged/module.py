"""Paged attention in PyTorch: one sequence in blocks, or many of unequal length at once."""

import torch

from attention_book.scores.scaled_dot_product import module as scaled_dot_product
from attention_book.shapes import anything, count, shapes


@shapes(
    torch,
    "q: H L d_k, keys: N H B! d_k, values: N H B! d_v -> H L d_v",
    widens=False,
    block_table=anything("n", "the blocks of the sequence, in order"),
    length=count(1, "how many tokens the sequence has, the queries included"),
)
def attention(q, keys, values, block_table, length):
    """Answer the newest queries of a sequence whose keys and values lie in blocks.

    Raises:
        TypeError: ``block_table`` has no integers.
        ValueError: ``block_table`` names a block that there is not, or has no room for ``length``.

    Source:
        W. Kwon et al., "Efficient Memory Management for Large Language Model Serving with
        PagedAttention", 2023, section 4.1. Departures: a copy brings the blocks together, where the
        paper's kernel reads them in their places; any number of queries.
    """
    lengths = torch.tensor([length])
    return _attention(q[None], keys, values, block_table[None], lengths)[0]


@shapes(
    torch,
    "q: M H L d_k, keys: N H B! d_k, values: N H B! d_v -> M H L d_v",
    widens=False,
    block_tables=anything(
        "M n", "the blocks of each sequence, in order; what is behind them is not read"
    ),
    lengths=anything("M", "how many tokens each sequence has, the queries included"),
)
def batch_attention(q, keys, values, block_tables, lengths):
    """Answer the newest L queries of each of M sequences, which share one pool of blocks.

    Tables of unequal length are padded with any block, such as 0. A query before the first token
    of its sequence gets zeros.

    Raises:
        TypeError: ``block_tables`` or ``lengths`` has no integers.
        ValueError: ``block_tables`` names a block that there is not, or has no room for a length.

    Source:
        As :func:`attention`.
    """
    return _attention(q, keys, values, block_tables, lengths)


def _attention(q, keys, values, tables, lengths):
    (N, _, B, _), n = keys.shape, tables.shape[-1]
    one = "block_table" if len(tables) == 1 else "block_tables"
    for name, numbers in ((one, tables), ("lengths", lengths)):
        if numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool:
            raise TypeError(f"{name} has dtype {numbers.dtype}; it needs integers")
    if tables.numel() and not 0 <= tables.min() <= tables.max() < N:
        raise ValueError(f"{one} names blocks {tables.min()} to {tables.max()}; there are {N}")
    if lengths.numel() and not 0 <= lengths.min() <= lengths.max() <= n * B:
        raise ValueError(f"lengths is {lengths.tolist()}; {one} has {n} blocks of {B} tokens")
    places, lengths = torch.arange(n * B, device=q.device), lengths.to(q.device)
    nobodys = (places >= lengths[:, None])[:, None, :, None]  # may hold anything, even NaN
    k, v = (
        blocks[tables].transpose(1, 2).flatten(2, 3).masked_fill(nobodys, 0)
        for blocks in (keys, values)
    )
    last = lengths[:, None] + torch.arange(-q.shape[2], 0, device=q.device)
    return scaled_dot_product.attention(q, k, v, mask=places <= last[:, None, :, None])
