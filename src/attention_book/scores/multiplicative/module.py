r"""Multiplicative attention in PyTorch, as a function and with its learned matrix."""

import math

import torch

from attention_book.scores.scaled_dot_product import module as scaled_dot_product
from attention_book.shapes import count, shapes


@shapes(torch, "q: ... L d_q, k: ... S d_k, W~: d_q d_k, mask+: ... L S -> ... L S")
def weights(q, k, *, W, mask=None):
    """Return how much each query attends to each key, in L times S memory.

    Source:
        As :func:`attention`.
    """
    return scaled_dot_product.weights(_mapped(q, W), k, mask=mask)


@shapes(torch, "q: ... L d_q, k: ... S d_k, v: ... S d_v, W~: d_q d_k, mask: ... L S -> ... L d_v")
def attention(q, k, v, *, W, mask=None):
    """Answer each query with an average of the values, scored by a learned bilinear form.

    The queries are mapped to the space of the keys, and PyTorch's kernel does the rest: the
    scores are never stored. A query that may attend to nothing gets zeros.

    Source:
        M.-T. Luong, H. Pham, C. D. Manning, "Effective Approaches to Attention-based Neural
        Machine Translation", 2015, equation 7 with the score *general*. Departures: the values need
        not be the keys; masks.
    """
    return scaled_dot_product.attention(_mapped(q, W), k, v, mask=mask)


def _mapped(q, W):
    """Return the queries in the space of the keys, longer by the scale that the kernel divides by.

    In one product: a longer W costs less than longer queries.
    """
    return q @ (math.sqrt(W.shape[1]) * W).to(q.dtype)


class MultiplicativeAttention(torch.nn.Module):
    """Multiplicative attention with its learned matrix: a sequence asks a memory.

    The states of both may have different sizes. The memory states themselves are the values, as
    in the paper.

    Source:
        Luong et al., 2015, section 3.1, the score *general*.
    """

    @shapes(torch, d_query=count(1), d_memory=count(1))
    def __init__(self, d_query, d_memory):
        super().__init__()
        self.d_query, self.d_memory = d_query, d_memory
        self.W = torch.nn.Parameter(torch.randn(d_query, d_memory) / math.sqrt(d_query))

    @shapes(
        torch,
        "x: ... L d_query, memory: ... S d_memory, mask: ... L S -> ... L d_memory",
        widens=False,
    )
    def forward(self, x, memory, *, mask=None):
        """Answer each position of x with an average of the memory."""
        return attention(x, memory, memory, W=self.W, mask=mask)

    @shapes(
        torch, "x: ... L d_query, memory: ... S d_memory, mask: ... L S -> ... L S", widens=False
    )
    def weights(self, x, memory, *, mask=None):
        """Return how much each position of x attends to each of the memory."""
        return weights(x, memory, W=self.W, mask=mask)
