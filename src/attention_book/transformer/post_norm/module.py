r"""A post-norm encoder in PyTorch."""

import torch

from attention_book.layers.multi_head.module import MultiHeadAttention
from attention_book.shapes import count, shapes
from attention_book.transformer.feed_forward.module import FeedForward


class PostNormBlock(torch.nn.Module):
    """Attention and a feed-forward layer, each with a norm after the sum.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.1. Departures: no biases
        in the attention, no dropout.
    """

    @shapes(torch, d_model=count(1), heads=count(1), d_ff=count(1))
    def __init__(self, d_model, heads, d_ff):
        super().__init__()
        self.d_model = d_model
        self.attend = MultiHeadAttention(d_model, heads)
        self.norm_1 = torch.nn.LayerNorm(d_model)
        self.feed = FeedForward(d_model, d_ff)
        self.norm_2 = torch.nn.LayerNorm(d_model)

    @shapes(torch, "x: ... n d_model, mask: ... n n -> ... n d_model", widens=False)
    def forward(self, x, *, mask=None):
        """Normalise each token after what it reads was added, and again after the network."""
        x = self.norm_1(x + self.attend(x, x, mask=mask))
        return self.norm_2(x + self.feed(x))


class PostNormEncoder(torch.nn.Module):
    """Post-norm blocks one after the other.

    Source:
        As :class:`PostNormBlock`.
    """

    @shapes(torch, d_model=count(1), heads=count(1), d_ff=count(1), num_layers=count(0))
    def __init__(self, d_model, heads, d_ff, *, num_layers):
        super().__init__()
        self.d_model = d_model
        self.blocks = torch.nn.ModuleList(
            PostNormBlock(d_model, heads, d_ff) for _ in range(num_layers)
        )

    @shapes(torch, "x: ... n d_model, mask: ... n n -> ... n d_model", widens=False)
    def forward(self, x, *, mask=None):
        """Apply all blocks."""
        for block in self.blocks:
            x = block(x, mask=mask)
        return x
