r"""Self-attention with learned matrices, and a stack of it, in PyTorch."""

import math

import torch

from attention_book.scaled_dot_product.module import attention
from attention_book.shapes import (
    check_count,
    check_layer_sizes,
    check_self_attention,
    check_tokens,
)


def self_attention(x, parameters, *, mask=None, return_weights=False):
    r"""Let every token of x average what all tokens have to say, with learned matrices.

    .. math:: \operatorname{softmax}\!\left(\frac{(x W_q)(x W_k)^\top}{\sqrt{d_k}}\right)
              x W_v\, W_o

    Shapes:
        x: (..., n, d_model)
        parameters: {"W_q": (d_model, d_k), "W_k": (d_model, d_k), "W_v": (d_model, d_v),
            "W_o": (d_v, d_model)}, in the dtype of x
        mask: boolean tensor or NumPy array, broadcastable to (..., n, n); True = may attend.
        What it hides must still be finite: 0 times NaN is NaN.
        returns: (..., n, d_model), and with ``return_weights`` also the weights (..., n, n),
        both in the dtype of x. A token that may attend to nothing gets zeros, and so do the
        gradients through it.

    Raises:
        TypeError: ``x`` is not a floating-point tensor, a parameter is no tensor of its dtype,
            or ``mask`` is not boolean.
        ValueError: a parameter is missing or superfluous, or the shapes do not fit.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2 with h = 1.
        Departures: an empty row gives zeros, the sizes d_k and d_v are free, and float16 and
        bfloat16 are computed in float32.
    """
    check_self_attention(x, parameters, mask, kind=torch.Tensor)
    dtype = torch.promote_types(x.dtype, torch.float32)
    wide, W = x.to(dtype), {name: matrix.to(dtype) for name, matrix in parameters.items()}
    q, k, v = wide @ W["W_q"], wide @ W["W_k"], wide @ W["W_v"]
    if not return_weights:
        return (attention(q, k, v, mask=mask) @ W["W_o"]).to(x.dtype)
    averaged, weights = attention(q, k, v, mask=mask, return_weights=True)
    return (averaged @ W["W_o"]).to(x.dtype), weights.to(x.dtype)


class SelfAttention(torch.nn.Module):
    """:func:`self_attention` with its parameters, normal with variance 1/fan-in at the start.

    Shapes:
        x: (..., n, d_model), in the dtype of the parameters
        mask: as for :func:`self_attention`
        returns: (..., n, d_model), and with ``return_weights`` also the weights (..., n, n)

    Raises:
        TypeError, ValueError: as :func:`self_attention`; also if a size is no integer or below 1.

    Source:
        As :func:`self_attention`.
    """

    def __init__(self, d_model, d_k, *, d_v=None):
        super().__init__()
        d_model, d_k, d_v = check_layer_sizes(d_model, d_k, d_v)
        self.W_q = torch.nn.Parameter(torch.randn(d_model, d_k) / math.sqrt(d_model))
        self.W_k = torch.nn.Parameter(torch.randn(d_model, d_k) / math.sqrt(d_model))
        self.W_v = torch.nn.Parameter(torch.randn(d_model, d_v) / math.sqrt(d_model))
        self.W_o = torch.nn.Parameter(torch.randn(d_v, d_model) / math.sqrt(d_v))

    def forward(self, x, *, mask=None, return_weights=False):
        parameters = {"W_q": self.W_q, "W_k": self.W_k, "W_v": self.W_v, "W_o": self.W_o}
        return self_attention(x, parameters, mask=mask, return_weights=return_weights)


class Stack(torch.nn.Module):
    r"""Apply residual self-attention layers one after the other: x ← x + self_attention(x).

    Shapes:
        x: (..., n, d_model), in the dtype of the parameters
        mask: as for :func:`self_attention`, the same in every layer
        returns: (..., n, d_model); with no layer it is x

    Raises:
        TypeError, ValueError: as :class:`SelfAttention`; also if ``num_layers`` is negative.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.1. Departures: neither
        layer normalisation nor feed-forward layers.
    """

    def __init__(self, d_model, d_k, *, num_layers, d_v=None):
        super().__init__()
        self.d_model, d_k, d_v = check_layer_sizes(d_model, d_k, d_v)
        num_layers = check_count(num_layers, "num_layers")
        self.layers = torch.nn.ModuleList(
            SelfAttention(d_model, d_k, d_v=d_v) for _ in range(num_layers)
        )

    def forward(self, x, *, mask=None):
        check_tokens(x, mask, kind=torch.Tensor, d_model=self.d_model)
        for layer in self.layers:
            x = x + layer(x, mask=mask)
        return x
