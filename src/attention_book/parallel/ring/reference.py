r"""Ring attention in NumPy: all ranks in one program, with what each of them holds in a list."""

import math

import numpy as np

from attention_book.shapes import count, shapes
from attention_book.tiles.online_softmax.reference import attend, merge

RANKS = count(1, "among how many the queries and the keys are divided")


@shapes(
    np,
    "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v",
    ranks=RANKS,
)
def attention(q, k, v, *, ranks, mask=None):
    r"""Answer the queries of each rank from keys and values that go from rank to rank.

    At step t rank r holds the keys and values of rank r - t, and merges what they say into what
    it has found. After as many steps as there are ranks every query has met every key.

    .. math:: (o, \ell)_r \leftarrow \operatorname{merge}\big((o, \ell)_r,\
              \operatorname{attend}(q_r, k_{r-t}, v_{r-t})\big)

    Source:
        H. Liu, M. Zaharia, P. Abbeel, "Ring Attention with Blockwise Transformers for
        Near-Infinite Context", 2023. Departures: a mask, an empty row gives zeros, and the parts
        need not be equally long; the scores of two parts are stored.
    """
    q, held, seen = _divided(q, k, v, mask, ranks)
    return _joined(output for output, _ in _all_the_way_round(q, held, seen))


@shapes(
    np,
    "q: * L d_k, k: * S d_k, v: * S d_v, grad_output: * L d_v, mask: * L S"
    " -> * L d_k, * S d_k, * S d_v",
    ranks=RANKS,
)
def backward(q, k, v, grad_output, *, ranks, mask=None):
    r"""Return the gradients of ``sum(attention(q, k, v) * grad_output)`` by q, k and v.

    The gradients of keys and values travel with them, and each rank adds its part. After the
    last step they go on once more, and are at the rank that the keys came from.

    Source:
        T. Dao et al., "FlashAttention", 2022, appendix B.2, for the formulas; H. Liu et al.,
        "Ring Attention", 2023, for the way round.
    """
    q, held, seen = _divided(q, k, v, mask, ranks)
    grad_output = np.array_split(grad_output, ranks, axis=-2)
    found = _all_the_way_round(q, held, seen)
    grad_q = [np.zeros_like(x) for x in q]
    carried = [tuple(np.zeros_like(x) for x in pair) for pair in held]
    for t in range(ranks):
        for r in range(ranks):
            parts = _gradients(q[r], *held[r], seen[r][r - t], grad_output[r], *found[r])
            grad_q[r] += parts[0]
            carried[r] = carried[r][0] + parts[1], carried[r][1] + parts[2]
        held, carried = _passed_on(held), _passed_on(carried)
    grad_k, grad_v = zip(*carried, strict=True)
    return _joined(grad_q), _joined(grad_k), _joined(grad_v)


def _all_the_way_round(q, held, seen):
    """Return the partial result of each rank over all keys: its output and logsumexp."""
    ranks = len(q)
    found = [attend(q[r], *held[r], mask=seen[r][r]) for r in range(ranks)]
    for t in range(1, ranks):
        held = _passed_on(held)
        for r in range(ranks):
            part = attend(q[r], *held[r], mask=seen[r][r - t])
            found[r] = merge(*found[r], *part)
    return found


def _passed_on(held):
    """Return what each rank holds after it received from the rank before it."""
    return [held[r - 1] for r in range(len(held))]


def _gradients(q, k, v, seen, grad_output, output, logsumexp):
    scores = np.where(True if seen is None else seen, q @ k.mT / math.sqrt(k.shape[-1]), -np.inf)
    logsumexp = np.where(np.isneginf(logsumexp), 0, logsumexp)[..., None]
    alpha = np.exp(scores - logsumexp).astype(q.dtype)
    delta = (grad_output * output).sum(axis=-1, keepdims=True)
    grad_scores = alpha * (grad_output @ v.mT - delta) / math.sqrt(k.shape[-1])
    return grad_scores @ k, grad_scores.mT @ q, alpha.mT @ grad_output


def _divided(q, k, v, mask, ranks):
    """Return the queries of each rank, its keys and values, and what its queries see of each."""
    L, S = q.shape[-2], k.shape[-2]
    q, k, v = (np.array_split(x, ranks, axis=-2) for x in (q, k, v))
    if mask is None:
        return q, list(zip(k, v, strict=True)), [[None] * ranks] * ranks
    mask = np.broadcast_to(mask, np.broadcast_shapes(mask.shape, (L, S)))
    rows = np.array_split(mask, ranks, axis=-2)
    seen = [np.array_split(row, ranks, axis=-1) for row in rows]
    return q, list(zip(k, v, strict=True)), seen


def _joined(parts):
    return np.concatenate(list(parts), axis=-2)
