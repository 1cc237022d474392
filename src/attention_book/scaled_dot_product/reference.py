r"""Scaled dot-product attention in NumPy: ``softmax(q kᵀ / √d_k) v``, and its backward pass."""

import math

import numpy as np

from attention_book.shapes import check_qkv
from attention_book.softmax import softmax


def attention(q, k, v, *, mask=None, return_weights=False):
    r"""Answer each query with the average of the values, weighted by how its key matches.

    .. math:: o_i = \sum_j \alpha_{ij} v_j, \qquad
              \alpha_{ij} = \operatorname{softmax}_j\!\left(\frac{q_i \cdot k_j}{\sqrt{d_k}}\right)

    Shapes:
        q: (..., L, d_k), k: (..., S, d_k), v: (..., S, d_v)
        mask: boolean, broadcastable to (..., L, S); True = may attend. What it hides must
        still be finite: 0 times NaN is NaN.
        returns: output (..., L, d_v), and with ``return_weights`` also the weights (..., L, S),
        both in the dtype of q. A query that may attend to nothing gets zeros.

    Raises:
        TypeError: the dtypes differ or are not floating point, or ``mask`` is not boolean.
        ValueError: the shapes do not fit; the message names the argument.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, equation 1, with the mask of
        section 3.2.3. Departures: an empty row gives zeros, and float16 is computed in float32.
    """
    q, k, v = np.asarray(q), np.asarray(k), np.asarray(v)
    check_qkv(q, k, v, mask, kind=np.ndarray)
    dtype = np.promote_types(q.dtype, np.float32)
    weights = softmax(_scores(q.astype(dtype), k.astype(dtype)), mask=mask)
    output = (weights @ v.astype(dtype)).astype(q.dtype)
    return (output, weights.astype(q.dtype)) if return_weights else output


def backward(q, k, v, grad_output, *, mask=None):
    r"""Return the gradients of ``sum(attention(q, k, v) * grad_output)`` with respect to q, k, v.

    With :math:`g_{ij} = \partial \mathcal L / \partial \alpha_{ij}`, the softmax Jacobian
    :math:`\operatorname{diag}(\alpha_i) - \alpha_i \alpha_i^\top` applied to a row of g is
    :math:`\alpha_{ij} (g_{ij} - \sum_{j'} \alpha_{ij'} g_{ij'})`: no matrix has to be built.

    Shapes:
        q: (..., L, d_k), k: (..., S, d_k), v: (..., S, d_v), with equal leading dimensions
        grad_output: (..., L, d_v)
        mask: boolean, broadcastable to (..., L, S); True = may attend
        returns: the gradients, with the shapes of q, k and v

    Raises:
        TypeError, ValueError: as :func:`attention`; also if ``grad_output`` does not have the
            shape and dtype of the output, or the leading dimensions of q, k, v differ.

    Source:
        T. Dao et al., "FlashAttention", 2022, appendix B.2, derives the same formulas.
    """
    q, k, v, grad_output = map(np.asarray, (q, k, v, grad_output))
    output, weights = attention(q, k, v, mask=mask, return_weights=True)
    if not q.shape[:-2] == k.shape[:-2] == v.shape[:-2]:
        raise ValueError(
            "the leading dimensions of q, k, v must be equal here: "
            f"q has {q.shape}, k {k.shape}, v {v.shape}"
        )
    if grad_output.shape != output.shape:
        raise ValueError(
            f"grad_output has shape {grad_output.shape}; it must equal the output's, {output.shape}"
        )
    if grad_output.dtype != q.dtype:
        raise TypeError(
            f"grad_output has dtype {grad_output.dtype}; it must equal that of q, {q.dtype}"
        )
    grad_v = np.swapaxes(weights, -1, -2) @ grad_output
    grad_weights = grad_output @ np.swapaxes(v, -1, -2)
    grad_scores = weights * (grad_weights - (weights * grad_weights).sum(-1, keepdims=True))
    grad_scores = grad_scores / math.sqrt(q.shape[-1])
    return grad_scores @ k, np.swapaxes(grad_scores, -1, -2) @ q, grad_v


def _scores(q, k):
    return q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
