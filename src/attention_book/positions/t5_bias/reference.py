r"""T5's relative bias in NumPy: ``softmax(q · k_j + b[bucket(j - i)])``, without a scale."""

import math

import numpy as np

from attention_book.shapes import anything, count, finite, shapes
from attention_book.softmax import softmax


@shapes(np, relative=anything("...", "integers j - i"), N=count(1), max_distance=count(2))
def buckets(relative, N, *, max_distance=128, bidirectional=True):
    r"""Return the bucket of each key, seen from its query, out of N.

    Half of the buckets hold one distance each. The others grow logarithmically up to
    ``max_distance``; all that lies further shares the last. In both directions, keys behind the
    query have the first half of the N buckets and keys ahead of it the second; in one direction,
    keys ahead are in bucket 0.

    .. math:: n + \left\lfloor \frac{\ln(\delta / n)}{\ln(\text{max\_distance} / n)} (N - n)
              \right\rfloor, \qquad n = \lfloor N/2 \rfloor \le \delta

    Shapes:
        relative: j - i, as in ``keys - queries[:, None]``
        returns: its shape, integers from 0 to N - 1

    Raises:
        ValueError: there are fewer than 2 buckets in both directions, or the exact ones reach
            ``max_distance``.

    Source:
        C. Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text
        Transformer", 2020, section 2.1, and their program for the formula.
    """
    if bidirectional:
        if N < 2:
            raise ValueError(f"N is {N}; both directions need at least 2")
        half = N // 2
        behind = buckets(-abs(relative), half, max_distance=max_distance, bidirectional=False)
        return behind + half * (relative > 0)
    distance, exact = np.maximum(-relative, 0), N // 2
    if exact >= max_distance:
        raise ValueError(f"max_distance is {max_distance}; it must be above {exact}")
    if not exact:
        return np.zeros_like(distance)
    share = np.log(np.maximum(distance, exact) / exact) / math.log(max_distance / exact)
    far = exact + np.floor(share * (N - exact) + 1e-9).astype(distance.dtype)
    return np.where(distance < exact, distance, np.minimum(far, N - 1))


@shapes(
    np,
    "q: ... L d_k, k: ... S d_k, table: ... N!, mask+: ... L S -> ... L S",
    max_distance=count(2),
)
def weights(q, k, table, *, max_distance=128, bidirectional=True, mask=None):
    r"""Return how much each query attends to each key: :math:`s_{ij} = q_i \cdot k_j + b_{ij}`.

    The last query stands at the last key. T5 does not divide by the root of d_k.

    Shapes:
        table: the bias of each bucket; with heads, a row for each, (H, N)

    Raises:
        ValueError: the buckets are too few or too many; see :func:`buckets`.

    Source:
        As :func:`buckets`.
    """
    L, S = q.shape[-2], k.shape[-2]
    relative = np.arange(S) - np.arange(S - L, S)[:, None]
    options = {"max_distance": max_distance, "bidirectional": bidirectional}
    bias = table[..., buckets(relative, table.shape[-1], **options)]
    return softmax(finite(q @ k.mT + bias, "a score of q and k"), mask=mask)


@shapes(
    np,
    "q: ... L d_k, k: ... S d_k, v: ... S d_v, table: ... N!, mask: ... L S -> ... L d_v",
    max_distance=count(2),
)
def attention(q, k, v, table, *, max_distance=128, bidirectional=True, mask=None):
    """Answer each query with the average of the values, weighted by content and distance.

    Raises:
        ValueError: the buckets are too few or too many; see :func:`buckets`.

    Source:
        As :func:`buckets`.
    """
    options = {"max_distance": max_distance, "bidirectional": bidirectional, "mask": mask}
    return weights(q, k, table, **options) @ v
