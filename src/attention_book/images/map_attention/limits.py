"""Self-attention over a feature map in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.layers.self_attention.limits import SELF_ATTENTION
from attention_book.layers.self_attention.reference import self_attention as token_attention

from . import module, reference


def _call(n, d):
    x, matrices = torch.randn(n // 8, 8, d), torch.randn(3, d, d)
    return lambda: module.self_attention(x, *matrices)


MAP_ATTENTION = Mechanism(
    "self-attention over a feature map",
    reference.self_attention,
    "part1/visual_attention.ipynb#many-queries-give-an-image",
    source="wang2018nonlocal",
    oracle="PyTorch's kernel over the cells; loops written from the formula",
    advice=Advice(
        choose="distant places of an image have to know of each other in one step",
        order="no: cells that move take their outputs along",
        exact="exact",
        hardware="any; $n$ is height times width, so use it on small maps or on patches",
        time="n**2*d + n*d**2",
        memory="n*d",
        call=_call,
    ),
)


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
