"""What ALiBi and T5 share in PyTorch: the fused kernel with a number added to each score."""

import torch
import torch.nn.functional as F


def attention(q, k, v, bias, *, mask=None, scale=None):
    """Average the values with the weights of ``softmax(scale * q · k_j + bias)``.

    Shapes:
        q: (..., L, d_k), k: (..., S, d_k), v: (..., S, d_v), bias and mask: (..., L, S)
        scale: a number, 1/√d_k when it is left out
        returns: (..., L, d_v)
    """
    if mask is not None:
        bias = torch.where(mask, bias, -torch.inf)
    leading = torch.broadcast_shapes(*(x.shape[:-2] for x in (q, k, v, bias)))
    q, k, v = (x.expand(*leading, *x.shape[-2:]) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=scale)
