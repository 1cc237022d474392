"""Scaled dot-product attention in PyTorch: differentiable, batched, fused where it can be."""

import math

import torch
import torch.nn.functional as F

from attention_book.masks import as_tensor
from attention_book.shapes import check_mask, check_qkv


def attention(q, k, v, *, mask=None, return_weights=False):
    r"""Answer each query with the average of the values, weighted by how its key matches.

    Without ``return_weights`` this is PyTorch's own function. Its fused kernel never stores the
    (L, S) matrix of weights; on a CPU it serves values as long as keys and up to two leading
    dimensions, and PyTorch falls back to storing the matrix elsewhere. A mask is stored as it
    comes, once for all heads, and for the causal mask of as many queries as keys the kernel
    leaves out what lies in the future. Asking for the weights computes them, in L times S memory.

    Shapes:
        q: (..., L, d_k), k: (..., S, d_k), v: (..., S, d_v)
        mask: boolean tensor or NumPy array, broadcastable to (..., L, S); True = may attend.
        What it hides must still be finite: 0 times NaN is NaN.
        returns: output (..., L, d_v), and with ``return_weights`` also the weights (..., L, S),
        both in the dtype of q. A query that may attend to nothing gets zeros, and so do the
        gradients through it.

    Raises:
        TypeError: the dtypes differ or are not floating point, or ``mask`` is not boolean.
        ValueError: the shapes do not fit; the message names the argument.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, equation 1, with the mask of
        section 3.2.3. Departures: an empty row gives zeros.
    """
    check_qkv(q, k, v, mask, kind=torch.Tensor)
    if not q.shape[:-2] == k.shape[:-2] == v.shape[:-2]:
        leading = torch.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
        q, k, v = (x.expand(*leading, *x.shape[-2:]) for x in (q, k, v))
    if not return_weights:
        return _fused(q, k, v, mask)

    dtype = torch.promote_types(q.dtype, torch.float32)
    scores = q.to(dtype) @ k.to(dtype).transpose(-1, -2) / math.sqrt(q.shape[-1])
    weights = masked_softmax(scores, mask)
    return (weights @ v.to(dtype)).to(q.dtype), weights.to(q.dtype)


def _fused(q, k, v, mask):
    """Call PyTorch's kernel, which wants two leading dimensions at least, and a mask as it came.

    To expand the mask over batch and heads would store it for each of them.
    """
    leading = q.ndim - 2
    fill = (None,) * (2 - leading)
    mask = None if mask is None else as_tensor(mask, q.device)
    causal = mask is not None and _is_causal(mask)
    if causal:
        mask = None  # the kernel leaves out the tiles above the diagonal
    elif mask is not None:
        mask = mask[(None,) * (max(leading, 2) + 2 - mask.ndim)]
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


def masked_softmax(scores, mask=None):
    """Return the softmax over the last axis, 0 where masked and on a row that sees nothing.

    Shapes:
        scores: (..., L, S)
        mask: boolean tensor or NumPy array, broadcastable to ``scores``; True = may attend
        returns: (..., L, S), with finite gradients also through an empty row

    Raises:
        TypeError: ``scores`` is no floating-point tensor, or ``mask`` is not boolean.
        ValueError: ``mask`` does not broadcast to the shape of ``scores``.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.3. Departure: the
        empty row, 0/0 in the formula, is all zeros here.
    """
    if not isinstance(scores, torch.Tensor) or not scores.is_floating_point():
        found = getattr(scores, "dtype", type(scores).__name__)
        raise TypeError(f"scores is of {found}; it needs a floating-point tensor")
    if mask is None:
        return torch.softmax(scores, dim=-1)
    check_mask(mask, scores.shape)
    mask = as_tensor(mask, scores.device)
    empty = ~mask.any(dim=-1, keepdim=True)
    scores = scores.masked_fill(~mask & ~empty, -torch.inf)
    return torch.softmax(scores, dim=-1).masked_fill(~mask, 0)
