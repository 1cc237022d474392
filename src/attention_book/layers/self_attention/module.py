r"""Self-attention of one head in PyTorch, as a function and with its learned matrices."""

import math

import torch

from attention_book.scores.scaled_dot_product import module as scaled_dot_product
from attention_book.shapes import count, matrices, shapes

PARAMETERS = matrices(W_q="d_model d_k", W_k="d_model d_k", W_v="d_model d_v", W_o="d_v d_model")


@shapes(torch, "x: ... n d_model, mask: ... n n -> ... n n", parameters=PARAMETERS)
def weights(x, parameters, *, mask=None):
    """Return how much each token attends to each.

    Source:
        As :func:`self_attention`.
    """
    W = parameters
    return scaled_dot_product.weights(x @ W["W_q"], x @ W["W_k"], mask=mask)


@shapes(torch, "x: ... n d_model, mask: ... n n -> ... n d_model", parameters=PARAMETERS)
def self_attention(x, parameters, *, mask=None):
    r"""Let every token of x average what all tokens have to say, with learned matrices.

    A token that may attend to nothing gets zeros, and so do the gradients through it.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2 with h = 1.
        Departures: an empty row gives zeros, the sizes d_k and d_v are free, and float16 and
        bfloat16 are computed in float32.
    """
    W = parameters
    q, k, v = x @ W["W_q"], x @ W["W_k"], x @ W["W_v"]
    return scaled_dot_product.attention(q, k, v, mask=mask) @ W["W_o"]


class SelfAttention(torch.nn.Module):
    """:func:`self_attention` with its parameters, normal with variance 1/fan-in at the start.

    Source:
        As :func:`self_attention`.
    """

    @shapes(torch, d_model=count(1), d_k=count(1), d_v=count(1))
    def __init__(self, d_model, d_k, *, d_v=None):
        super().__init__()
        d_v = d_k if d_v is None else d_v
        self.d_model = d_model
        self.W_q = torch.nn.Parameter(torch.randn(d_model, d_k) / math.sqrt(d_model))
        self.W_k = torch.nn.Parameter(torch.randn(d_model, d_k) / math.sqrt(d_model))
        self.W_v = torch.nn.Parameter(torch.randn(d_model, d_v) / math.sqrt(d_model))
        self.W_o = torch.nn.Parameter(torch.randn(d_v, d_model) / math.sqrt(d_v))

    def matrices(self):
        """Return the parameters as :func:`self_attention` takes them."""
        return {"W_q": self.W_q, "W_k": self.W_k, "W_v": self.W_v, "W_o": self.W_o}

    @shapes(torch, "x: ... n d_model, mask: ... n n -> ... n d_model", widens=False)
    def forward(self, x, *, mask=None):
        """Let every token of x average what all tokens have to say."""
        return self_attention(x, self.matrices(), mask=mask)

    @shapes(torch, "x: ... n d_model, mask: ... n n -> ... n n", widens=False)
    def weights(self, x, *, mask=None):
        """Return how much each token attends to each."""
        return weights(x, self.matrices(), mask=mask)
