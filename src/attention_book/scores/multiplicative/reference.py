r"""Multiplicative attention in NumPy: ``softmax(q W kᵀ) v``."""

import numpy as np

from attention_book.shapes import finite, shapes
from attention_book.softmax import softmax


@shapes(np, "q: ... L d_q, k: ... S d_k, W~: d_q d_k, mask+: ... L S -> ... L S")
def weights(q, k, *, W, mask=None):
    r"""Return how much each query attends to each key.

    .. math:: \alpha_{ij} = \operatorname{softmax}_j\big(q_i W k_j^\top\big)

    With the identity as W this is the score that the paper calls *dot*; with any W it is
    *general*.

    Source:
        As :func:`attention`.
    """
    return softmax(finite(q @ W @ k.mT, "a score of q and k"), mask=mask)


@shapes(np, "q: ... L d_q, k: ... S d_k, v: ... S d_v, W~: d_q d_k, mask: ... L S -> ... L d_v")
def attention(q, k, v, *, W, mask=None):
    r"""Answer each query with an average of the values, scored by a learned bilinear form.

    .. math:: o_i = \sum_j \alpha_{ij} v_j

    A query that may attend to nothing gets zeros.

    Source:
        M.-T. Luong, H. Pham, C. D. Manning, "Effective Approaches to Attention-based Neural
        Machine Translation", 2015, equation 7 with the score *general*. Departures: the values need
        not be the keys; masks.
    """
    return weights(q, k, W=W, mask=mask) @ v
