r"""ALiBi in PyTorch, with the fused kernel."""

import math

import torch

from attention_book.positions import biased
from attention_book.shapes import count, finite, shapes
from attention_book.softmax.module import softmax


@shapes(torch, H=count(1))
def slopes(H):
    r"""Return the slope of each head: :math:`2^{-8h/H}` for h = 1, …, H, if H is a power of 2.

    Otherwise the slopes for the next smaller power of 2 come first, then every second one of
    those for twice as many heads.

    Shapes:
        returns: (H,)

    Source:
        O. Press et al., "Train Short, Test Long", 2022, section 3, and their program for other H.
    """
    power = 2 ** int(math.log2(H))
    found = [2 ** (-8 * h / power) for h in range(1, power + 1)]
    found += [2 ** (-4 * h / power) for h in range(1, 2 * (H - power), 2)]
    return torch.tensor(found)


@shapes(torch, "q: ... L d_k, k: ... S d_k, slopes~: ..., mask+: ... L S -> ... L S")
def weights(q, k, slopes, *, mask=None):
    r"""Return how much each query attends to each key.

    Shapes:
        slopes: one for each head: (H,) if the axis before the positions is that of the heads

    Source:
        As :func:`attention`.
    """
    scores = q @ k.mT / math.sqrt(q.shape[-1]) + _bias(q, k, slopes)
    return softmax(finite(scores, "a score of q and k"), mask=mask)


@shapes(torch, "q: ... L d_k, k: ... S d_k, v: ... S d_v, slopes~: ..., mask: ... L S -> ... L d_v")
def attention(q, k, v, slopes, *, mask=None):
    """Answer each query with the average of the values, the near ones at an advantage.

    Source:
        O. Press et al., "Train Short, Test Long: Attention with Linear Biases Enables Input
        Length Extrapolation", 2022, section 3. Departure: keys ahead of the query, which the
        paper masks, are as far as those behind it.
    """
    return biased.attention(q, k, v, _bias(q, k, slopes), mask=mask)


def _bias(q, k, slopes):
    L, S = q.shape[-2], k.shape[-2]
    queries = torch.arange(S - L, S, device=q.device, dtype=q.dtype)
    distance = (queries.unsqueeze(-1) - torch.arange(S, device=q.device)).abs()
    return -slopes[..., None, None] * distance
