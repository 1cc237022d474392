r"""Norm-based analysis in NumPy: the length of every vector that enters a weighted sum."""

import numpy as np

from attention_book.layers.multi_head import reference as multi_head
from attention_book.layers.multi_head.reference import PARAMETERS
from attention_book.shapes import shapes


@shapes(
    np,
    "x: ... L d_model, source: ... S d_kv, mask: ... L S -> ... H L S",
    parameters=PARAMETERS,
)
def norms(x, source, parameters, *, mask=None):
    r"""Return the lengths of the vectors that each head adds up for each token of x.

    .. math:: \lVert \alpha_{ij}^h\, f^h(s_j) \rVert, \qquad f^h(s) = s\, W_v^h W_o^h

    Source:
        G. Kobayashi et al., "Attention is Not Only a Weight", 2020. Departure: the
        layers of this book have no biases, so f has none.
    """
    alpha = multi_head.weights(x, source, parameters, mask=mask)
    written = source[..., None, :, :] @ parameters["W_v"] @ parameters["W_o"]
    vectors = alpha[..., None] * written[..., None, :, :]
    return np.sqrt((vectors**2).sum(axis=-1))
