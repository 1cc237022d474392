r"""Hops through a memory in NumPy: ``u ← u + softmax(u Mᵀ) C``, several times."""

import math
from itertools import pairwise

import numpy as np

from attention_book.scores.scaled_dot_product import reference as scaled_dot_product
from attention_book.shapes import shapes


@shapes(np, "u: ... L d, memory: ... N! S d, mask: ... L S -> ... L d")
def hops(u, memory, *, mask=None):
    r"""Ask a memory N - 1 times, each time with what was found added to the question.

    .. math:: u^{(n+1)} = u^{(n)} + \sum_j \operatorname{softmax}_j\big(u^{(n)} \cdot
              m^{(n)}_j\big)\, m^{(n+1)}_j

    The values of one hop are the keys of the next. The factor undoes the scale of dot-product
    attention. A question that may see nothing stays as it is.

    Shapes:
        u: the questions
        memory: the S facts, each as N different matrices embed it

    Source:
        S. Sukhbaatar et al., "End-To-End Memory Networks", 2015, section 2.2, with adjacent
        weight tying. Departures: the embedded facts are given; masks.
    """
    for keys, values in pairwise(np.moveaxis(memory, -3, 0)):
        scale = math.sqrt(u.shape[-1])
        u = u + scaled_dot_product.attention(scale * u, keys, values, mask=mask)
    return u
