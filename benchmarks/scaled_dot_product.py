"""What scaled dot-product attention costs: the formula in NumPy beside PyTorch's kernel.

Run alone, on one thread. Memory is in matrices of L × L numbers.
"""

import numpy as np
import torch

from attention_book import cost
from attention_book.scaled_dot_product import module, reference


def main():
    """Print one line per length."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    print("     L    reference  matrices       module  matrices   ratio of times")
    for L in (256, 512, 1024, 2048, 4096):
        x = rng.standard_normal((L, 64), dtype=np.float32)
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


if __name__ == "__main__":
    main()
