r"""Copying in NumPy: each position gives its weight to the word that stands there."""

import numpy as np

from attention_book.shapes import anything, count, shapes


@shapes(np, "weights: ... L S -> ... L V", tokens=anything("... S"), V=count(1))
def copy(weights, tokens, V):
    r"""Return the probability of each word when a position is chosen and its word is copied.

    .. math:: P_\text{copy}(t) = \sum_{j:\, x_j = t} \alpha_j

    Shapes:
        tokens: integers from 0 to V - 1, the word at each position

    Raises:
        ValueError: ``tokens`` has a number outside 0 to V - 1.

    Source:
        As :func:`mixture`.
    """
    if ((tokens < 0) | (tokens >= V)).any():
        raise ValueError(f"tokens has a number outside 0 to {V - 1}")
    stands_there = tokens[..., None] == np.arange(V)
    return weights @ stands_there.astype(weights.dtype)


@shapes(
    np,
    "generated: ... L V, weights: ... L S, p_gen: ... L -> ... L V",
    tokens=anything("... S"),
)
def mixture(generated, weights, tokens, p_gen):
    r"""Mix what a decoder would write with what it would copy.

    .. math:: P(t) = p_\text{gen}\, P_\text{gen}(t) + (1 - p_\text{gen}) \sum_{j:\, x_j = t}
              \alpha_j

    A word of the source that the decoder cannot write has a number behind its vocabulary, and
    zeros in ``generated``.

    Shapes:
        tokens: integers from 0 to V - 1, the word at each position

    Raises:
        ValueError: ``tokens`` has a number outside 0 to V - 1.

    Source:
        A. See, P. J. Liu, C. D. Manning, "Get To The Point: Summarization with
        Pointer-Generator Networks", 2017, equation 9.
    """
    p_gen = p_gen[..., None]
    return p_gen * generated + (1 - p_gen) * copy(weights, tokens, generated.shape[-1])
