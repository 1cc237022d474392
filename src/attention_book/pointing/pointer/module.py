r"""The pointer network in PyTorch."""

import torch

from attention_book.scores.additive import module as additive
from attention_book.shapes import anything, count, shapes


@shapes(torch, pointed=anything("... L"), S=count())
def unused(pointed, S):
    """Let each step see the positions at which no step before it has pointed.

    Shapes:
        pointed: integers, the position of each step; one outside the S positions hides nothing
        returns: a boolean mask (..., L, S)

    Source:
        As :func:`weights`.
    """
    is_there = pointed.unsqueeze(-1) == torch.arange(S, device=pointed.device)
    before = is_there.cumsum(dim=-2) - is_there.long()
    return before == 0


@shapes(
    torch,
    "q: ... L d_k, k: ... S d_k, w~: d_k, mask+: ... L S -> ... L S",
    pointed=anything("... L"),
)
def weights(q, k, pointed, *, w, mask=None):
    """Return the probability that each step points at each position.

    With the right positions as ``pointed``, all steps are computed at once, as in training.

    Shapes:
        pointed: integers, the position of each step; the last one is not looked at

    Source:
        O. Vinyals, M. Fortunato, N. Jaitly, "Pointer Networks", 2015, section 2.3. Departures:
        positions are used once; masks; the products with the learned matrices are q and k.
    """
    free = unused(pointed, k.shape[-2])
    return additive.weights(q, k, w=w, mask=free if mask is None else free & mask)
