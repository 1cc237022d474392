r"""Normalisation of each token in NumPy: ``(x - mean) / deviation``, then a gain and a bias."""

import numpy as np

from attention_book.shapes import count, matrices, number, shapes

PARAMETERS = matrices("as :func:`new_norm` makes them", gain="d", bias="d")


@shapes(np, "x: ... d -> ... d", parameters=PARAMETERS, eps=number(least=0))
def layer_norm(x, parameters, *, eps=1e-5):
    r"""Give the features of each token mean 0 and variance 1, then a gain and a bias.

    .. math:: y = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \odot g + b, \qquad
              \mu = \frac1d \sum_f x_f, \quad \sigma^2 = \frac1d \sum_f (x_f - \mu)^2

    Mean and variance are those of one token over its own features: no token sees another.

    Source:
        J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer Normalization", 2016, equations 3 and 4, with
        the gain and the bias of section 3.1. Departure: the ε under the root, as in PyTorch.
    """
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred**2).mean(axis=-1, keepdims=True)
    return centred / np.sqrt(variance + eps) * parameters["gain"] + parameters["bias"]


@shapes(np, "x: ... d -> ... d", parameters=matrices(gain="d"), eps=number(least=0))
def rms_norm(x, parameters, *, eps=1e-5):
    r"""Give the features of each token the root mean square 1, then a gain.

    .. math:: y = \frac{x}{\sqrt{\frac1d \sum_f x_f^2 + \epsilon}} \odot g

    Source:
        B. Zhang, R. Sennrich, "Root Mean Square Layer Normalization", 2019, equation 4.
        Departure: the ε under the root.
    """
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps) * parameters["gain"]


@shapes(np, d=count(1))
def new_norm(d):
    """Return the parameters of a normalisation that only normalises: gain 1 and bias 0.

    Shapes:
        returns: the parameters, as :func:`layer_norm` takes them

    Source:
        As :func:`layer_norm`.
    """
    return {"gain": np.ones(d), "bias": np.zeros(d)}
