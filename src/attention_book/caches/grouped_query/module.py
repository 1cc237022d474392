r"""Grouped-query attention in PyTorch: the heads of a group are more queries of the same keys."""

import inspect
import math

import torch

from attention_book.caches.kv_cache.module import REAL, append, visible
from attention_book.positions.rope.module import rotate
from attention_book.positions.sinusoidal.module import frequencies
from attention_book.scores.scaled_dot_product import module as scaled_dot_product
from attention_book.shapes import count, shapes

_attention = inspect.unwrap(scaled_dot_product.attention)  # below its checks, which were made


class GroupedQueryAttention(torch.nn.Module):
    """Causal self-attention with rotary positions, whose heads share keys and values in groups.

    The matrices of all heads stand side by side: ``W_q`` has the shape (d_model, heads * d_k),
    ``W_kv`` (d_model, groups * 2 * d_k), with the keys of all groups first, ``W_o`` (heads * d_k,
    d_model), and d_k = d_model / heads. Head h reads group h // (heads / groups). With as many
    groups as heads it is multi-head attention, with one group multi-query attention.

    Source:
        J. Ainslie et al., "GQA: Training Generalized Multi-Query Transformer Models from
        Multi-Head Checkpoints", 2023, section 2.2. Departure: rotary positions (J. Su et al.,
        "RoFormer", 2021).
    """

    @shapes(torch, d_model=count(1), heads=count(1), groups=count(1))
    def __init__(self, d_model, heads, groups):
        super().__init__()
        if d_model % heads:
            raise ValueError(f"d_model is {d_model}; it needs a multiple of heads, {heads}")
        if heads % groups:
            raise ValueError(f"groups is {groups}; it must divide heads, {heads}")
        self.d_model, self.heads, self.groups, d_k = d_model, heads, groups, d_model // heads
        self.W_q = _normal(d_model, d_model)
        self.W_kv = _normal(d_model, 2 * groups * d_k)
        self.W_o = _normal(d_model, d_model)
        self.omega = frequencies(d_k)[: d_k // 2]  # no buffer: half precision would spoil it

    @shapes(torch, "x: ... n d_model", widens=False, real=REAL)
    def forward(self, x, *, state=None, real=None):
        """Let new tokens read themselves and those whose keys and values the state has.

        For one new token the keys are read as they are kept. For several they are first repeated
        for the heads of their group, so that PyTorch's fused kernel serves them: without a state
        and padding it stores no weights, in training neither.

        Shapes:
            state: None, or what an earlier call returned
            returns: the outputs (..., n, d_model), and the next state
        """
        n, members = x.shape[-2], self.heads // self.groups
        q = _split(x @ self.W_q, self.groups, members)
        k, v = _split(x @ self.W_kv, 2, self.groups).unbind(-4)
        if real is not None:
            real = real[..., None, :]
        rows = torch.cat([k, v], dim=-1)
        _, state = append(rows, state=state, real=real, omega=self.omega)
        places = state["positions"]
        here = places[..., places.shape[-1] - n :]
        q = rotate(q, here[..., None, :] if here.ndim > 1 else here, omega=self.omega)
        seen = visible(places, n)
        mask = None if seen.all() else seen
        keys, values = state["rows"].chunk(2, dim=-1)
        if n == 1:  # the heads of a group are queries of one key, which is read once for all
            found = _attention(q.squeeze(-2), keys, values, mask=mask).unsqueeze(-2)
        else:  # the kernel's fast paths want a key head for each query head
            keys, values = (y.repeat_interleave(members, dim=-3) for y in (keys, values))
            found = _attention(q.flatten(-4, -3), keys, values, mask=mask)
            found = found.unflatten(-3, (self.groups, members))
        return found.flatten(-4, -3).transpose(-3, -2).flatten(-2) @ self.W_o, state

    def matrices(self):
        """Return the matrices of each group and head, as the reference takes them: views."""
        members = self.heads // self.groups
        k, v = _split(self.W_kv, 2, self.groups).unbind(-4)
        return {
            "W_q": _split(self.W_q, self.groups, members),
            "W_k": k,
            "W_v": v,
            "W_o": _split(self.W_o.mT, self.groups, members).mT,
        }

    @shapes(torch, groups=count(1))
    def pooled(self, *, groups):
        """Return a new layer with fewer groups, with the means of the keys and values they join.

        Raises:
            ValueError: ``groups`` does not divide the number of groups.
        """
        if self.groups % groups:
            raise ValueError(f"groups is {groups}; it must divide {self.groups}")
        fewer = GroupedQueryAttention(self.d_model, self.heads, groups).to(self.W_q)
        parts = self.W_kv.unflatten(1, (2, groups, self.groups // groups, -1))
        with torch.no_grad():
            fewer.W_q.copy_(self.W_q)
            fewer.W_o.copy_(self.W_o)
            fewer.W_kv.copy_(parts.mean(3).flatten(1))
        return fewer


def _split(x, one, other):
    """Return the features of each head, (..., n, one * other * d) as (..., one, other, n, d)."""
    parts = x.unflatten(-1, (one, other, -1))
    return parts.movedim(-4, -2)


def _normal(fan_in, width):
    return torch.nn.Parameter(torch.randn(fan_in, width) / math.sqrt(fan_in))
