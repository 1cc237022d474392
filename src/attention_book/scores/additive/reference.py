r"""Additive attention in NumPy: ``softmax(w · tanh(q + k)) v``."""

import numpy as np

from attention_book.shapes import shapes
from attention_book.softmax import softmax


@shapes(np, "q: ... L d_k, k: ... S d_k, w~: d_k, mask+: ... L S -> ... L S")
def weights(q, k, *, w, mask=None):
    r"""Return how much each query attends to each key.

    .. math:: \alpha_{ij} = \operatorname{softmax}_j\big(w \cdot \tanh(q_i + k_j)\big)

    Source:
        As :func:`attention`.
    """
    return softmax(np.tanh(q[..., :, None, :] + k[..., None, :, :]) @ w, mask=mask)


@shapes(np, "q: ... L d_k, k: ... S d_k, v: ... S d_v, w~: d_k, mask: ... L S -> ... L d_v")
def attention(q, k, v, *, w, mask=None):
    r"""Answer each query with an average of the values, scored by a network of one hidden layer.

    .. math:: o_i = \sum_j \alpha_{ij} v_j

    A query that may attend to nothing gets zeros.

    Source:
        D. Bahdanau, K. Cho, Y. Bengio, "Neural Machine Translation by Jointly Learning to Align
        and Translate", 2015, equations 5 and 6 and appendix A.1.2. Departures: the products with
        the learned matrices, their W_a s and U_a h, are the caller's q and k; masks.
    """
    return weights(q, k, w=w, mask=mask) @ v
