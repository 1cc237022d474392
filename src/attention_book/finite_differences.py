"""A gradient without calculus: central differences, the witness for every backward pass by hand."""

import math

import numpy as np

from attention_book.shapes import number, shapes


@shapes(np, "x: ... -> ...", step=number())
def numerical_gradient(function, x, *, step=1e-5):
    r"""Estimate the gradient of a function at x by central differences, number by number.

    .. math:: \frac{\partial f}{\partial x_i} \approx
              \frac{f(x + \varepsilon e_i) - f(x - \varepsilon e_i)}{2 \varepsilon}

    The error of the formula falls like ε², that of the subtraction grows like 1/ε. In float64
    they meet near 1e-5; in float32 few digits are left at any step. Where :math:`x_i` is large,
    :math:`x_i \pm \varepsilon` is rounded: the divisor is the distance between the two as stored.

    ``function`` takes an array like x and returns a number.

    Raises:
        TypeError: ``x`` is not of float64.
        ValueError: ``step`` does not move x upwards by a finite amount, or ``function`` does not
            return a single real number.

    Source:
        The symmetric difference quotient, by Taylor's formula.
    """
    if x.dtype != np.float64:
        raise TypeError(f"x has dtype {x.dtype}; it needs float64: others have too few digits")
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        high, low = float(x[index]) + step, float(x[index]) - step
        if not 0 < high - low < math.inf:
            raise ValueError(f"step is {step}; it must be above 0 and move {x[index]}")
        above, below = x.copy(), x.copy()
        above[index], below[index] = high, low
        gradient[index] = (_number(function(above)) - _number(function(below))) / (high - low)
    return gradient


def _number(value):
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "buif":
        raise ValueError(f"function returned {value!r:.60}; it needs one real number")
    return float(array.item())
