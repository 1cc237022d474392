"""The softmax over the keys, in PyTorch: masked, with finite gradients through an empty row."""

import torch

from attention_book.shapes import shapes


@shapes(torch, "scores: ... S, mask+: ... S -> ... S", widens=False)
def softmax(scores, *, mask=None):
    """Return the softmax over the last axis, 0 where masked and on a row that sees nothing.

    An empty row is left as it is before PyTorch's softmax and zeroed after it: the softmax of a
    row of -inf is NaN, and on the way back NaN times 0 is still NaN.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.3. Departure: the
        empty row, 0/0 in the formula, is all zeros here.
    """
    if mask is None:
        return torch.softmax(scores, dim=-1)
    empty = ~mask.any(dim=-1, keepdim=True)
    scores = torch.where(mask | empty, scores, -torch.inf)
    return torch.softmax(scores, dim=-1).masked_fill(~mask, 0)
