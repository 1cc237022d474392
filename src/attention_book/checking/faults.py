"""Faults that many exercises share: their names and hints are said once.

Each function returns what ``exercise.mistake`` takes: ``exercise.mistake(*double(wrong, hint=…))``.
"""

# the sizes that people take, the last is that of float32
EPSILONS = [*(float(f"1e-{digits}") for digits in range(2, 14)), 2.0**-23]
_NOT_SHIFTED = "the largest score was not subtracted"


def epsilon(
    total, hint="After the maximum is subtracted the sum is at least 1 and needs no epsilon."
):
    """Something small is added to ``total``, the part that the weights are divided by."""
    name = "an epsilon in the denominator makes every weight a little too small"
    return name, hint, *({total: f"({total} + {small})"} for small in EPSILONS)


def no_shift(*wrong, of="each row", underflow=False, hint=None):
    """The exponential is taken of the scores as they come."""
    name = f"the exponentials overflow{' or underflow' * underflow}: {_NOT_SHIFTED}"
    return name, hint or f"Subtract the largest score of {of} before the exponential.", *wrong


def double(wrong, hint):
    """Somewhere float32 became float64."""
    return "single precision became double", hint, wrong


def diagonal(wrong, hint):
    """The Jacobian of the softmax is taken as its diagonal."""
    return "the softmax Jacobian is not diagonal", hint, wrong


def downhill(wrong, name="the sign is turned"):
    """The gradient has the sign of a step of descent."""
    return name, "This is the direction of descent. The gradient itself points uphill.", wrong
