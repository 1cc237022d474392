r"""Learned positions in NumPy: ``x_i + P_i``, with a table P that is learned."""

import numpy as np

from attention_book.shapes import number, shapes


@shapes(np, "x: ... n d, table: N d -> ... n d", positions=number("... n"))
def add(x, table, *, positions=None):
    """Add to each token the learned vector of its position: 0 to n - 1 unless others are given.

    Raises:
        ValueError: a position has no row in the table, or is no integer.

    Source:
        J. Gehring et al., "Convolutional Sequence to Sequence Learning", 2017, section 3.1.
    """
    positions = np.arange(x.shape[-2]) if positions is None else positions
    return x + table[_rows(positions, len(table))]


def _rows(positions, N):
    rows = positions.astype(int)
    for at in positions[(rows != positions) | (rows < 0) | (rows >= N)]:
        raise ValueError(f"positions has {at:g}; the table has rows for 0 to {N - 1}")
    return rows
