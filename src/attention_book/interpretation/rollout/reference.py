r"""Attention rollout in NumPy: a product of the weights of all layers, each mixed with I."""

import numpy as np

from attention_book.shapes import number, shapes


@shapes(np, "weights: ... layers H! n n -> ... n n", kept=number(least=0))
def rollout(weights, *, kept=0.5):
    r"""Return how much of each token's start is in each token's end, if weights were all.

    .. math:: R = A_N \cdots A_1, \qquad
              A_l = (1 - r)\, \tfrac1H \sum_h W_l^h + r\, I

    ``kept`` is r, the share that a token keeps of itself in each layer. A token that attends to
    nothing keeps all of itself.

    Raises:
        ValueError: ``kept`` is above 1.

    Source:
        S. Abnar, W. Zuidema, "Quantifying Attention Flow in Transformers", 2020, section 3, with
        r = 1/2. Departure: rows are divided by their sums, which changes those that attend to
        nothing, and no others.
    """
    if kept > 1:
        raise ValueError(f"kept is {kept:g}; it needs a share between 0 and 1")
    n = weights.shape[-1]
    mixed = (1 - kept) * weights.mean(axis=-3) + kept * np.eye(n, dtype=weights.dtype)
    totals = mixed.sum(axis=-1, keepdims=True)
    mixed = mixed / np.where(totals == 0, 1, totals)
    result = np.broadcast_to(np.eye(n, dtype=weights.dtype), (*weights.shape[:-4], n, n))
    for layer in range(weights.shape[-4]):
        result = mixed[..., layer, :, :] @ result
    return result.copy()
