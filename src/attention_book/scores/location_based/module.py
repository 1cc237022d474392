r"""Location-based attention in PyTorch."""

import torch

from attention_book.shapes import finite, shapes
from attention_book.softmax.module import softmax


@shapes(torch, "q: ... L d_q, W~: d_q S, mask+: ... L S -> ... L S")
def weights(q, *, W, mask=None):
    """Return how much each query attends to each place.

    Source:
        As :func:`attention`.
    """
    return softmax(finite(q @ W, "a score of q"), mask=mask)


@shapes(torch, "q: ... L d_q, v: ... S d_v, W~: d_q S, mask: ... L S -> ... L d_v")
def attention(q, v, *, W, mask=None):
    """Answer each query with an average of the values, weighted by where they stand.

    A query that may attend to nothing gets zeros, and so do the gradients through it.

    Source:
        M.-T. Luong, H. Pham, C. D. Manning, "Effective Approaches to Attention-based Neural
        Machine Translation", 2015, equation 8. Departure: masks.
    """
    return weights(q, W=W, mask=mask) @ v
