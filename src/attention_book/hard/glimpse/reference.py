r"""A glimpse in NumPy: the Gumbel-max trick."""

import numpy as np

from attention_book.shapes import shapes
from attention_book.softmax import softmax


@shapes(np, "scores: * S!, uniforms~: * S!, mask: * S -> * S")
def glimpse(scores, uniforms, *, mask=None):
    r"""Look at one position, drawn with the softmax of the scores as probabilities.

    The position of the largest :math:`s_j - \ln(-\ln u_j)` is such a draw when the :math:`u_j`
    are independent and uniform between 0 and 1. So is that of the largest
    :math:`\ln \alpha_j - \ln(-\ln u_j)`: a row's scores and its :math:`\ln \alpha_j` differ by
    one number, and only the scores can be so large that they swallow the noise. The draw comes
    as one-hot weights, a single 1, or none where nothing may be drawn:
    ``glimpse(scores, uniforms) @ values`` is hard attention, ``softmax(scores) @ values`` soft.

    Shapes:
        uniforms: each at least 0 and below 1

    Raises:
        ValueError: ``uniforms`` has a number outside [0, 1), or ``scores`` is not a number.

    Source:
        C. J. Maddison, A. Mnih, Y. W. Teh, "The Concrete Distribution", 2017, section 2 (the
        Gumbel-max trick). Departure: masks.
    """
    if not ((uniforms >= 0) & (uniforms < 1)).all():
        raise ValueError("uniforms has a number outside [0, 1)")
    if np.isnan(scores if mask is None else scores[np.broadcast_to(mask, scores.shape)]).any():
        raise ValueError("scores has a NaN where a position may be drawn")
    # u = 0 would make the noise −∞, and a position that could never be drawn
    uniforms = np.maximum(uniforms.astype(float), np.finfo(float).tiny)
    weights = softmax(scores.astype(float), mask=mask)
    with np.errstate(divide="ignore"):  # ln 0 = −∞: never drawn, as it should be
        noisy = np.log(weights) - np.log(-np.log(uniforms))
    drawn = np.arange(scores.shape[-1]) == noisy.argmax(axis=-1)[..., None]
    return (drawn & (weights > 0)).astype(scores.dtype)
