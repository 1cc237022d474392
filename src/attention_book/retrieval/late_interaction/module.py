r"""Late interaction in PyTorch, and the attention that becomes it."""

import math

import torch

from attention_book.scores.scaled_dot_product.module import attention
from attention_book.shapes import number, shapes


@shapes(torch, "q: ... L d, k: ... S d, mask: ... 1 S -> ...")
def score(q, k, *, mask=None):
    r"""Return how well a text fits a question: each token's best product, added up (MaxSim).

    A token of the question that is padding has to be zeros: it adds 0. That of a text has to be
    masked, since 0 may be its best product. A text of which nothing may be seen scores 0.

    Shapes:
        mask: as ``masks.padding`` makes it

    Source:
        O. Khattab, M. Zaharia, "ColBERT: Efficient and Effective Passage Search via Contextualized
        Late Interaction over BERT", 2020, equation 3. Departures: any vectors, not only of
        length 1; masks.
    """
    return _of_best(q @ k.mT, mask)


@shapes(torch, "q: N L d, k: B S d, mask: B 1 S -> N B")
def score_all(q, k, *, mask=None):
    """Return the :func:`score` of every question with every text, from one product of matrices.

    Source:
        As :func:`score`.
    """
    products = q.flatten(0, 1) @ k.flatten(0, 1).mT
    return _of_best(products.view(*q.shape[:2], *k.shape[:2]).transpose(1, 2), mask)


@shapes(torch, "q: ... L d, k: ... S d, mask: ... 1 S -> ...", sharpness=number(least=0))
def soft_score(q, k, *, sharpness, mask=None):
    r"""Return the products of a question's tokens with what they find by attention, added up.

    With the sharpness 0 every token meets the mean of the text; as it grows, its best token, and
    this becomes :func:`score`.

    Shapes:
        mask: as ``masks.padding`` makes it

    Source:
        The sum of :func:`score` with the attention of A. Vaswani et al., "Attention Is All You
        Need", 2017, equation 1, in the place of the maximum.
    """
    found = attention(sharpness * math.sqrt(q.shape[-1]) * q, k, k, mask=mask)
    return (q * found).sum(dim=(-2, -1))


def _of_best(products, mask):
    """Add up the largest entry of each row, without what is masked."""
    if not products.shape[-1]:
        return products.sum(dim=(-2, -1))
    if mask is None:
        return products.amax(dim=-1).sum(dim=-1)
    best = products.masked_fill(~mask, -torch.inf).amax(dim=-1)
    return best.masked_fill(~mask.any(dim=-1), 0).sum(dim=-1)
