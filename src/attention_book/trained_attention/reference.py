r"""A dense network, self-attention and a stack of it in NumPy, each with its backward pass."""

import math
import operator

import numpy as np

from attention_book.scaled_dot_product import reference as scaled_dot_product


def network(x, parameters):
    r"""Apply a dense network with one hidden layer to each row of x.

    .. math:: y = \tanh(x W_1 + b_1)\, W_2 + b_2

    Shapes:
        x: (N, d_in)
        parameters: {"W_1": (d_in, d_hidden), "b_1": (d_hidden,), "W_2": (d_hidden, d_out),
            "b_2": (d_out,)}, as :func:`new_network` makes them
        returns: (N, d_out), in the dtype of x

    Raises:
        TypeError: ``x`` is not floating point, or a parameter has another dtype.
        ValueError: a parameter is missing or superfluous, or the shapes do not fit.

    Source:
        D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by
        back-propagating errors", 1986, equations 1 and 2. Departures: tanh hidden units,
        linear outputs.
    """
    x = np.asarray(x)
    _check_x(x, dimensions="(N, d_in)")
    _check_network(x, parameters)
    h = np.tanh(x @ parameters["W_1"] + parameters["b_1"])
    return h @ parameters["W_2"] + parameters["b_2"]


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
    _check_grad_output(grad_output, network(x, parameters))
    h = np.tanh(x @ parameters["W_1"] + parameters["b_1"])
    grad_h = grad_output @ parameters["W_2"].T
    grad_z = grad_h * (1 - h**2)
    return {
        "W_1": x.T @ grad_z,
        "b_1": grad_z.sum(axis=0),
        "W_2": h.T @ grad_output,
        "b_2": grad_output.sum(axis=0),
    }


def self_attention(x, parameters, *, mask=None, return_weights=False):
    r"""Let every token of x average what all tokens have to say, with learned matrices.

    .. math:: \operatorname{softmax}\!\left(\frac{(x W_q)(x W_k)^\top}{\sqrt{d_k}}\right)
              x W_v\, W_o

    Shapes:
        x: (..., n, d_model)
        parameters: {"W_q": (d_model, d_k), "W_k": (d_model, d_k), "W_v": (d_model, d_v),
            "W_o": (d_v, d_model)}, as :func:`new_layer` makes them
        mask: boolean, broadcastable to (..., n, n); True = may attend
        returns: (..., n, d_model), and with ``return_weights`` also the weights (..., n, n),
        both in the dtype of x. A token that may attend to nothing gets zeros.

    Raises:
        TypeError: ``x`` is not floating point, a parameter has another dtype, or ``mask`` is
            not boolean.
        ValueError: a parameter is missing or superfluous, or the shapes do not fit.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2 with h = 1.
        Departures: an empty row gives zeros, and float16 is computed in float32.
    """
    x = np.asarray(x)
    _check_layer(x, parameters)
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
        x: (..., n, d_model), parameters: as for :func:`self_attention`
        grad_output: (..., n, d_model)
        mask: boolean, broadcastable to (..., n, n); True = may attend
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
    _check_layer(x, parameters)
    _check_grad_output(grad_output, x)
    wide, W = _widened(x, parameters)
    grad = grad_output.astype(wide.dtype)

    q, k, v = wide @ W["W_q"], wide @ W["W_k"], wide @ W["W_v"]
    averaged = scaled_dot_product.attention(q, k, v, mask=mask)
    grad_averaged = grad @ W["W_o"].T
    inner = scaled_dot_product.backward(q, k, v, grad_averaged, mask=mask)
    grad_q, grad_k, grad_v = inner

    grad_x = grad_q @ W["W_q"].T + grad_k @ W["W_k"].T + grad_v @ W["W_v"].T
    gradients = {
        "W_q": _over_tokens(wide, grad_q),
        "W_k": _over_tokens(wide, grad_k),
        "W_v": _over_tokens(wide, grad_v),
        "W_o": _over_tokens(averaged, grad),
    }
    gradients = {name: g.astype(x.dtype) for name, g in gradients.items()}
    return grad_x.astype(x.dtype), gradients


def stack(x, layers, *, mask=None):
    r"""Apply residual self-attention layers one after the other: x ← x + self_attention(x).

    Shapes:
        x: (..., n, d_model)
        layers: a sequence of parameters as for :func:`self_attention`, one for each layer
        mask: boolean, broadcastable to (..., n, n), the same in every layer
        returns: (..., n, d_model); with no layer it is a copy of x

    Raises:
        TypeError, ValueError: as :func:`self_attention`.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.1. Departures: neither
        layer normalisation nor feed-forward layers.
    """
    return _inputs(x, layers, mask)[-1].copy()


def stack_backward(x, layers, grad_output, *, mask=None):
    r"""Return the gradients of ``sum(stack(x, layers) * grad_output)``.

    Through a residual layer the gradient comes back on two ways: as it is, and through the
    attention.

    Shapes:
        x: (..., n, d_model), layers: as for :func:`stack`, grad_output: (..., n, d_model)
        mask: boolean, broadcastable to (..., n, n)
        returns: the gradient with respect to x, and a list of dictionaries, one for each layer

    Raises:
        TypeError, ValueError: as :func:`self_attention_backward`.

    Source:
        K. He et al., "Deep Residual Learning for Image Recognition", 2016, for the sum; the
        rest by the chain rule.
    """
    inputs, grad = _inputs(x, layers, mask), np.asarray(grad_output)
    _check_grad_output(grad, inputs[0])
    gradients = []
    for x, layer in zip(inputs[-2::-1], layers[::-1], strict=True):
        grad_x, of_layer = self_attention_backward(x, layer, grad, mask=mask)
        grad = grad + grad_x
        gradients.insert(0, of_layer)
    return grad.copy(), gradients


def numerical_gradient(function, x, *, step=1e-6):
    r"""Estimate the gradient of a function at x by central differences, number by number.

    .. math:: \frac{\partial f}{\partial x_i} \approx
              \frac{f(x + \varepsilon e_i) - f(x - \varepsilon e_i)}{2 \varepsilon}

    The error of the formula falls like ε², that of the subtraction grows like 1/ε. In float64
    they meet near 1e-5; in float32 few digits are left at any step.

    Shapes:
        function: takes an array like x and returns a number
        x: any shape, float64; left as it is
        returns: the shape of x

    Raises:
        TypeError: ``x`` is not of float64.
        ValueError: ``step`` is not above 0, or ``function`` does not return a single number.

    Source:
        The symmetric difference quotient, by Taylor's formula.
    """
    x = np.asarray(x)
    if x.dtype != np.float64:
        raise TypeError(f"x has dtype {x.dtype}; it needs float64: others have too few digits")
    if not step > 0:
        raise ValueError(f"step is {step}; it must be above 0")
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        values = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * step
            values.append(_number(function(moved)))
        gradient[index] = (values[0] - values[1]) / (2 * step)
    return gradient


def new_network(d_in, d_hidden, d_out, *, rng, spread=1.0):
    r"""Return the parameters of a network: normal with variance ``spread``²/fan-in, biases 0.

    Shapes:
        returns: as :func:`network` takes them

    Raises:
        TypeError: a size is not an integer.
        ValueError: a size is below 1.

    Source:
        X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
        networks", 2010, section 4.2. Departure: normal numbers, and fan-in only.
    """
    sizes = {"d_in": d_in, "d_hidden": d_hidden, "d_out": d_out}
    d_in, d_hidden, d_out = (_size(value, name) for name, value in sizes.items())
    return {
        "W_1": rng.standard_normal((d_in, d_hidden)) * spread / math.sqrt(d_in),
        "b_1": np.zeros(d_hidden),
        "W_2": rng.standard_normal((d_hidden, d_out)) * spread / math.sqrt(d_hidden),
        "b_2": np.zeros(d_out),
    }


def new_layer(d_model, d_k, *, rng, d_v=None):
    r"""Return the parameters of an attention layer: normal with variance 1/fan-in.

    Shapes:
        returns: as :func:`self_attention` takes them; d_v = d_k when it is left out

    Raises:
        TypeError: a size is not an integer.
        ValueError: a size is below 1.

    Source:
        As :func:`new_network`.
    """
    d_v = d_k if d_v is None else d_v
    sizes = {"d_model": d_model, "d_k": d_k, "d_v": d_v}
    d_model, d_k, d_v = (_size(value, name) for name, value in sizes.items())
    shapes = {"W_q": (d_model, d_k), "W_k": (d_model, d_k), "W_v": (d_model, d_v)}
    shapes["W_o"] = (d_v, d_model)
    return {name: rng.standard_normal(s) / math.sqrt(s[0]) for name, s in shapes.items()}


def _inputs(x, layers, mask):
    """Return what goes into each layer, and what comes out of the last."""
    x = np.asarray(x)
    _check_x(x, dimensions="(..., n, d_model)")
    inputs = [x]
    for layer in layers:
        inputs.append(inputs[-1] + self_attention(inputs[-1], layer, mask=mask))
    return inputs


def _over_tokens(inputs, grad):
    """Return the sum of outer products over all tokens of all sequences: inputsᵀ grad."""
    return inputs.reshape(-1, inputs.shape[-1]).T @ grad.reshape(-1, grad.shape[-1])


def _widened(x, parameters):
    dtype = np.promote_types(x.dtype, np.float32)
    return x.astype(dtype), {name: array.astype(dtype) for name, array in parameters.items()}


def _number(value):
    if np.size(value) != 1:
        raise ValueError(f"function returned the shape {np.shape(value)}; it needs one number")
    return np.asarray(value).item()


def _size(value, name):
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; it needs an integer") from None
    if value < 1:
        raise ValueError(f"{name} is {value}; it must be at least 1")
    return value


def _check_x(x, *, dimensions):
    if not np.issubdtype(x.dtype, np.floating):
        raise TypeError(f"x has dtype {x.dtype}; it needs a floating-point dtype")
    needed = 2
    if (x.ndim != needed if dimensions.startswith("(N") else x.ndim < needed) or not x.shape[-1]:
        raise ValueError(f"x has shape {x.shape}; it needs {dimensions}")


def _check_network(x, parameters):
    _check_names(parameters, ("W_1", "b_1", "W_2", "b_2"), x)
    d_hidden, d_out = parameters["W_1"].shape[-1:], parameters["W_2"].shape[-1:]
    _check_shape(parameters, "W_1", (*x.shape[-1:], *d_hidden))
    _check_shape(parameters, "b_1", d_hidden)
    _check_shape(parameters, "W_2", (*d_hidden, *d_out))
    _check_shape(parameters, "b_2", d_out)


def _check_layer(x, parameters):
    _check_x(x, dimensions="(..., n, d_model)")
    _check_names(parameters, ("W_q", "W_k", "W_v", "W_o"), x)
    d_model, d_k, d_v = x.shape[-1:], parameters["W_q"].shape[-1:], parameters["W_v"].shape[-1:]
    _check_shape(parameters, "W_q", (*d_model, *d_k))
    _check_shape(parameters, "W_k", (*d_model, *d_k))
    _check_shape(parameters, "W_v", (*d_model, *d_v))
    _check_shape(parameters, "W_o", (*d_v, *d_model))


def _check_names(parameters, names, x):
    if not isinstance(parameters, dict) or set(parameters) != set(names):
        found = sorted(parameters) if isinstance(parameters, dict) else type(parameters).__name__
        raise ValueError(f"parameters has {found}; it needs a dictionary of {', '.join(names)}")
    for name in names:
        array = parameters[name]
        if not isinstance(array, np.ndarray) or array.dtype != x.dtype:
            found = getattr(array, "dtype", type(array).__name__)
            raise TypeError(f"{name} has dtype {found}; it must equal that of x, {x.dtype}")


def _check_shape(parameters, name, needed):
    if parameters[name].shape != needed:
        raise ValueError(f"{name} has shape {parameters[name].shape}; it needs {needed} here")


def _check_grad_output(grad_output, output):
    if grad_output.shape != output.shape:
        raise ValueError(
            f"grad_output has shape {grad_output.shape}; it must equal the output's, {output.shape}"
        )
    if grad_output.dtype != output.dtype:
        raise TypeError(
            f"grad_output has dtype {grad_output.dtype}; it must equal the output's, {output.dtype}"
        )
