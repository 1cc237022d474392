r"""Normalisation of each token in PyTorch."""

import torch
import torch.nn.functional as F

from attention_book.shapes import matrices, number, shapes

PARAMETERS = matrices(gain="d", bias="d")


@shapes(torch, "x: ... d -> ... d", parameters=PARAMETERS, eps=number(least=0))
def layer_norm(x, parameters, *, eps=1e-5):
    """Give the features of each token mean 0 and variance 1, then a gain and a bias.

    This is PyTorch's own function; ``torch.nn.LayerNorm`` keeps its parameters.

    Source:
        J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer Normalization", 2016, equations 3 and 4, with
        the gain and the bias of section 3.1. Departure: the ε under the root.
    """
    return F.layer_norm(x, x.shape[-1:], parameters["gain"], parameters["bias"], float(eps))


@shapes(torch, "x: ... d -> ... d", parameters=matrices(gain="d"), eps=number(least=0))
def rms_norm(x, parameters, *, eps=1e-5):
    """Give the features of each token the root mean square 1, then a gain.

    Source:
        B. Zhang, R. Sennrich, "Root Mean Square Layer Normalization", 2019, equation 4.
        Departure: the ε under the root.
    """
    return F.rms_norm(x, x.shape[-1:], parameters["gain"], float(eps))
