r"""FlashAttention in NumPy: each tile is a partial result, and the way back makes it again."""

import math
from itertools import product

import numpy as np

from attention_book.shapes import count, shapes
from attention_book.tiles.online_softmax import reference as online

TILE = {"rows": count(1, "queries in a tile"), "columns": count(1, "keys in a tile")}


@shapes(np, "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v, ... L", **TILE)
def attend(q, k, v, *, rows, columns, mask=None):
    """Return the partial result for these keys, made of those of its tiles.

    A tile in which nothing may be seen is left out.

    Source:
        As :func:`attention`.
    """
    leading = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    output = np.zeros((*leading, q.shape[-2], v.shape[-1]), q.dtype)
    logsumexp = np.full(output.shape[:-1], -np.inf, q.dtype)
    for i, j, seen in _tiles(q.shape[-2], k.shape[-2], rows, columns, mask):
        part = online.attend(q[..., i, :], k[..., j, :], v[..., j, :], mask=seen)
        merged = online.merge(output[..., i, :], logsumexp[..., i], *part)
        output[..., i, :], logsumexp[..., i] = merged
    return output, logsumexp


@shapes(np, "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v", **TILE)
def attention(q, k, v, *, rows, columns, mask=None):
    """Answer each query with the average of the values, weighted by how its key matches.

    Source:
        T. Dao et al., "FlashAttention: Fast and Memory-Efficient Exact Attention with
        IO-Awareness", 2022, algorithm 1. Departures: a tile is merged as a partial result, which
        divides once for each tile and not once at the end; an empty row gives zeros.
    """
    return attend(q, k, v, rows=rows, columns=columns, mask=mask)[0]


@shapes(
    np,
    "q: * L d_k, k: * S d_k, v: * S d_v, grad_output: * L d_v, mask: * L S"
    " -> * L d_k, * S d_k, * S d_v",
    **TILE,
)
def backward(q, k, v, grad_output, *, rows, columns, mask=None):
    r"""Return the gradients of ``sum(attention(q, k, v) * grad_output)`` with respect to q, k, v.

    The weights of a tile are made again, :math:`\alpha_{ij} = e^{s_{ij} - \ell_i}`. What the
    softmax subtracts from a row needs no whole row of them:
    :math:`\sum_j \alpha_{ij}\, (g_i \cdot v_j) = g_i \cdot o_i`.

    Source:
        T. Dao et al., "FlashAttention", 2022, appendix B.2 and algorithm 4.
    """
    output, logsumexp = attend(q, k, v, rows=rows, columns=columns, mask=mask)
    level = np.where(np.isneginf(logsumexp), 0, logsumexp)[..., None]
    pull = (grad_output * output).sum(axis=-1, keepdims=True)
    grad_q, grad_k, grad_v = (np.zeros_like(x) for x in (q, k, v))
    scale = 1 / math.sqrt(q.shape[-1])
    for i, j, seen in _tiles(q.shape[-2], k.shape[-2], rows, columns, mask):
        scores = scale * q[..., i, :] @ k[..., j, :].mT
        scores = scores if seen is None else np.where(seen, scores, -np.inf)
        weights = np.exp(scores - level[..., i, :])
        grad_weights = grad_output[..., i, :] @ v[..., j, :].mT
        grad_scores = scale * weights * (grad_weights - pull[..., i, :])
        grad_v[..., j, :] += weights.mT @ grad_output[..., i, :]
        grad_q[..., i, :] += grad_scores @ k[..., j, :]
        grad_k[..., j, :] += grad_scores.mT @ q[..., i, :]
    return grad_q, grad_k, grad_v


def _tiles(L, S, rows, columns, mask):
    """Yield the queries and keys of each tile that sees something, and what of the mask it has."""
    if mask is not None:
        mask = np.broadcast_to(mask, np.broadcast_shapes(mask.shape, (L, S)))
    for i, j in product(range(0, L, rows), range(0, S, columns)):
        i, j = slice(i, i + rows), slice(j, j + columns)
        seen = None if mask is None else mask[..., i, j]
        if seen is None or seen.any():
            yield i, j, seen
