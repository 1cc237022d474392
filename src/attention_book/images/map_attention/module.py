r"""Self-attention over a feature map in PyTorch: its cells are a sequence."""

import torch

from attention_book.images.map_pooling.module import cells, keys
from attention_book.scores.scaled_dot_product import module as scaled_dot_product
from attention_book.shapes import shapes


@shapes(torch, "x: ... H W d, W_q: d d_k, W_k: d d_k, mask: ... H W -> ... H W H W")
def weights(x, W_q, W_k, *, mask=None):
    """Return how much each cell attends to each: first the cell that asks.

    Source:
        As :func:`self_attention`.
    """
    q, k = cells(x) @ W_q, cells(x) @ W_k
    alpha = scaled_dot_product.weights(q, k, mask=keys(x, mask=mask))
    return alpha.reshape(*x.shape[:-1], *x.shape[-3:-1])


@shapes(torch, "x: ... H W d, W_q: d d_k, W_k: d d_k, W_v: d d_v, mask: ... H W -> ... H W d_v")
def self_attention(x, W_q, W_k, W_v, *, mask=None):
    """Ask a feature map one question from each of its cells: a feature map comes back.

    Where nothing may be seen, all are zeros, and so are the gradients.

    Source:
        X. Wang et al., "Non-Local Neural Networks", 2018, section 3.2 (embedded Gaussian).
        Departures: the scale of dot-product attention; no residual connection; masks.
    """
    q, k, v = (cells(x) @ W for W in (W_q, W_k, W_v))
    output = scaled_dot_product.attention(q, k, v, mask=keys(x, mask=mask))
    return output.reshape(*x.shape[:-1], W_v.shape[-1])
