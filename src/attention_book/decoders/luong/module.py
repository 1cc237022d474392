r"""Luong's decoder in PyTorch, with a gated recurrent unit that runs over all words in one call."""

import torch

from attention_book.scores.multiplicative import module as multiplicative
from attention_book.shapes import count, shapes


class LuongDecoder(torch.nn.Module):
    """A recurrent decoder whose states read the memory after all steps are taken.

    Source:
        M.-T. Luong, H. Pham, C. D. Manning, "Effective Approaches to Attention-based Neural
        Machine Translation", 2015, sections 3 and 3.1. Departures: a gated unit for their
        stacked long short-term memories; no input feeding; no output layer.
    """

    @shapes(torch, d_y=count(1), d_memory=count(1), d_hidden=count(1))
    def __init__(self, d_y, d_memory, d_hidden):
        super().__init__()
        self.d_y, self.d_memory, self.d_hidden = d_y, d_memory, d_hidden
        self.cell = torch.nn.GRU(d_y, d_hidden, batch_first=True)
        self.attend = multiplicative.MultiplicativeAttention(d_hidden, d_memory)

    @shapes(
        torch,
        "y: B L! d_y, memory: B S d_memory, start: B d_hidden, mask: B 1 S"
        " -> B L d_hidden, B L d_memory",
        widens=False,
    )
    def forward(self, y, memory, *, start, mask=None):
        """Return the state after each step, and the context that it reads."""
        states, _ = self.cell(y, start.unsqueeze(0))
        return states, self.attend(states, memory, mask=mask)

    @shapes(
        torch,
        "y: B L! d_y, memory: B S d_memory, start: B d_hidden, mask: B 1 S -> B L S",
        widens=False,
    )
    def weights(self, y, memory, *, start, mask=None):
        """Return how much each step reads of each position of the memory."""
        states, _ = self.cell(y, start.unsqueeze(0))
        return self.attend.weights(states, memory, mask=mask)
