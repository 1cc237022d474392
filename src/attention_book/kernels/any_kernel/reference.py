r"""Kernel regression in NumPy with any kernel: the Nadaraya-Watson average as it is written."""

import numpy as np

from attention_book.kernels.gaussian.reference import squared_distances
from attention_book.shapes import shapes


@shapes(np, "q: ... L d_k, k: ... S d_k, mask+: ... L S -> ... L S")
def weights(q, k, *, kernel, mask=None):
    r"""Return how much each query attends to each key.

    .. math:: \alpha_{ij} = \frac{K(\lVert q_i - k_j \rVert^2)}
                                 {\sum_{j'} K(\lVert q_i - k_{j'} \rVert^2)}

    Raises:
        ValueError: ``kernel`` returns another shape, or numbers that are negative or not finite.

    Source:
        As :func:`attention`.
    """
    strength = _checked(kernel, squared_distances(q, k))
    strength = strength if mask is None else np.where(mask, strength, 0)
    total = strength.sum(axis=-1, keepdims=True)
    return strength / np.where(total == 0, 1, total)


@shapes(np, "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v")
def attention(q, k, v, *, kernel, mask=None):
    r"""Answer each query with the average of the values under any kernel.

    .. math:: o_i = \sum_j \alpha_{ij} v_j

    ``kernel`` is a function of an array of squared distances, such as :func:`epanechnikov`, that
    returns as many numbers, none of them negative. For a bandwidth h, divide q and k by h. A
    Gaussian is better left to its own package: here a far query finds only zeros, and a query
    without a key in reach of the kernel gets zeros.

    Raises:
        ValueError: ``kernel`` returns another shape, or numbers that are negative or not finite.

    Source:
        E. A. Nadaraya, 1964; G. S. Watson, 1964. Departures: the mask, and zeros where the
        formula is 0/0.
    """
    return weights(q, k, kernel=kernel, mask=mask) @ v


@shapes(np, "squared: ... -> ...", widens=False)
def gaussian(squared):
    """Return exp(-squared / 2) of squared distances: no distance is too far, until it underflows.

    Source:
        T. Hastie, R. Tibshirani and J. Friedman, "The Elements of Statistical Learning", 2009,
        section 6.1, without the factor that cancels in the average.
    """
    return np.exp(-squared / 2)


@shapes(np, "squared: ... -> ...", widens=False)
def epanechnikov(squared):
    """Return 1 - squared, and 0 from distance 1 on.

    Source:
        Hastie et al., 2009, equation 6.4, without the factor 3/4 that cancels in the average.
    """
    return np.maximum(1 - squared, 0)


@shapes(np, "squared: ... -> ...", widens=False)
def boxcar(squared):
    """Return 1 up to distance 1, and 0 beyond: the mean of the neighbourhood.

    Source:
        The moving average, as old as the time series; a kernel like any other in Watson 1964.
    """
    return np.where(squared <= 1, 1.0, 0.0)


def _checked(kernel, squared):
    strength = np.asarray(kernel(squared))
    if strength.shape != squared.shape:
        raise ValueError(f"kernel returned shape {strength.shape}; it needs {squared.shape}")
    if not np.all((strength >= 0) & (strength < np.inf)):
        raise ValueError(
            "kernel returned numbers that are negative or not finite; it needs 0 or more"
        )
    return strength
