r"""Additive attention and pooling with a learned query, in NumPy."""

import math

import numpy as np

from attention_book.scaled_dot_product import reference as scaled_dot_product
from attention_book.shapes import check_qkv
from attention_book.softmax import softmax


def attention(q, k, v, *, w, mask=None, return_weights=False):
    r"""Answer each query with an average of the values, scored by a network of one hidden layer.

    .. math:: o_i = \sum_j \alpha_{ij} v_j, \qquad
              \alpha_{ij} = \operatorname{softmax}_j\big(w \cdot \tanh(q_i + k_j)\big)

    Shapes:
        q: (..., L, d_k), k: (..., S, d_k), v: (..., S, d_v)
        w: (d_k,), of any floating-point dtype
        mask: boolean, broadcastable to (..., L, S); True = may attend
        returns: output (..., L, d_v), and with ``return_weights`` also the weights (..., L, S),
        both in the dtype of q. A query that may attend to nothing gets zeros.

    Raises:
        TypeError: the dtypes of q, k, v differ, one is not floating point, or ``mask`` is not
            boolean.
        ValueError: the shapes do not fit; the message names the argument.

    Source:
        D. Bahdanau, K. Cho, Y. Bengio, "Neural Machine Translation by Jointly Learning to Align
        and Translate", 2015, equations 5 and 6 and appendix A.1.2. Departures: the products with
        the learned matrices, their W_a s and U_a h, are the caller's q and k; masks.
    """
    q, k, v, w = np.asarray(q), np.asarray(k), np.asarray(v), np.asarray(w)
    check_qkv(q, k, v, mask, kind=np.ndarray)
    _check_w(w, "q", q)
    dtype = np.promote_types(q.dtype, np.float32)
    weights = softmax(_scores(q.astype(dtype), k.astype(dtype), w), mask=mask)
    output = (weights @ v.astype(dtype)).astype(q.dtype)
    return (output, weights.astype(q.dtype)) if return_weights else output


def pool(x, w, *, mask=None, return_weights=False):
    r"""Average the positions of a sequence, each weighted by its score :math:`x_j \cdot w`.

    This is dot-product attention of one query, :math:`w`, over keys and values :math:`x`. The
    factor undoes its scale.

    Shapes:
        x: (..., S, d)
        w: (d,), of any floating-point dtype
        mask: boolean, broadcastable to (..., 1, S), as ``masks.padding`` makes it; True = may
            be attended to
        returns: (..., d), and with ``return_weights`` also the weights (..., S), both in the
        dtype of x. A sequence of which nothing may be seen gives zeros.

    Raises:
        TypeError: ``x`` or ``w`` is not floating point, or ``mask`` is not boolean.
        ValueError: the shapes do not fit; the message names the argument.

    Source:
        C. Raffel, D. P. W. Ellis, "Feed-Forward Networks with Attention Can Solve Some Long-Term
        Memory Problems", 2015. Departures: the score is linear, without their tanh and bias;
        masks.
    """
    x, w = np.asarray(x), np.asarray(w)
    _check_x(x)
    _check_w(w, "x", x)
    dtype = np.promote_types(x.dtype, np.float32)
    query = math.sqrt(x.shape[-1]) * w[None].astype(dtype)
    wide = x.astype(dtype)
    output, weights = scaled_dot_product.attention(
        query, wide, wide, mask=mask, return_weights=True
    )
    output, weights = (a[..., 0, :].astype(x.dtype) for a in (output, weights))
    return (output, weights) if return_weights else output


def _scores(q, k, w):
    return np.tanh(q[..., :, None, :] + k[..., None, :, :]) @ w


def _check_x(x):
    if not np.issubdtype(x.dtype, np.floating):
        raise TypeError(f"x has dtype {x.dtype}; it needs a floating-point dtype")
    if x.ndim < 2 or x.shape[-1] == 0:
        raise ValueError(f"x has shape {x.shape}; it needs (..., positions, features)")


def _check_w(w, name, x):
    if not np.issubdtype(w.dtype, np.floating):
        raise TypeError(f"w has dtype {w.dtype}; it needs a floating-point dtype")
    if w.shape != x.shape[-1:]:
        raise ValueError(
            f"w has shape {w.shape}; it needs one number for each feature of {name}, {x.shape[-1:]}"
        )
