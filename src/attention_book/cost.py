"""What a computation costs, measured: time, memory in NumPy, the largest tensor in PyTorch."""

import timeit
import tracemalloc

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode


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
    with _Watch() as largest:
        function()
    return largest.bytes


def operations(function):
    """Return the operations of a call in PyTorch, with its formula in place of a fused kernel.

    A matrix product counts two for each multiplication and addition, anything else one for each
    number that it returns.
    """
    formula = sdpa_kernel(SDPBackend.MATH)
    with formula, FlopCounterMode(display=False) as products, _Watch() as others:
        function()
    return products.get_total_flops() + others.numbers


class _Watch(TorchDispatchMode):
    bytes = 0
    numbers = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        for value in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(value, torch.Tensor):
                self.bytes = max(self.bytes, value.untyped_storage().nbytes())
                self.numbers += value.numel()
        return result
