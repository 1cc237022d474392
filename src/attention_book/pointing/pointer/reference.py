r"""The pointer network in NumPy: ``softmax(w · tanh(q + k))`` over positions not yet used."""

import numpy as np

from attention_book.scores.additive import reference as additive
from attention_book.shapes import anything, count, shapes


@shapes(np, pointed=anything("... L"), S=count())
def unused(pointed, S):
    """Let each step see the positions at which no step before it has pointed.

    Shapes:
        pointed: integers, the position of each step; one outside the S positions hides nothing
        returns: a boolean mask (..., L, S)

    Source:
        As :func:`weights`.
    """
    is_there = pointed[..., None] == np.arange(S)
    before = np.cumsum(is_there, axis=-2) - is_there
    return before == 0


@shapes(
    np,
    "q: ... L d_k, k: ... S d_k, w~: d_k, mask+: ... L S -> ... L S",
    pointed=anything("... L"),
)
def weights(q, k, pointed, *, w, mask=None):
    r"""Return the probability that each step points at each position.

    .. math:: p(C_i = j \mid C_0, \dots, C_{i-1}) = \operatorname{softmax}_j\big(
              w \cdot \tanh(q_i + k_j)\big), \quad j \notin \{C_0, \dots, C_{i-1}\}

    Shapes:
        pointed: integers, the position of each step; the last one is not looked at

    Source:
        O. Vinyals, M. Fortunato, N. Jaitly, "Pointer Networks", 2015, section 2.3. Departures:
        positions are used once; masks; the products with the learned matrices are q and k.
    """
    free = unused(pointed, k.shape[-2])
    return additive.weights(q, k, w=w, mask=free if mask is None else free & mask)
