r"""The contrastive loss with in-batch negatives in PyTorch."""

import torch
import torch.nn.functional as F

from attention_book.shapes import boolean, number, shapes


@shapes(torch, "q: ... L d, k: ... S d -> ... L S", temperature=number(least=0))
def weights(q, k, *, temperature):
    """Return how much each question weighs each text, by their cosines.

    Raises:
        ValueError: ``temperature`` is 0.

    Source:
        As :func:`loss`.
    """
    return torch.softmax(_scores(q, k, temperature), dim=-1)


@shapes(
    torch,
    "q: ... L d, k: ... S d -> ...",
    temperature=number(least=0),
    others=boolean("... L S"),
)
def loss(q, k, *, temperature, others=None):
    """Return the mean over the questions of minus the logarithm of its own text's weight.

    Text i belongs to question i; texts beyond the last question are wrong for all. Where
    ``others`` is False, a text does not count as wrong: a copy of the right one, for example.

    Shapes:
        others: True = counts as a wrong text; a question's own always counts as right

    Raises:
        ValueError: ``temperature`` is 0, or there are fewer texts than questions.

    Source:
        V. Karpukhin et al., "Dense Passage Retrieval for Open-Domain Question Answering", 2020,
        equation 2, with the in-batch negatives of section 3.2. Departures: cosines and a
        temperature in the place of dot products; ``others``.
    """
    L, S = q.shape[-2], k.shape[-2]
    if S < L:
        raise ValueError(f"k has {S} texts; it needs one for each of the {L} questions of q")
    scores = _scores(q, k, temperature)
    if others is not None:
        own = torch.eye(L, S, dtype=torch.bool, device=q.device)
        scores = scores.masked_fill(~(others | own), -torch.inf)
    logs = torch.log_softmax(scores, dim=-1)
    return -logs.diagonal(dim1=-2, dim2=-1).mean(dim=-1)


def _scores(q, k, temperature):
    if not temperature > 0:
        raise ValueError("temperature is 0; it needs a number above 0")
    return F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT / temperature
