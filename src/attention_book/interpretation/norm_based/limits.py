"""Norm-based analysis in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.layers.multi_head.limits import MULTI_HEAD
from attention_book.layers.multi_head.reference import multi_head, new_layer
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention

from . import module, reference


def _call(n, d, heads):
    inwards, x = torch.randn(heads, d, d // heads), torch.randn(1, n, d)
    W = dict.fromkeys(("W_q", "W_k", "W_v"), inwards) | {"W_o": inwards.mT}
    return lambda: module.norms(x, x, W)


NORM_BASED = Mechanism(
    "norm-based analysis",
    reference.norms,
    "part3/what_heads_learn.ipynb#what-is-written",
    source="kobayashi2020attention",
    oracle="loops over heads, queries and keys; the length of what a hook finds in PyTorch's layer",
    advice=Advice(
        choose="weights are to be read: a large weight on a value near zero moves nothing",
        order="no: tokens that change places take their numbers along",
        exact="exact for one layer; what later layers do with a vector is not in it",
        hardware="any; the weights are stored",
        time="n**2*d + heads*n*d**2",
        memory="heads*n**2",
        call=_call,
        sizes={"n": 1024, "d": 64, "heads": 2},
    ),
)


@limit_case(
    NORM_BASED,
    DOT_PRODUCT,
    when="all transformed values have the length 1: it is what attention makes of the identity",
    otherwise={"size": 2.0},
)
def values_of_length_1(rng, size=1.0):
    x, source, W_q, W_k = normal(rng, (3, 4), (4, 4), (4, 3), (4, 3))
    source, turned = (np.linalg.qr(y)[0] for y in (source, rng.standard_normal((4, 4))))
    W = {"W_q": W_q, "W_k": W_k, "W_v": size * turned, "W_o": np.eye(4)}
    found = reference.norms(x, source, {name: matrix[None] for name, matrix in W.items()})
    return found[0], attention(x @ W_q, source @ W_k, np.eye(4))


@limit_case(
    NORM_BASED,
    MULTI_HEAD,
    when="there is one key: each head's norm is the length of all that it adds",
    otherwise={"keys": 2},
)
def one_key(rng, keys=1):
    x, source = normal(rng, (3, 4), (keys, 6))
    W = new_layer(4, 2, rng=rng, d_kv=6)
    alone = [{n: m[h : h + 1] for n, m in W.items()} for h in range(2)]
    lengths = [np.linalg.norm(multi_head(x, source, one), axis=-1) for one in alone]
    return reference.norms(x, source, W).sum(axis=-1), np.stack(lengths)
