r"""Monotonic attention in PyTorch: the recurrence over positions in log₂ S parallel steps."""

import torch
import torch.nn.functional as F

from attention_book.shapes import shapes


@shapes(torch, "p: ... L S -> ... L S")
def alignment(p):
    r"""Return the probability that step i stops at position j, for all ways to get there.

    The paper divides a cumulative sum by a cumulative product, which underflows. Here the
    recurrence :math:`q_j = a_j q_{j-1} + b_j` is solved by doubling: after one round each entry
    holds what two positions do, after the next what four do. Nothing is divided, so p may be 0
    or 1.

    Raises:
        ValueError: ``p`` has a number outside 0 to 1.

    Source:
        C. Raffel et al., "Online and Linear-Time Attention by Enforcing Monotonic Alignments",
        2017, the recurrence of training in expectation. Departures: the probabilities are
        given; a scan in place of the quotient.
    """
    _check(p)
    S = p.shape[-1]
    start = (torch.arange(S, device=p.device) == 0).to(p.dtype).expand(*p.shape[:-2], S)
    rows = []
    for row in p.unbind(dim=-2):
        goes_on, looks, step = _later(1 - row, 1), start, 1
        while step < S:
            looks = looks + goes_on * _later(looks, step)
            goes_on = goes_on * _later(goes_on, step)
            step *= 2
        start = row * looks
        rows.append(start)
    return torch.stack(rows, dim=-2) if rows else p


@shapes(torch, "p: ... L S -> ... L S")
def choose(p):
    """Stop at the first position with p of at least ½, from where the last step stopped.

    This looks at whole rows; a reader of a stream looks at L + S entries in all. A step that
    finds no such position gets zeros, and so do those after it.

    Raises:
        ValueError: ``p`` has a number outside 0 to 1.

    Source:
        C. Raffel et al., "Online and Linear-Time Attention by Enforcing Monotonic Alignments",
        2017, the hard process with a threshold in place of the draw.
    """
    _check(p)
    S = p.shape[-1]
    place, at = torch.arange(S, device=p.device), p.new_zeros(*p.shape[:-2], 1)
    rows = []
    for row in p.unbind(dim=-2):
        may = (row >= 0.5) & (place >= at)
        at = torch.where(may, place, S).amin(dim=-1, keepdim=True) if S else at
        rows.append((place == at).to(p.dtype))
    return torch.stack(rows, dim=-2) if rows else p


def _later(x, step):
    """Move entries to later positions; zeros come in."""
    return F.pad(x, (step, 0))[..., : x.shape[-1]]


def _check(p):
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p has a number outside 0 to 1")
