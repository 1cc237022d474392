r"""Monotonic attention in NumPy: where a reader stops that moves only forwards."""

import numpy as np

from attention_book.shapes import shapes


@shapes(np, "p: ... L S -> ... L S")
def alignment(p):
    r"""Return the probability that step i stops at position j, for all ways to get there.

    From where step i - 1 stopped, the reader looks at one position after the other and stops at
    position j with probability :math:`p_{ij}`. The probability :math:`q_{ij}` that it looks at j
    at all has two parts: it came from j - 1, where it did not stop, or it began here.

    .. math:: q_{ij} = (1 - p_{i,j-1})\, q_{i,j-1} + \alpha_{i-1,j}, \qquad
              \alpha_{ij} = p_{ij}\, q_{ij}

    A row sums to at most 1: the rest is the probability that the reader runs off the end.

    Raises:
        ValueError: ``p`` has a number outside 0 to 1.

    Source:
        C. Raffel et al., "Online and Linear-Time Attention by Enforcing Monotonic Alignments",
        2017, the recurrence of training in expectation. Departure: the probabilities are given.
    """
    _check(p)
    L, S = p.shape[-2:]
    alpha = np.zeros_like(p)
    start = np.broadcast_to(np.arange(S) == 0, (*p.shape[:-2], S))  # before the first step
    for i in range(L):
        looks = np.zeros(p.shape[:-2], p.dtype)
        for j in range(S):
            went_on = (1 - p[..., i, j - 1]) * looks if j else 0
            looks = went_on + start[..., j]
            alpha[..., i, j] = p[..., i, j] * looks
        start = alpha[..., i, :]
    return alpha


@shapes(np, "p: ... L S -> ... L S")
def choose(p):
    """Stop at the first position with p of at least ½, from where the last step stopped.

    This is how the trained model reads. A step that finds no such position gets zeros, and so
    do those after it.

    Raises:
        ValueError: ``p`` has a number outside 0 to 1.

    Source:
        C. Raffel et al., "Online and Linear-Time Attention by Enforcing Monotonic Alignments",
        2017, the hard process with a threshold in place of the draw.
    """
    _check(p)
    chosen = np.zeros_like(p)
    for lead in np.ndindex(p.shape[:-2]):
        at = 0
        for i, row in enumerate(p[lead]):
            while at < len(row) and row[at] < 0.5:
                at += 1
            chosen[(*lead, i)] = np.arange(len(row)) == at
    return chosen


def _check(p):
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p has a number outside 0 to 1")
