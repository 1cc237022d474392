"""Scaled dot-product attention in PyTorch: differentiable, batched, fused where it can be."""

import math

import torch
import torch.nn.functional as F

from attention_book.shapes import finite, shapes
from attention_book.softmax.module import softmax


@shapes(torch, "q: ... L d_k, k: ... S d_k, mask+: ... L S -> ... L S")
def weights(q, k, *, mask=None):
    """Return how much each query attends to each key, in L times S memory.

    Source:
        As :func:`attention`.
    """
    return softmax(finite(q @ k.mT / math.sqrt(q.shape[-1]), "a score of q and k"), mask=mask)


@shapes(torch, "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v", widens=False)
def attention(q, k, v, *, mask=None):
    """Answer each query with the average of the values, weighted by how its key matches.

    This is PyTorch's own function. Its fused kernel never stores the (L, S) matrix of weights; on
    a CPU it serves values as long as keys and up to two leading dimensions, and PyTorch falls
    back to storing the matrix elsewhere. A mask is stored as it comes, once for all heads, and
    for the causal mask of as many queries as keys the kernel leaves out what lies in the future.
    A query that may attend to nothing gets zeros, and so do the gradients through it. What comes
    of scores beyond the dtype is PyTorch's answer; :func:`weights` refuses them.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, equation 1, with the mask of
        section 3.2.3. Departure: an empty row gives zeros.
    """
    if not q.shape[:-2] == k.shape[:-2] == v.shape[:-2]:
        leading = torch.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
        q, k, v = (x.expand(*leading, *x.shape[-2:]) for x in (q, k, v))
    fill = (None,) * (4 - q.ndim)  # the kernel wants two leading dimensions at least
    causal = mask is not None and _is_causal(mask)
    if causal:
        mask = None
    elif mask is not None:
        mask = mask[(None,) * (max(q.ndim, 4) - mask.ndim)]  # as it came: not once for each head
    output = F.scaled_dot_product_attention(
        q[fill], k[fill], v[fill], attn_mask=mask, is_causal=causal
    )
    return output[(0,) * len(fill)]


def _is_causal(mask):
    """Return whether a mask is the one of as many queries as keys that see no later key."""
    n = mask.shape[-1] if mask.ndim else 0
    if mask.shape != (n, n) or n < 2 or mask[0, 1]:
        return False
    return bool(torch.equal(mask, mask.new_ones(n, n).tril_()))
