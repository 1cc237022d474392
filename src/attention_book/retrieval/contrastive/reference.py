r"""The contrastive loss with in-batch negatives in NumPy: ``-log softmax_j(cos_ij / τ)_ii``."""

import numpy as np

from attention_book.shapes import boolean, number, shapes
from attention_book.softmax import softmax


@shapes(np, "q: ... L d, k: ... S d -> ... L S", temperature=number(least=0))
def weights(q, k, *, temperature):
    r"""Return how much each question weighs each text, by their cosines.

    .. math:: p_{ij} = \operatorname{softmax}_j\!\left(
              \frac{\cos(q_i, k_j)}{\textit{temperature}}\right)

    Raises:
        ValueError: ``temperature`` is 0.

    Source:
        As :func:`loss`.
    """
    return softmax(_scores(q, k, temperature))


@shapes(
    np,
    "q: ... L d, k: ... S d -> ...",
    temperature=number(least=0),
    others=boolean("... L S"),
)
def loss(q, k, *, temperature, others=None):
    r"""Return the mean over the questions of minus the logarithm of its own text's weight.

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
    own = np.diagonal(scores, axis1=-2, axis2=-1)
    if others is not None:
        scores = np.where(others | np.eye(L, S, dtype=bool), scores, -np.inf)
    peak = scores.max(axis=-1, keepdims=True)
    total = np.log(np.exp(scores - peak).sum(axis=-1)) + peak[..., 0]
    return (total - own).mean(axis=-1)


def _scores(q, k, temperature):
    if not temperature > 0:
        raise ValueError("temperature is 0; it needs a number above 0")
    return _unit(q) @ _unit(k).mT / temperature


def _unit(x):
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.where(length == 0, 1, length)
