"""What a computation costs, measured: time, memory in NumPy and PyTorch, bytes, operations."""

import os
import timeit
import tracemalloc
from itertools import accumulate

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
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


def peak_allocation(function):
    """Return the most memory that PyTorch held at once for a call, in bytes, as far as it is new.

    Each allocation on the CPU is counted when it is made and when it is freed, also those that a
    fused kernel makes for itself while it runs. What lived before the call does not count.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # no messages of starts and stops
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profiler:
        function()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    live = accumulate(e.nbytes() for e in sorted(events, key=lambda e: e.start_ns()))
    return max(live, default=0)


def bytes_read(function):
    """Return the bytes of all tensors that the operations of a call in PyTorch read.

    So much comes from memory if nothing stays near the processor between two operations. A fused
    kernel is one operation: it reads its arguments once. To take a view reads nothing.
    """
    with _Watch() as watch:
        function()
    return watch.read


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
    read = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        if not operation.is_view and operation is not torch.ops.aten._unsafe_view.default:
            given = tree_leaves(args)  # without out=, which is written
            self.read += sum(x.numel() * x.element_size() for x in given if torch.is_tensor(x))
        for value in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(value, torch.Tensor):
                self.bytes = max(self.bytes, value.untyped_storage().nbytes())
                self.numbers += value.numel()
        return result
