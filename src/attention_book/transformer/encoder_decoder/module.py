r"""The Transformer in PyTorch."""

import math

import torch

from attention_book.shapes import anything, boolean, count, shapes
from attention_book.transformer.decoder.module import Decoder
from attention_book.transformer.encoder.module import Encoder
from attention_book.transformer.language_model.module import embed


class EncoderDecoder(torch.nn.Module):
    """An encoder that reads source_V symbols, and a decoder that writes V.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, sections 3.1 to 3.5. Departures:
        pre-norm with final norms; the source has an embedding of its own, since its alphabet may
        be another; no biases in the attention, no dropout.
    """

    @shapes(
        torch,
        source_V=count(1),
        V=count(1),
        d_model=count(1),
        heads=count(1),
        d_ff=count(1),
        num_layers=count(0),
    )
    def __init__(self, source_V, V, d_model, heads, d_ff, *, num_layers):
        super().__init__()
        self.d_model = d_model
        self.source_embedding = _normal(source_V, d_model)
        self.embedding = _normal(V, d_model)
        self.encoder = Encoder(d_model, heads, d_ff, num_layers=num_layers)
        self.decoder = Decoder(d_model, heads, d_ff, num_layers=num_layers)

    @shapes(
        torch,
        source_tokens=anything("... S", "integers"),
        tokens=anything("... L", "integers"),
        mask=boolean("... 1 S"),
    )
    def forward(self, source_tokens, tokens, *, mask=None):
        """Return for each token written so far the scores of what may follow it.

        The mask says which tokens of the source are real.

        Shapes:
            returns: (..., L, V)
        """
        return self.decode(tokens, self.encode(source_tokens, mask=mask), mask=mask)

    @shapes(torch, source_tokens=anything("... S", "integers"), mask=boolean("... 1 S"))
    def encode(self, source_tokens, *, mask=None):
        """Return the states of the source, which are computed once for all that is written.

        Shapes:
            returns: (..., S, d_model)
        """
        return self.encoder(embed(source_tokens, self.source_embedding), mask=mask)

    @shapes(
        torch,
        "memory: ... S d_model",
        tokens=anything("... L", "integers"),
        mask=boolean("... 1 S"),
        widens=False,
    )
    def decode(self, tokens, memory, *, mask=None):
        """Return the scores of what may follow each token, given the states of the source.

        Shapes:
            returns: (..., L, V)
        """
        states = self.decoder(embed(tokens, self.embedding), memory, mask=mask)
        return states @ self.embedding.T


def _normal(symbols, d_model):
    return torch.nn.Parameter(torch.randn(symbols, d_model) / math.sqrt(d_model))
