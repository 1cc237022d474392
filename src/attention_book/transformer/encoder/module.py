r"""A Transformer encoder in PyTorch, pre-norm, with its final norm."""

import math

import torch

from attention_book.layers.multi_head.module import MultiHeadAttention
from attention_book.shapes import count, shapes
from attention_book.transformer.feed_forward.module import FeedForward


class EncoderBlock(torch.nn.Module):
    """Attention and a feed-forward layer, each of which reads a normalised copy and adds to x.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.1, with the norms where
        R. Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020, table 1,
        have them (pre-norm). Departures: no biases in the attention, no dropout.
    """

    @shapes(torch, d_model=count(1), heads=count(1), d_ff=count(1))
    def __init__(self, d_model, heads, d_ff):
        super().__init__()
        self.d_model = d_model
        self.norm_1 = torch.nn.LayerNorm(d_model)
        self.attend = MultiHeadAttention(d_model, heads)
        self.norm_2 = torch.nn.LayerNorm(d_model)
        self.feed = FeedForward(d_model, d_ff)

    @shapes(torch, "x: ... n d_model, mask: ... n n -> ... n d_model", widens=False)
    def forward(self, x, *, mask=None):
        """Add to each token what it reads of the others, then what the network makes of it."""
        y = self.norm_1(x)
        x = x + self.attend(y, y, mask=mask)
        return x + self.feed(self.norm_2(x))


class Encoder(torch.nn.Module):
    """Blocks one after the other, and the final norm.

    At the start the last matrices of both layers, W_o and W_2, are divided by the root of the
    number of layers that add to the stream, so that the sum of all stays as large as one.

    Source:
        As :class:`EncoderBlock`; A. Radford et al., "Language Models are Unsupervised Multitask
        Learners", 2019, section 2.3, for the final norm and the start.
    """

    @shapes(torch, d_model=count(1), heads=count(1), d_ff=count(1), num_layers=count(0))
    def __init__(self, d_model, heads, d_ff, *, num_layers):
        super().__init__()
        self.d_model = d_model
        self.blocks = torch.nn.ModuleList(
            EncoderBlock(d_model, heads, d_ff) for _ in range(num_layers)
        )
        self.norm = torch.nn.LayerNorm(d_model)
        with torch.no_grad():
            for block in self.blocks:
                for last in (block.attend.W_o, block.feed.W_2):
                    last /= math.sqrt(2 * num_layers)

    @shapes(torch, "x: ... n d_model, mask: ... n n -> ... n d_model", widens=False)
    def forward(self, x, *, mask=None):
        """Apply all blocks and the final norm."""
        for block in self.blocks:
            x = block(x, mask=mask)
        return self.norm(x)
