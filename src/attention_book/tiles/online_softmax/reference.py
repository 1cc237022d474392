r"""Online softmax in NumPy: attention over a part of the keys, the merge, and the recurrence.

A *partial result* is a pair: the output for some of the keys, and the logsumexp of their scores,
which says how much they weigh. Over no keys at all it is (0, -inf), the identity of the merge.
"""

import math

import numpy as np

from attention_book.shapes import count, finite, shapes


@shapes(
    np,
    "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v, ... L",
)
def attend(q, k, v, *, mask=None):
    r"""Return the partial result for these keys: their output, and the logsumexp of their scores.

    .. math:: o_i = \sum_j e^{s_{ij} - \ell_i}\, v_j, \qquad \ell_i = \log \sum_j e^{s_{ij}}

    A query that may attend to none of them gets zeros and -inf.

    Source:
        J. Juravsky et al., "Hydragen: High-Throughput LLM Inference with Shared Prefixes", 2024.
        Departure: no keys are a result, too.
    """
    scores = _scores(q, k, mask)
    peak = scores.max(axis=-1, keepdims=True, initial=-np.inf)
    peak = np.where(np.isneginf(peak), 0, peak)  # an empty row has no peak
    exponentials = np.exp(scores - peak)
    total = exponentials.sum(axis=-1, keepdims=True)
    output = exponentials @ v / np.where(total == 0, 1, total)
    with np.errstate(divide="ignore"):  # log(0) is -inf, as it should be
        logsumexp = (peak + np.log(total))[..., 0]
    return output, np.full(output.shape[:-1], logsumexp)


@shapes(
    np,
    "output: ... L d_v, logsumexp: ... L, other: ... L d_v, other_logsumexp: ... L"
    " -> ... L d_v, ... L",
)
def merge(output, logsumexp, other, other_logsumexp):
    r"""Return the partial result for the keys of two: ``merge(*a, *b)``.

    .. math:: \ell = \log\left( e^{\ell_a} + e^{\ell_b} \right), \qquad
              o = e^{\ell_a - \ell}\, o_a + e^{\ell_b - \ell}\, o_b

    Order and grouping do not matter, and (0, -inf) changes nothing. A key that both have seen
    counts twice.

    Source:
        J. Juravsky et al., "Hydragen: High-Throughput LLM Inference with Shared Prefixes", 2024.
    """
    peak = np.maximum(logsumexp, other_logsumexp)
    peak = np.where(np.isneginf(peak), 0, peak)
    one, two = np.exp(logsumexp - peak), np.exp(other_logsumexp - peak)
    total = one + two
    merged = one[..., None] * output + two[..., None] * other
    divisor = np.where(total == 0, 1, total)[..., None]
    with np.errstate(divide="ignore"):
        return merged / divisor, peak + np.log(total)


@shapes(
    np,
    "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v",
    tile=count(1, "keys that are read at a time"),
)
def attention(q, k, v, *, tile, mask=None):
    """Answer each query in one pass over the keys, a tile at a time.

    What is kept for a query is the largest score so far, the sum of the exponentials below it and
    the sum of the values under them. A larger score shrinks both sums; one division ends it.

    Source:
        M. Milakov and N. Gimelshein, "Online normalizer calculation for softmax", 2018,
        algorithm 3; M. Rabe and C. Staats, "Self-attention Does Not Need O(n²) Memory", 2021,
        section 3, for the values. Departure: an empty row gives zeros.
    """
    L, S = q.shape[-2], k.shape[-2]
    if mask is not None:
        mask = np.broadcast_to(mask, np.broadcast_shapes(mask.shape, (L, S)))
    leading = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    peak = np.full((*leading, L, 1), -np.inf, q.dtype)
    total = np.zeros_like(peak)
    output = np.zeros((*leading, L, v.shape[-1]), q.dtype)
    for start in range(0, S, tile):
        keys = slice(start, start + tile)
        scores = _scores(q, k[..., keys, :], None if mask is None else mask[..., keys])
        higher = np.maximum(peak, scores.max(axis=-1, keepdims=True))
        level = np.where(np.isneginf(higher), 0, higher)  # nothing was seen yet
        shrink, exponentials = np.exp(peak - level), np.exp(scores - level)
        total = shrink * total + exponentials.sum(axis=-1, keepdims=True)
        output = shrink * output + exponentials @ v[..., keys, :]
        peak = higher
    return output / np.where(total == 0, 1, total)


def _scores(q, k, mask):
    scores = finite(q @ k.mT / math.sqrt(q.shape[-1]), "a score of q and k")
    return scores if mask is None else np.where(mask, scores, -np.inf).astype(scores.dtype)
