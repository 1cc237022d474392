"""Late interaction in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product
from attention_book.simplest.limits import LINEAR, LOOKUP
from attention_book.simplest.reference import linear_map, lookup

from . import module, reference


def _call(tokens, n, d):
    q, k = torch.randn(tokens, d), torch.randn(n, d)
    return lambda: module.score(q, k)


LATE_INTERACTION = Mechanism(
    "late interaction",
    reference.score,
    "part3/encoders_at_work.ipynb#late-interaction",
    source="khattab2020colbert",
    oracle="loops in Python floats; `torch.cdist` of vectors of length 1",
    advice=Advice(
        choose="texts are encoded before the question is known, and one vector of each forgets "
        "too much",
        order="no, on either side; the encoder in front of it may know it",
        exact="exact",
        hardware="any; keeps a vector of every token of every text",
        time="tokens*n*d",
        memory="tokens*n",
        call=_call,
        sizes={"tokens": 128, "n": 512, "d": 32},
    ),
)


@limit_case(
    DOT_PRODUCT,
    LATE_INTERACTION,
    when="the values are the keys, the scores grow without bound, and what each query finds is "
    "multiplied with it and added up",
    otherwise={"sharpness": 1.0},
)
def ever_larger_scores(rng, sharpness=1e9):
    q, k = normal(rng, (3, 4), (5, 4))
    return (q * dot_product(sharpness * q, k, k)).sum(), reference.score(q, k)


@limit_case(
    LATE_INTERACTION,
    LOOKUP,
    when="the question has one token, and the value it looks up is multiplied with it",
    otherwise={"tokens": 2},
)
def one_token_asks(rng, tokens=1):
    q, k = normal(rng, (tokens, 4), (5, 4))
    return reference.score(q, k), q[0] @ lookup(k @ q[0], k)


@limit_case(LATE_INTERACTION, LINEAR, when="both have one token", otherwise={"tokens": 2})
def one_token_each(rng, tokens=1):
    q, k = normal(rng, (1, 4), (tokens, 4))
    k[1:] += 9 * np.sign(q)
    return reference.score(q, k), linear_map(q, k[:1].T)[0, 0]


_SUM = {"stays_finite": "a sum of products of long vectors may lie beyond half precision"}
DEPARTURES = {"score": _SUM, "score_all": _SUM, "soft_score": _SUM}
