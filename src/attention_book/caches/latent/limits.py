"""Multi-head latent attention in the family, in its two forms."""

import math

import numpy as np
import torch

from attention_book import masks
from attention_book.caches.grouped_query.limits import GROUPED_QUERY
from attention_book.caches.grouped_query.reference import grouped_query
from attention_book.family import Advice, Mechanism, limit_case
from attention_book.layers.multi_head.limits import MULTI_HEAD
from attention_book.layers.multi_head.reference import multi_head
from attention_book.simplest.limits import LINEAR
from attention_book.simplest.reference import linear_map

from . import module, reference


def _calls(kept, heads, R, form):
    """One new token of width 64 after others that were kept."""
    layer = module.LatentAttention(64, heads, R, 8, d_k=16)
    with torch.no_grad():
        _, state = layer(torch.randn(kept - 1, 64))
    one = torch.randn(1, 64)
    return torch.no_grad()(lambda: getattr(layer, form)(one, state=state))


LATENT = Mechanism(
    "latent attention",
    reference.latent,
    "part4/decoding.ipynb#a-latent-for-all-heads",
    source="deepseek2024v2",
    oracle="loops over heads and tokens, with complex numbers for the turned part; the layer of "
    "Transformers for DeepSeek-V3 (once, by hand)",
    advice=Advice(
        choose="training and long prompts of a model with latents: many tokens at a time",
        order="through the part of the keys that turns",
        exact="exact",
        hardware="any; matrix products, and the fused kernel",
        time="64*kept*heads*R + 414*kept*heads",
        memory="kept*heads*32",
        call=lambda kept, heads, R: _calls(kept, heads, R, "forward"),
        sizes={"kept": 1024, "heads": 8, "R": 32},
    ),
)
ABSORBED = Mechanism(
    "absorbed latent attention",
    reference.absorbed,
    "part4/decoding.ipynb#absorbed",
    source="deepseek2024v2",
    oracle="loops over heads and tokens, token by token and whole; latent attention in its plain "
    "form",
    advice=Advice(
        choose="writing token by token with a model that has latents",
        order="through the part of the keys that turns",
        exact="exact: the same numbers as the plain form, up to rounding",
        hardware="any; a latent is read once for all heads",
        time="4*kept*heads*R + 26*kept*heads + 12*kept*R + 22*kept + 257*heads*R",
        memory="kept*(R + 8)",
        call=lambda kept, heads, R: _calls(kept, heads, R, "absorbed"),
        sizes={"kept": 1024, "heads": 8, "R": 32},
    ),
)


def _layer(rng, **sizes):
    return reference.new_layer(6, 2, rng=rng, **{"R": 5, "d_k": 3, "d_r": 4, "d_v": 2} | sizes)


def _of_size_one(rng, n=5):
    """Tokens that a root mean square norm leaves as they are."""
    x = rng.standard_normal((n, 6))
    return x / np.sqrt((x**2).mean(axis=1, keepdims=True)) * math.sqrt(1 - 1e-5)


def _nothing_pressed(rng, turned=0.0):
    """A layer whose latent is the token itself, with a rotary part that may be 0."""
    W = _layer(rng, R=6)
    return W | {"W_dkv": np.eye(6), "W_kr": turned * W["W_kr"]}


@limit_case(
    LATENT,
    MULTI_HEAD,
    when="the latent is the token, the rotary part 0, and the scale that of both parts",
    otherwise={"turned": 1.0},
)
def a_latent_that_keeps_everything(rng, turned=0.0):
    x, W = _of_size_one(rng), _nothing_pressed(rng, turned)
    of_heads = {"W_q": W["W_q"] * math.sqrt(3 / 7), "W_k": W["W_uk"], "W_v": W["W_uv"]}
    plain = multi_head(x, x, of_heads | {"W_o": W["W_o"]}, mask=masks.causal(5))
    return reference.latent(x, W)[0], plain


@limit_case(
    LATENT,
    LINEAR,
    when="there is one token so far: it gets its own value",
    otherwise={"tokens": 2},
)
def one_token(rng, tokens=1):
    x, W = _of_size_one(rng, 2), _nothing_pressed(rng, 1.0)
    found, _ = reference.latent(x[:tokens], W)
    return found[-1:], linear_map(x[tokens - 1 : tokens], (W["W_uv"] @ W["W_o"]).sum(axis=0))


@limit_case(
    ABSORBED,
    LATENT,
    when="it goes on from the state of the plain form",
    otherwise={"goes_on": False},
)
def one_state_for_both(rng, goes_on=True):
    x, W = rng.standard_normal((5, 6)), _layer(rng)
    whole, _ = reference.latent(x, W)
    _, state = reference.latent(x[:4], W)
    return reference.absorbed(x[4:], W, state=state if goes_on else None)[0], whole[4:]


@limit_case(
    ABSORBED,
    GROUPED_QUERY,
    when="nothing turns and the latent is the token: one group, whose key and value it is",
    otherwise={"turned": 1.0},
)
def multi_query(rng, turned=0.0):
    x, W = _of_size_one(rng), _nothing_pressed(rng, turned)
    one = np.eye(6)[None]
    wide = {
        "W_q": (W["W_q"] @ W["W_uk"].mT)[None] * math.sqrt(6 / 7),
        "W_k": one,
        "W_v": one,
        "W_o": (W["W_uv"] @ W["W_o"])[None],
    }
    return reference.absorbed(x, W)[0], grouped_query(x, wide)[0]
