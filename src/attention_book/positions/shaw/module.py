r"""Shaw's relative positions in PyTorch, without a vector for each pair of positions."""

import math

import torch

from attention_book.shapes import Array, finite, shapes
from attention_book.softmax.module import softmax


@shapes(torch, "q: ... L d_k, k: ... S d_k, keys: R! d_k, mask+: ... L S -> ... L S")
def weights(q, k, keys, *, mask=None):
    """Return how much each query attends to each key, and to its distance.

    Each query is multiplied by the R vectors once; the pairs then look up their number.

    Shapes:
        keys: a vector for each distance j - i from -c to c, so R = 2c + 1

    Raises:
        ValueError: ``keys`` has an even number of rows.

    Source:
        As :func:`attention`.
    """
    row = _row(q.shape[-2], k.shape[-2], len(keys), q.device)
    by_distance = q @ keys.mT
    scores = q @ k.mT + by_distance.gather(-1, row.expand(*by_distance.shape[:-2], *row.shape))
    return softmax(finite(scores / math.sqrt(q.shape[-1]), "a score of q and k"), mask=mask)


@shapes(
    torch,
    "q: ... L d_k, k: ... S d_k, v: ... S d_v, keys: R! d_k, mask: ... L S -> ... L d_v",
    values=Array("R! d_v", says="a vector for each distance, as ``keys``, or none"),
)
def attention(q, k, v, keys, *, values=None, mask=None):
    """Answer each query with the average of the values, each joined by that of its distance.

    The weights of one distance are added up first; then R vectors are averaged.

    Raises:
        ValueError: ``keys`` has an even number of rows.

    Source:
        P. Shaw et al., "Self-Attention with Relative Position Representations", 2018,
        equations 3 and 4. Departures: masks; queries and keys may differ in number.
    """
    alpha = weights(q, k, keys, mask=mask)
    if values is None:
        return alpha @ v
    row = _row(q.shape[-2], k.shape[-2], len(values), q.device)
    by_distance = alpha.new_zeros(*alpha.shape[:-1], len(values))
    by_distance = by_distance.scatter_add(-1, row.expand(alpha.shape), alpha)
    return alpha @ v + by_distance @ values


def _row(L, S, R, device):
    """Return which row of a table belongs to each query and key, (L, S)."""
    if R % 2 == 0:
        raise ValueError(f"keys has {R} rows; it needs an odd number, -c to c")
    queries = torch.arange(S - L, S, device=device)
    distance = torch.arange(S, device=device) - queries.unsqueeze(-1)
    return distance.clamp(-(R // 2), R // 2) + R // 2
