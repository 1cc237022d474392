"""Kernel regression in PyTorch with a Gaussian: differentiable in the bandwidth too."""

import torch

from attention_book.shapes import finite, number, shapes
from attention_book.softmax.module import softmax

GAMMA = number("... L S", least=0)


@shapes(torch, "q: ... L d_k, k: ... S d_k -> ... L S")
def squared_distances(q, k):
    """Return the squared distance of each query to each key.

    ``cdist`` subtracts, then squares, without an array of L times S times d_k; its gradient where
    q = k is 0, and that of its square is too.

    Raises:
        ValueError: q and k lie so far apart that a square is infinite.

    Source:
        Euclid, by way of Pythagoras.
    """
    leading = torch.broadcast_shapes(q.shape[:-2], k.shape[:-2])
    q, k = (x.expand(*leading, *x.shape[-2:]) for x in (q, k))
    squared = torch.cdist(q, k, compute_mode="donot_use_mm_for_euclid_dist").square()
    return finite(squared, "a squared distance of q and k")


@shapes(
    torch,
    "q: ... L d_k, k: ... S d_k, mask+: ... L S -> ... L S",
    gamma=number("... L S", least=0, extends=True),
)
def weights(q, k, *, gamma, mask=None):
    """Return how much each query attends to each key.

    Source:
        As :func:`attention`.
    """
    return softmax(-gamma * squared_distances(q, k), mask=mask)


@shapes(torch, "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v", gamma=GAMMA)
def attention(q, k, v, *, gamma, mask=None):
    """Answer each query with the average of the values under a Gaussian kernel.

    ``gamma`` may be a tensor with a gradient: that is how the bandwidth is learned. Make it
    positive by construction, as ``log_gamma.exp()``. A query that may attend to nothing gets
    zeros, and so do the gradients through it.

    Shapes:
        gamma: 1 / (2 sigma²); of shape (H, 1, 1) one for each head

    Source:
        E. A. Nadaraya, "On Estimating Regression", 1964, and G. S. Watson, "Smooth Regression
        Analysis", 1964. Departures: a softmax of scores, the mask, zeros for an empty row, and
        a bandwidth that gradients reach.
    """
    return weights(q, k, gamma=gamma, mask=mask) @ v
