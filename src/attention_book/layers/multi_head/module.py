r"""Multi-head attention in PyTorch: one product for all heads, which are views of the result."""

import inspect
import math

import torch

from attention_book.scores.scaled_dot_product import module as scaled_dot_product
from attention_book.shapes import count, shapes

_attention = inspect.unwrap(scaled_dot_product.attention)  # below its checks, which were made


class MultiHeadAttention(torch.nn.Module):
    """Multi-head attention with its parameters, normal with variance 1/fan-in at the start.

    The matrices of all heads stand side by side, those of keys and values too, so that two
    products serve all: ``W_q`` has the shape (d_model, heads * d_k), ``W_kv`` (d_kv,
    heads * (d_k + d_v)), ``W_o`` (heads * d_v, d_model). :meth:`matrices` gives those of each
    head. What is left out is d_kv = d_model, d_k = d_model / heads, d_v = d_k.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2. Departures: keys and
        values come from one source, an empty row gives zeros, and the sizes d_kv, d_k and d_v
        are free.
    """

    @shapes(torch, d_model=count(1), heads=count(1), d_kv=count(1), d_k=count(1), d_v=count(1))
    def __init__(self, d_model, heads, *, d_kv=None, d_k=None, d_v=None):
        super().__init__()
        if d_k is None and d_model % heads:
            raise ValueError(
                f"d_model is {d_model}; it needs a multiple of heads, {heads}, or a d_k"
            )
        d_k = d_model // heads if d_k is None else d_k
        d_v = d_k if d_v is None else d_v
        self.d_model, self.heads = d_model, heads
        self.d_kv = d_model if d_kv is None else d_kv
        self.widths = heads * d_k, heads * d_v
        self.W_q = _normal(d_model, heads * d_k)
        self.W_kv = _normal(self.d_kv, heads * (d_k + d_v))
        self.W_o = _normal(heads * d_v, d_model)

    @shapes(
        torch,
        "x: ... L d_model, source: ... S d_kv, mask: ... L S -> ... L d_model",
        widens=False,
    )
    def forward(self, x, source, *, mask=None):
        """Let every token of x ask the source with all heads; ``attend(x, x)`` is self-attention.

        A mask holds for all heads. No (L, S) matrix is stored where PyTorch's fused kernel runs.
        """
        averaged = _attention(*self._per_head(x, source), mask=_of_all_heads(mask))
        return _merge(averaged) @ self.W_o

    @shapes(torch, "x: ... L d_model, source: ... S d_kv, mask: ... L S -> ... H L S", widens=False)
    def weights(self, x, source, *, mask=None):
        """Return how much each token of x attends to each of the source, for every head."""
        q, k, _ = self._per_head(x, source)
        return scaled_dot_product.weights(q, k, mask=_of_all_heads(mask))

    def matrices(self):
        """Return the matrices of each head, as the reference takes them: views of the parameters.

        What is written into them, without gradients, is written into the parameters.
        """
        W_q, W_k, W_v = (_split(W, self.heads) for W in self._side_by_side(self.W_q, self.W_kv))
        return {"W_q": W_q, "W_k": W_k, "W_v": W_v, "W_o": _split(self.W_o.mT, self.heads).mT}

    def _per_head(self, x, source):
        """Return queries, keys and values with an axis for the heads."""
        three = self._side_by_side(x @ self.W_q, source @ self.W_kv)
        return (_split(y, self.heads) for y in three)

    def _side_by_side(self, q, kv):
        return q, *kv.split(self.widths, dim=-1)


@shapes(torch, "x: ... n d", heads=count(1))
def split_heads(x, *, heads):
    """Return the features of each head as a view: (..., n, d) as (..., heads, n, d / heads).

    Raises:
        ValueError: d is not a multiple of heads.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2.
    """
    if x.shape[-1] % heads:
        raise ValueError(f"heads is {heads}; it must divide d, {x.shape[-1]}")
    return _split(x, heads)


@shapes(torch, "x: ... H! n d")
def merge_heads(x):
    """Return the features of all heads side by side: (..., H, n, d) as (..., n, H * d).

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2.
    """
    return _merge(x)


def _split(x, heads):
    return x.view(*x.shape[:-1], heads, x.shape[-1] // heads).transpose(-3, -2)


def _merge(x):
    return x.transpose(-3, -2).flatten(-2)


def _of_all_heads(mask):
    """Return a mask with an axis for the heads, where it has one for sequences."""
    return mask[..., None, :, :] if mask is not None and mask.ndim > 2 else mask


def _normal(fan_in, width):
    return torch.nn.Parameter(torch.randn(fan_in, width) / math.sqrt(fan_in))
