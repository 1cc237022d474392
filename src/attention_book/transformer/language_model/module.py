r"""A decoder-only language model in PyTorch."""

import math

import torch
import torch.nn.functional as F

from attention_book import masks
from attention_book.positions.sinusoidal.module import add
from attention_book.shapes import anything, count, shapes
from attention_book.transformer.encoder.module import Encoder


class LanguageModel(torch.nn.Module):
    """An encoder under a causal mask, with one embedding at both ends.

    Source:
        A. Radford et al., "Improving Language Understanding by Generative Pre-Training", 2018,
        section 3.1; the norms as in "Language Models are Unsupervised Multitask Learners", 2019.
        Departures: sinusoidal positions; rectifiers; no dropout.
    """

    @shapes(torch, V=count(1), d_model=count(1), heads=count(1), d_ff=count(1), num_layers=count(0))
    def __init__(self, V, d_model, heads, d_ff, *, num_layers):
        super().__init__()
        self.V, self.d_model = V, d_model
        self.embedding = torch.nn.Parameter(torch.randn(V, d_model) / math.sqrt(d_model))
        self.encoder = Encoder(d_model, heads, d_ff, num_layers=num_layers)

    @shapes(torch, tokens=anything("... n", "integers from 0 to V - 1"))
    def forward(self, tokens):
        """Return for each token the scores of what may follow it.

        Shapes:
            returns: (..., n, V)
        """
        causal = masks.as_tensor(masks.causal(tokens.shape[-1]), tokens.device)
        return self.encoder(embed(tokens, self.embedding), mask=causal) @ self.embedding.T


@shapes(torch, "embedding~: V! d_model", tokens=anything("... n", "integers from 0 to V - 1"))
def embed(tokens, embedding):
    r"""Return the row of each token, times :math:`\sqrt{d_\text{model}}`, with its position added.

    Shapes:
        returns: (..., n, d_model), in the dtype of the embedding

    Raises:
        TypeError: the tokens are no integers.
        ValueError: a token has no row in the embedding.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, sections 3.4 and 3.5.
    """
    if tokens.is_floating_point() or tokens.is_complex() or tokens.dtype == torch.bool:
        raise TypeError(f"tokens has dtype {tokens.dtype}; it needs integers")
    wrong = (tokens < 0) | (tokens >= len(embedding))
    if wrong.any():
        token = tokens[wrong][0].item()
        raise ValueError(f"tokens has {token}; the embedding has rows 0 to {len(embedding) - 1}")
    return add(math.sqrt(embedding.shape[-1]) * F.embedding(tokens, embedding))
