r"""Self-attention with learned matrices, and a stack of it, in PyTorch."""

import math
import operator

import torch

from attention_book.scaled_dot_product.module import attention


def self_attention(x, parameters, *, mask=None, return_weights=False):
    r"""Let every token of x average what all tokens have to say, with learned matrices.

    .. math:: \operatorname{softmax}\!\left(\frac{(x W_q)(x W_k)^\top}{\sqrt{d_k}}\right)
              x W_v\, W_o

    Shapes:
        x: (..., n, d_model)
        parameters: {"W_q": (d_model, d_k), "W_k": (d_model, d_k), "W_v": (d_model, d_v),
            "W_o": (d_v, d_model)}, in the dtype of x
        mask: boolean tensor or NumPy array, broadcastable to (..., n, n); True = may attend
        returns: (..., n, d_model), and with ``return_weights`` also the weights (..., n, n). A
        token that may attend to nothing gets zeros, and so do the gradients through it.

    Raises:
        TypeError: ``x`` is not a floating-point tensor, a parameter has another dtype, or
            ``mask`` is not boolean.
        ValueError: the shapes do not fit.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2 with h = 1.
        Departures: an empty row gives zeros; the sizes d_k and d_v are free.
    """
    _check(x, parameters)
    q, k, v = (x @ parameters[name] for name in ("W_q", "W_k", "W_v"))
    if not return_weights:
        return attention(q, k, v, mask=mask) @ parameters["W_o"]
    averaged, weights = attention(q, k, v, mask=mask, return_weights=True)
    return averaged @ parameters["W_o"], weights


class SelfAttention(torch.nn.Module):
    """:func:`self_attention` with its parameters, normal with variance 1/fan-in at the start.

    Shapes:
        x: (..., n, d_model), in the dtype of the parameters
        mask: boolean, broadcastable to (..., n, n); True = may attend
        returns: (..., n, d_model), and with ``return_weights`` also the weights (..., n, n)

    Raises:
        TypeError, ValueError: as :func:`self_attention`; also if a size is no integer or below 1.

    Source:
        As :func:`self_attention`.
    """

    def __init__(self, d_model, d_k, d_v=None):
        super().__init__()
        d_v = d_k if d_v is None else d_v
        for name, size in (("d_model", d_model), ("d_k", d_k), ("d_v", d_v)):
            _check_size(size, name, least=1)
        self.W_q = torch.nn.Parameter(torch.randn(d_model, d_k) / math.sqrt(d_model))
        self.W_k = torch.nn.Parameter(torch.randn(d_model, d_k) / math.sqrt(d_model))
        self.W_v = torch.nn.Parameter(torch.randn(d_model, d_v) / math.sqrt(d_model))
        self.W_o = torch.nn.Parameter(torch.randn(d_v, d_model) / math.sqrt(d_v))

    def forward(self, x, *, mask=None, return_weights=False):
        parameters = dict(self.named_parameters())
        return self_attention(x, parameters, mask=mask, return_weights=return_weights)


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
        _check_size(num_layers, "num_layers", least=0)
        self.layers = torch.nn.ModuleList(
            SelfAttention(d_model, d_k, d_v) for _ in range(num_layers)
        )

    def forward(self, x, *, mask=None):
        for layer in self.layers:
            x = x + layer(x, mask=mask)
        return x


def _check_size(value, name, *, least):
    try:
        operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; it needs an integer") from None
    if value < least:
        raise ValueError(f"{name} is {value}; it must be at least {least}")


def _check(x, parameters):
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        found = getattr(x, "dtype", type(x).__name__)
        raise TypeError(f"x is of {found}; it needs a floating-point tensor")
    if x.ndim < 2 or x.shape[-1] == 0:
        raise ValueError(f"x has shape {tuple(x.shape)}; it needs (..., n, d_model)")
    for name in ("W_q", "W_k", "W_v", "W_o"):
        if parameters[name].dtype != x.dtype:
            raise TypeError(
                f"{name} has dtype {parameters[name].dtype}; it must equal that of x, {x.dtype}"
            )
    d_model, d_k, d_v = x.shape[-1], parameters["W_q"].shape[-1], parameters["W_v"].shape[-1]
    needed = {"W_q": (d_model, d_k), "W_k": (d_model, d_k), "W_v": (d_model, d_v)}
    for name, shape in (needed | {"W_o": (d_v, d_model)}).items():
        if parameters[name].shape != shape:
            raise ValueError(
                f"{name} has shape {tuple(parameters[name].shape)}; it needs {shape} here"
            )
