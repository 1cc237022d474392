"""Online softmax in PyTorch: differentiable, also through rows and parts that see nothing."""

import math

import torch

from attention_book.shapes import count, shapes


@shapes(
    torch,
    "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v, ... L",
)
def attend(q, k, v, *, mask=None):
    """Return the partial result for these keys: their output, and the logsumexp of their scores.

    A query that may attend to none of them gets zeros and -inf. The scores of this part are
    stored. Keys and values that broadcast over queries, as a prefix that requests share, are read
    once for all of them.

    Source:
        J. Juravsky et al., "Hydragen: High-Throughput LLM Inference with Shared Prefixes", 2024.
        Departure: no keys are a result, too.
    """
    scores = torch.einsum("...id,...jd->...ij", q, k) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = torch.where(mask, scores, -torch.inf)
    exponentials, level = _exponentials(scores)
    output = torch.einsum("...ij,...je->...ie", exponentials, v)
    total = exponentials.sum(dim=-1).expand(output.shape[:-1])
    return _divided(output, total), level[..., 0] + _log(total)


@shapes(
    torch,
    "output: ... L d_v, logsumexp: ... L, other: ... L d_v, other_logsumexp: ... L"
    " -> ... L d_v, ... L",
)
def merge(output, logsumexp, other, other_logsumexp):
    """Return the partial result for the keys of two: ``merge(*a, *b)``.

    Order and grouping do not matter, and (0, -inf) changes nothing. A key that both have seen
    counts twice.

    Source:
        J. Juravsky et al., "Hydragen: High-Throughput LLM Inference with Shared Prefixes", 2024.
    """
    level = _level(torch.maximum(logsumexp, other_logsumexp))
    one, two = (logsumexp - level).exp(), (other_logsumexp - level).exp()
    merged = one[..., None] * output + two[..., None] * other
    return _divided(merged, one + two), level + _log(one + two)


@shapes(
    torch,
    "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v",
    tile=count(1, "keys that are read at a time"),
)
def attention(q, k, v, *, tile, mask=None):
    """Answer each query in one pass over the keys, a tile at a time.

    With gradients PyTorch keeps every tile for the way back, and so all scores; the package
    ``tiles.flash`` computes them again instead.

    Source:
        M. Milakov and N. Gimelshein, "Online normalizer calculation for softmax", 2018,
        algorithm 3; M. Rabe and C. Staats, "Self-attention Does Not Need O(n²) Memory", 2021,
        section 3, for the values. Departure: an empty row gives zeros.
    """
    L, S = q.shape[-2], k.shape[-2]
    if mask is not None:
        mask = mask.expand(*torch.broadcast_shapes(mask.shape, (L, S)))
    leading = torch.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    peak = q.new_full((*leading, L, 1), -torch.inf)
    total, output = torch.zeros_like(peak), q.new_zeros(*leading, L, v.shape[-1])
    for start in range(0, S, tile):
        keys = slice(start, start + tile)
        scores = q @ k[..., keys, :].mT / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = torch.where(mask[..., keys], scores, -torch.inf)
        exponentials, level = _exponentials(scores, peak)
        shrink = (peak - level).exp()
        total = shrink * total + exponentials.sum(dim=-1, keepdim=True)
        output = shrink * output + exponentials @ v[..., keys, :]
        peak = torch.maximum(peak, scores.detach().amax(dim=-1, keepdim=True))
    return _divided(output, total[..., 0])


def _exponentials(scores, peak=None):
    """Return exp(scores - level), and the level: the largest score, also of those before.

    The level cancels in what comes of it, so it has no gradient.
    """
    highest = scores.new_full((*scores.shape[:-1], 1), -torch.inf) if peak is None else peak
    if scores.shape[-1]:
        highest = torch.maximum(highest, scores.amax(dim=-1, keepdim=True))
    level = _level(highest)
    return (scores - level).exp(), level


def _level(peak):
    """Return the number to subtract: 0 where nothing was seen, as -inf - (-inf) is NaN."""
    return peak.detach().masked_fill(peak == -torch.inf, 0)


def _divided(output, total):
    return output / total.masked_fill(total == 0, 1)[..., None]


def _log(total):
    """Return the logarithm, -inf at 0, there without a gradient."""
    return total.masked_fill(total == 0, 1).log().masked_fill(total == 0, -torch.inf)
