r"""T5's relative bias in PyTorch."""

import math

import torch

from attention_book.positions import biased
from attention_book.shapes import anything, count, finite, shapes
from attention_book.softmax.module import softmax


@shapes(torch, relative=anything("...", "integers j - i"), N=count(1), max_distance=count(2))
def buckets(relative, N, *, max_distance=128, bidirectional=True):
    r"""Return the bucket of each key, seen from its query, out of N.

    It compares with where each bucket begins, and needs no logarithm for each pair.

    Shapes:
        relative: j - i, as in ``keys - queries[:, None]``
        returns: its shape, integers from 0 to N - 1

    Raises:
        ValueError: there are fewer than 2 buckets in both directions, or the exact ones reach
            ``max_distance``.

    Source:
        C. Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text
        Transformer", 2020, section 2.1, and their program for the formula.
    """
    if bidirectional and N < 2:
        raise ValueError(f"N is {N}; both directions need at least 2")
    half = N // 2 if bidirectional else N
    exact = half // 2
    if exact >= max_distance:
        raise ValueError(f"max_distance is {max_distance}; it must be above {exact}")
    ratio = max_distance / max(exact, 1)
    growing = (exact * ratio ** (n / (half - exact)) for n in range(1, half - exact))
    begins = [*range(1, exact + 1), *(math.ceil(start - 1e-6) for start in growing)]
    begins = torch.tensor(begins[: half - 1], dtype=torch.long, device=relative.device)
    distance = relative.abs() if bidirectional else (-relative).clamp(min=0)
    bucket = torch.bucketize(distance.contiguous(), begins, right=True)
    return bucket + half * (relative > 0) if bidirectional else bucket


@shapes(
    torch,
    "q: ... L d_k, k: ... S d_k, table: ... N!, mask+: ... L S -> ... L S",
    max_distance=count(2),
)
def weights(q, k, table, *, max_distance=128, bidirectional=True, mask=None):
    r"""Return how much each query attends to each key.

    Shapes:
        table: the bias of each bucket; with heads, a row for each, (H, N)

    Raises:
        ValueError: the buckets are too few or too many; see :func:`buckets`.

    Source:
        As :func:`buckets`.
    """
    bias = _bias(q, k, table, max_distance, bidirectional)
    return softmax(finite(q @ k.mT + bias, "a score of q and k"), mask=mask)


@shapes(
    torch,
    "q: ... L d_k, k: ... S d_k, v: ... S d_v, table: ... N!, mask: ... L S -> ... L d_v",
    max_distance=count(2),
)
def attention(q, k, v, table, *, max_distance=128, bidirectional=True, mask=None):
    """Answer each query with the average of the values, weighted by content and distance.

    Raises:
        ValueError: the buckets are too few or too many; see :func:`buckets`.

    Source:
        As :func:`buckets`.
    """
    bias = _bias(q, k, table, max_distance, bidirectional)
    return biased.attention(q, k, v, bias, mask=mask, scale=1.0)


def _bias(q, k, table, max_distance, bidirectional):
    L, S = q.shape[-2], k.shape[-2]
    queries = torch.arange(S - L, S, device=q.device)
    relative = torch.arange(S, device=q.device) - queries.unsqueeze(-1)
    options = {"max_distance": max_distance, "bidirectional": bidirectional}
    return table[..., buckets(relative, table.shape[-1], **options)]
