r"""Self-attention with learned matrices, and a stack of it, in PyTorch."""

import math

import torch

from attention_book.scaled_dot_product.module import attention
from attention_book.shapes import check_mask


class SelfAttention(torch.nn.Module):
    r"""Let every token average what all tokens have to say, with learned matrices.

    .. math:: \operatorname{softmax}\!\left(\frac{(x W_q)(x W_k)^\top}{\sqrt{d_k}}\right)
              x W_v\, W_o

    Shapes:
        x: (..., n, d_model), in the dtype of the parameters
        mask: boolean tensor or NumPy array, broadcastable to (..., n, n); True = may attend
        returns: (..., n, d_model), and with ``return_weights`` also the weights (..., n, n). A
        token that may attend to nothing gets zeros.

    Raises:
        TypeError: ``x`` is not a tensor of the dtype of the parameters, or ``mask`` is not
            boolean.
        ValueError: the shapes do not fit, or a size is below 1.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2 with h = 1.
        Departures: an empty row gives zeros; W_o may have other sizes than (d_k, d_model).
    """

    def __init__(self, d_model, d_k, d_v=None):
        super().__init__()
        d_v = d_k if d_v is None else d_v
        for name, size in (("d_model", d_model), ("d_k", d_k), ("d_v", d_v)):
            if size < 1:
                raise ValueError(f"{name} is {size}; it must be at least 1")
        self.W_q = torch.nn.Parameter(torch.randn(d_model, d_k) / math.sqrt(d_model))
        self.W_k = torch.nn.Parameter(torch.randn(d_model, d_k) / math.sqrt(d_model))
        self.W_v = torch.nn.Parameter(torch.randn(d_model, d_v) / math.sqrt(d_model))
        self.W_o = torch.nn.Parameter(torch.randn(d_v, d_model) / math.sqrt(d_v))

    def forward(self, x, *, mask=None, return_weights=False):
        _check_x(x, self.W_q)
        if mask is not None:
            check_mask(mask, (*x.shape[:-1], x.shape[-2]))
        result = attention(
            x @ self.W_q, x @ self.W_k, x @ self.W_v, mask=mask, return_weights=return_weights
        )
        if not return_weights:
            return result @ self.W_o
        averaged, weights = result
        return averaged @ self.W_o, weights


class Stack(torch.nn.Module):
    r"""Apply residual self-attention layers one after the other: x ← x + self_attention(x).

    Shapes:
        x: (..., n, d_model), in the dtype of the parameters
        mask: boolean, broadcastable to (..., n, n), the same in every layer
        returns: (..., n, d_model); with no layer it is x

    Raises:
        TypeError, ValueError: as :class:`SelfAttention`; also if ``num_layers`` is negative.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.1. Departures: neither
        layer normalisation nor feed-forward layers.
    """

    def __init__(self, d_model, d_k, num_layers, d_v=None):
        super().__init__()
        if num_layers < 0:
            raise ValueError(f"num_layers is {num_layers}; it must be at least 0")
        self.layers = torch.nn.ModuleList(
            SelfAttention(d_model, d_k, d_v) for _ in range(num_layers)
        )

    def forward(self, x, *, mask=None):
        for layer in self.layers:
            x = x + layer(x, mask=mask)
        return x


def _check_x(x, W):
    if not isinstance(x, torch.Tensor) or x.dtype != W.dtype:
        found = getattr(x, "dtype", type(x).__name__)
        raise TypeError(f"x is of {found}; it needs a tensor of {W.dtype}, as the parameters")
    if x.ndim < 2 or x.shape[-1] != W.shape[0]:
        raise ValueError(f"x has shape {tuple(x.shape)}; it needs (..., n, {W.shape[0]})")
