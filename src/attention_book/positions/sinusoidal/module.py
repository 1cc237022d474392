r"""Sinusoidal positions in PyTorch."""

import torch

from attention_book.shapes import anything, count, number, shapes


@shapes(torch, d=count(1), base=number())
def frequencies(d, *, base=10_000.0):
    r"""Return by how much each pair of features turns from one position to the next.

    Shapes:
        returns: (⌈d/2⌉,) in double precision, in radians per position, from 1 downwards

    Source:
        As :func:`encoding`.
    """
    return float(base) ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)


@shapes(torch, positions=anything("... n", "any numbers"), d=count(1), base=number())
def encoding(positions, d, *, base=10_000.0):
    """Return the code of each position.

    Shapes:
        returns: (..., n, d), in double precision; with an odd d the last pair has its sine alone

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.5.
    """
    omega = frequencies(d, base=base).to(positions.device)
    angles = positions.double().unsqueeze(-1) * omega
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)[..., :d]


@shapes(torch, "x: ... n d -> ... n d", positions=number("... n"), base=number())
def add(x, *, positions=None, base=10_000.0):
    """Add to each token the code of its position: 0 to n - 1 unless others are given.

    Source:
        As :func:`encoding`.
    """
    if positions is None:
        positions = torch.arange(x.shape[-2], device=x.device)
    return x + encoding(positions, x.shape[-1], base=base).to(x.dtype)
