"""Self-attention of one head in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product
from attention_book.simplest.limits import LINEAR, MEAN
from attention_book.simplest.reference import linear_map, mean

from . import module, reference


def _layer(rng, d_model=4):
    return reference.new_layer(d_model, 3, rng=rng)


def _call(n, d):
    attend, x = module.SelfAttention(d, d), torch.randn(n, d)
    return lambda: attend(x)


SELF_ATTENTION = Mechanism(
    "self-attention with learned matrices",
    reference.self_attention,
    "part1/trained_attention.ipynb#attention-backwards",
    source="vaswani2017attention",
    oracle="`nn.MultiheadAttention` with one head; finite differences; autograd; loops",
    advice=Advice(
        choose="the tokens of one sequence have to exchange what they know, and there is data to "
        "learn from",
        order="no: tokens that change places take their outputs along",
        exact="exact",
        hardware="any; matrix products, and the fused kernel",
        time="n**2*d + n*d**2",
        memory="n*d",
        call=_call,
    ),
)


@limit_case(
    SELF_ATTENTION, DOT_PRODUCT, when="$W_q = W_k = W_v = W_o = I$", otherwise={"scale": 2.0}
)
def identity_matrices(rng, scale=1.0):
    x = rng.standard_normal((5, 4))
    matrices = dict.fromkeys(("W_q", "W_k", "W_v", "W_o"), scale * np.eye(4))
    return reference.self_attention(x, matrices), dot_product(x, x, x)


@limit_case(SELF_ATTENTION, LINEAR, when="there is one token", otherwise={"tokens": 2})
def one_token(rng, tokens=1):
    x, W = rng.standard_normal((tokens, 4)), _layer(rng)
    return reference.self_attention(x, W), linear_map(x, W["W_v"] @ W["W_o"])


@limit_case(SELF_ATTENTION, MEAN, when="$W_q = 0$ and $W_v W_o = I$", otherwise={"size": 1.0})
def no_question(rng, size=0.0):
    x, W_q, W_k = normal(rng, (5, 4), (4, 3), (4, 3))
    W = {"W_q": size * W_q, "W_k": W_k, "W_v": np.eye(4), "W_o": np.eye(4)}
    return reference.self_attention(x, W), mean(x, 5)
