r"""Pooling with a learned query in NumPy: ``softmax(x w) x``."""

import math

import numpy as np

from attention_book.scores.scaled_dot_product import reference as scaled_dot_product
from attention_book.shapes import shapes


@shapes(np, "x: ... S d, w~: d, mask: ... 1 S -> ... S")
def weights(x, w, *, mask=None):
    r"""Return the weight of each position, :math:`\operatorname{softmax}_j(x_j \cdot w)`.

    This is dot-product attention of one query, :math:`w`. The factor undoes its scale.

    Source:
        As :func:`pool`.
    """
    query = math.sqrt(x.shape[-1]) * w[None]
    return scaled_dot_product.weights(query, x, mask=mask)[..., 0, :]


@shapes(np, "x: ... S d, w~: d, mask: ... 1 S -> ... d")
def pool(x, w, *, mask=None):
    r"""Average the positions of a sequence, each weighted by its score :math:`x_j \cdot w`.

    A sequence of which nothing may be seen gives zeros.

    Shapes:
        mask: as ``masks.padding`` makes it

    Source:
        C. Raffel, D. P. W. Ellis, "Feed-Forward Networks with Attention Can Solve Some Long-Term
        Memory Problems", 2015. Departures: the score is linear, without their tanh and bias;
        masks.
    """
    return (weights(x, w, mask=mask)[..., None, :] @ x)[..., 0, :]
