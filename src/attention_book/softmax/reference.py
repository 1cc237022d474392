"""The softmax over the keys, in NumPy: stable, masked, and defined on an empty row."""

import numpy as np

from attention_book.shapes import shapes


@shapes(np, "scores: ..., mask+: ... -> ...", widens=False)
def softmax(scores, *, mask=None, axis=-1):
    r"""Return :math:`\exp(s_j) / \sum_{j'} \exp(s_{j'})` along one axis.

    The largest allowed score is subtracted first. That changes nothing in exact arithmetic
    (the factor cancels) and keeps every exponent at or below zero, so nothing overflows and
    the sum is at least one. Entries are non-negative, sum to 1 along ``axis``, and are exactly 0
    where masked. Where nothing is allowed, all are 0.

    Shapes:
        scores: ``axis`` runs over the keys

    Source:
        J. S. Bridle, "Probabilistic interpretation of feedforward classification network
        outputs", 1990 (the name). Departure: the empty row, which the formula leaves as 0/0,
        is all zeros here.
    """
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    peak = scores.max(axis=axis, keepdims=True, initial=-np.inf)
    peak = np.where(np.isneginf(peak), 0, peak)  # an empty row has no peak
    with np.errstate(over="ignore"):  # a difference beyond the dtype is -inf, as it should be
        exponentials = np.exp(scores - peak)
    total = exponentials.sum(axis=axis, keepdims=True)
    return exponentials / np.where(total == 0, 1, total)
