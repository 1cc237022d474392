"""What attention in tiles costs, written in PyTorch, beside PyTorch's own fused kernel.

Run alone, on one thread. Memory is what is allocated at most during a call, beyond its arguments.
"""

import math

import torch
import torch.nn.functional as F
from scaled_dot_product import compared, without_gradient

from attention_book import cost
from attention_book.tiles.flash import module

FEATURES = 64


def main():
    """Print one line for each length and mask, then one for each size of tile."""
    torch.set_num_threads(1)
    beside_the_kernel()
    print()
    sizes_of_tiles()


def beside_the_kernel():
    """Compare the times of both directions, and what is allocated."""
    print(
        f"tiles / fused kernel, {FEATURES} features: median (least to most) of the ratios,\n"
        "and the MiB that are allocated forward"
    )
    print("     L  mask    forward              backward                tiles   fused  naive")
    for L in (4096, 8192, 16384):
        for causal in (False, True):
            q, k, v = (torch.randn(1, 1, L, FEATURES, requires_grad=True) for _ in range(3))
            ways = {
                "tiles": lambda q=q, k=k, v=v, c=causal: module.attention(q, k, v, causal=c),
                "fused": lambda q=q, k=k, v=v, c=causal: F.scaled_dot_product_attention(
                    q, k, v, is_causal=c
                ),
                "naive": lambda q=q, k=k, v=v, c=causal: naive(q, k, v, c),
            }
            forward = [without_gradient(ways[way]) for way in ("tiles", "fused")]
            grad = torch.randn(1, 1, L, FEATURES)
            back = [backward(ways[way](), (q, k, v), grad) for way in ("tiles", "fused")]
            pairs = 7 if L < 16384 else 3
            ratios = [compared(*calls, pairs=pairs) for calls in (forward, back)]
            stored = [
                cost.peak_allocation(without_gradient(way)) / 2**20
                for name, way in ways.items()
                if name != "naive" or L < 16384
            ]
            columns = "  ".join(f"{m:5.2f} ({low:.2f} to {high:.2f})" for m, low, high in ratios)
            held = "".join(f"{size:8.1f}" for size in stored)
            print(f"{L:6d}  {'causal' if causal else 'none':8s}{columns} {held}", flush=True)


def sizes_of_tiles(L=8192):
    """Compare sizes of tile with the fused kernel: calls at one end, caches at the other."""
    q, k, v = (torch.randn(1, 1, L, FEATURES) for _ in range(3))
    print(f"{L} queries and keys: tiles / fused kernel")
    for rows, columns in (
        (64, 64), (128, 128), (128, 512), (256, 256), (256, 512), (256, 1024), (512, 512),
        (1024, 1024),
    ):  # fmt: skip
        median, low, high = compared(
            lambda r=rows, c=columns: module.attention(q, k, v, rows=r, columns=c),
            lambda: F.scaled_dot_product_attention(q, k, v),
            pairs=3,
        )
        print(f"{rows:6d} x {columns:<5d} {median:5.2f} ({low:.2f} to {high:.2f})", flush=True)


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


if __name__ == "__main__":
    main()
