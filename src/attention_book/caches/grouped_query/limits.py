"""Grouped-query attention in the family."""

import numpy as np
import torch

from attention_book import masks
from attention_book.caches.kv_cache.limits import KV_CACHE
from attention_book.caches.kv_cache.reference import attend
from attention_book.family import Advice, Mechanism, limit_case
from attention_book.layers.multi_head.limits import MULTI_HEAD
from attention_book.layers.multi_head.reference import multi_head

from . import module, reference


def _call(kept, d, groups):
    """One new token after others that were kept, for a layer of 8 heads."""
    layer = module.GroupedQueryAttention(d, 8, groups)
    with torch.no_grad():
        _, state = layer(torch.randn(kept - 1, d))
    one = torch.randn(1, d)
    return torch.no_grad()(lambda: layer(one, state=state))


GROUPED_QUERY = Mechanism(
    "grouped-query attention",
    reference.grouped_query,
    "part4/decoding.ipynb#groups-of-heads",
    source="ainslie2023gqa",
    oracle="`F.scaled_dot_product_attention` with `enable_gqa`, token by token and whole; einsum; "
    "multi-head attention with matrices that are repeated",
    advice=Advice(
        choose="a language model is to write fast, or for many at once: the usual choice today",
        order="through positions, which go on where the state ends",
        exact="exact",
        hardware="any; a key is read once for all heads of its group",
        time="4*kept*d + 1.5*kept*groups*d + 46*kept + 4*d**2 + groups*d**2/2",
        memory="kept*groups*d/4",
        call=_call,
        sizes={"kept": 2048, "d": 64, "groups": 4},
    ),
)


def _layer(rng, groups, members):
    return reference.new_layer(6, groups, members, rng=rng, d_k=3, d_v=2)


def _alone(W):
    """The matrices of a layer with a key for each head, as multi-head attention takes them."""
    return {
        "W_q": W["W_q"].reshape(-1, *W["W_q"].shape[2:]),
        "W_k": W["W_k"],
        "W_v": W["W_v"],
        "W_o": W["W_o"].reshape(-1, *W["W_o"].shape[2:]),
    }


@limit_case(
    GROUPED_QUERY,
    MULTI_HEAD,
    when="there are as many groups as heads, under a causal mask",
    otherwise={"groups": 2},
)
def a_group_for_each_head(rng, groups=4):
    x, W = rng.standard_normal((5, 6)), _layer(rng, 4, 1)
    found, _ = reference.grouped_query(x, reference.pooled(W, groups=groups))
    return found, multi_head(x, x, _alone(W), mask=masks.causal(5))


@limit_case(
    GROUPED_QUERY,
    MULTI_HEAD,
    when="all heads of a group have the $W_k$ and the $W_v$ of the group, under a causal mask",
    otherwise={"turn": True},
)
def heads_share_keys(rng, turn=False):
    x, W = rng.standard_normal((5, 6)), _layer(rng, 2, 3)
    found, _ = reference.grouped_query(x, W)
    repeat = (lambda W: np.concatenate([W] * 3)) if turn else (lambda W: W.repeat(3, axis=0))
    of_heads = _alone(W) | {name: repeat(W[name]) for name in ("W_k", "W_v")}
    return found, multi_head(x, x, of_heads, mask=masks.causal(5))


@limit_case(
    GROUPED_QUERY,
    KV_CACHE,
    when="there is one head, with $W_q = W_k = W_v = W_o = I$",
    otherwise={"scale": 2.0},
)
def identity_matrices(rng, scale=1.0):
    x, one = rng.standard_normal((5, 6)), scale * np.eye(6)
    W = {"W_q": one[None, None], "W_k": one[None], "W_v": one[None], "W_o": one[None, None]}
    return reference.grouped_query(x, W)[0], attend(x, x, x)[0]


DEPARTURES = {
    "pooled": {
        "names_the_wrong_argument": "it takes matrices alone, of which none says that another is "
        "right: the message names the first that does not fit those before it"
    }
}
