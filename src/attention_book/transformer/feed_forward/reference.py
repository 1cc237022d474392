r"""The feed-forward layer in NumPy, ``max(0, x W_1 + b_1) W_2 + b_2``, and its gated form."""

import math

import numpy as np

from attention_book.layers.dense_network.reference import normal
from attention_book.shapes import count, matrices, shapes

PARAMETERS = matrices(
    "as :func:`new_feed_forward` makes them",
    W_1="d_model d_ff",
    b_1="d_ff",
    W_2="d_ff d_model",
    b_2="d_model",
)


@shapes(np, "x: ... d_model -> ... d_model", parameters=PARAMETERS)
def feed_forward(x, parameters):
    r"""Apply one dense network to each token by itself.

    .. math:: y = \max(0,\ x W_1 + b_1)\, W_2 + b_2

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, equation 2.
    """
    p = parameters
    return np.maximum(0, x @ p["W_1"] + p["b_1"]) @ p["W_2"] + p["b_2"]


@shapes(
    np,
    "x: ... d_model -> ... d_model",
    parameters=matrices(W="d_model d_ff", V="d_model d_ff", W_2="d_ff d_model"),
)
def gated(x, parameters):
    r"""Apply a dense network whose hidden units are multiplied by others: SwiGLU.

    .. math:: y = \big( \operatorname{silu}(x W) \odot x V \big)\, W_2, \qquad
              \operatorname{silu}(z) = \frac{z}{1 + e^{-z}}

    Source:
        N. Shazeer, "GLU Variants Improve Transformer", 2020, equation 6, with β = 1.
    """
    p = parameters
    z = x @ p["W"]
    silu = z * (0.5 + 0.5 * np.tanh(z / 2))  # the logistic function, without an overflow
    return (silu * (x @ p["V"])) @ p["W_2"]


@shapes(np, d_model=count(1), d_ff=count(1))
def new_feed_forward(d_model, d_ff, *, rng):
    r"""Return the parameters of a layer that keeps the variance of normal features.

    Half of the hidden units are 0, so W_2 has the variance 2/fan-in. The biases are 0.

    Shapes:
        rng: a ``numpy.random.Generator``
        returns: the parameters, as :func:`feed_forward` takes them

    Source:
        K. He et al., "Delving Deep into Rectifiers", 2015, section 2.2.
    """
    return {
        "W_1": normal(rng, d_model, d_ff),
        "b_1": np.zeros(d_ff),
        "W_2": math.sqrt(2) * normal(rng, d_ff, d_model),
        "b_2": np.zeros(d_model),
    }
