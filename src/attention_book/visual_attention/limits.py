"""Attention over feature maps, soft and hard, in the family."""

import numpy as np
import torch

from attention_book.attention_pooling.limits import POOLING
from attention_book.attention_pooling.reference import pool as sequence_pool
from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.kernel_attention.limits import LOOKUP, lookup
from attention_book.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scaled_dot_product.reference import attention as dot_product
from attention_book.trained_attention.limits import SELF_ATTENTION
from attention_book.trained_attention.reference import self_attention as token_attention

from . import module, reference


def _call_pool(n, d):
    x, w = torch.randn(n // 8, 8, d), torch.randn(d)
    return lambda: module.pool(x, w)


def _call_self_attention(n, d):
    x, matrices = torch.randn(n // 8, 8, d), torch.randn(3, d, d)
    return lambda: module.self_attention(x, *matrices)


def _call_glimpse(n, d):
    scores, uniforms = torch.randn(n), torch.rand(n)
    return lambda: module.glimpse(scores, uniforms)


MAP_POOLING = Mechanism(
    "pooling a feature map",
    reference.pool,
    "part1/visual_attention.ipynb#one-query-gives-a-vector",
    source="xu2015show",
    advice=Advice(
        choose="an image has to become one vector, with a heat map that says where it came from",
        order="no: shuffle the cells, and the vector stays",
        exact="exact",
        hardware="any; one pass over the cells",
        time="n*d",
        memory="n*d",
        call=_call_pool,
    ),
)
MAP_ATTENTION = Mechanism(
    "self-attention over a feature map",
    reference.self_attention,
    "part1/visual_attention.ipynb#many-queries-give-an-image",
    source="wang2018nonlocal",
    advice=Advice(
        choose="distant places of an image have to know of each other in one step",
        order="no: cells that move take their outputs along",
        exact="exact",
        hardware="any; $n$ is height times width, so use it on small maps or on patches",
        time="n**2*d + n*d**2",
        memory="n*d",
        call=_call_self_attention,
    ),
)
GLIMPSE = Mechanism(
    "a glimpse",
    reference.glimpse,
    "part1/visual_attention.ipynb#soft-or-hard",
    source="mnih2014recurrent",
    advice=Advice(
        choose="looking is what costs: only the chosen place is computed",
        order="no",
        exact="a draw: right on average",
        hardware="any; learns by estimated gradients, so it needs more steps",
        time="n",
        memory="n",
        call=_call_glimpse,
    ),
)


@limit_case(
    MAP_POOLING, POOLING, when="all its cells are read as one sequence", otherwise={"rows": 1}
)
def cells_as_a_sequence(rng, rows=2):
    x, w = normal(rng, (2, 3, 4), 4)
    return reference.pool(x, w), sequence_pool(x[:rows].reshape(-1, 4), w)


@limit_case(
    MAP_ATTENTION,
    SELF_ATTENTION,
    when="all its cells are read as one sequence and $W_o = I$",
    otherwise={"scale": 2.0},
)
def cells_as_tokens(rng, scale=1.0):
    x, matrices = normal(rng, (2, 3, 4), (3, 4, 4))
    W = dict(zip(("W_q", "W_k", "W_v"), matrices, strict=True)) | {"W_o": scale * np.eye(4)}
    return reference.self_attention(x, *matrices).reshape(6, 4), token_attention(x.reshape(6, 4), W)


@limit_case(GLIMPSE, LOOKUP, when="one score is far above the others", otherwise={"size": 0.1})
def a_certain_glimpse(rng, size=1e9):
    scores, uniforms = size * rng.standard_normal((3, 5)), rng.random((3, 5))
    v = rng.standard_normal((5, 2))
    return reference.glimpse(scores, uniforms) @ v, lookup(scores, v)


@limit_case(
    GLIMPSE,
    DOT_PRODUCT,
    when="it is averaged over its draws",
    otherwise={"draws": 1},
    within=0.03,
)
def mean_glimpse(rng, draws=100_000):
    q, k, v = rng.standard_normal((1, 4)), rng.standard_normal((5, 4)), np.eye(5)
    scores = np.broadcast_to(q @ k.T / np.sqrt(4), (draws, 5))
    drawn = reference.glimpse(scores, rng.random((draws, 5)))
    return (drawn @ v).mean(axis=0, keepdims=True), dot_product(q, k, v)
