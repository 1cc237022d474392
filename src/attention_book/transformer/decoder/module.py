r"""A Transformer decoder in PyTorch, pre-norm, with its final norm."""

import math

import torch

from attention_book import masks
from attention_book.layers.multi_head.module import MultiHeadAttention
from attention_book.shapes import count, shapes
from attention_book.transformer.feed_forward.module import FeedForward


class DecoderBlock(torch.nn.Module):
    """Causal self-attention, attention to a source, and a feed-forward layer, added to x in turn.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.1. Departures: the norms
        stand before the layers, no biases in the attention, no dropout.
    """

    @shapes(torch, d_model=count(1), heads=count(1), d_ff=count(1), d_kv=count(1))
    def __init__(self, d_model, heads, d_ff, *, d_kv=None):
        super().__init__()
        self.d_model, self.d_kv = d_model, d_model if d_kv is None else d_kv
        self.norm_1 = torch.nn.LayerNorm(d_model)
        self.attend = MultiHeadAttention(d_model, heads)
        self.norm_2 = torch.nn.LayerNorm(d_model)
        self.cross = MultiHeadAttention(d_model, heads, d_kv=d_kv)
        self.norm_3 = torch.nn.LayerNorm(d_model)
        self.feed = FeedForward(d_model, d_ff)

    @shapes(
        torch,
        "x: ... L d_model, source: ... S d_kv, mask: ... L S -> ... L d_model",
        widens=False,
    )
    def forward(self, x, source, *, mask=None):
        """Add what each token reads before itself, then of the source, then what the network says.

        The mask says which of the source may be read.
        """
        y, causal = self.norm_1(x), masks.as_tensor(masks.causal(x.shape[-2]), x.device)
        x = x + self.attend(y, y, mask=causal)
        x = x + self.cross(self.norm_2(x), source, mask=mask)
        return x + self.feed(self.norm_3(x))


class Decoder(torch.nn.Module):
    """Decoder blocks one after the other, and the final norm.

    At the start the last matrices of all layers are divided by the root of the number of layers
    that add to the stream.

    Source:
        As :class:`DecoderBlock`; A. Radford et al., "Language Models are Unsupervised Multitask
        Learners", 2019, section 2.3, for the final norm and the start.
    """

    @shapes(
        torch, d_model=count(1), heads=count(1), d_ff=count(1), num_layers=count(0), d_kv=count(1)
    )
    def __init__(self, d_model, heads, d_ff, *, num_layers, d_kv=None):
        super().__init__()
        self.d_model, self.d_kv = d_model, d_model if d_kv is None else d_kv
        self.blocks = torch.nn.ModuleList(
            DecoderBlock(d_model, heads, d_ff, d_kv=d_kv) for _ in range(num_layers)
        )
        self.norm = torch.nn.LayerNorm(d_model)
        with torch.no_grad():
            for block in self.blocks:
                for last in (block.attend.W_o, block.cross.W_o, block.feed.W_2):
                    last /= math.sqrt(3 * num_layers)

    @shapes(
        torch,
        "x: ... L d_model, source: ... S d_kv, mask: ... L S -> ... L d_model",
        widens=False,
    )
    def forward(self, x, source, *, mask=None):
        """Apply all blocks, which read the same source, and the final norm."""
        for block in self.blocks:
            x = block(x, source, mask=mask)
        return self.norm(x)
