r"""LexRank in PyTorch: a random walk along similarities, differentiable."""

import torch

from attention_book.shapes import number, shapes


@shapes(torch, "x: ... S d, mask: ... 1 S -> ... S", jump=number(least=0))
def weights(x, *, jump=0.15, mask=None):
    """Return the share of its time that a random walk along the cosines spends on each position.

    Raises:
        ValueError: ``jump`` is not above 0 and at most 1.

    Source:
        As :func:`pool`.
    """
    if not 0 < float(jump) <= 1:
        raise ValueError(f"jump is {float(jump)}; it needs a number above 0 and at most 1")
    seen = x.new_ones(1, x.shape[-2]) if mask is None else mask.to(x.dtype)
    anywhere = seen / seen.sum(dim=-1, keepdim=True).clamp_min(1)
    unit = torch.nn.functional.normalize(x, dim=-1)
    alike = (unit @ unit.mT).clamp_min(0) * seen
    total = alike.sum(dim=-1, keepdim=True)
    A = torch.where(total == 0, anywhere, alike / total.masked_fill(total == 0, 1))
    kept = torch.eye(x.shape[-2], dtype=x.dtype, device=x.device) - (1 - jump) * A.mT
    return torch.linalg.solve(kept, jump * anywhere.mT)[..., 0]


@shapes(torch, "x: ... S d, mask: ... 1 S -> ... d", jump=number(least=0))
def pool(x, *, jump=0.15, mask=None):
    """Average the positions with the weights of the walk.

    Raises:
        ValueError: ``jump`` is not above 0 and at most 1.

    Source:
        G. Erkan, D. R. Radev, "LexRank: Graph-based Lexical Centrality as Salience in Text
        Summarization", 2004, section 3 (continuous LexRank). Departures: any vectors, not only
        word counts; a negative cosine counts as 0; masks; the paper chooses the sentences of
        largest weight, and here they are averaged.
    """
    return (weights(x, jump=jump, mask=mask)[..., None, :] @ x)[..., 0, :]
