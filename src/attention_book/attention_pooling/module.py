r"""Additive attention and pooling with a learned query, in PyTorch."""

import math

import torch

from attention_book.scaled_dot_product import module as scaled_dot_product
from attention_book.shapes import check_qkv


def attention(q, k, v, *, w, mask=None, return_weights=False):
    r"""Answer each query with an average of the values, scored by a network of one hidden layer.

    The score :math:`w \cdot \tanh(q_i + k_j)` takes L times S times d_k memory: one hidden layer
    for each pair.

    Shapes:
        q: (..., L, d_k), k: (..., S, d_k), v: (..., S, d_v)
        w: (d_k,), of any floating-point dtype
        mask: boolean tensor or NumPy array, broadcastable to (..., L, S); True = may attend
        returns: output (..., L, d_v), and with ``return_weights`` also the weights (..., L, S),
        both in the dtype of q. A query that may attend to nothing gets zeros, and so do the
        gradients through it.

    Raises:
        TypeError: q, k, v or w is not a floating-point tensor, the dtypes of q, k, v differ, or
            ``mask`` is not boolean.
        ValueError: the shapes do not fit; the message names the argument.

    Source:
        D. Bahdanau, K. Cho, Y. Bengio, "Neural Machine Translation by Jointly Learning to Align
        and Translate", 2015, equations 5 and 6 and appendix A.1.2. Departures: the products with
        the learned matrices are the caller's q and k (:class:`AdditiveAttention` has them); masks.
    """
    check_qkv(q, k, v, mask, kind=torch.Tensor)
    _check_w(w, "q", q)
    dtype = torch.promote_types(q.dtype, torch.float32)
    hidden = torch.tanh(q.to(dtype).unsqueeze(-2) + k.to(dtype).unsqueeze(-3))
    weights = scaled_dot_product.masked_softmax(hidden @ w.to(dtype), mask)
    output = (weights @ v.to(dtype)).to(q.dtype)
    return (output, weights.to(q.dtype)) if return_weights else output


def pool(x, w, *, mask=None, return_weights=False):
    r"""Average the positions of a sequence, each weighted by its score :math:`x_j \cdot w`.

    Shapes:
        x: (..., S, d)
        w: (d,), of any floating-point dtype
        mask: boolean tensor or NumPy array, broadcastable to (..., 1, S), as ``masks.padding``
            makes it; True = may be attended to
        returns: (..., d), and with ``return_weights`` also the weights (..., S), both in the
        dtype of x. A sequence of which nothing may be seen gives zeros.

    Raises:
        TypeError: ``x`` or ``w`` is not a floating-point tensor, or ``mask`` is not boolean.
        ValueError: the shapes do not fit; the message names the argument.

    Source:
        C. Raffel, D. P. W. Ellis, "Feed-Forward Networks with Attention Can Solve Some Long-Term
        Memory Problems", 2015. Departures: the score is linear, without their tanh and bias;
        masks.
    """
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        found = getattr(x, "dtype", type(x).__name__)
        raise TypeError(f"x is {found}; it needs a floating-point tensor")
    if x.ndim < 2 or x.shape[-1] == 0:
        raise ValueError(f"x has shape {tuple(x.shape)}; it needs (..., positions, features)")
    _check_w(w, "x", x)
    dtype = torch.promote_types(x.dtype, torch.float32)
    query, wide = math.sqrt(x.shape[-1]) * w.to(dtype).unsqueeze(0), x.to(dtype)
    result = scaled_dot_product.attention(
        query, wide, wide, mask=mask, return_weights=return_weights
    )
    if not return_weights:
        return result[..., 0, :].to(x.dtype)
    output, weights = (part[..., 0, :].to(x.dtype) for part in result)
    return output, weights


class AdditiveAttention(torch.nn.Module):
    """Additive attention with its learned matrices: a sequence asks a memory.

    Query states and memory states may have different sizes; each has its own matrix into the
    hidden layer. There is no bias, and the memory states themselves are the values, as in the
    paper.

    Shapes:
        x: (B, L, d_query), memory: (B, S, d_memory)
        mask: boolean, broadcastable to (B, L, S); True = may attend
        returns: (B, L, d_memory), and with ``return_weights`` also the weights (B, L, S)

    Raises:
        TypeError, ValueError: as :func:`attention`.

    Source:
        D. Bahdanau, K. Cho, Y. Bengio, "Neural Machine Translation by Jointly Learning to Align
        and Translate", 2015, appendix A.1.2 (their W_a, U_a and v_a are W_q, W_k and w).
    """

    def __init__(self, d_query, d_memory, d_hidden):
        super().__init__()
        self.W_q = torch.nn.Linear(d_query, d_hidden, bias=False)
        self.W_k = torch.nn.Linear(d_memory, d_hidden, bias=False)
        self.w = torch.nn.Parameter(torch.randn(d_hidden) / math.sqrt(d_hidden))

    def forward(self, x, memory, *, mask=None, return_weights=False):
        return attention(
            self.W_q(x), self.W_k(memory), memory,
            w=self.w, mask=mask, return_weights=return_weights,
        )  # fmt: skip


def _check_w(w, name, x):
    if not isinstance(w, torch.Tensor) or not w.is_floating_point():
        raise TypeError(
            f"w is {getattr(w, 'dtype', type(w).__name__)}; it needs a floating-point tensor"
        )
    if w.shape != x.shape[-1:]:
        raise ValueError(
            f"w has shape {tuple(w.shape)}; it needs one number for each feature of {name}, "
            f"{tuple(x.shape[-1:])}"
        )
