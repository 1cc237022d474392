"""Kernel regression in PyTorch: differentiable in the bandwidth too, batched, masked."""

import torch

from attention_book.masks import as_tensor
from attention_book.scaled_dot_product.module import masked_softmax
from attention_book.shapes import check_qkv


def attention(q, k, v, *, gamma, mask=None, return_weights=False):
    r"""Answer each query with the average of the values under a Gaussian kernel.

    ``gamma`` may be a tensor with a gradient: that is how the bandwidth is learned. Make it
    positive by construction, as ``log_gamma.exp()``.

    Shapes:
        q: (..., L, d_k), k: (..., S, d_k), v: (..., S, d_v)
        gamma: 1 / (2 sigma²), a number or a tensor that broadcasts to (..., L, S), at least 0;
        of shape (H, 1, 1) it is a bandwidth for each head
        mask: boolean tensor or NumPy array, broadcastable to (..., L, S); True = may attend
        returns: output (..., L, d_v), and with ``return_weights`` also the weights (..., L, S),
        both in the dtype of q. A query that may attend to nothing gets zeros, and so do the
        gradients through it.

    Raises:
        TypeError: the dtypes differ or are not floating point, or ``mask`` is not boolean.
        ValueError: the shapes do not fit, or ``gamma`` is negative or not finite.

    Source:
        E. A. Nadaraya, "On Estimating Regression", 1964, and G. S. Watson, "Smooth Regression
        Analysis", 1964. Departures: a softmax of scores, the mask, zeros for an empty row, and
        a bandwidth that gradients reach.
    """
    squared, values, mask = _prepared(q, k, v, mask)
    gamma = _checked(gamma, squared)
    return _averaged(masked_softmax(-gamma * squared, mask), values, q.dtype, return_weights)


def regress(q, k, v, *, kernel, mask=None, return_weights=False):
    r"""Answer each query with the average of the values under any kernel.

    Shapes:
        q: (..., L, d_k), k: (..., S, d_k), v: (..., S, d_v)
        kernel: a function of a tensor of squared distances that returns as many numbers, none
        of them negative. It may be a closure over parameters.
        mask: boolean tensor or NumPy array, broadcastable to (..., L, S); True = may attend
        returns: output (..., L, d_v), and with ``return_weights`` also the weights (..., L, S),
        both in the dtype of q. A query without a key in reach of the kernel gets zeros.

    Raises:
        TypeError: the dtypes differ or are not floating point, or ``mask`` is not boolean.
        ValueError: the shapes do not fit, or ``kernel`` returns another shape, or numbers that are
            negative or not finite.

    Source:
        E. A. Nadaraya, 1964; G. S. Watson, 1964. Departures: the mask, and zeros where the
        formula is 0/0.
    """
    squared, values, mask = _prepared(q, k, v, mask)
    strength = kernel(squared).to(squared.dtype)
    if strength.shape != squared.shape:
        raise ValueError(
            f"kernel returned shape {tuple(strength.shape)}; it needs {tuple(squared.shape)}"
        )
    if not torch.all((strength >= 0) & (strength < torch.inf)):
        raise ValueError(
            "kernel returned numbers that are negative or not finite; it needs 0 or more"
        )
    strength = strength if mask is None else strength.masked_fill(~mask, 0)
    total = strength.sum(dim=-1, keepdim=True)
    weights = strength / total.masked_fill(total == 0, 1)
    return _averaged(weights, values, q.dtype, return_weights)


def _prepared(q, k, v, mask):
    """Return the squared distances, (..., L, S), the values and the mask as tensors."""
    check_qkv(q, k, v, mask, kind=torch.Tensor)
    leading = torch.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    dtype = torch.promote_types(q.dtype, torch.float32)
    q = q.to(dtype).expand(*leading, *q.shape[-2:])
    # cdist subtracts, then squares, without an array of L times S times d_k; its gradient where
    # q = k is 0, and that of its square is too
    distance = torch.cdist(q, k.to(dtype), compute_mode="donot_use_mm_for_euclid_dist")
    mask = None if mask is None else as_tensor(mask, q.device)
    return distance.square(), v.to(dtype), mask


def _averaged(weights, values, dtype, return_weights):
    output = (weights @ values).to(dtype)
    return (output, weights.to(dtype)) if return_weights else output


def _checked(gamma, squared):
    gamma = torch.as_tensor(gamma, dtype=squared.dtype, device=squared.device)
    try:
        fits = torch.broadcast_shapes(gamma.shape, squared.shape) == squared.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"gamma has shape {tuple(gamma.shape)}; it must broadcast to {tuple(squared.shape)}"
        )
    wrong = gamma[~(torch.isfinite(gamma) & (gamma >= 0))]
    if wrong.numel():
        raise ValueError(f"gamma is {wrong[0]:g}; it needs to be finite and at least 0")
    return gamma
