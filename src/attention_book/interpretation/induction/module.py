r"""The scores that find heads of a trained model, in PyTorch."""

import torch

from attention_book.shapes import count, shapes


@shapes(torch, "weights: ... n n -> ...")
def previous_token_score(weights):
    """Return the mean weight on the token before, over all positions that have one.

    Raises:
        ValueError: there is no such position.

    Source:
        C. Olsson et al., "In-context Learning and Induction Heads", 2022, for scores of this kind.
    """
    return _below(weights, 1, 1)


@shapes(torch, "weights: ... n n -> ...", period=count(1))
def induction_score(weights, *, period):
    """Return the mean weight on the token after the same token one period before.

    For tokens that repeat with a period P, position i looks at i - P + 1; the mean is over all i
    that repeat something, from P on.

    Raises:
        ValueError: nothing repeats: there are no more than P positions.

    Source:
        As :func:`previous_token_score`.
    """
    return _below(weights, period - 1, period)


def _below(weights, distance, first):
    n = weights.shape[-1]
    if n <= first:
        raise ValueError(f"weights has {n} positions; it needs more than {first}")
    diagonal = weights.diagonal(offset=-distance, dim1=-2, dim2=-1)
    return diagonal[..., first - distance :].mean(dim=-1)
