"""Several readers in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.pooling.attention_pooling.limits import POOLING
from attention_book.pooling.attention_pooling.reference import pool as attention_pooling
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product
from attention_book.simplest.limits import MEAN
from attention_book.simplest.reference import mean

from . import module, reference


def _call(n, d, hidden, readers):
    x, W_1, W_2 = torch.randn(n, d), torch.randn(d, hidden), torch.randn(hidden, readers)
    return lambda: module.pool(x, W_1, W_2)


READERS = Mechanism(
    "pooling by several readers",
    reference.pool,
    "part3/encoders_at_work.ipynb#readers",
    source="lin2017structured",
    oracle="loops in Python floats; PyTorch's kernel",
    advice=Advice(
        choose="one average is too little for a text, and a few vectors may stand for it",
        order="no: shuffle the positions, and the vectors stay",
        exact="exact",
        hardware="any; one pass over the positions",
        time="n*d*hidden + n*readers*(hidden + d)",
        memory="n*hidden",
        call=_call,
        sizes={"n": 2048, "d": 64, "hidden": 256, "readers": 4},
    ),
)


@limit_case(
    READERS,
    POOLING,
    when="there is one reader, $W_1 = \\epsilon I$ and $W_2 = w / \\epsilon$, and "
    "$\\epsilon$ goes to 0",
    otherwise={"size": 1.0},
    within=1e-9,
)
def one_reader(rng, size=1e-6):
    x, w = normal(rng, (5, 4), 4)
    return reference.pool(x, size * np.eye(4), w[:, None] / size)[0], attention_pooling(x, w)


@limit_case(READERS, MEAN, when="$W_2 = 0$", otherwise={"size": 1.0})
def readers_without_a_question(rng, size=0.0):
    x, W_1, W_2 = normal(rng, (5, 4), (4, 3), (3, 2))
    return reference.pool(x, W_1, size * W_2), mean(x, 2)


@limit_case(
    DOT_PRODUCT,
    READERS,
    when="the queries are learned, the columns of $\\sqrt{d_a}\\, W_2$, the keys are "
    "$\\tanh(x W_1)$, and the values are the positions",
    otherwise={"scale": 1.0},
)
def learned_queries(rng, scale=2.0):  # √4
    x, W_1, W_2 = normal(rng, (5, 3), (3, 4), (4, 2))
    return dot_product(scale * W_2.T, np.tanh(x @ W_1), x), reference.pool(x, W_1, W_2)


DEPARTURES = {
    "penalty": {"stays_finite": "it is made for weights, and may leave half precision for others"}
}
