"""What a computation costs, measured: time, memory in NumPy and PyTorch, bytes, operations."""

import os
import timeit
import tracemalloc
from dataclasses import dataclass
from itertools import accumulate
from statistics import median

import numpy as np
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


def bytes_moved(function):
    """Return the bytes that the operations of a call in PyTorch read, and those they return.

    It is what :func:`bytes_read` counts, and each result written once. Divide the operations by
    it, and you have the arithmetic intensity of the call.
    """
    with _Watch() as watch:
        function()
    return watch.read + watch.written


def bytes_held(state):
    """Return the bytes of all tensors in a state, such as a cache: what has to stay in memory."""
    held = {x.untyped_storage().data_ptr(): x.untyped_storage() for x in _tensors(state)}
    return sum(storage.nbytes() for storage in held.values())


def products(function):
    """Return the operations of the matrix products of a call in PyTorch, and of nothing else.

    They are the same for one kernel as for the steps that it replaces.
    """
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counted:
        function()
    return counted.get_total_flops()


def operations(function):
    """Return the operations of a call in PyTorch, with its formula in place of a fused kernel.

    A matrix product counts two for each multiplication and addition, anything else one for each
    number that it returns.
    """
    formula = sdpa_kernel(SDPBackend.MATH)
    with formula, FlopCounterMode(display=False) as products, _Watch() as others:
        function()
    return products.get_total_flops() + others.numbers


def exponent(sizes, values):
    """Return the power of a size with which values grow, fitted to the logarithms of both."""
    sizes, values = np.asarray(sizes, float), np.asarray(values, float)
    if len(set(sizes)) < 2 or len(sizes) != len(values):
        raise ValueError(f"needs as many sizes as values, two at least, got {sizes} and {values}")
    if not all(0 < x < np.inf for x in (*sizes, *values)):
        raise ValueError(f"sizes and values must be positive, got {sizes} and {values}")
    across = np.log(sizes) - np.log(sizes).mean()
    return float(across @ np.log(values) / (across @ across))


@dataclass(frozen=True)
class Growth:
    """What was measured over several sizes, in several rounds, and how it grows."""

    sizes: tuple
    rounds: tuple

    @property
    def values(self):
        """The median over the rounds, for each size."""
        return [median(some) for some in zip(*self.rounds, strict=True)]

    @property
    def exponent(self):
        """The power of the size with which the medians grow, over the sizes that were measured."""
        return exponent(self.sizes, self.values)

    @property
    def spread(self):
        """The least and the greatest exponent that one round alone would have given."""
        found = [exponent(self.sizes, values) for values in self.rounds]
        return min(found), max(found)


def measure(make, sizes, rounds=5):
    """Return the :class:`Growth` of the seconds and of the peak allocation of a call.

    ``make(size)`` returns the call, a function without arguments. A round times each size once,
    so that a machine that is busy for a while delays all sizes alike. The peak is counted, not
    timed, and one round is enough.
    """
    calls = [make(size) for size in sizes]
    peaks = tuple(peak_allocation(call) for call in calls)
    times = tuple(tuple(seconds(call, repeats=1) for call in calls) for _ in range(rounds))
    return Growth(tuple(sizes), times), Growth(tuple(sizes), (peaks,))


def _tensors(tree):
    return [x for x in tree_leaves(tree) if torch.is_tensor(x)]


class _Watch(TorchDispatchMode):
    bytes = 0
    numbers = 0
    read = 0
    written = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = operation(*args, **kwargs)
        if not operation.is_view and operation is not torch.ops.aten._unsafe_view.default:
            written = {x.name for x in operation._schema.arguments if x.is_out}
            given = _tensors((args, [kwargs[name] for name in kwargs.keys() - written]))
            self.read += sum(x.numel() * x.element_size() for x in given)
            self.written += sum(x.numel() * x.element_size() for x in _tensors(result))
        for value in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(value, torch.Tensor):
                self.bytes = max(self.bytes, value.untyped_storage().nbytes())
                self.numbers += value.numel()
        return result
