r"""Bahdanau's decoder in PyTorch, with a gated recurrent unit."""

import torch

from attention_book.scores.additive import module as additive
from attention_book.shapes import count, shapes


class BahdanauDecoder(torch.nn.Module):
    """A recurrent decoder that reads the memory before each step, with its last state.

    Source:
        D. Bahdanau, K. Cho, Y. Bengio, "Neural Machine Translation by Jointly Learning to Align
        and Translate", 2015, section 3.1 and appendix A.1. Departures: PyTorch's gated unit,
        whose reset gate acts after the product with the state; no output layer.
    """

    @shapes(torch, d_y=count(1), d_memory=count(1), d_hidden=count(1))
    def __init__(self, d_y, d_memory, d_hidden):
        super().__init__()
        self.d_y, self.d_memory, self.d_hidden = d_y, d_memory, d_hidden
        self.cell = torch.nn.GRUCell(d_y + d_memory, d_hidden)
        self.attend = additive.AdditiveAttention(d_hidden, d_memory, d_hidden)

    @shapes(
        torch,
        "y: B L! d_y, memory: B S d_memory, start: B d_hidden, mask: B 1 S"
        " -> B L d_hidden, B L d_memory",
        widens=False,
    )
    def forward(self, y, memory, *, start, mask=None):
        """Return the state after each step, and the context that went into it.

        One step after the other: a step needs the state before. The memory's share of the
        scores is computed once.
        """
        keys, w = self.attend.W_k(memory), self.attend.w
        state, states, contexts = start, [], []
        for written in y.unbind(dim=1):
            query = self.attend.W_q(state).unsqueeze(1)
            context = additive.attention(query, keys, memory, w=w, mask=mask).squeeze(1)
            state = self.cell(torch.cat([written, context], dim=-1), state)
            states.append(state)
            contexts.append(context)
        return torch.stack(states, dim=1), torch.stack(contexts, dim=1)

    @shapes(
        torch,
        "y: B L! d_y, memory: B S d_memory, start: B d_hidden, mask: B 1 S -> B L S",
        widens=False,
    )
    def weights(self, y, memory, *, start, mask=None):
        """Return how much each step reads of each position of the memory."""
        states, _ = self(y, memory, start=start, mask=mask)
        asking = torch.cat([start.unsqueeze(1), states[:, :-1]], dim=1)
        return self.attend.weights(asking, memory, mask=mask)
