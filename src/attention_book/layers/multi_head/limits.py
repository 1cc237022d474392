"""Multi-head attention in the family."""

import math

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.layers.self_attention.limits import SELF_ATTENTION
from attention_book.layers.self_attention.reference import self_attention
from attention_book.scores.multiplicative.limits import MULTIPLICATIVE
from attention_book.scores.multiplicative.reference import attention as multiplicative
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product
from attention_book.simplest.limits import LINEAR, MEAN
from attention_book.simplest.reference import linear_map, mean

from . import module, reference


def _call(n, d, heads):
    attend, x = module.MultiHeadAttention(d, heads), torch.randn(1, n, d)
    return lambda: attend(x, x)


MULTI_HEAD = Mechanism(
    "multi-head attention",
    reference.multi_head,
    "part3/multi_head.ipynb",
    source="vaswani2017attention",
    oracle="`nn.MultiheadAttention` with copied weights, also with `kdim` and `vdim`; "
    "`F.multi_head_attention_forward`; a loop over heads; the concatenation of the paper",
    advice=Advice(
        choose="a token has to read in several places at once: the default of every Transformer",
        order="no: tokens that change places take their outputs along",
        exact="exact, in the fused kernel too",
        hardware="any; matrix products, and the fused kernel",
        time="n**2*d + n*d**2 + heads*n**2",
        memory="n*d",
        call=_call,
        sizes={"n": 1024, "d": 64, "heads": 4},
    ),
)


def _layer(rng, heads=1, **sizes):
    return reference.new_layer(4, heads, rng=rng, **{"d_k": 3, "d_v": 2} | sizes)


@limit_case(
    MULTI_HEAD,
    SELF_ATTENTION,
    when="there is one head, and the source is the sequence itself",
    otherwise={"itself": False},
)
def one_head(rng, itself=True):
    x, other, W = *normal(rng, (5, 4), (5, 4)), _layer(rng)
    of_head = {name: matrix[0] for name, matrix in W.items()}
    return reference.multi_head(x, x if itself else other, W), self_attention(x, of_head)


@limit_case(
    MULTI_HEAD,
    SELF_ATTENTION,
    when="all heads have the same $W_q$ and $W_k$: the values of all are those of one wide head",
    otherwise={"same": False},
)
def tied_heads(rng, same=True):
    x, W = rng.standard_normal((5, 4)), _layer(rng, heads=3)
    if same:
        W |= {name: np.repeat(W[name][:1], 3, axis=0) for name in ("W_q", "W_k")}
    wide = {
        "W_q": W["W_q"][0],
        "W_k": W["W_k"][0],
        "W_v": np.concatenate(W["W_v"], axis=1),
        "W_o": np.concatenate(W["W_o"], axis=0),
    }
    return reference.multi_head(x, x, W), self_attention(x, wide)


@limit_case(
    MULTI_HEAD,
    DOT_PRODUCT,
    when="there is one head with $W_q = W_k = W_v = W_o = I$",
    otherwise={"scale": 2.0},
)
def identity_matrices(rng, scale=1.0):
    x, source = normal(rng, (3, 4), (5, 4))
    W = dict.fromkeys(("W_q", "W_k", "W_v", "W_o"), scale * np.eye(4)[None])
    return reference.multi_head(x, source, W), dot_product(x, source, source)


@limit_case(
    MULTI_HEAD,
    MULTIPLICATIVE,
    when="there is one head with $W_v = W_o = I$: it has the matrix $W_q W_k^\\top / \\sqrt{d_k}$",
    otherwise={"scale": 2.0},
)
def bilinear(rng, scale=1.0):
    x, source, W = *normal(rng, (3, 4), (5, 4)), _layer(rng)
    W |= {"W_v": scale * np.eye(4)[None], "W_o": np.eye(4)[None]}
    together = W["W_q"][0] @ W["W_k"][0].T / math.sqrt(3)
    return reference.multi_head(x, source, W), multiplicative(x, source, source, W=together)


@limit_case(MULTI_HEAD, LINEAR, when="the source is one token", otherwise={"tokens": 2})
def one_token(rng, tokens=1):
    x, source, W = *normal(rng, (3, 4), (tokens, 6)), _layer(rng, heads=2, d_kv=6)
    answer = linear_map(source[:1], (W["W_v"] @ W["W_o"]).sum(axis=0))
    return reference.multi_head(x, source, W), np.broadcast_to(answer, (3, 4))


@limit_case(
    MULTI_HEAD,
    MEAN,
    when="every $W_q = 0$, and the products $W_v W_o$ of all heads sum to $I$",
    otherwise={"size": 1.0},
)
def no_question(rng, size=0.0):
    x, source, W = *normal(rng, (3, 4), (5, 4)), _layer(rng, heads=2)
    W |= {"W_q": size * W["W_q"], "W_v": np.eye(4).reshape(4, 2, 2).swapaxes(0, 1)}
    W |= {"W_o": np.eye(4).reshape(2, 2, 4)}
    return reference.multi_head(x, source, W), mean(source, 3)
