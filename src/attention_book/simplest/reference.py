"""What attention becomes in its limit cases, in NumPy."""

import numpy as np

from attention_book.shapes import shapes


@shapes(np, "v: S! d_v")
def mean(v, L):
    """Answer each of L queries with the mean of the values.

    Shapes:
        returns: (L, d_v)

    Source:
        The average, older than statistics.
    """
    return np.broadcast_to(v.mean(axis=-2), (L, v.shape[-1]))


@shapes(np, "scores: ... S!, v~: S d_v -> ... d_v")
def lookup(scores, v):
    """Answer each query with the value of its largest score.

    Source:
        A dictionary that is asked for the nearest key.
    """
    return v[scores.argmax(axis=-1)]


@shapes(np, "x: ... d_in, W: d_in d_out -> ... d_out")
def linear_map(x, W):
    """Multiply every token by one matrix.

    Source:
        Linear algebra.
    """
    return x @ W


@shapes(np, "x: ... -> ...")
def identity(x):
    """Return the tokens as they are.

    Source:
        What a residual layer does that adds nothing.
    """
    return x
