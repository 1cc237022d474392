r"""Transformer-XL's attention in NumPy: a score of content plus a score of the distance."""

import math

import numpy as np

from attention_book.positions.sinusoidal import reference as sinusoidal
from attention_book.shapes import finite, number, shapes
from attention_book.softmax import softmax


@shapes(
    np,
    "q: ... L d_k, k: ... S d_k, W_r: ... d_e d_k, u: ... d_k, w: ... d_k, mask+: ... L S"
    " -> ... L S",
    base=number(),
)
def weights(q, k, W_r, *, u, w, base=10_000.0, mask=None):
    r"""Return how much each query attends to each key, by content and by distance.

    .. math:: s_{ij} = \frac{(q_i + u) \cdot k_j + (q_i + w) \cdot r_{i-j}}{\sqrt{d_k}}, \qquad
              r_\delta = p_\delta W_r

    with the sinusoidal code :math:`p_\delta` of the distance. The last query stands at the last
    key.

    Source:
        As :func:`attention`.
    """
    L, S = q.shape[-2], k.shape[-2]
    distance = np.arange(S - L, S)[:, None] - np.arange(S)
    code = sinusoidal.encoding(distance, W_r.shape[-2], base=base).astype(q.dtype)
    r = code @ W_r[..., None, :, :]  # a vector for each pair: (..., L, S, d_k)
    by_content = (q + u[..., None, :]) @ k.mT
    by_distance = np.einsum("...id,...ijd->...ij", q + w[..., None, :], r)
    scores = (by_content + by_distance) / math.sqrt(q.shape[-1])
    return softmax(finite(scores, "a score of q and k"), mask=mask)


@shapes(
    np,
    "q: ... L d_k, k: ... S d_k, v: ... S d_v, W_r: ... d_e d_k, u: ... d_k, w: ... d_k,"
    " mask: ... L S -> ... L d_v",
    base=number(),
)
def attention(q, k, v, W_r, *, u, w, base=10_000.0, mask=None):
    """Answer each query with the average of the values, weighted by content and distance.

    Source:
        Z. Dai et al., "Transformer-XL", 2019, section 3.3. Departures: what the paper calls v is
        w here; keys ahead of a query have negative distances instead of none; the memory is the
        caller's, as further keys and values.
    """
    return weights(q, k, W_r, u=u, w=w, base=base, mask=mask) @ v
