r"""Multi-head latent attention in NumPy: ``c = norm(x W_dkv)`` is kept, and what is turned."""

import math

import numpy as np

from attention_book.caches.kv_cache.reference import REAL, append, visible
from attention_book.layers.dense_network.reference import normal
from attention_book.positions.rope.reference import rotate
from attention_book.positions.sinusoidal.reference import frequencies
from attention_book.scores.scaled_dot_product.reference import attention
from attention_book.shapes import count, matrices, shapes
from attention_book.transformer.norm.reference import rms_norm

PARAMETERS = matrices(
    "as :func:`new_layer` makes them",
    W_q="H! d_model d_k",
    W_qr="H! d_model d_r",
    W_kr="d_model d_r",
    W_dkv="d_model R!",
    gain="R!",
    W_uk="H! R! d_k",
    W_uv="H! R! d_v",
    W_o="H! d_v d_model",
)


@shapes(np, "x: ... n d_model", parameters=PARAMETERS, real=REAL)
def latent(x, parameters, *, state=None, real=None):
    r"""Let new tokens read themselves and those before them, of which a latent was kept.

    .. math:: c_j &= \operatorname{norm}(x_j W_\text{dkv}), \qquad
              k^h_j = [\operatorname{RoPE}(x_j W_\text{kr});\ c_j W_\text{uk}^h], \qquad
              v^h_j = c_j W_\text{uv}^h \\
              q^h_i &= [\operatorname{RoPE}(x_i W_\text{qr}^h);\ x_i W_q^h]

    The scores are divided by the root of d_r + d_k. All heads share the latent and the turned
    part of the key, so d_r + R numbers are kept of a token.

    Shapes:
        state: None, or what an earlier call returned, here or of :func:`absorbed`
        returns: the outputs (..., n, d_model), and the next state

    Raises:
        ValueError: the state has rows of another size.

    Source:
        DeepSeek-AI, "DeepSeek-V2", 2024, section 2.1 and appendix C. Departure: queries are not
        compressed (as in DeepSeek-V2-Lite).
    """
    W = parameters
    q_r, q, turned, c, mask, state = _asked(x, W, state, real)
    k, v = c @ W["W_uk"], c @ W["W_uv"]
    turned = np.broadcast_to(turned, (*k.shape[:-1], turned.shape[-1]))
    k = np.concatenate([turned, k], axis=-1)
    heads = attention(np.concatenate([q_r, q], axis=-1), k, v, mask=mask)
    return (heads @ W["W_o"]).sum(axis=-3), state


@shapes(np, "x: ... n d_model", parameters=PARAMETERS, real=REAL)
def absorbed(x, parameters, *, state=None, real=None):
    r"""Compute the same as :func:`latent` without making a key or a value of any kept token.

    .. math:: q\, (c\, W_\text{uk})^\top = (q\, W_\text{uk}^\top)\, c^\top, \qquad
              A\, (c\, W_\text{uv})\, W_o = (A\, c)\, W_\text{uv} W_o

    Shapes:
        state: None, or what an earlier call returned, here or of :func:`latent`
        returns: the outputs (..., n, d_model), and the next state

    Raises:
        ValueError: the state has rows of another size.

    Source:
        DeepSeek-AI, "DeepSeek-V2", 2024, section 2.1.2.
    """
    W = parameters
    q_r, q, turned, c, mask, state = _asked(x, W, state, real)
    wide = np.concatenate([q_r, q @ W["W_uk"].mT], axis=-1)
    rows = np.concatenate([turned, c], axis=-1)
    scale = math.sqrt(rows.shape[-1] / (q_r.shape[-1] + q.shape[-1]))
    averaged = attention(wide * scale, rows, c, mask=mask)
    return (averaged @ W["W_uv"] @ W["W_o"]).sum(axis=-3), state


@shapes(np, d_model=count(1), heads=count(1), R=count(1), d_k=count(1), d_r=count(1), d_v=count(1))
def new_layer(d_model, heads, *, rng, R, d_k, d_r, d_v):
    r"""Return the matrices of a layer: normal with variance 1/fan-in, and a gain of 1.

    Shapes:
        rng: a ``numpy.random.Generator``
        returns: the parameters, as :func:`latent` takes them

    Source:
        As :func:`latent` for the sizes; Y. LeCun et al., "Efficient BackProp", 1998, section
        4.6, for the variance.
    """

    def of_heads(fan_in, width):
        return np.stack([normal(rng, fan_in, width) for _ in range(heads)])

    return {
        "W_q": of_heads(d_model, d_k),
        "W_qr": of_heads(d_model, d_r),
        "W_kr": normal(rng, d_model, d_r),
        "W_dkv": normal(rng, d_model, R),
        "gain": np.ones(R),
        "W_uk": of_heads(R, d_k),
        "W_uv": of_heads(R, d_v),
        "W_o": of_heads(heads * d_v, d_model)[:, :d_v],
    }


def _asked(x, W, state, real):
    """Return both parts of the queries, both parts of all rows, the mask, and the next state."""
    omega = frequencies(W["W_kr"].shape[-1])[: W["W_kr"].shape[-1] // 2]
    c = rms_norm(x @ W["W_dkv"], {"gain": W["gain"]})
    rows = np.concatenate([x @ W["W_kr"], c], axis=-1)
    _, state = append(rows, state=state, real=real, omega=omega)
    positions, n = state["positions"], x.shape[-2]
    here, seen = positions[..., positions.shape[-1] - n :], visible(positions, n)
    if positions.ndim > 1:
        here, seen = here[..., None, :], seen[..., None, :, :]
    x, rows = x[..., None, :, :], state["rows"][..., None, :, :]
    q_r = rotate(x @ W["W_qr"], here, omega=omega)
    turned, c = np.split(rows, [q_r.shape[-1]], axis=-1)
    return q_r, x @ W["W_q"], turned, c, seen, state
