r"""Stretched RoPE in NumPy: frequencies for texts that are ``factor`` times longer."""

import math

import numpy as np

from attention_book.positions.sinusoidal.reference import frequencies
from attention_book.shapes import count, number, shapes

FACTOR = number(least=1, says="how many times longer texts become")
TRAINED = count(1, "length of the texts in training")


@shapes(np, d=count(2), factor=FACTOR, base=number())
def interpolation(d, *, factor, base=10_000.0):
    r"""Slow all pairs down: :math:`\omega_m / s`, which divides every position by s.

    Shapes:
        returns: (⌈d/2⌉,)

    Source:
        S. Chen et al., "Extending Context Window of Large Language Models via Positional
        Interpolation", 2023, section 2.3.
    """
    return frequencies(d, base=base) / factor


@shapes(np, d=count(3), factor=FACTOR, base=number())
def ntk(d, *, factor, base=10_000.0):
    r"""Take a larger base: the fastest pair keeps its frequency, the slowest has it divided by s.

    .. math:: \omega_m = \left(\text{base} \cdot s^{d/(d-2)}\right)^{-2m/d}

    Shapes:
        returns: (⌈d/2⌉,)

    Source:
        B. Peng et al., "YaRN", 2024, section 3.1, where it is called NTK-aware interpolation.
    """
    return frequencies(d, base=float(base) * float(factor) ** (d / (d - 2)))


@shapes(np, d=count(2), factor=FACTOR, trained=TRAINED, base=number(), slow=number(), fast=number())
def yarn(d, *, factor, trained, base=10_000.0, slow=1.0, fast=32.0):
    r"""Slow down only the pairs that turn few times within the training length.

    .. math:: \omega'_m = (1 - \gamma) \frac{\omega_m}{s} + \gamma\, \omega_m, \qquad
              \gamma = \operatorname{clip}\!\left(
              \frac{n_m - \text{slow}}{\text{fast} - \text{slow}}, 0, 1\right)

    with the number of turns within the training length T, :math:`n_m = T \omega_m / 2\pi`.

    Queries and keys are also multiplied by :func:`temperature`.

    Shapes:
        returns: (⌈d/2⌉,)

    Source:
        B. Peng et al., "YaRN: Efficient Context Window Extension of Large Language Models",
        2024, section 3.2. Their program has another ramp: :func:`yarn_released`.
    """
    omega = frequencies(d, base=base)
    turns = trained * omega / (2 * math.pi)
    gamma = np.clip((turns - slow) / (fast - slow), 0, 1)
    return (1 - gamma) * omega / factor + gamma * omega


@shapes(np, d=count(2), factor=FACTOR, trained=TRAINED, base=number(), slow=number(), fast=number())
def yarn_released(d, *, factor, trained, base=10_000.0, slow=1.0, fast=32.0):
    r"""As :func:`yarn`, with a ramp that is straight in the number m of the pair.

    It begins at the pair that turns ``fast`` times, rounded down, and ends at the one that
    turns ``slow`` times, rounded up. The checkpoints that name YaRN were trained with this one.

    Shapes:
        returns: (⌈d/2⌉,)

    Source:
        The program of B. Peng et al., https://github.com/jquesnelle/yarn.
    """

    def pair(turns):
        return d * math.log(trained / (2 * math.pi * turns)) / (2 * math.log(base))

    first = max(math.floor(pair(float(fast))), 0)
    last = min(math.ceil(pair(float(slow))), d - 1)
    omega = frequencies(d, base=base)
    ramp = np.clip((np.arange(len(omega)) - first) / max(last - first, 0.001), 0, 1)
    return (1 - ramp) * omega + ramp * omega / factor


@shapes(np, factor=FACTOR)
def temperature(factor):
    r"""Return what YaRN multiplies both queries and keys by: :math:`0.1 \ln s + 1`.

    The scores get it squared, which is the 1/t of the paper.

    Shapes:
        returns: a number

    Source:
        B. Peng et al., "YaRN", 2024, section 3.4.
    """
    return 0.1 * math.log(factor) + 1
