r"""Kernel regression in NumPy with a Gaussian: ``softmax(-γ ‖q - k‖²) v``."""

import math

import numpy as np

from attention_book.shapes import finite, number, shapes
from attention_book.softmax import softmax

GAMMA = number("... L S", least=0)


@shapes(np, "q: ... L d_k, k: ... S d_k -> ... L S")
def squared_distances(q, k):
    """Return the squared distance of each query to each key.

    Subtract, then square: ‖q‖² - 2 q·k + ‖k‖² would lose the digits of near neighbours.

    Raises:
        ValueError: q and k lie so far apart that a square is infinite.

    Source:
        Euclid, by way of Pythagoras.
    """
    difference = q[..., :, None, :] - k[..., None, :, :]
    squared = np.einsum("...d,...d->...", difference, difference)
    return finite(squared, "a squared distance of q and k")


@shapes(
    np,
    "q: ... L d_k, k: ... S d_k, mask+: ... L S -> ... L S",
    gamma=number("... L S", least=0, extends=True),
)
def weights(q, k, *, gamma, mask=None):
    r"""Return how much each query attends to each key.

    .. math:: \alpha_{ij} = \operatorname{softmax}_j\!\left(-\gamma \lVert q_i - k_j \rVert^2\right)

    Source:
        As :func:`attention`.
    """
    return softmax(-gamma * squared_distances(q, k), mask=mask)


@shapes(np, "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v", gamma=GAMMA)
def attention(q, k, v, *, gamma, mask=None):
    r"""Answer each query with the average of the values under a Gaussian kernel.

    .. math:: o_i = \sum_j \alpha_{ij} v_j

    A query that may attend to nothing gets zeros.

    Shapes:
        gamma: 1 / (2 sigma²)
        mask: leave-one-out is ``~np.eye(S, dtype=bool)``

    Source:
        E. A. Nadaraya, "On Estimating Regression", 1964, and G. S. Watson, "Smooth Regression
        Analysis", 1964. Departures: exponent and division are one softmax, so that no query is
        too far away as long as its squared distance is finite; the mask; an empty row gives
        zeros.
    """
    return weights(q, k, gamma=gamma, mask=mask) @ v


@shapes(np, "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v", gamma=GAMMA)
def gamma_derivative(q, k, v, *, gamma, mask=None):
    r"""Return how each output of :func:`attention` changes with ``gamma``, one entry a query.

    It is minus the covariance of squared distance and value under the weights of the query:

    .. math:: \frac{\partial o_i}{\partial \gamma} =
              -\sum_j \alpha_{ij} \Big(\delta_{ij} - \sum_{j'} \alpha_{ij'} \delta_{ij'}\Big) v_j,
              \qquad \delta_{ij} = \lVert q_i - k_j \rVert^2

    Source:
        The derivative of a mean under weights proportional to exp(-gamma x), as for any
        exponential family; not in Nadaraya 1964 or Watson 1964, who choose the width by hand.
    """
    alpha, squared = weights(q, k, gamma=gamma, mask=mask), squared_distances(q, k)
    centred = squared - (alpha * squared).sum(axis=-1, keepdims=True)
    return -((alpha * centred) @ v)


@shapes(
    np,
    "q: ... L d_k, k: ... S d_k -> ... L d_k+1, ... S d_k+1",
    gamma=number(least=0),
    widens=False,
)
def as_dot_product(q, k, *, gamma):
    r"""Return queries and keys whose scaled dot-product attention is Gaussian kernel attention.

    Each key gets its own squared length as one more feature:

    .. math:: q_i' = \sqrt{d_k + 1}\,(2\gamma q_i,\, -\gamma), \qquad
              k_j' = (k_j,\, \lVert k_j \rVert^2)

    Source:
        Expanding the square; Y.-H. H. Tsai et al., "Transformer Dissection", 2019, read
        attention as a kernel average the other way round.
    """
    last = np.full_like(q[..., :1], -gamma)
    new_q = np.concatenate([2 * gamma * q, last], axis=-1) * math.sqrt(q.shape[-1] + 1)
    return new_q, np.concatenate([k, (k**2).sum(axis=-1, keepdims=True)], axis=-1)
