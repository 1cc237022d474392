r"""A stack of residual self-attention layers in PyTorch."""

import torch

from attention_book.layers.self_attention.module import SelfAttention
from attention_book.shapes import count, shapes


class Stack(torch.nn.Module):
    r"""Apply residual self-attention layers one after the other: x ← x + self_attention(x).

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.1. Departures: neither
        layer normalisation nor feed-forward layers.
    """

    @shapes(torch, d_model=count(1), d_k=count(1), d_v=count(1), num_layers=count(0))
    def __init__(self, d_model, d_k, *, num_layers, d_v=None):
        super().__init__()
        self.d_model = d_model
        self.layers = torch.nn.ModuleList(
            SelfAttention(d_model, d_k, d_v=d_v) for _ in range(num_layers)
        )

    @shapes(torch, "x: ... n d_model, mask: ... n n -> ... n d_model", widens=False)
    def forward(self, x, *, mask=None):
        """Apply all layers; with none, x comes back."""
        for layer in self.layers:
            x = x + layer(x, mask=mask)
        return x
