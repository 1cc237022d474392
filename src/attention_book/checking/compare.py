"""What it means that two values are equal, said once, with the words for how they are not."""

import numbers
import reprlib
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Difference:
    """How a value differs from the right one.

    ``words`` say it, except where only the numbers do: then ``got`` and ``want`` are two arrays,
    and ``differs`` is true where they do. ``where`` leads to the value inside a tuple.
    """

    words: str = ""
    where: str = ""
    got: np.ndarray | None = None
    want: np.ndarray | None = None
    differs: np.ndarray | None = None


def difference(got, want, rtol=1e-9, atol=0.0, given=""):
    """Return how ``got`` differs from ``want``, None where they agree.

    ``given`` says what the shapes come from, for the words on a wrong shape.
    """
    if isinstance(want, (tuple, list)):
        needs = f"it needs a {kind(want)} of {len(want)}."
        if not isinstance(got, (tuple, list)):
            return Difference(f"It returned the type {kind(got)}; {needs}")
        if len(got) != len(want):
            return Difference(f"It returned {len(got)} values; {needs}")
        for number, (mine, right) in enumerate(zip(got, want, strict=True)):
            found = difference(mine, right, rtol, atol, given)
            if found is not None:
                return replace(found, where=f"In value {number} of the {kind(want)}: {found.where}")
        return None
    if is_number(want):
        if not is_number(got):
            shape = f" of shape {got.shape}" if isinstance(got, np.ndarray) else ""
            return Difference(f"It returned the type {kind(got)}{shape}; it needs a plain number.")
        got, want = np.asarray(_float(got)), np.asarray(_float(want))
    elif not isinstance(want, np.ndarray):
        if isinstance(want, bool) and isinstance(got, np.bool_):
            got = bool(got)
        if type(got) is type(want) and bool(got == want):
            return None
        return Difference(f"It returned {reprlib.repr(got)}; it needs {want!r}.")
    elif type(got) is not np.ndarray:
        shape = f"it needs a NumPy array of shape {want.shape}."
        return Difference(f"It returned the type {kind(got)}; {shape}")
    elif got.shape != want.shape:
        return Difference(f"It returned the shape {got.shape}; it needs {want.shape}{given}.")
    elif got.dtype != want.dtype:
        return Difference(f"It returned the dtype {got.dtype}; here it needs {want.dtype}.")
    differs = ~close(got, want, rtol, atol)
    return Difference(got=got, want=want, differs=differs) if differs.any() else None


def equal(got, want, rtol=1e-9, atol=0.0):
    """Return whether two values agree."""
    return difference(got, want, rtol, atol) is None


def close(got, want, rtol, atol=0.0):
    """Return elementwise whether two arrays of one shape agree; NaN agrees with NaN."""
    tiny = np.finfo(want.dtype).tiny if np.issubdtype(want.dtype, np.floating) else 0
    with np.errstate(all="ignore"):
        return np.isclose(got, want, rtol=rtol, atol=max(rtol * 1e-6, tiny, atol), equal_nan=True)


def is_number(value):
    """Return whether a value is one real number, of any type."""
    if isinstance(value, np.ndarray):
        return value.ndim == 0 and np.isrealobj(value) and np.issubdtype(value.dtype, np.number)
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))


def kind(value):
    """Return the name of a value's type, with its library where it is not Python's or NumPy's."""
    module = type(value).__module__.split(".")[0]
    name = type(value).__name__
    return name if module in ("builtins", "numpy") else f"{module}.{name}"


def _float(value):
    try:
        return np.float64(value)
    except OverflowError:  # a whole number beyond 1e308
        return np.float64(np.inf if value > 0 else -np.inf)
