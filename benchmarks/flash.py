"""Attention in tiles beside PyTorch's fused kernel and the whole matrix, and sizes of tile."""

import math
from functools import partial

import torch
import torch.nn.functional as F
from measuring import beside, without_gradient

from attention_book import cost
from attention_book.tiles.flash import module

WIDTH = 64
LENGTHS = (4096, 8192, 16384)
SIZES = (
    (64, 64),
    (128, 128),
    (256, 256),
    (256, 512),
    (512, 512),
    (512, 2048),
    (2048, 2048),
    (8192, 8192),
)


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


def of_sizes(lengths, pairs):
    """Yield a row for each size of tile, forward and without a mask."""
    for L in lengths:
        q, k, v = (torch.randn(1, 1, L, WIDTH) for _ in range(3))
        fused = partial(F.scaled_dot_product_attention, q, k, v)
        for rows, columns in SIZES:
            tiles = partial(module.attention, q, k, v, rows=rows, columns=columns)
            size = f"{4 * rows * columns / 2**10:.0f}"
            yield str(L), f"{rows} × {columns}", size, str(beside(tiles, fused, pairs=pairs))
