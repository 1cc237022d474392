r"""Pooling with a learned query in PyTorch."""

import math

import torch

from attention_book.scores.scaled_dot_product import module as scaled_dot_product
from attention_book.shapes import shapes


@shapes(torch, "x: ... S d, w~: d, mask: ... 1 S -> ... S")
def weights(x, w, *, mask=None):
    r"""Return the weight of each position, :math:`\operatorname{softmax}_j(x_j \cdot w)`.

    Source:
        As :func:`pool`.
    """
    return scaled_dot_product.weights(_query(x, w), x, mask=mask)[..., 0, :]


@shapes(torch, "x: ... S d, w~: d, mask: ... 1 S -> ... d")
def pool(x, w, *, mask=None):
    r"""Average the positions of a sequence, each weighted by its score :math:`x_j \cdot w`.

    A sequence of which nothing may be seen gives zeros, and so do the gradients through it.

    Shapes:
        mask: as ``masks.padding`` makes it

    Source:
        C. Raffel, D. P. W. Ellis, "Feed-Forward Networks with Attention Can Solve Some Long-Term
        Memory Problems", 2015. Departures: the score is linear, without their tanh and bias;
        masks.
    """
    return scaled_dot_product.attention(_query(x, w), x, x, mask=mask)[..., 0, :]


def _query(x, w):
    """Return w as the one query of dot-product attention, whose scale it undoes."""
    return math.sqrt(x.shape[-1]) * w.unsqueeze(0)
