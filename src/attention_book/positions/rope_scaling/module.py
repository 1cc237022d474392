r"""Stretched RoPE in PyTorch: frequencies in double precision."""

import math

import torch

from attention_book.positions.sinusoidal.module import frequencies
from attention_book.shapes import count, number, shapes

FACTOR = number(least=1, says="how many times longer texts become")
TRAINED = count(1, "length of the texts in training")


@shapes(torch, d=count(2), factor=FACTOR, base=number())
def interpolation(d, *, factor, base=10_000.0):
    r"""Slow all pairs down: :math:`\omega_m / s`, which divides every position by s.

    Shapes:
        returns: (⌈d/2⌉,)

    Source:
        S. Chen et al., "Extending Context Window of Large Language Models via Positional
        Interpolation", 2023, section 2.3.
    """
    return frequencies(d, base=base) / float(factor)


@shapes(torch, d=count(3), factor=FACTOR, base=number())
def ntk(d, *, factor, base=10_000.0):
    r"""Slow the pairs down by s to a power that grows from 0 to 1: a larger base.

    Shapes:
        returns: (⌈d/2⌉,)

    Source:
        B. Peng et al., "YaRN", 2024, section 3.1, where it is called NTK-aware interpolation.
    """
    omega = frequencies(d, base=base)
    pair = torch.arange(len(omega), dtype=omega.dtype)
    return omega * float(factor) ** (-2 * pair / (d - 2))


@shapes(
    torch, d=count(2), factor=FACTOR, trained=TRAINED, base=number(), slow=number(), fast=number()
)
def yarn(d, *, factor, trained, base=10_000.0, slow=1.0, fast=32.0):
    r"""Slow down only the pairs that turn few times within the training length.

    Queries and keys are also multiplied by :func:`temperature`.

    Shapes:
        returns: (⌈d/2⌉,)

    Source:
        B. Peng et al., "YaRN: Efficient Context Window Extension of Large Language Models",
        2024, section 3.2. Their program has another ramp: :func:`yarn_released`.
    """
    omega = frequencies(d, base=base)
    wavelength = 2 * math.pi / omega
    keeps = (trained / wavelength - float(slow)) / (float(fast) - float(slow))
    return torch.lerp(omega / float(factor), omega, keeps.clamp(0, 1))


@shapes(
    torch, d=count(2), factor=FACTOR, trained=TRAINED, base=number(), slow=number(), fast=number()
)
def yarn_released(d, *, factor, trained, base=10_000.0, slow=1.0, fast=32.0):
    r"""As :func:`yarn`, with a ramp that is straight in the number of the pair.

    It begins at the pair that turns ``fast`` times, rounded down, and ends at the one that
    turns ``slow`` times, rounded up. The checkpoints that name YaRN were trained with this one.

    Shapes:
        returns: (⌈d/2⌉,)

    Source:
        The program of B. Peng et al., https://github.com/jquesnelle/yarn.
    """
    omega = frequencies(d, base=base)
    per_pair = 2 * math.log(base) / d  # a pair has the logarithm of its frequency lower by this
    first = math.floor(math.log(trained / (2 * math.pi * float(fast))) / per_pair)
    last = math.ceil(math.log(trained / (2 * math.pi * float(slow))) / per_pair)
    first, last = max(first, 0), min(last, d - 1)
    pair = torch.arange(len(omega), dtype=omega.dtype)
    ramp = ((pair - first) / max(last - first, 0.001)).clamp(0, 1)
    return torch.lerp(omega, omega / float(factor), ramp)


@shapes(torch, factor=FACTOR)
def temperature(factor):
    r"""Return what YaRN multiplies both queries and keys by: :math:`0.1 \ln s + 1`.

    Shapes:
        returns: a number

    Source:
        B. Peng et al., "YaRN", 2024, section 3.4.
    """
    return 1 + math.log(factor) / 10
