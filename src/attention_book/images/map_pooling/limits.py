"""Pooling a feature map in the family."""

import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.pooling.attention_pooling.limits import POOLING
from attention_book.pooling.attention_pooling.reference import pool as sequence_pool

from . import module, reference


def _call(n, d):
    x, w = torch.randn(n // 8, 8, d), torch.randn(d)
    return lambda: module.pool(x, w)


MAP_POOLING = Mechanism(
    "pooling a feature map",
    reference.pool,
    "part1/visual_attention.ipynb#one-query-gives-a-vector",
    source="xu2015show",
    oracle="PyTorch's kernel with one query; loops written from the formula",
    advice=Advice(
        choose="an image has to become one vector, with a heat map that says where it came from",
        order="no: shuffle the cells, and the vector stays",
        exact="exact",
        hardware="any; one pass over the cells",
        time="n*d",
        memory="n*d",
        call=_call,
    ),
)


@limit_case(
    MAP_POOLING, POOLING, when="all its cells are read as one sequence", otherwise={"rows": 1}
)
def cells_as_a_sequence(rng, rows=2):
    x, w = normal(rng, (2, 3, 4), 4)
    return reference.pool(x, w), sequence_pool(x[:rows].reshape(-1, 4), w)
