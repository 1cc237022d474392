"""Kernel regression in PyTorch with any kernel, which may be learned."""

import torch

from attention_book.kernels.gaussian.module import squared_distances
from attention_book.shapes import shapes


@shapes(torch, "q: ... L d_k, k: ... S d_k, mask+: ... L S -> ... L S")
def weights(q, k, *, kernel, mask=None):
    """Return how much each query attends to each key.

    Raises:
        TypeError: ``kernel`` returns no tensor.
        ValueError: it returns another shape, or numbers that are negative or not finite.

    Source:
        As :func:`attention`.
    """
    strength = _checked(kernel, squared_distances(q, k))
    strength = strength if mask is None else strength.masked_fill(~mask, 0)
    total = strength.sum(dim=-1, keepdim=True)
    return strength / total.masked_fill(total == 0, 1)


@shapes(torch, "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v")
def attention(q, k, v, *, kernel, mask=None):
    """Answer each query with the average of the values under any kernel.

    ``kernel`` is a function of a tensor of squared distances that returns as many numbers, none
    of them negative. It may be a closure over parameters. A query without a key in reach of the
    kernel gets zeros.

    Raises:
        TypeError: ``kernel`` returns no tensor.
        ValueError: it returns another shape, or numbers that are negative or not finite.

    Source:
        E. A. Nadaraya, 1964; G. S. Watson, 1964. Departures: the mask, and zeros where the
        formula is 0/0.
    """
    return weights(q, k, kernel=kernel, mask=mask) @ v


def _checked(kernel, squared):
    strength = kernel(squared)
    if not isinstance(strength, torch.Tensor):
        raise TypeError(f"kernel returned a {type(strength).__name__}; it needs a tensor")
    if strength.shape != squared.shape:
        raise ValueError(
            f"kernel returned shape {tuple(strength.shape)}; it needs {tuple(squared.shape)}"
        )
    low, high = strength.aminmax() if strength.numel() else (0, 0)
    if not (low >= 0 and high < torch.inf):
        raise ValueError(
            "kernel returned numbers that are negative or not finite; it needs 0 or more"
        )
    return strength.to(squared.dtype)
