"""Attention in tiles, written in PyTorch, beside PyTorch's own fused kernel and the whole matrix.

``python benchmarks/flash.py`` compares sizes of tile; ``run.py`` shows the rest.
"""

import math
from functools import partial

import torch
import torch.nn.functional as F
from measuring import beside, without_gradient

from attention_book import cost
from attention_book.tiles.flash import module

WIDTH = 64
LENGTHS = (4096, 8192, 16384)
SIZES = ((64, 64), (128, 128), (128, 512), (256, 256), (256, 512), (256, 1024), (512, 512))


def of_tiles(lengths, pairs):
    """Yield a row for each length and mask: both directions, and what each way allocates."""
    for L in lengths:
        for causal in (False, True):
            inputs = [torch.randn(1, 1, L, WIDTH, requires_grad=True) for _ in range(3)]
            ways = [
                partial(module.attention, *inputs, causal=causal),
                partial(F.scaled_dot_product_attention, *inputs, is_causal=causal),
            ]
            forward = beside(*map(without_gradient, ways), pairs=pairs)
            grad = torch.randn(1, 1, L, WIDTH)
            back = beside(*(backward(way(), inputs, grad) for way in ways), pairs=pairs)
            held = [forward.allocated, forward.of_other]
            if L <= 8192:
                held.append(cost.peak_allocation(without_gradient(partial(naive, *inputs, causal))))
            sizes = [f"{size / 2**20:.1f}" for size in held] + ["–"] * (3 - len(held))
            yield str(L), "causal" if causal else "none", str(forward), str(back), *sizes


def naive(q, k, v, causal):
    """Return attention with the whole matrix of weights."""
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    if causal:
        L, S = scores.shape[-2:]
        scores = scores.masked_fill(torch.ones(L, S, dtype=bool).triu(S - L + 1), -torch.inf)
    return torch.softmax(scores, dim=-1) @ v


def backward(output, inputs, grad):
    """Return a call of the backward pass alone."""
    return lambda: torch.autograd.grad(output, inputs, grad, retain_graph=True)


def main(L=8192):
    """Compare sizes of tile with the fused kernel: calls at one end, caches at the other."""
    torch.set_num_threads(1)
    q, k, v = (torch.randn(1, 1, L, WIDTH) for _ in range(3))
    print(f"{L} queries and keys: tiles / fused kernel")
    for rows, columns in SIZES:
        ratio = beside(
            lambda r=rows, c=columns: module.attention(q, k, v, rows=r, columns=c),
            lambda: F.scaled_dot_product_attention(q, k, v),
            pairs=5,
        )
        print(f"{rows:6d} x {columns:<5d} {ratio}", flush=True)


if __name__ == "__main__":
    main()
