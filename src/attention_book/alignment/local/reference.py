r"""Local attention in NumPy: multiplicative attention in a window that the query places."""

import numpy as np

from attention_book.scores.multiplicative import reference as multiplicative
from attention_book.shapes import count, number, shapes


@shapes(
    np,
    "q: ... L d_q, W~: d_q d_h, w~: d_h -> ... L",
    length=number("... L", least=0, says="how many keys there are, padding not counted"),
)
def centre(q, *, W, w, length):
    r"""Return the place around which each query looks.

    .. math:: p_i = S \, \sigma\big(w \cdot \tanh(q_i W)\big)

    S is ``length``. The places are real numbers between 0 and S, the first key stands at 0.

    Source:
        M.-T. Luong, H. Pham, C. D. Manning, "Effective Approaches to Attention-based Neural
        Machine Translation", 2015, equation 9.
    """
    return length * (1 + np.tanh(np.tanh(q @ W) @ w / 2)) / 2  # σ(z) without overflow


@shapes(np, "centre: ... L", S=count(), reach=count(1), narrows=False)
def window(centre, S, *, reach):
    """Let each query see the keys that are at most ``reach`` away from its centre.

    With the places of the queries as centres, 0 to L - 1, this is the paper's *local-m*: hand it
    to multiplicative attention as the mask.

    Shapes:
        returns: (..., L, S), boolean, True = may attend

    Source:
        Luong et al., 2015, section 3.2, where ``reach`` is D.
    """
    return np.abs(np.arange(S) - centre[..., None]) <= reach


@shapes(
    np,
    "q: ... L d_q, k: ... S d_k, centre: ... L, W~: d_q d_k, mask+: ... L S -> ... L S",
    reach=count(1),
)
def weights(q, k, centre, *, W, reach, mask=None):
    r"""Return how much each query attends to each key, less the further from its centre.

    .. math:: \alpha_{ij} = \operatorname{softmax}_{|j - p_i| \le D}\big(q_i W k_j^\top\big) \,
                            \exp\!\Big(-\frac{(j - p_i)^2}{2 \sigma^2}\Big), \quad \sigma = D / 2

    The factor comes after the softmax, so the weights of a query sum to less than 1.

    Source:
        As :func:`attention`.
    """
    near = window(centre, k.shape[-2], reach=reach)
    alpha = multiplicative.weights(q, k, W=W, mask=near if mask is None else near & mask)
    steps = (np.arange(k.shape[-2]) - centre[..., None]) / (reach / 2)
    return alpha * np.exp(-(steps**2) / 2)


@shapes(
    np,
    "q: ... L d_q, k: ... S d_k, v: ... S d_v, centre: ... L, W~: d_q d_k, mask: ... L S"
    " -> ... L d_v",
    reach=count(1),
)
def attention(q, k, v, centre, *, W, reach, mask=None):
    r"""Answer each query with a sum of the values around its centre.

    .. math:: o_i = \sum_j \alpha_{ij} v_j

    A query with no key in reach gets zeros.

    Source:
        M.-T. Luong, H. Pham, C. D. Manning, "Effective Approaches to Attention-based Neural
        Machine Translation", 2015, equation 10, with the score *general*. Departures: the values
        need not be the keys; masks.
    """
    return weights(q, k, centre, W=W, reach=reach, mask=mask) @ v
