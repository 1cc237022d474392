r"""Kernel regression in NumPy: the average of the values, weighted by how near their keys are."""

import math

import numpy as np

from attention_book.shapes import check_qkv
from attention_book.softmax import softmax


def attention(q, k, v, *, gamma, mask=None, return_weights=False):
    r"""Answer each query with the average of the values under a Gaussian kernel.

    .. math:: o_i = \sum_j \alpha_{ij} v_j, \qquad
              \alpha_{ij} = \operatorname{softmax}_j\!\left(-\gamma \lVert q_i - k_j \rVert^2\right)

    Shapes:
        q: (..., L, d_k), k: (..., S, d_k), v: (..., S, d_v)
        gamma: 1 / (2 sigma²), a number or an array that broadcasts to (..., L, S), at least 0
        mask: boolean, broadcastable to (..., L, S); True = may attend. Leave-one-out is the
        mask ``~np.eye(S, dtype=bool)``.
        returns: output (..., L, d_v), and with ``return_weights`` also the weights (..., L, S),
        both in the dtype of q. A query that may attend to nothing gets zeros.

    Raises:
        TypeError: the dtypes differ or are not floating point, or ``mask`` is not boolean.
        ValueError: the shapes do not fit, or ``gamma`` is negative or not finite.

    Source:
        E. A. Nadaraya, "On Estimating Regression", 1964, and G. S. Watson, "Smooth Regression
        Analysis", 1964. Departures: exponent and division are one softmax, so that no query is
        too far away; the mask; an empty row gives zeros.
    """
    q, k, v = map(np.asarray, (q, k, v))
    weights, _ = _gaussian_weights(q, k, v, gamma, mask)
    output = (weights @ v).astype(q.dtype)
    return (output, weights.astype(q.dtype)) if return_weights else output


def gamma_derivative(q, k, v, *, gamma, mask=None):
    r"""Return how each output of :func:`attention` changes with ``gamma``.

    It is minus the covariance of squared distance and value under the weights of the query:

    .. math:: \frac{\partial o_i}{\partial \gamma} =
              -\sum_j \alpha_{ij} \Big(\delta_{ij} - \sum_{j'} \alpha_{ij'} \delta_{ij'}\Big) v_j,
              \qquad \delta_{ij} = \lVert q_i - k_j \rVert^2

    Shapes:
        q: (..., L, d_k), k: (..., S, d_k), v: (..., S, d_v)
        gamma: a number, or an array that broadcasts to (..., L, S) and has one entry a query
        mask: boolean, broadcastable to (..., L, S); True = may attend
        returns: (..., L, d_v), in the dtype of q

    Raises:
        TypeError, ValueError: as :func:`attention`.

    Source:
        The derivative of a mean under weights proportional to exp(-gamma x), as for any
        exponential family; not in Nadaraya 1964 or Watson 1964, who choose the width by hand.
    """
    q, k, v = map(np.asarray, (q, k, v))
    weights, squared = _gaussian_weights(q, k, v, gamma, mask)
    centred = squared - (weights * squared).sum(axis=-1, keepdims=True)
    return -((weights * centred) @ v).astype(q.dtype)


def regress(q, k, v, *, kernel, mask=None, return_weights=False):
    r"""Answer each query with the average of the values under any kernel.

    .. math:: o_i = \frac{\sum_j K(\lVert q_i - k_j \rVert^2)\, v_j}
                         {\sum_j K(\lVert q_i - k_j \rVert^2)}

    For a bandwidth h, divide q and k by h. A Gaussian is better left to :func:`attention`: here
    a far query finds only zeros.

    Shapes:
        q: (..., L, d_k), k: (..., S, d_k), v: (..., S, d_v)
        kernel: a function of an array of squared distances, such as :func:`epanechnikov`, that
        returns as many numbers, none of them negative
        mask: boolean, broadcastable to (..., L, S); True = may attend
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
    q, k, v = map(np.asarray, (q, k, v))
    squared = _squared_distances(q, k, v, mask)
    strength = np.asarray(kernel(squared))
    if strength.shape != squared.shape:
        raise ValueError(f"kernel returned shape {strength.shape}; it needs {squared.shape}")
    if not np.all((strength >= 0) & (strength < np.inf)):
        raise ValueError(
            "kernel returned numbers that are negative or not finite; it needs 0 or more"
        )
    strength = strength if mask is None else np.where(mask, strength, 0)
    total = strength.sum(axis=-1, keepdims=True)
    weights = strength / np.where(total == 0, 1, total)
    output = (weights @ v).astype(q.dtype)
    return (output, weights.astype(q.dtype)) if return_weights else output


def gaussian(squared):
    """Return exp(-squared / 2): no distance is too far, until it underflows.

    Shapes:
        squared: an array of squared distances, in units of the bandwidth; returns the same shape

    Raises:
        Nothing: there is no wrong input.

    Source:
        T. Hastie, R. Tibshirani and J. Friedman, "The Elements of Statistical Learning", 2009,
        section 6.1, without the factor that cancels in the average.
    """
    return np.exp(-squared / 2)


def epanechnikov(squared):
    """Return 1 - squared, and 0 from distance 1 on.

    Shapes:
        squared: an array of squared distances, in units of the bandwidth; returns the same shape

    Raises:
        Nothing: there is no wrong input.

    Source:
        Hastie et al., 2009, equation 6.4, without the factor 3/4 that cancels in the average.
    """
    return np.maximum(1 - squared, 0)


def boxcar(squared):
    """Return 1 up to distance 1, and 0 beyond: the mean of the neighbourhood.

    Shapes:
        squared: an array of squared distances, in units of the bandwidth; returns the same shape

    Raises:
        Nothing: there is no wrong input.

    Source:
        The moving average, as old as the time series; a kernel like any other in Watson 1964.
    """
    return np.where(squared <= 1, 1.0, 0.0)


def as_dot_product(q, k, *, gamma):
    r"""Return queries and keys whose scaled dot-product attention is Gaussian kernel attention.

    Each key gets its own squared length as one more feature:

    .. math:: q_i' = \sqrt{d_k + 1}\,(2\gamma q_i,\, -\gamma), \qquad
              k_j' = (k_j,\, \lVert k_j \rVert^2)

    Shapes:
        q: (..., L, d_k), k: (..., S, d_k); gamma: a number, at least 0
        returns: (..., L, d_k + 1) and (..., S, d_k + 1), in the dtype of q

    Raises:
        TypeError: the dtypes differ or are not floating point.
        ValueError: the shapes do not fit, or ``gamma`` is negative or not finite.

    Source:
        Expanding the square; Y.-H. H. Tsai et al., "Transformer Dissection", 2019, read
        attention as a kernel average the other way round.
    """
    q, k = np.asarray(q), np.asarray(k)
    check_qkv(q, k, k, None, kind=np.ndarray)
    gamma = float(_checked(gamma, ()))
    last = np.full_like(q[..., :1], -gamma)
    new_q = np.concatenate([2 * gamma * q, last], axis=-1) * math.sqrt(q.shape[-1] + 1)
    return new_q, np.concatenate([k, (k**2).sum(axis=-1, keepdims=True)], axis=-1)


def _gaussian_weights(q, k, v, gamma, mask):
    squared = _squared_distances(q, k, v, mask)
    gamma = _checked(gamma, squared.shape).astype(squared.dtype)
    return softmax(-gamma * squared, mask=mask), squared


def _squared_distances(q, k, v, mask):
    """Subtract, then square: ‖q‖² - 2 q·k + ‖k‖² would lose the digits of near neighbours."""
    check_qkv(q, k, v, mask, kind=np.ndarray)
    leading = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    wide = q.astype(np.promote_types(q.dtype, np.float32))  # float16 would overflow
    difference = np.broadcast_to(wide, (*leading, *q.shape[-2:]))[..., :, None, :]
    difference = difference - k[..., None, :, :]
    return np.einsum("...d,...d->...", difference, difference)


def _checked(gamma, shape):
    gamma = np.asarray(gamma)
    try:
        fits = np.broadcast_shapes(gamma.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"gamma has shape {gamma.shape}; it must broadcast to {shape}")
    wrong = gamma[~(np.isfinite(gamma) & (gamma >= 0))]
    if wrong.size:
        raise ValueError(f"gamma is {wrong[0]}; it needs to be finite and at least 0")
    return gamma
