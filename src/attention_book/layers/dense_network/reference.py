r"""A dense network in NumPy, ``tanh(x W_1 + b_1) W_2 + b_2``, and its backward pass."""

import math

import numpy as np

from attention_book.shapes import count, matrices, number, shapes

PARAMETERS = matrices(
    "as :func:`new_network` makes them",
    W_1="d_in d_hidden",
    b_1="d_hidden",
    W_2="d_hidden d_out",
    b_2="d_out",
)


@shapes(np, "x: N d_in -> N d_out", parameters=PARAMETERS)
def network(x, parameters):
    r"""Apply a dense network with one hidden layer to each row of x.

    .. math:: y = \tanh(x W_1 + b_1)\, W_2 + b_2

    Source:
        D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by
        back-propagating errors", 1986, equations 1 and 2. Departures: tanh hidden units,
        linear outputs, and float16 is computed in float32.
    """
    p = parameters
    return np.tanh(x @ p["W_1"] + p["b_1"]) @ p["W_2"] + p["b_2"]


@shapes(np, "x: N d_in, grad_output: N d_out", parameters=PARAMETERS)
def network_backward(x, parameters, grad_output):
    r"""Return the gradients of ``sum(network(x) * grad_output)`` with respect to the parameters.

    For the loss :math:`\tfrac12 \sum (y - t)^2` hand in ``grad_output = y - t``.

    Shapes:
        returns: the gradients, with the keys and shapes of the parameters

    Source:
        D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by
        back-propagating errors", 1986, equations 4 to 7, for a whole batch and with tanh.
    """
    p = parameters
    h = np.tanh(x @ p["W_1"] + p["b_1"])
    grad_h = grad_output @ p["W_2"].T
    grad_z = grad_h * (1 - h**2)
    return {
        "W_1": x.T @ grad_z,
        "b_1": grad_z.sum(axis=0),
        "W_2": h.T @ grad_output,
        "b_2": grad_output.sum(axis=0),
    }


@shapes(np, d_in=count(1), d_hidden=count(1), d_out=count(1), spread=number(least=0))
def new_network(d_in, d_hidden, d_out, *, rng, spread=1.0):
    r"""Return the parameters of a network: normal with variance ``spread``²/fan-in, biases 0.

    Shapes:
        rng: a ``numpy.random.Generator``
        returns: the parameters, as :func:`network` takes them

    Source:
        Y. LeCun et al., "Efficient BackProp", 1998, section 4.6 (the variance 1/fan-in); X.
        Glorot, Y. Bengio, 2010, section 4.2, take fan-out into account too.
    """
    return {
        "W_1": spread * normal(rng, d_in, d_hidden),
        "b_1": np.zeros(d_hidden),
        "W_2": spread * normal(rng, d_hidden, d_out),
        "b_2": np.zeros(d_out),
    }


@shapes(np, "-> fan_in fan_out", fan_in=count(1), fan_out=count(1))
def normal(rng, fan_in, fan_out):
    """Return a matrix (fan_in, fan_out) of normal numbers with variance 1/fan-in.

    Raises:
        TypeError: ``rng`` is no ``numpy.random.Generator``.

    Source:
        As :func:`new_network`.
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng is a {type(rng).__name__}; it needs a numpy.random.Generator")
    return rng.standard_normal((fan_in, fan_out)) / math.sqrt(fan_in)
