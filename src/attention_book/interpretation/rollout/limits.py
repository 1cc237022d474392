"""Attention rollout in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.layers.attention_only.limits import ATTENTION_ONLY
from attention_book.layers.attention_only.reference import stack
from attention_book.layers.multi_head.reference import new_layer
from attention_book.layers.multi_head.reference import weights as weights_of
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention
from attention_book.simplest.limits import IDENTITY
from attention_book.simplest.reference import identity

from . import module, reference


def _call(n, layers):
    weights = torch.rand(layers, 2, n, n)
    return lambda: module.rollout(weights)


ROLLOUT = Mechanism(
    "attention rollout",
    reference.rollout,
    "part3/what_heads_learn.ipynb#rollout",
    source="abnar2020quantifying",
    oracle="a sum over all paths through the layers; powers by `numpy.linalg.matrix_power`",
    advice=Advice(
        choose="you want a first number for each pair of an input token and an output token, and "
        "will test it by removing tokens",
        order="as the weights that it is given",
        exact="no: it takes all heads for equally loud and all values for equally long",
        hardware="any; a product of matrices for each layer",
        time="layers*n**3",
        memory="layers*n**2",
        call=_call,
        sizes={"n": 512, "layers": 4},
    ),
)


def _softmaxes(rng, layers, heads, n=5):
    return rng.dirichlet(np.ones(n), (layers, heads, n))


@limit_case(
    ROLLOUT,
    DOT_PRODUCT,
    when="there is one layer of one head and $r = 0$: it is what attention makes of the identity",
    otherwise={"kept": 0.5},
)
def one_layer(rng, kept=0.0):
    q, k = normal(rng, (5, 4), (5, 4))
    weights = attention(q, k, np.eye(5))
    return reference.rollout(weights[None, None], kept=kept), attention(q, k, np.eye(5))


@limit_case(
    ROLLOUT,
    ATTENTION_ONLY,
    when="every head has $W_v W_o = I / H$: it is what the layers make, halved by each",
    otherwise={"size": 2.0},
)
def values_as_they_are(rng, size=1.0):
    x, attentions, found = rng.standard_normal((5, 4)), [], []
    for _ in range(2):
        W = new_layer(4, 2, rng=rng, d_k=3, d_v=4)
        W |= {"W_v": np.tile(np.eye(4), (2, 1, 1)), "W_o": np.tile(size * np.eye(4) / 2, (2, 1, 1))}
        state = stack(x, attentions)
        found.append(weights_of(state, state, W))
        attentions.append(W)
    return reference.rollout(np.stack(found)) @ x, stack(x, attentions) / 4


@limit_case(ROLLOUT, IDENTITY, when="$r = 1$", otherwise={"kept": 0.5})
def all_is_kept(rng, kept=1.0):
    return reference.rollout(_softmaxes(rng, 3, 2), kept=kept), identity(np.eye(5))
