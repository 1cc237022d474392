r"""The feed-forward layer in PyTorch, plain and gated, and with its parameters."""

import math

import torch
import torch.nn.functional as F

from attention_book.shapes import count, matrices, shapes

PARAMETERS = matrices(W_1="d_model d_ff", b_1="d_ff", W_2="d_ff d_model", b_2="d_model")


@shapes(torch, "x: ... d_model -> ... d_model", parameters=PARAMETERS)
def feed_forward(x, parameters):
    """Apply one dense network to each token by itself.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, equation 2.
    """
    p = parameters
    return F.relu(x @ p["W_1"] + p["b_1"]) @ p["W_2"] + p["b_2"]


@shapes(
    torch,
    "x: ... d_model -> ... d_model",
    parameters=matrices(W="d_model d_ff", V="d_model d_ff", W_2="d_ff d_model"),
)
def gated(x, parameters):
    """Apply a dense network whose hidden units are multiplied by others: SwiGLU.

    Source:
        N. Shazeer, "GLU Variants Improve Transformer", 2020, equation 6, with β = 1.
    """
    p = parameters
    return (F.silu(x @ p["W"]) * (x @ p["V"])) @ p["W_2"]


class FeedForward(torch.nn.Module):
    """:func:`feed_forward` with its parameters.

    W_1 is normal with variance 1/fan-in at the start and W_2 with 2/fan-in, since half of the
    hidden units are 0; the biases are 0.

    Source:
        As :func:`feed_forward`; K. He et al., "Delving Deep into Rectifiers", 2015, section 2.2,
        for the start.
    """

    @shapes(torch, d_model=count(1), d_ff=count(1))
    def __init__(self, d_model, d_ff):
        super().__init__()
        self.d_model = d_model
        self.W_1 = torch.nn.Parameter(torch.randn(d_model, d_ff) / math.sqrt(d_model))
        self.b_1 = torch.nn.Parameter(torch.zeros(d_ff))
        self.W_2 = torch.nn.Parameter(torch.randn(d_ff, d_model) * math.sqrt(2 / d_ff))
        self.b_2 = torch.nn.Parameter(torch.zeros(d_model))

    @shapes(torch, "x: ... d_model -> ... d_model", widens=False)
    def forward(self, x):
        """Apply the network to each token by itself."""
        return F.relu(x @ self.W_1 + self.b_1) @ self.W_2 + self.b_2
