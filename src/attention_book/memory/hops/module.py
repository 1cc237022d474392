r"""Hops through a memory in PyTorch."""

import math
from itertools import pairwise

import torch

from attention_book.scores.scaled_dot_product import module as scaled_dot_product
from attention_book.shapes import shapes


@shapes(torch, "u: ... L d, memory: ... N! S d, mask: ... L S -> ... L d")
def hops(u, memory, *, mask=None):
    """Ask a memory N - 1 times, each time with what was found added to the question.

    The values of one hop are the keys of the next. A question that may see nothing stays as it
    is.

    Shapes:
        u: the questions
        memory: the S facts, each as N different matrices embed it

    Source:
        S. Sukhbaatar et al., "End-To-End Memory Networks", 2015, section 2.2, with adjacent
        weight tying. Departures: the embedded facts are given; masks.
    """
    scale = math.sqrt(u.shape[-1])
    for keys, values in pairwise(memory.unbind(dim=-3)):
        u = u + scaled_dot_product.attention(scale * u, keys, values, mask=mask)
    return u
