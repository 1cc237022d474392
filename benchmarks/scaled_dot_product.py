"""What scaled dot-product attention costs: the formula in NumPy, and the module beside PyTorch.

Run alone, on one thread. Memory is in matrices of L × L numbers of four bytes.
"""

import statistics

import numpy as np
import torch
import torch.nn.functional as F

from attention_book import cost, masks
from attention_book.scores.scaled_dot_product import module, reference

BATCH, HEADS, FEATURES = 4, 8, 64


def main():
    """Print one line for each length of the formula, then one for each mask and length."""
    torch.set_num_threads(1)
    formula_beside_module()
    print()
    module_beside_kernel()


def formula_beside_module():
    """Compare the formula, which stores its weights, with the module, which need not."""
    rng = np.random.default_rng(0)
    print("     L    reference  matrices       module  matrices   ratio of times")
    for L in (256, 512, 1024, 2048, 4096):
        x = rng.standard_normal((L, FEATURES), dtype=np.float32)
        tensor = torch.from_numpy(x)
        runs = (
            (cost.peak_bytes, lambda x=x: reference.attention(x, x, x)),
            (cost.largest_tensor_bytes, lambda x=tensor: module.attention(x, x, x)),
        )
        times = [cost.seconds(run, repeats=3) for _, run in runs]
        matrices = [measure(run) / (4 * L * L) for measure, run in runs]
        columns = "".join(
            f"{1000 * t:10.1f} ms {m:9.2f}" for t, m in zip(times, matrices, strict=True)
        )
        print(f"{L:6d}{columns} {times[0] / times[1]:16.1f}")


def module_beside_kernel():
    """Compare the module with PyTorch's own kernel under the same mask, in turn."""
    print(
        f"module / kernel, {BATCH} sequences, {HEADS} heads: median (least to most) of the ratios"
    )
    print("     L  mask      forward              forward and backward   matrices")
    for L in (16, 128, 512, 1024, 4096):
        for name, mask, of_kernel in ways(L):
            shape = BATCH, HEADS, L, FEATURES
            q, k, v = (torch.randn(shape, requires_grad=True) for _ in range(3))

            def ours(q=q, k=k, v=v, mask=mask):
                return module.attention(q, k, v, mask=mask)

            def kernels(q=q, k=k, v=v, of_kernel=of_kernel):
                return F.scaled_dot_product_attention(q, k, v, **of_kernel)

            ratios = [
                compared(run(ours), run(kernels), pairs=9 if L < 4096 else 3)
                for run in (without_gradient, with_gradient)
            ]
            stored = [
                cost.largest_tensor_bytes(without_gradient(f)) / (4 * L * L)
                for f in (ours, kernels)
            ]
            columns = "  ".join(f"{m:5.2f} ({low:.2f} to {high:.2f})" for m, low, high in ratios)
            print(f"{L:6d}  {name:8s}{columns}  {stored[0]:6.2f} / {stored[1]:.2f}")


def ways(L):
    """Yield a name, a mask for the module, and the kernel's own arguments for the same."""
    some = torch.rand(L, L) < 0.7
    some.fill_diagonal_(True)
    lengths = [L, L // 2, L // 3, L - 1]
    padding = masks.as_tensor(masks.padding(lengths, L)[:, None])
    yield "none", None, {}
    yield "(L, S)", some, {"attn_mask": some}
    yield "padding", padding, {"attn_mask": padding}
    yield "causal", masks.as_tensor(masks.causal(L)), {"is_causal": True}


def without_gradient(function):
    """Return a call of the function that records no graph."""

    def run():
        with torch.no_grad():
            return function()

    return run


def with_gradient(function):
    """Return a call of the function and of its backward pass."""
    return lambda: function().sum().backward()


def compared(one, other, *, pairs):
    """Return the median, least and largest ratio of the times of two calls, measured in turn."""
    often = max(1, round(0.02 / cost.seconds(one, repeats=2)))
    ratios = [
        cost.seconds(lambda: [one() for _ in range(often)], repeats=1)
        / cost.seconds(lambda: [other() for _ in range(often)], repeats=1)
        for _ in range(pairs)
    ]
    return statistics.median(ratios), min(ratios), max(ratios)


if __name__ == "__main__":
    main()
