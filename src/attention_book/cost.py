"""What a computation costs, measured: time, memory in NumPy, the largest tensor in PyTorch."""

import timeit
import tracemalloc

import torch
from torch.utils._python_dispatch import TorchDispatchMode


def seconds(function, repeats=5):
    """Return the shortest time of several calls, in seconds."""
    return min(timeit.repeat(function, number=1, repeat=repeats))


def peak_bytes(function):
    """Return the most memory that NumPy held at once for a call, in bytes."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def largest_tensor_bytes(function):
    """Return the memory of the largest tensor that a PyTorch operation returned in a call.

    A fused kernel is one operation: what it keeps to itself while it runs does not count.
    """
    with _Largest() as largest:
        function()
    return largest.bytes


class _Largest(TorchDispatchMode):
    bytes = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        for value in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(value, torch.Tensor):
                self.bytes = max(self.bytes, value.untyped_storage().nbytes())
        return result
