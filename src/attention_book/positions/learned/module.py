r"""Learned positions in PyTorch, as a function and with their table."""

import torch

from attention_book.shapes import count, number, shapes


@shapes(torch, "x: ... n d, table: N d -> ... n d", positions=number("... n"))
def add(x, table, *, positions=None):
    """Add to each token the learned vector of its position: 0 to n - 1 unless others are given.

    Raises:
        ValueError: a position has no row in the table, or is no integer.

    Source:
        J. Gehring et al., "Convolutional Sequence to Sequence Learning", 2017, section 3.1.
    """
    n, N = x.shape[-2], len(table)
    if positions is None:
        positions = torch.arange(n, device=x.device)
    wrong = (positions != positions.long()) | (positions < 0) | (positions >= N)
    if wrong.any():
        at = positions[wrong][0].item()
        raise ValueError(f"positions has {at:g}; the table has rows for 0 to {N - 1}")
    return x + torch.nn.functional.embedding(positions.long(), table)


class LearnedPositions(torch.nn.Module):
    """:func:`add` with its table of N rows, normal with standard deviation 0.02 at the start.

    Source:
        As :func:`add`; the start is that of J. Devlin et al., "BERT", 2019, in their program.
    """

    @shapes(torch, N=count(1), d_model=count(1))
    def __init__(self, N, d_model):
        super().__init__()
        self.N, self.d_model = N, d_model
        self.table = torch.nn.Parameter(0.02 * torch.randn(N, d_model))

    @shapes(torch, "x: ... n d_model -> ... n d_model", positions=number("... n"), widens=False)
    def forward(self, x, *, positions=None):
        """Add to each token the learned vector of its position."""
        return add(x, self.table, positions=positions)
