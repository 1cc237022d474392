r"""Copying in PyTorch, by ``scatter_add``: no matrix of positions by words is stored."""

import torch

from attention_book.shapes import anything, count, shapes


@shapes(torch, "weights: ... L S -> ... L V", tokens=anything("... S"), V=count(1))
def copy(weights, tokens, V):
    """Return the probability of each word when a position is chosen and its word is copied.

    ``scatter_add`` adds what goes to one place; ``scatter`` would keep one of them.

    Shapes:
        tokens: integers from 0 to V - 1, the word at each position

    Raises:
        ValueError: ``tokens`` has a number outside 0 to V - 1.

    Source:
        As :func:`mixture`.
    """
    if ((tokens < 0) | (tokens >= V)).any():
        raise ValueError(f"tokens has a number outside 0 to {V - 1}")
    lead = torch.broadcast_shapes(weights.shape[:-2], tokens.shape[:-1])
    weights = weights.expand(*lead, *weights.shape[-2:])
    index = tokens.unsqueeze(-2).expand_as(weights)
    return weights.new_zeros(*weights.shape[:-1], V).scatter_add(-1, index, weights)


@shapes(
    torch,
    "generated: ... L V, weights: ... L S, p_gen: ... L -> ... L V",
    tokens=anything("... S"),
)
def mixture(generated, weights, tokens, p_gen):
    """Mix what a decoder would write with what it would copy.

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
    p_gen = p_gen.unsqueeze(-1)
    return p_gen * generated + (1 - p_gen) * copy(weights, tokens, generated.shape[-1])
