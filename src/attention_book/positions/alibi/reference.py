r"""ALiBi in NumPy: ``softmax(q · k_j / √d_k - μ |i - j|)`` with a fixed slope μ for each head."""

import math

import numpy as np

from attention_book.shapes import count, finite, shapes
from attention_book.softmax import softmax


@shapes(np, H=count(1))
def slopes(H):
    r"""Return the slope of each head: :math:`2^{-8h/H}` for h = 1, …, H, if H is a power of 2.

    Otherwise the slopes for the next smaller power of 2 come first, then every second one of
    those for twice as many heads.

    Shapes:
        returns: (H,)

    Source:
        O. Press et al., "Train Short, Test Long", 2022, section 3, and their program for other H.
    """
    power = 2 ** (H.bit_length() - 1)
    of_power = 2.0 ** (-8 * np.arange(1, power + 1) / power)
    of_double = 2.0 ** (-8 * np.arange(1, 2 * power + 1) / (2 * power))
    return np.concatenate([of_power, of_double[::2][: H - power]])


@shapes(np, "q: ... L d_k, k: ... S d_k, slopes~: ..., mask+: ... L S -> ... L S")
def weights(q, k, slopes, *, mask=None):
    r"""Return how much each query attends to each key.

    .. math:: s_{ij} = \frac{q_i \cdot k_j}{\sqrt{d_k}} - \mu\, \lvert i - j \rvert

    The last query stands at the last key.

    Shapes:
        slopes: one for each head: (H,) if the axis before the positions is that of the heads

    Source:
        As :func:`attention`.
    """
    L, S = q.shape[-2], k.shape[-2]
    distance = abs(np.arange(S - L, S)[:, None] - np.arange(S))
    scores = q @ k.mT / math.sqrt(q.shape[-1]) - slopes[..., None, None] * distance
    return softmax(finite(scores.astype(q.dtype), "a score of q and k"), mask=mask)


@shapes(np, "q: ... L d_k, k: ... S d_k, v: ... S d_v, slopes~: ..., mask: ... L S -> ... L d_v")
def attention(q, k, v, slopes, *, mask=None):
    """Answer each query with the average of the values, the near ones at an advantage.

    Source:
        O. Press et al., "Train Short, Test Long: Attention with Linear Biases Enables Input
        Length Extrapolation", 2022, section 3. Departure: keys ahead of the query, which the
        paper masks, are as far as those behind it.
    """
    return weights(q, k, slopes, mask=mask) @ v
