r"""Transformer-XL's attention in PyTorch: one vector for each distance, and the shift."""

import math

import torch
import torch.nn.functional as F

from attention_book.positions.sinusoidal import module as sinusoidal
from attention_book.shapes import finite, number, shapes
from attention_book.softmax.module import softmax


@shapes(torch, "scores: ... L n -> ... L n")
def shift(scores):
    r"""Move each row to the left, the first by L - 1 places, the last by none.

    Column c of what comes in belongs to one distance; column j of what comes out to one key. One
    column of zeros is put in front of the rows, and they are read anew from the entry L on.
    What a row takes from the next one stands at its end.

    Source:
        Z. Dai et al., "Transformer-XL", 2019, appendix B.
    """
    *lead, L, n = scores.shape
    return F.pad(scores, (1, 0)).reshape(*lead, L * (n + 1))[..., L:].reshape(*lead, L, n)


@shapes(
    torch,
    "q: ... L d_k, k: ... S d_k, W_r: ... d_e d_k, u: ... d_k, w: ... d_k, mask+: ... L S"
    " -> ... L S",
    base=number(),
)
def weights(q, k, W_r, *, u, w, base=10_000.0, mask=None):
    """Return how much each query attends to each key, by content and by distance.

    There are L + S - 1 distances; each is multiplied with each query once, then shifted to the
    pair that it belongs to.

    Source:
        As :func:`attention`.
    """
    L, S = q.shape[-2], k.shape[-2]
    distances = torch.arange(S - 1, -L, -1, device=q.device)
    r = sinusoidal.encoding(distances, W_r.shape[-2], base=base).to(q.dtype) @ W_r
    by_distance = shift((q + w.unsqueeze(-2)) @ r.mT)[..., :S]
    scores = ((q + u.unsqueeze(-2)) @ k.mT + by_distance) / math.sqrt(q.shape[-1])
    return softmax(finite(scores, "a score of q and k"), mask=mask)


@shapes(
    torch,
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
