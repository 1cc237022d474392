r"""LexRank in NumPy: how much of its time a random walk along similarities spends on a position."""

import numpy as np

from attention_book.shapes import number, shapes


@shapes(np, "x: ... S d, mask: ... 1 S -> ... S", jump=number(least=0))
def weights(x, *, jump=0.15, mask=None):
    r"""Return the share of its time that the walk spends on each position.

    From position i the walk goes to j with a probability in proportion to their cosine, or, with
    the probability ``jump``, to any position. Its shares p satisfy

    .. math:: p = \frac{\textit{jump}}{S} + (1 - \textit{jump})\, A^\top p ,

    where each row of A is the cosines of a position, divided by their sum. This is solved as the
    linear equations that it is. A cosine below 0 counts as 0. The weights are 0 where masked.

    Raises:
        ValueError: ``jump`` is not above 0 and at most 1.

    Source:
        G. Erkan, D. R. Radev, "LexRank: Graph-based Lexical Centrality as Salience in Text
        Summarization", 2004, section 3 (continuous LexRank). Departures: any vectors, not only word
        counts; a negative cosine counts as 0; masks.
    """
    if not 0 < float(jump) <= 1:
        raise ValueError(f"jump is {float(jump)}; it needs a number above 0 and at most 1")
    seen = np.ones((1, x.shape[-2]), x.dtype) if mask is None else mask.astype(x.dtype)
    anywhere = seen / np.maximum(seen.sum(axis=-1, keepdims=True), 1)
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    unit = x / np.where(length == 0, 1, length)
    alike = np.maximum(unit @ unit.mT, 0) * seen
    total = alike.sum(axis=-1, keepdims=True)
    A = np.where(total == 0, anywhere, alike / np.where(total == 0, 1, total))
    kept = np.eye(x.shape[-2], dtype=x.dtype) - (1 - jump) * A.mT
    return np.linalg.solve(kept, jump * anywhere.mT)[..., 0]


@shapes(np, "x: ... S d, mask: ... 1 S -> ... d", jump=number(least=0))
def pool(x, *, jump=0.15, mask=None):
    """Average the positions with the weights of the walk.

    Raises:
        ValueError: ``jump`` is not above 0 and at most 1.

    Source:
        As :func:`weights`. Departure: the paper chooses the sentences of largest weight; here
        they are averaged, as attention would.
    """
    return (weights(x, jump=jump, mask=mask)[..., None, :] @ x)[..., 0, :]
