r"""Pooling a feature map in NumPy: its cells are a sequence."""

import numpy as np

from attention_book.pooling.attention_pooling import reference as attention_pooling
from attention_book.shapes import shapes


@shapes(np, "x: ... H W d, w~: d, mask: ... H W -> ... H W")
def weights(x, w, *, mask=None):
    r"""Return the heat map: the weight of each cell, softmax of :math:`x_p \cdot w`.

    Source:
        As :func:`pool`.
    """
    return attention_pooling.weights(cells(x), w, mask=keys(x, mask=mask)).reshape(x.shape[:-1])


@shapes(np, "x: ... H W d, w~: d, mask: ... H W -> ... d")
def pool(x, w, *, mask=None):
    r"""Ask a feature map one question: average its cells, each weighted by :math:`x_p \cdot w`.

    A map of which nothing may be seen gives zeros.

    Shapes:
        x: a vector for each cell

    Source:
        K. Xu et al., "Show, Attend and Tell", 2015, section 4.2 (soft attention over the cells
        of a feature map). Departures: one learned query and a dot product as score; masks.
    """
    return attention_pooling.pool(cells(x), w, mask=keys(x, mask=mask))


@shapes(np, "x: ... H W d -> ... N d", widens=False)
def cells(x):
    """Return the cells of a feature map as one sequence, row after row, N = H·W.

    Source:
        As :func:`pool`.
    """
    *lead, H, W, d = x.shape
    return x.reshape(*lead, H * W, d)


@shapes(np, "x: ... H W d, mask: ... H W", widens=False)
def keys(x, *, mask=None):
    """Return a mask over the cells of x as one over the keys of a sequence, for any query.

    Shapes:
        returns: (..., 1, H·W), or None

    Source:
        As :func:`pool`.
    """
    if mask is None:
        return None
    *lead, H, W, _ = x.shape
    return np.broadcast_to(mask, (*lead, H, W)).reshape(*lead, 1, H * W)
