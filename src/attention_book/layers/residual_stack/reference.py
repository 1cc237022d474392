r"""A stack of residual self-attention layers in NumPy, and its backward pass."""

import numpy as np

from attention_book.layers.self_attention.reference import self_attention, self_attention_backward
from attention_book.shapes import shapes


@shapes(np, "x: ... n d_model, mask: ... n n -> ... n d_model", widens=False)
def stack(x, layers, *, mask=None):
    r"""Apply residual self-attention layers one after the other: x ← x + self_attention(x).

    ``layers`` has the parameters of each layer, as :func:`self_attention` takes them. With no
    layer a copy of x comes back.

    Raises:
        TypeError: ``layers`` is not iterable.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.1. Departures: neither
        layer normalisation nor feed-forward layers.
    """
    *_, last = _through(x, layers, mask)
    return last.copy()


@shapes(np, "x: * n d_model, grad_output: * n d_model, mask: * n n", widens=False)
def stack_backward(x, layers, grad_output, *, mask=None):
    r"""Return the gradients of ``sum(stack(x, layers) * grad_output)``.

    Through a residual layer the gradient comes back on two ways: as it is, and through the
    attention.

    Shapes:
        returns: the gradient with respect to x, and a list of dictionaries, one for each layer

    Raises:
        TypeError: ``layers`` is not iterable.

    Source:
        K. He et al., "Deep Residual Learning for Image Recognition", 2016, for the sum; the
        rest by the chain rule.
    """
    layers = list(_layers(layers))
    inputs = _through(x, layers, mask)[:-1]
    grad_x, gradients = grad_output.copy(), []
    for x, layer in zip(inputs[::-1], layers[::-1], strict=True):
        grad_inner, grad_layer = self_attention_backward(x, layer, grad_x, mask=mask)
        grad_x = grad_x + grad_inner
        gradients.append(grad_layer)
    return grad_x, gradients[::-1]


def _through(x, layers, mask):
    """Return the input of each layer, and the last output."""
    steps = [x]
    for layer in _layers(layers):
        steps.append(steps[-1] + self_attention(steps[-1], layer, mask=mask))
    return steps


def _layers(layers):
    if not np.iterable(layers):
        raise TypeError(f"layers is a {type(layers).__name__}; it needs a sequence")
    return layers
