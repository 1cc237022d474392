r"""Location-sensitive attention in NumPy: ``softmax(w · tanh(q + k + U f))``, ``f = F * α``."""

import numpy as np

from attention_book.scores.additive import reference as additive
from attention_book.shapes import shapes


@shapes(np, "previous: ... S, filters: R! W! -> ... S R")
def location_features(previous, filters):
    r"""Describe each position by the weights that were around it one step before.

    .. math:: f_{jr} = \sum_{m} F_{rm}\, \alpha_{j + m - \lfloor W/2 \rfloor}

    Shapes:
        previous: the weights of the step before; W, the width of the filters, is odd

    Raises:
        ValueError: the width of ``filters`` is even: it has no middle.

    Source:
        As :func:`weights`.
    """
    width = filters.shape[-1]
    if width % 2 == 0:
        raise ValueError(f"filters has the even width {width}; it needs an odd one")
    sides = [(0, 0)] * (previous.ndim - 1) + [(width // 2, width // 2)]
    around = np.lib.stride_tricks.sliding_window_view(np.pad(previous, sides), width, axis=-1)
    return around @ filters.T


@shapes(
    np,
    "q: ... d_k, k: ... S d_k, previous: ... S, filters: R! W!, U: R d_k, w~: d_k, mask: ... S"
    " -> ... S",
)
def weights(q, k, previous, *, filters, U, w, mask=None):
    r"""Return how much one step attends to each key, given where the step before has looked.

    .. math:: \alpha_{ij} = \operatorname{softmax}_j\big(w \cdot \tanh(q_i + k_j + f_{ij} U)\big)

    It is additive attention whose keys know where the last look went. What the mask hides had
    no weight in the step before, either.

    Source:
        J. Chorowski et al., "Attention-Based Models for Speech Recognition", 2015, the hybrid
        attention. Departures: the products with the learned matrices are q and k; the filters
        are not turned round; masks; no bias.
    """
    if mask is not None:
        previous, mask = previous * mask, mask[..., None, :]
    k = k + location_features(previous, filters) @ U
    return additive.weights(q[..., None, :], k, w=w, mask=mask)[..., 0, :]
