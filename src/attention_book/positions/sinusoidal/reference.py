r"""Sinusoidal positions in NumPy: ``p_i = (sin ω_m i, cos ω_m i)`` for each pair m."""

import numpy as np

from attention_book.shapes import anything, count, number, shapes


@shapes(np, d=count(1), base=number())
def frequencies(d, *, base=10_000.0):
    r"""Return by how much each pair of features turns from one position to the next.

    .. math:: \omega_m = \text{base}^{-2m/d}, \qquad 0 \le m < d/2

    Shapes:
        returns: (⌈d/2⌉,), in radians per position, from 1 downwards

    Source:
        As :func:`encoding`.
    """
    return float(base) ** (-np.arange(0, d, 2) / d)


@shapes(np, positions=anything("... n", "any numbers"), d=count(1), base=number())
def encoding(positions, d, *, base=10_000.0):
    r"""Return the code of each position.

    .. math:: p_{i,2m} = \sin(\omega_m i), \qquad p_{i,2m+1} = \cos(\omega_m i)

    Shapes:
        returns: (..., n, d); with an odd d the last pair has its sine alone

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.5.
    """
    angles = positions[..., None] * frequencies(d, base=base)
    pairs = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return pairs.reshape(*positions.shape, 2 * angles.shape[-1])[..., :d]


@shapes(np, "x: ... n d -> ... n d", positions=number("... n"), base=number())
def add(x, *, positions=None, base=10_000.0):
    """Add to each token the code of its position: 0 to n - 1 unless others are given.

    Source:
        As :func:`encoding`.
    """
    positions = np.arange(x.shape[-2]) if positions is None else positions
    return x + encoding(positions, x.shape[-1], base=base)
