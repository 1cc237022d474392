r"""Location-sensitive attention in PyTorch, its features by a convolution."""

import math

import torch
import torch.nn.functional as F

from attention_book.scores.additive import module as additive
from attention_book.shapes import shapes


@shapes(torch, "previous: ... S, filters: R! W! -> ... S R")
def location_features(previous, filters):
    """Describe each position by the weights that were around it one step before.

    Shapes:
        previous: the weights of the step before; W, the width of the filters, is odd

    Raises:
        ValueError: the width of ``filters`` is even: it has no middle.

    Source:
        As :func:`weights`.
    """
    R, width = filters.shape
    if width % 2 == 0:
        raise ValueError(f"filters has the even width {width}; it needs an odd one")
    rows = previous.reshape(math.prod(previous.shape[:-1]), 1, previous.shape[-1])
    features = F.conv1d(rows, filters.unsqueeze(1), padding=width // 2)
    return features.mT.reshape(*previous.shape, R)


@shapes(
    torch,
    "q: ... d_k, k: ... S d_k, previous: ... S, filters: R! W!, U: R d_k, w~: d_k, mask: ... S"
    " -> ... S",
)
def weights(q, k, previous, *, filters, U, w, mask=None):
    """Return how much one step attends to each key, given where the step before has looked.

    What the mask hides had no weight in the step before, either.

    Source:
        J. Chorowski et al., "Attention-Based Models for Speech Recognition", 2015, the hybrid
        attention. Departures: the products with the learned matrices are q and k; the filters
        are not turned round; masks; no bias.
    """
    if mask is not None:
        previous, mask = previous * mask, mask.unsqueeze(-2)
    k = k + location_features(previous, filters) @ U
    return additive.weights(q.unsqueeze(-2), k, w=w, mask=mask).squeeze(-2)
