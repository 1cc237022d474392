r"""Location-based attention in NumPy: ``softmax(q W) v``. There are no keys."""

import numpy as np

from attention_book.shapes import finite, shapes
from attention_book.softmax import softmax


@shapes(np, "q: ... L d_q, W~: d_q S, mask+: ... L S -> ... L S")
def weights(q, *, W, mask=None):
    r"""Return how much each query attends to each place.

    .. math:: \alpha_{ij} = \operatorname{softmax}_j\big(q_i W\big)

    W has a column for each place, so the number of places is fixed when W is made. For fewer,
    hand in fewer columns: ``W[:, :S]``.

    Source:
        As :func:`attention`.
    """
    return softmax(finite(q @ W, "a score of q"), mask=mask)


@shapes(np, "q: ... L d_q, v: ... S d_v, W~: d_q S, mask: ... L S -> ... L d_v")
def attention(q, v, *, W, mask=None):
    r"""Answer each query with an average of the values, weighted by where they stand.

    .. math:: o_i = \sum_j \alpha_{ij} v_j

    A query that may attend to nothing gets zeros.

    Source:
        M.-T. Luong, H. Pham, C. D. Manning, "Effective Approaches to Attention-based Neural
        Machine Translation", 2015, equation 8. Departure: masks.
    """
    return weights(q, W=W, mask=mask) @ v
