"""What scaled dot-product attention costs: the formula in NumPy beside the fused kernel.

Run alone, on one thread. Times are the best of three; memory is counted for NumPy only.
"""

import timeit
import tracemalloc

import numpy as np
import torch

from attention_book.scaled_dot_product import module, reference


def peak_megabytes(function):
    """Return the most memory that NumPy held at once during a call."""
    tracemalloc.start()
    function()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 2**20


def main():
    """Print one line per length."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    print("     L   reference   MiB at peak      module   ratio of times")
    for L in (256, 512, 1024, 2048, 4096):
        x = rng.standard_normal((L, 64), dtype=np.float32)
        tensor = torch.from_numpy(x)
        slow, fast = (
            min(timeit.repeat(run, number=1, repeat=3))
            for run in (
                lambda x=x: reference.attention(x, x, x),
                lambda x=tensor: module.attention(x, x, x),
            )
        )
        memory = peak_megabytes(lambda x=x: reference.attention(x, x, x))
        times = f"{1000 * slow:8.1f} ms {memory:13.1f} {1000 * fast:8.1f} ms"
        print(f"{L:6d} {times} {slow / fast:16.1f}")


if __name__ == "__main__":
    main()
