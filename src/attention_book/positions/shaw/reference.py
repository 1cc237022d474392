r"""Shaw's relative positions in NumPy: ``softmax(q · (k_j + a_{j-i}) / √d_k)``."""

import math

import numpy as np

from attention_book.shapes import Array, finite, shapes
from attention_book.softmax import softmax


@shapes(np, "q: ... L d_k, k: ... S d_k, keys: R! d_k, mask+: ... L S -> ... L S")
def weights(q, k, keys, *, mask=None):
    r"""Return how much each query attends to each key, and to its distance.

    .. math:: s_{ij} = \frac{q_i \cdot (k_j + a_{\operatorname{clip}(j - i, -c, c)})}{\sqrt{d_k}}

    The last query stands at the last key.

    Shapes:
        keys: a vector for each distance j - i from -c to c, so R = 2c + 1

    Raises:
        ValueError: ``keys`` has an even number of rows.

    Source:
        As :func:`attention`.
    """
    a = keys[_row(q.shape[-2], k.shape[-2], len(keys))]
    scores = q @ k.mT + np.einsum("...id,ijd->...ij", q, a)
    return softmax(finite(scores / math.sqrt(q.shape[-1]), "a score of q and k"), mask=mask)


@shapes(
    np,
    "q: ... L d_k, k: ... S d_k, v: ... S d_v, keys: R! d_k, mask: ... L S -> ... L d_v",
    values=Array("R! d_v", says="a vector for each distance, as ``keys``, or none"),
)
def attention(q, k, v, keys, *, values=None, mask=None):
    r"""Answer each query with the average of the values, each joined by that of its distance.

    .. math:: o_i = \sum_j \alpha_{ij} (v_j + b_{\operatorname{clip}(j - i, -c, c)})

    Raises:
        ValueError: ``keys`` has an even number of rows.

    Source:
        P. Shaw et al., "Self-Attention with Relative Position Representations", 2018,
        equations 3 and 4. Departures: masks; queries and keys may differ in number.
    """
    alpha = weights(q, k, keys, mask=mask)
    if values is None:
        return alpha @ v
    b = values[_row(q.shape[-2], k.shape[-2], len(values))]
    return alpha @ v + np.einsum("...ij,ije->...ie", alpha, b)


def _row(L, S, R):
    """Return which row of a table belongs to each query and key, (L, S)."""
    if R % 2 == 0:
        raise ValueError(f"keys has {R} rows; it needs an odd number, -c to c")
    distance = np.arange(S) - np.arange(S - L, S)[:, None]
    return np.clip(distance, -(R // 2), R // 2) + R // 2
