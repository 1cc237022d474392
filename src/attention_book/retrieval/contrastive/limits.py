"""The contrastive loss in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product
from attention_book.simplest.limits import MEAN
from attention_book.simplest.reference import mean

from . import module, reference


def _call(n, d):
    q, k = torch.randn(n, d), torch.randn(n, d)
    return lambda: module.loss(q, k, temperature=0.05)


CONTRASTIVE = Mechanism(
    "the contrastive loss",
    reference.loss,
    "part3/encoders_at_work.ipynb#the-contrastive-loss",
    source="karpukhin2020dense",
    oracle="`F.cross_entropy` on the cosines; loops in Python floats; finite differences",
    advice=Advice(
        choose="two encoders are to put a question near its text and away from all others",
        order="of the pairs, no",
        exact="exact; the wrong texts are those of the batch",
        hardware="any; one product of all questions with all texts of a batch",
        time="n**2*d",
        memory="n**2",
        call=_call,
        sizes={"n": 1024, "d": 256},
    ),
)


def _own_weight(q, k, temperature):
    """The weight of its own text for one question."""
    return np.exp(-reference.loss(q, k, temperature=temperature))


@limit_case(
    DOT_PRODUCT,
    CONTRASTIVE,
    when="the vectors have length 1, the temperature is $\\sqrt{d}$, and the value of a "
    "question's own text is 1, of any other 0: minus the logarithm of what it finds",
    otherwise={"length": 2.0},
)
def attention_to_texts(rng, length=1.0):
    q, k = normal(rng, (1, 4), (5, 4))
    q, k = (length * x / np.linalg.norm(x, axis=1, keepdims=True) for x in (q, k))
    found = dot_product(q, k, np.eye(5)[:, :1])[0, 0]
    return -np.log(found), reference.loss(q, k, temperature=2.0)  # √4


@limit_case(
    CONTRASTIVE,
    MEAN,
    when="the temperature grows without bound: every text weighs the same",
    otherwise={"temperature": 0.1},
    within=1e-9,
)
def no_text_stands_out(rng, temperature=1e12):
    q, k = normal(rng, (1, 4), (5, 4))
    return _own_weight(q, k, temperature), mean(np.eye(5)[:, :1], 1)[0, 0]
