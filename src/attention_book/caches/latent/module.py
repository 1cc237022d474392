r"""Multi-head latent attention in PyTorch, in its plain and in its absorbed form."""

import inspect
import math

import torch
import torch.nn.functional as F

from attention_book.caches.kv_cache.module import REAL, append, visible
from attention_book.positions.rope.module import rotate
from attention_book.positions.sinusoidal.module import frequencies
from attention_book.scores.scaled_dot_product import module as scaled_dot_product
from attention_book.shapes import count, shapes

_attention = inspect.unwrap(scaled_dot_product.attention)  # below its checks, which were made


class LatentAttention(torch.nn.Module):
    """Causal self-attention whose heads make their keys and values from one latent of a token.

    The matrices of all heads stand side by side: ``W_q`` has the shape (d_model, heads * (d_r +
    d_k)), the turned features of each head first; ``W_dkv`` (d_model, d_r + R); ``W_ukv`` (R,
    heads * 2 * d_k), with the keys of all heads first; ``W_o`` (heads * d_k, d_model). What is
    left out is d_k = d_model / heads. :meth:`forward` makes keys and values of all tokens, for
    training and for long prompts; :meth:`absorbed` makes none, for one token at a time.

    Source:
        DeepSeek-AI, "DeepSeek-V2", 2024, section 2.1 and appendix C. Departures: queries are not
        compressed (as in DeepSeek-V2-Lite); values are as wide as the keys' unturned part.
    """

    @shapes(torch, d_model=count(1), heads=count(1), R=count(1), d_r=count(1), d_k=count(1))
    def __init__(self, d_model, heads, R, d_r, *, d_k=None):
        super().__init__()
        if d_k is None and d_model % heads:
            raise ValueError(
                f"d_model is {d_model}; it needs a multiple of heads, {heads}, or a d_k"
            )
        d_k = d_model // heads if d_k is None else d_k
        self.d_model, self.heads, self.R, self.d_r, self.d_k = d_model, heads, R, d_r, d_k
        self.W_q = _normal(d_model, heads * (d_r + d_k))
        self.W_dkv = _normal(d_model, d_r + R)
        self.gain = torch.nn.Parameter(torch.ones(R))
        self.W_ukv = _normal(R, heads * 2 * d_k)
        self.W_o = _normal(heads * d_k, d_model)
        self.omega = frequencies(d_r)[: d_r // 2]  # no buffer: half precision would spoil it

    @shapes(torch, "x: ... n d_model", widens=False, real=REAL)
    def forward(self, x, *, state=None, real=None):
        """Let new tokens read all so far, with keys and values made of every latent again.

        Shapes:
            state: None, or what an earlier call returned, here or of :meth:`absorbed`
            returns: the outputs (..., n, d_model), and the next state
        """
        q, rows, mask, state = self._asked(x, state, real)
        turned, c = rows.split([self.d_r, self.R], dim=-1)
        k, v = self._heads_of(c @ self.W_ukv, 2 * self.d_k).chunk(2, dim=-1)
        turned = turned.unsqueeze(-3).expand(*k.shape[:-1], self.d_r)
        found = _attention(q, torch.cat([turned, k], dim=-1), v, mask=_of_heads(mask))
        return found.transpose(-3, -2).flatten(-2) @ self.W_o, state

    @shapes(torch, "x: ... n d_model", widens=False, real=REAL)
    def absorbed(self, x, *, state=None, real=None):
        """Compute the same with queries that fit the latents, which are keys and values as kept.

        It is made for one token at a time: for several it stores the weights of all heads.

        Shapes:
            state: None, or what an earlier call returned, here or of :meth:`forward`
            returns: the outputs (..., n, d_model), and the next state
        """
        q, rows, mask, state = self._asked(x, state, real)
        W_uk, W_uv = self._up()
        q_r, q = q.split([self.d_r, self.d_k], dim=-1)
        wide = torch.cat([q_r, q @ W_uk.mT], dim=-1)
        wide = wide * math.sqrt(rows.shape[-1] / (self.d_r + self.d_k))
        n = x.shape[-2]  # the heads one after the other are queries of one key head
        if mask is not None and n > 1:
            mask = mask.repeat(*(1,) * (mask.ndim - 2), self.heads, 1)
        averaged = _attention(wide.flatten(-3, -2), rows, rows[..., self.d_r :], mask=mask)
        found = averaged.unflatten(-2, (self.heads, n)) @ W_uv
        return found.transpose(-3, -2).flatten(-2) @ self.W_o, state

    def matrices(self):
        """Return the matrices of each head, as the reference takes them: views."""
        W_qr, W_q = self._heads_of(self.W_q, self.d_r + self.d_k).split([self.d_r, self.d_k], -1)
        W_kr, W_dkv = self.W_dkv.split([self.d_r, self.R], dim=-1)
        W_uk, W_uv = self._up()
        return {
            "W_q": W_q,
            "W_qr": W_qr,
            "W_kr": W_kr,
            "W_dkv": W_dkv,
            "gain": self.gain,
            "W_uk": W_uk,
            "W_uv": W_uv,
            "W_o": self.W_o.unflatten(0, (self.heads, self.d_k)),
        }

    def _asked(self, x, state, real):
        """Return the queries of all heads, all rows, which of them are seen, and the next state."""
        turned, c = (x @ self.W_dkv).split([self.d_r, self.R], dim=-1)
        rows = torch.cat([turned, F.rms_norm(c, (self.R,), self.gain, eps=1e-5)], dim=-1)
        _, state = append(rows, state=state, real=real, omega=self.omega)
        places, n = state["positions"], x.shape[-2]
        here = places[..., places.shape[-1] - n :]
        q = self._heads_of(x @ self.W_q, self.d_r + self.d_k)
        q = rotate(q, here[..., None, :] if here.ndim > 1 else here, omega=self.omega)
        seen = visible(places, n)
        return q, state["rows"], None if seen.all() else seen, state

    def _heads_of(self, x, width):
        return x.unflatten(-1, (self.heads, width)).transpose(-3, -2)

    def _up(self):
        return self._heads_of(self.W_ukv, 2 * self.d_k).chunk(2, dim=-1)


def _of_heads(mask):
    return mask if mask is None or mask.ndim == 2 else mask[..., None, :, :]


def _normal(fan_in, width):
    return torch.nn.Parameter(torch.randn(fan_in, width) / math.sqrt(fan_in))
