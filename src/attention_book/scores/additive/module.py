r"""Additive attention in PyTorch, as a function and with its learned matrices."""

import math

import torch

from attention_book.shapes import count, shapes
from attention_book.softmax.module import softmax


@shapes(torch, "q: ... L d_k, k: ... S d_k, w~: d_k, mask+: ... L S -> ... L S")
def weights(q, k, *, w, mask=None):
    r"""Return how much each query attends to each key.

    The score :math:`w \cdot \tanh(q_i + k_j)` takes L times S times d_k memory: one hidden layer
    for each pair.

    Source:
        As :func:`attention`.
    """
    hidden = torch.tanh(q.unsqueeze(-2) + k.unsqueeze(-3))
    return softmax(hidden @ w, mask=mask)


@shapes(torch, "q: ... L d_k, k: ... S d_k, v: ... S d_v, w~: d_k, mask: ... L S -> ... L d_v")
def attention(q, k, v, *, w, mask=None):
    """Answer each query with an average of the values, scored by a network of one hidden layer.

    A query that may attend to nothing gets zeros, and so do the gradients through it.

    Source:
        D. Bahdanau, K. Cho, Y. Bengio, "Neural Machine Translation by Jointly Learning to Align
        and Translate", 2015, equations 5 and 6 and appendix A.1.2. Departures: the products with
        the learned matrices are the caller's q and k (:class:`AdditiveAttention` has them); masks.
    """
    return weights(q, k, w=w, mask=mask) @ v


class AdditiveAttention(torch.nn.Module):
    """Additive attention with its learned matrices: a sequence asks a memory.

    Query states and memory states may have different sizes; each has its own matrix into the
    hidden layer. There is no bias, and the memory states themselves are the values, as in the
    paper.

    Source:
        D. Bahdanau, K. Cho, Y. Bengio, "Neural Machine Translation by Jointly Learning to Align
        and Translate", 2015, appendix A.1.2 (their W_a, U_a and v_a are W_q, W_k and w).
    """

    @shapes(torch, d_query=count(1), d_memory=count(1), d_hidden=count(1))
    def __init__(self, d_query, d_memory, d_hidden):
        super().__init__()
        self.d_query, self.d_memory = d_query, d_memory
        self.W_q = torch.nn.Linear(d_query, d_hidden, bias=False)
        self.W_k = torch.nn.Linear(d_memory, d_hidden, bias=False)
        self.w = torch.nn.Parameter(torch.randn(d_hidden) / math.sqrt(d_hidden))

    @shapes(
        torch,
        "x: ... L d_query, memory: ... S d_memory, mask: ... L S -> ... L d_memory",
        widens=False,
    )
    def forward(self, x, memory, *, mask=None):
        """Answer each position of x with an average of the memory."""
        return attention(self.W_q(x), self.W_k(memory), memory, w=self.w, mask=mask)

    @shapes(
        torch, "x: ... L d_query, memory: ... S d_memory, mask: ... L S -> ... L S", widens=False
    )
    def weights(self, x, memory, *, mask=None):
        """Return how much each position of x attends to each of the memory."""
        return weights(self.W_q(x), self.W_k(memory), w=self.w, mask=mask)
