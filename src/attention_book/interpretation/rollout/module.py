r"""Attention rollout in PyTorch, from the last layer down."""

import torch

from attention_book.shapes import number, shapes


@shapes(torch, "weights: ... layers H! n n -> ... n n", kept=number(least=0))
def rollout(weights, *, kept=0.5):
    """Return how much of each token's start is in each token's end, if weights were all.

    ``kept`` is the share that a token keeps of itself in each layer. A token that attends to
    nothing keeps all of itself.

    Raises:
        ValueError: ``kept`` is above 1.

    Source:
        S. Abnar, W. Zuidema, "Quantifying Attention Flow in Transformers", 2020, section 3, with
        kept = 1/2. Departure: rows are divided by their sums, which changes those that attend to
        nothing, and no others.
    """
    if kept > 1:
        raise ValueError(f"kept is {float(kept):g}; it needs a share between 0 and 1")
    n = weights.shape[-1]
    eye = torch.eye(n, dtype=weights.dtype, device=weights.device)
    result = eye.expand(*weights.shape[:-4], n, n)
    for layer in weights.mean(dim=-3).unbind(dim=-3)[::-1]:
        mixed = torch.lerp(layer, eye, torch.as_tensor(kept, dtype=weights.dtype))
        total = mixed.sum(dim=-1, keepdim=True)
        result = result @ (mixed / total.masked_fill(total == 0, 1))
    return result.clone()
