r"""Late interaction in NumPy, ``Σ_i max_j q_i · k_j``, and the attention that becomes it."""

import math

import numpy as np

from attention_book.scores.scaled_dot_product.reference import attention
from attention_book.shapes import number, shapes


@shapes(np, "q: ... L d, k: ... S d, mask: ... 1 S -> ...")
def score(q, k, *, mask=None):
    r"""Return how well a text fits a question: each token's best product, added up (MaxSim).

    .. math:: \sum_i \max_j q_i \cdot k_j

    A token of the question that is padding has to be zeros: it adds 0. That of a text has to be
    masked, since 0 may be its best product. A text of which nothing may be seen scores 0.

    Shapes:
        mask: as ``masks.padding`` makes it

    Source:
        O. Khattab, M. Zaharia, "ColBERT: Efficient and Effective Passage Search via Contextualized
        Late Interaction over BERT", 2020, equation 3. Departures: any vectors, not only of
        length 1; masks.
    """
    products = q @ k.mT
    if mask is not None:
        products = np.where(mask, products, -np.inf)
    best = products.max(axis=-1, initial=-np.inf)
    return np.where(np.isneginf(best), 0, best).sum(axis=-1)


@shapes(np, "q: N L d, k: B S d, mask: B 1 S -> N B")
def score_all(q, k, *, mask=None):
    """Return the :func:`score` of every question with every text.

    Source:
        As :func:`score`.
    """
    return score(q[:, None], k, mask=mask)


@shapes(np, "q: ... L d, k: ... S d, mask: ... 1 S -> ...", sharpness=number(least=0))
def soft_score(q, k, *, sharpness, mask=None):
    r"""Return the products of a question's tokens with what they find by attention, added up.

    .. math:: \sum_i q_i \cdot o_i, \qquad
              o_i = \sum_j \operatorname{softmax}_j(\textit{sharpness}\; q_i \cdot k_j)\, k_j

    With the sharpness 0 every token meets the mean of the text; as it grows, its best token, and
    this becomes :func:`score`.

    Shapes:
        mask: as ``masks.padding`` makes it

    Source:
        The sum of :func:`score` with the attention of A. Vaswani et al., "Attention Is All You
        Need", 2017, equation 1, in the place of the maximum.
    """
    found = attention(sharpness * math.sqrt(q.shape[-1]) * q, k, k, mask=mask)
    return (q * found).sum(axis=(-2, -1))
