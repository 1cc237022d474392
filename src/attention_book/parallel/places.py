"""Which tokens of a sequence each of several ranks holds, and what that leaves it to do.

>>> contiguous(8, 2)
array([[0, 1, 2, 3],
       [4, 5, 6, 7]])
>>> striped(8, 2)
array([[0, 2, 4, 6],
       [1, 3, 5, 7]])
"""

import numpy as np

from attention_book.shapes import check_count


def contiguous(n, ranks):
    """Give each rank n / ranks tokens that follow each other.

    Shapes:
        returns: (ranks, n / ranks), the positions that each rank holds

    Raises:
        TypeError: n or ranks is not an integer.
        ValueError: ranks is below 1, or n is not a multiple of it.
    """
    n, ranks = check_count(n, "n"), check_count(ranks, "ranks", least=1)
    if n % ranks:
        raise ValueError(f"n is {n}; it needs a multiple of ranks, {ranks}")
    return np.arange(n).reshape(ranks, -1)


def striped(n, ranks):
    """Give each rank every ranks-th token.

    Shapes:
        returns: (ranks, n / ranks), the positions that each rank holds

    Raises:
        TypeError: n or ranks is not an integer.
        ValueError: ranks is below 1, or n is not a multiple of it.

    Source:
        W. Brandon et al., "Striped Attention: Faster Ring Attention for Causal Transformers",
        2023.
    """
    contiguous(n, ranks)
    return np.arange(n).reshape(-1, ranks).T


def work(places):
    """Count the pairs of query and key that each rank has to score at each step, when causal.

    Shapes:
        places: (ranks, n), the positions that each rank holds
        returns: (ranks, ranks): row r and step t have the queries of rank r, and the keys of
        rank r - t, which are there at that step
    """
    places = np.asarray(places)
    ranks = len(places)
    pairs = (places[:, None, :, None] >= places[None, :, None, :]).sum(axis=(2, 3))
    return np.array([[pairs[r, r - t] for t in range(ranks)] for r in range(ranks)])
