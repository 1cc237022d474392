r"""A dense network, self-attention and a stack of it in NumPy, each with its backward pass."""

import math

import numpy as np

from attention_book.scaled_dot_product import reference as scaled_dot_product
from attention_book.shapes import (
    check_count,
    check_floating,
    check_layer_sizes,
    check_parameters,
    check_self_attention,
    check_tokens,
)


def network(x, parameters):
    r"""Apply a dense network with one hidden layer to each row of x.

    .. math:: y = \tanh(x W_1 + b_1)\, W_2 + b_2

    Shapes:
        x: (N, d_in)
        parameters: {"W_1": (d_in, d_hidden), "b_1": (d_hidden,), "W_2": (d_hidden, d_out),
            "b_2": (d_out,)}, as :func:`new_network` makes them
        returns: (N, d_out), in the dtype of x

    Raises:
        TypeError: ``x`` is not floating point, or a parameter is no array of its dtype.
        ValueError: a parameter is missing or superfluous, or the shapes do not fit.

    Source:
        D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by
        back-propagating errors", 1986, equations 1 and 2. Departures: tanh hidden units,
        linear outputs, and float16 is computed in float32.
    """
    x = np.asarray(x)
    _check_network(x, parameters)
    wide, p = _widened(x, parameters)
    h = np.tanh(wide @ p["W_1"] + p["b_1"])
    return (h @ p["W_2"] + p["b_2"]).astype(x.dtype)


def network_backward(x, parameters, grad_output):
    r"""Return the gradients of ``sum(network(x) * grad_output)`` with respect to the parameters.

    For the loss :math:`\tfrac12 \sum (y - t)^2` hand in ``grad_output = y - t``.

    Shapes:
        x: (N, d_in), parameters: as for :func:`network`, grad_output: (N, d_out)
        returns: a dictionary with the keys and shapes of ``parameters``

    Raises:
        TypeError, ValueError: as :func:`network`; also if ``grad_output`` does not have the
            shape and dtype of the output.

    Source:
        D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by
        back-propagating errors", 1986, equations 4 to 7, for a whole batch and with tanh.
    """
    x, grad_output = np.asarray(x), np.asarray(grad_output)
    _check_network(x, parameters)
    _check_grad_output(grad_output, (len(x), *parameters["b_2"].shape), x.dtype)
    wide, p = _widened(x, parameters)
    grad_y = grad_output.astype(wide.dtype)

    h = np.tanh(wide @ p["W_1"] + p["b_1"])
    grad_h = grad_y @ p["W_2"].T
    grad_z = grad_h * (1 - h**2)
    gradients = {
        "W_1": wide.T @ grad_z,
        "b_1": grad_z.sum(axis=0),
        "W_2": h.T @ grad_y,
        "b_2": grad_y.sum(axis=0),
    }
    return _cast(gradients, x.dtype)


def self_attention(x, parameters, *, mask=None, return_weights=False):
    r"""Let every token of x average what all tokens have to say, with learned matrices.

    .. math:: \operatorname{softmax}\!\left(\frac{(x W_q)(x W_k)^\top}{\sqrt{d_k}}\right)
              x W_v\, W_o

    Shapes:
        x: (..., n, d_model)
        parameters: {"W_q": (d_model, d_k), "W_k": (d_model, d_k), "W_v": (d_model, d_v),
            "W_o": (d_v, d_model)}, as :func:`new_layer` makes them
        mask: boolean, broadcastable to (..., n, n); True = may attend. What it hides must
        still be finite: 0 times NaN is NaN.
        returns: (..., n, d_model), and with ``return_weights`` also the weights (..., n, n),
        both in the dtype of x. A token that may attend to nothing gets zeros.

    Raises:
        TypeError: ``x`` is not floating point, a parameter is no array of its dtype, or
            ``mask`` is not boolean.
        ValueError: a parameter is missing or superfluous, or the shapes do not fit.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2 with h = 1.
        Departures: an empty row gives zeros, and float16 is computed in float32.
    """
    x = np.asarray(x)
    check_self_attention(x, parameters, mask, kind=np.ndarray)
    wide, W = _widened(x, parameters)
    averaged, weights = scaled_dot_product.attention(
        wide @ W["W_q"], wide @ W["W_k"], wide @ W["W_v"], mask=mask, return_weights=True
    )
    output = (averaged @ W["W_o"]).astype(x.dtype)
    return (output, weights.astype(x.dtype)) if return_weights else output


def self_attention_backward(x, parameters, grad_output, *, mask=None):
    r"""Return the gradients of ``sum(self_attention(x) * grad_output)``.

    x enters three times, as queries, keys and values, so its gradient is a sum of three.

    Shapes:
        x, parameters, mask: as for :func:`self_attention`, grad_output: (..., n, d_model)
        returns: the gradient with respect to x, (..., n, d_model), and a dictionary of those
        with respect to the parameters, summed over the leading dimensions

    Raises:
        TypeError, ValueError: as :func:`self_attention`; also if ``grad_output`` does not have
            the shape and dtype of the output.

    Source:
        T. Dao et al., "FlashAttention", 2022, appendix B.2, for the part between q, k, v and
        the average; the matrices by the chain rule.
    """
    x, grad_output = np.asarray(x), np.asarray(grad_output)
    check_self_attention(x, parameters, mask, kind=np.ndarray)
    _check_grad_output(grad_output, x.shape, x.dtype)
    wide, W = _widened(x, parameters)
    grad_y = grad_output.astype(wide.dtype)

    q, k, v = wide @ W["W_q"], wide @ W["W_k"], wide @ W["W_v"]
    averaged = scaled_dot_product.attention(q, k, v, mask=mask)
    grad_averaged = grad_y @ W["W_o"].T
    inner = scaled_dot_product.backward(q, k, v, grad_averaged, mask=mask)
    grad_q, grad_k, grad_v = inner

    grad_x = grad_q @ W["W_q"].T + grad_k @ W["W_k"].T + grad_v @ W["W_v"].T
    gradients = {
        "W_q": _sum_of_outer_products(wide, grad_q),
        "W_k": _sum_of_outer_products(wide, grad_k),
        "W_v": _sum_of_outer_products(wide, grad_v),
        "W_o": _sum_of_outer_products(averaged, grad_y),
    }
    return grad_x.astype(x.dtype), _cast(gradients, x.dtype)


def stack(x, layers, *, mask=None):
    r"""Apply residual self-attention layers one after the other: x ← x + self_attention(x).

    Shapes:
        x: (..., n, d_model)
        layers: parameters as for :func:`self_attention`, one dictionary for each layer
        mask: as for :func:`self_attention`, the same in every layer
        returns: (..., n, d_model); with no layer it is a copy of x

    Raises:
        TypeError, ValueError: as :func:`self_attention`; also if ``layers`` is not iterable.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.1. Departures: neither
        layer normalisation nor feed-forward layers.
    """
    _, output = _through(x, layers, mask)
    return output.copy()


def stack_backward(x, layers, grad_output, *, mask=None):
    r"""Return the gradients of ``sum(stack(x, layers) * grad_output)``.

    Through a residual layer the gradient comes back on two ways: as it is, and through the
    attention.

    Shapes:
        x, layers, mask: as for :func:`stack`, grad_output: (..., n, d_model)
        returns: the gradient with respect to x, and a list of dictionaries, one for each layer

    Raises:
        TypeError, ValueError: as :func:`stack` and :func:`self_attention_backward`.

    Source:
        K. He et al., "Deep Residual Learning for Image Recognition", 2016, for the sum; the
        rest by the chain rule.
    """
    steps, output = _through(x, layers, mask)
    grad_x = np.array(grad_output)
    _check_grad_output(grad_x, output.shape, output.dtype)
    gradients = []
    for x, layer in reversed(steps):
        grad_inner, grad_layer = self_attention_backward(x, layer, grad_x, mask=mask)
        grad_x = grad_x + grad_inner
        gradients.append(grad_layer)
    return grad_x, gradients[::-1]


def numerical_gradient(function, x, *, step=1e-5):
    r"""Estimate the gradient of a function at x by central differences, number by number.

    .. math:: \frac{\partial f}{\partial x_i} \approx
              \frac{f(x + \varepsilon e_i) - f(x - \varepsilon e_i)}{2 \varepsilon}

    The error of the formula falls like ε², that of the subtraction grows like 1/ε. In float64
    they meet near 1e-5; in float32 few digits are left at any step. Where :math:`x_i` is large,
    :math:`x_i \pm \varepsilon` is rounded: the divisor is the distance between the two as stored.

    Shapes:
        function: takes an array like x and returns a number
        x: any shape, float64; left as it is
        returns: the shape of x

    Raises:
        TypeError: ``x`` is not of float64.
        ValueError: ``step`` does not move x upwards by a finite amount, or ``function`` does not
            return a single real number.

    Source:
        The symmetric difference quotient, by Taylor's formula.
    """
    x = np.asarray(x)
    if x.dtype != np.float64:
        raise TypeError(f"x has dtype {x.dtype}; it needs float64: others have too few digits")
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        high, low = float(x[index]) + step, float(x[index]) - step
        if not 0 < high - low < math.inf:
            raise ValueError(f"step is {step}; it must be above 0 and move {x[index]}")
        above, below = x.copy(), x.copy()
        above[index], below[index] = high, low
        gradient[index] = (_number(function(above)) - _number(function(below))) / (high - low)
    return gradient


def new_network(d_in, d_hidden, d_out, *, rng, spread=1.0):
    r"""Return the parameters of a network: normal with variance ``spread``²/fan-in, biases 0.

    Shapes:
        rng: a ``numpy.random.Generator``
        returns: as :func:`network` takes them

    Raises:
        TypeError: a size is not an integer.
        ValueError: a size is below 1, or ``spread`` is negative or not finite.

    Source:
        X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
        networks", 2010, section 4.2. Departure: normal numbers, and fan-in only.
    """
    d_in = check_count(d_in, "d_in", least=1)
    d_hidden = check_count(d_hidden, "d_hidden", least=1)
    d_out = check_count(d_out, "d_out", least=1)
    if not 0 <= spread < math.inf:
        raise ValueError(f"spread is {spread}; it must be finite and at least 0")
    return {
        "W_1": spread * _normal(rng, d_in, d_hidden),
        "b_1": np.zeros(d_hidden),
        "W_2": spread * _normal(rng, d_hidden, d_out),
        "b_2": np.zeros(d_out),
    }


def new_layer(d_model, d_k, *, rng, d_v=None):
    r"""Return the parameters of an attention layer: normal with variance 1/fan-in.

    Shapes:
        rng: a ``numpy.random.Generator``
        returns: as :func:`self_attention` takes them; d_v = d_k when it is left out

    Raises:
        TypeError: a size is not an integer.
        ValueError: a size is below 1.

    Source:
        As :func:`new_network`.
    """
    d_model, d_k, d_v = check_layer_sizes(d_model, d_k, d_v)
    return {
        "W_q": _normal(rng, d_model, d_k),
        "W_k": _normal(rng, d_model, d_k),
        "W_v": _normal(rng, d_model, d_v),
        "W_o": _normal(rng, d_v, d_model),
    }


def _through(x, layers, mask):
    """Return the input and the parameters of each layer, in pairs, and the last output."""
    x = np.asarray(x)
    check_tokens(x, mask, kind=np.ndarray)
    if not np.iterable(layers):
        raise TypeError(f"layers is a {type(layers).__name__}; it needs a sequence")
    steps = []
    for layer in layers:
        steps.append((x, layer))
        x = x + self_attention(x, layer, mask=mask)
    return steps, x


def _sum_of_outer_products(inputs, grad_outputs):
    """Return inputsᵀ grad_outputs, summed over all tokens of all sequences."""
    width = inputs.shape[-1]
    return inputs.reshape(-1, width).T @ grad_outputs.reshape(-1, grad_outputs.shape[-1])


def _widened(x, parameters):
    dtype = np.promote_types(x.dtype, np.float32)
    return x.astype(dtype), _cast(parameters, dtype)


def _cast(arrays, dtype):
    return {name: array.astype(dtype) for name, array in arrays.items()}


def _normal(rng, fan_in, fan_out):
    return rng.standard_normal((fan_in, fan_out)) / math.sqrt(fan_in)


def _number(value):
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "buif":
        raise ValueError(f"function returned {value!r:.60}; it needs one real number")
    return float(array.item())


def _check_network(x, parameters):
    check_floating(x, "x", kind=np.ndarray)
    if x.ndim != 2 or x.shape[-1] == 0:
        raise ValueError(f"x has shape {x.shape}; it needs (N, d_in)")
    axes = {
        "W_1": ("d_in", "d_hidden"),
        "b_1": ("d_hidden",),
        "W_2": ("d_hidden", "d_out"),
        "b_2": ("d_out",),
    }
    check_parameters(parameters, x, axes, kind=np.ndarray)


def _check_grad_output(grad_output, shape, dtype):
    if grad_output.shape != shape:
        raise ValueError(
            f"grad_output has shape {grad_output.shape}; it must equal the output's, {shape}"
        )
    if grad_output.dtype != dtype:
        raise TypeError(
            f"grad_output has dtype {grad_output.dtype}; it must equal the output's, {dtype}"
        )
