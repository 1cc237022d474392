r"""Scaled dot-product attention in NumPy: ``softmax(q kᵀ / √d_k) v``, and its backward pass."""

import math

import numpy as np

from attention_book.shapes import finite, shapes
from attention_book.softmax import softmax


@shapes(np, "q: ... L d_k, k: ... S d_k, mask+: ... L S -> ... L S")
def weights(q, k, *, mask=None):
    r"""Return how much each query attends to each key.

    .. math:: \alpha_{ij} = \operatorname{softmax}_j\!\left(\frac{q_i \cdot k_j}{\sqrt{d_k}}\right)

    Source:
        As :func:`attention`.
    """
    return softmax(finite(q @ k.mT / math.sqrt(q.shape[-1]), "a score of q and k"), mask=mask)


@shapes(np, "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v")
def attention(q, k, v, *, mask=None):
    r"""Answer each query with the average of the values, weighted by how its key matches.

    .. math:: o_i = \sum_j \alpha_{ij} v_j

    A query that may attend to nothing gets zeros.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, equation 1, with the mask of
        section 3.2.3. Departures: an empty row gives zeros, and float16 is computed in float32.
    """
    return weights(q, k, mask=mask) @ v


@shapes(
    np,
    "q: * L d_k, k: * S d_k, v: * S d_v, grad_output: * L d_v, mask: * L S"
    " -> * L d_k, * S d_k, * S d_v",
)
def backward(q, k, v, grad_output, *, mask=None):
    r"""Return the gradients of ``sum(attention(q, k, v) * grad_output)`` with respect to q, k, v.

    With :math:`g_{ij} = \partial \mathcal L / \partial \alpha_{ij}`, the softmax Jacobian
    :math:`\operatorname{diag}(\alpha_i) - \alpha_i \alpha_i^\top` applied to a row of g is
    :math:`\alpha_{ij} (g_{ij} - \sum_{j'} \alpha_{ij'} g_{ij'})`: no matrix has to be built.

    Source:
        T. Dao et al., "FlashAttention", 2022, appendix B.2, derives the same formulas.
    """
    alpha = weights(q, k, mask=mask)
    grad_alpha = grad_output @ v.mT
    grad_scores = alpha * (grad_alpha - (alpha * grad_alpha).sum(-1, keepdims=True))
    grad_scores = grad_scores / math.sqrt(q.shape[-1])
    return grad_scores @ k, grad_scores.mT @ q, alpha.mT @ grad_output
