r"""Several learned readers of one sequence in NumPy, and the penalty that keeps them apart."""

import math

import numpy as np

from attention_book.scores.scaled_dot_product import reference as scaled_dot_product
from attention_book.shapes import shapes


@shapes(np, "x: ... S d, W_1~: d d_a, W_2~: d_a R!, mask: ... 1 S -> ... R S")
def weights(x, W_1, W_2, *, mask=None):
    r"""Return how much each reader weighs each position.

    .. math:: A = \operatorname{softmax}(W_2^\top \tanh(x W_1)^\top)

    This is dot-product attention of R learned queries, the columns of :math:`W_2`, on the keys
    :math:`\tanh(x W_1)`. The factor undoes its scale.

    Source:
        As :func:`pool`.
    """
    return scaled_dot_product.weights(_queries(W_2), np.tanh(x @ W_1), mask=mask)


@shapes(np, "x: ... S d, W_1~: d d_a, W_2~: d_a R!, mask: ... 1 S -> ... R d")
def pool(x, W_1, W_2, *, mask=None):
    """Let each reader average the positions of a sequence, with weights of its own.

    A sequence of which nothing may be seen gives zeros.

    Shapes:
        mask: as ``masks.padding`` makes it

    Source:
        Z. Lin et al., "A Structured Self-attentive Sentence Embedding", 2017, equations 6 and 7.
        Departures: the positions may come from any encoder, not only from an LSTM; our matrices
        are the transposes of theirs; masks.
    """
    return scaled_dot_product.attention(_queries(W_2), np.tanh(x @ W_1), x, mask=mask)


@shapes(np, "A: ... R S -> ...")
def penalty(A):
    r"""Return how far readers are from looking at one position each, and none twice.

    .. math:: \lVert A A^\top - I \rVert_F^2

    It is 0 only if each row of A is 1 at one position, and no two rows at the same.

    Source:
        Z. Lin et al., "A Structured Self-attentive Sentence Embedding", 2017, equation 8.
    """
    return ((A @ A.mT - np.eye(A.shape[-2])) ** 2).sum(axis=(-2, -1))


def _queries(W_2):
    return math.sqrt(len(W_2)) * W_2.T
