"""What a function needs of its arguments, declared once above it.

>>> import numpy as np
>>> @shapes(np, "q: ... L d_k, k: ... S d_k, mask: ... L S -> ... L S")
... def scores(q, k, *, mask=None):
...     \"""Compare every query with every key.\"""
...     return q @ k.mT
>>> scores(np.ones((2, 3)), np.ones((5, 4)))
Traceback (most recent call last):
ValueError: k has shape (5, 4); it needs (..., S, 3): d_k = 3 in q

The declaration checks the arguments and names the one that does not fit, computes in single
precision at least, gives back the dtype that came, and writes the *Shapes* and *Raises* of the
docstring. ``declaration(function)`` returns it: the tests make good and bad input from it.

Axes are named. ``...`` stands for leading dimensions that broadcast, ``*`` for leading dimensions
that are the same in every array. An axis whose name begins with d, and every axis with a !, has
at least one entry. ``mask`` is boolean and need only broadcast to its axes; ``mask+`` may bring
leading dimensions of its own. ``w~`` is of any floating-point dtype, all others are of that of
the first. What is more than axes is declared by name: ``gamma=number(...)``.
"""

import functools
import inspect
import math
import operator
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

_FLOATS = ("float16", "bfloat16", "float32", "float64", "longdouble", "float128")
_LEADING = {"...": "broadcast", "*": "equal"}


@dataclass(frozen=True)
class Array:
    """An array of named axes: ``kind`` is floating, boolean, number or any.

    With ``broadcasts`` it need not have the axes itself; with ``extends`` it may bring leading
    dimensions of its own. With ``own_dtype`` it is of any floating-point dtype; otherwise all
    have that of the first. ``says`` goes into the docstring.
    """

    axes: str
    kind: str = "floating"
    broadcasts: bool = False
    own_dtype: bool = False
    extends: bool = False
    least: float | None = None
    says: str = ""

    @functools.cached_property
    def names(self):
        """The names of the axes, without the leading ones."""
        names = self.axes.replace("!", "").split()
        return tuple(name for name in names if name not in _LEADING)

    @functools.cached_property
    def leading(self):
        """How the leading dimensions fit those of other arrays: broadcast, equal, or None."""
        return next((way for sign, way in _LEADING.items() if sign in self.axes.split()), None)

    def needs_an_entry(self, name):
        """Return whether an axis must not be empty."""
        return name.startswith("d") or f"{name}!" in self.axes.split()


@dataclass(frozen=True)
class Matrices:
    """A dictionary of arrays of one name each, all in the dtype of the first argument."""

    arrays: Mapping
    says: str = ""


@dataclass(frozen=True)
class Count:
    """An integer, at least ``least``, or None for ``default``."""

    least: int = 0
    says: str = ""


def boolean(axes, *, extends=False):
    """Declare a boolean array that broadcasts to some axes; True = may attend."""
    return Array(axes, "boolean", broadcasts=True, extends=extends, says="True = may attend")


def number(axes="", *, least=None, says="", extends=False):
    """Declare a finite number, or an array of them that broadcasts to some axes."""
    return Array(axes, "number", broadcasts=True, extends=extends, least=least, says=says)


def anything(axes, says=""):
    """Declare an array of any dtype."""
    return Array(axes, "any", says=says)


def matrices(says="", **arrays):
    """Declare a dictionary of arrays, such as the learned matrices of a layer."""
    return Matrices({name: Array(axes) for name, axes in arrays.items()}, says)


def count(least=0, says=""):
    """Declare an integer."""
    return Count(least, says)


@dataclass(frozen=True)
class Declaration:
    """What a function needs and returns: ``needs`` by the names of its arguments, in order."""

    library: str
    needs: Mapping
    returns: object
    signature: inspect.Signature
    widens: bool = True
    narrows: bool = True

    @functools.cached_property
    def axes(self):
        """The names of all axes."""
        arrays = (need for need in self.needs.values() if isinstance(need, Array))
        return tuple({name for need in arrays for name in need.names})

    @functools.cached_property
    def numbers(self):
        """The arguments that are checked by their values: finite, and not below the least."""
        needs = self.needs.items()
        return {name for name, need in needs if isinstance(need, Array) and need.kind == "number"}


def declaration(function):
    """Return the :class:`Declaration` of a function, or None where it has none."""
    return getattr(function, "__declaration__", None)


def shapes(library, text="", *, widens=True, narrows=True, **needs):
    """Declare what a function of ``library``, NumPy or PyTorch, needs and returns.

    ``text`` names arrays with their axes and, behind ``->``, the axes of what comes back, several
    of them with commas between; where that takes words, the docstring has them. Without
    ``widens`` the function gets half precision as it came; without ``narrows`` its result is left
    as it is.

    Raises:
        TypeError: the function has no argument of a declared name.
    """
    arrays, _, axes = text.partition("->")
    for entry in filter(None, map(str.strip, arrays.split(","))):
        name, _, named = map(str.strip, entry.partition(":"))
        if name.rstrip("+") == "mask":
            needs["mask"] = boolean(named, extends=name.endswith("+"))
        else:
            needs[name.rstrip("~")] = Array(named, own_dtype=name.endswith("~"))
    returns = tuple(map(str.strip, axes.split(","))) if axes else None

    def declare(function):
        signature = inspect.signature(function)
        unknown = set(needs) - set(signature.parameters)
        if unknown:
            raise TypeError(f"{function.__name__} has no argument {', '.join(sorted(unknown))}")
        ordered = {name: needs[name] for name in signature.parameters if name in needs}
        declared = Declaration(library.__name__, ordered, returns, signature, widens, narrows)
        of_module = "self" in signature.parameters and function.__name__ != "__init__"

        passed = {}  # the kinds of arguments that passed as they came, and the dtype to give back

        @functools.wraps(function)
        def checked(*args, **kwargs):
            kind = _kind(args, kwargs, declared)
            if kind in passed:
                result = function(*args, **kwargs)
                return _cast(result, passed[kind]) if narrows else result
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError:
                return function(*args, **kwargs)  # for Python's own error, which names it
            owner = args[0] if of_module else None
            given = kind and dict(bound.arguments)
            dtype = _check(bound.arguments, declared, owner)
            if (
                kind
                and dtype is not None
                and len(passed) < _KINDS
                and all(given[name] is value for name, value in bound.arguments.items())
            ):
                passed[kind] = dtype
            result = function(*bound.args, **bound.kwargs)
            return _cast(result, dtype) if narrows and dtype is not None else result

        checked.__doc__ = _document(function.__doc__, declared)
        checked.__declaration__ = declared
        return checked

    return declare


# Checking ----------------------------------------------------------------------------------------

_KINDS = 1000  # a cache that grows by one token makes a new kind with each


def _kind(args, kwargs, declared):
    """Return what the check of a call in PyTorch depends on, or None where it needs the values.

    A check takes as long as the product of small matrices; what has passed need not be tried
    again. So a call of tensors alone is described by what can be wrong with them.
    """
    if declared.library != "torch" or declared.numbers:
        return None
    torch, found = _torch(), [len(args), *kwargs]
    for value in (*args, *kwargs.values()):
        if value is None:
            found.append(None)
        elif type(value) in (torch.Tensor, torch.nn.Parameter):
            found.append((value.shape, value.dtype, value.device, value.layout))
        elif isinstance(value, torch.nn.Module):
            sizes, axes = vars(value), declared.axes
            own = sizes.get("_parameters", {}).values()
            parameter = next((p for p in own if p is not None), None)
            if parameter is None or any(hasattr(type(value), axis) for axis in axes):
                return None  # its dtype is a child's, or a size is computed
            found.append((parameter.dtype, *(sizes.get(axis) for axis in axes)))
        else:
            return None
    return tuple(found)


def _check(arguments, declared, owner):
    """Check the arguments, replace them by what the function gets, return the dtype to give back.

    ``owner`` is the module whose method is called: its attributes give axes their sizes, and its
    parameters the dtype.
    """
    given = {
        name: arguments[name]
        for name in declared.needs
        if name in arguments
        and not (arguments[name] is None and declared.signature.parameters[name].default is None)
    }
    found = {}  # every array by a name for messages, beside its need
    for name, value in given.items():
        need = declared.needs[name]
        if isinstance(need, Count):
            arguments[name] = check_count(value, name, need.least)
        elif isinstance(need, Matrices):
            for key, array in _matrices(value, name, need).items():
                entry = f'{name}["{key}"]'
                found[entry] = need.arrays[key], _array(array, entry, declared.library)
        else:
            found[name] = need, _array(value, name, declared.library, need)

    dtype, device = _common_dtype(found, owner)
    _check_axes({n: pair for n, pair in found.items() if not pair[0].broadcasts}, found, owner)

    wide = _widened(dtype, declared) if dtype is not None else None
    ready = {}
    for name, (need, array) in found.items():
        if need.kind == "floating" and wide is not None:
            array = _cast(array, wide)
        elif need.kind == "number":
            array = _finite(_like(array, wide, device), array, name, need, wide)
        elif need.kind == "boolean" and device is not None:
            array = as_tensor(array, device)
        ready[name] = array
    for name in given:
        need = declared.needs[name]
        if isinstance(need, Matrices):
            arguments[name] = {key: ready[f'{name}["{key}"]'] for key in need.arrays}
        elif not isinstance(need, Count):
            arguments[name] = ready[name]
    return dtype


def _array(value, name, library, need=None):
    """Return a value as an array of the library, or say what is wrong with it."""
    kind = need.kind if need is not None else "floating"
    if library == "torch" and kind not in ("boolean", "number"):
        if not _is_tensor(value):
            raise TypeError(f"{name} is a {type(value).__name__}; it needs a Tensor")
        if value.layout != _torch().strided or value.is_meta:
            what = "on the meta device" if value.is_meta else "sparse"
            raise TypeError(f"{name} is {what}; it needs a dense tensor that holds numbers")
    elif kind == "boolean":
        if not hasattr(value, "dtype"):
            raise TypeError(
                f"{name} is a {type(value).__name__}; it needs a boolean array or tensor"
            )
        value = value if _is_tensor(value) else np.asarray(value)
    elif not (library == "torch" and _is_tensor(value)):
        value = _as_array(value, name)
    dtype = str(value.dtype).removeprefix("torch.")
    if kind == "floating" and dtype not in _FLOATS:
        raise TypeError(f"{name} has dtype {dtype}; it needs a floating-point dtype")
    if kind == "boolean" and dtype != "bool":
        raise TypeError(f"{name} has dtype {dtype}; it needs bool, True = may attend")
    if kind == "number" and not dtype.startswith(("bool", "int", "uint", "float", "bfloat")):
        raise TypeError(f"{name} has dtype {dtype}; it needs real numbers")
    return value


def _as_array(value, name):
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, whose mask would be lost; hand in a mask")
    if isinstance(value, np.matrix):
        raise TypeError(f"{name} is a matrix, whose * is @; it needs an ndarray")
    if isinstance(value, str):
        raise TypeError(f"{name} is a text, {value!r}; it needs numbers")
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} has rows of different lengths; it needs one array") from None
    if array.dtype == object:
        raise TypeError(f"{name} is a {type(value).__name__}; it needs an array of numbers")
    return array


def _matrices(value, name, need):
    if not isinstance(value, Mapping) or set(value) != set(need.arrays):
        found = list(value) if isinstance(value, Mapping) else type(value).__name__
        raise ValueError(f"{name} has {found}; it needs a dictionary of {', '.join(need.arrays)}")
    return value


def _common_dtype(found, owner):
    """Return the dtype that all floating-point arrays have, and the parameters of the owner."""
    first, dtype, device = None, None, None
    for name, (need, array) in found.items():
        if need.kind != "floating" or need.own_dtype:
            continue
        if first is None:
            first, dtype, device = name, array.dtype, getattr(array, "device", None)
            device = device if _is_tensor(array) else None
        elif array.dtype != dtype:
            raise TypeError(
                f"{name} has dtype {array.dtype}; it must equal that of {first}, {dtype}"
            )
    parameter = next(owner.parameters(), None) if owner is not None else None
    if dtype is not None and parameter is not None and parameter.dtype != dtype:
        raise TypeError(
            f"{first} has dtype {dtype}; it must equal that of the parameters, {parameter.dtype}"
        )
    return dtype, device


def _check_axes(arrays, found, owner):
    sizes = {}  # of each axis, and the array that has it
    for name, (need, array) in arrays.items():
        shape, names = tuple(array.shape), need.names
        fits = len(shape) >= len(names) if need.leading else len(shape) == len(names)
        new = {}
        for axis, size in zip(names[::-1], shape[::-1], strict=False):
            known = _size(axis, sizes | new, owner)
            fits &= (known is None or known[0] == size) and not (
                size == 0 and need.needs_an_entry(axis)
            )
            if known is None:
                new[axis] = size, name
        if not fits:
            empty = [axis for axis in new if not new[axis][0] and need.needs_an_entry(axis)]
            needed = _needed(need, sizes, owner, empty)
            raise ValueError(f"{name} has shape {shape}; it needs {needed}")
        sizes |= new
    leading = _leading(arrays)
    for name, (need, array) in found.items():
        if need.broadcasts:
            own = (_size(axis, sizes, owner)[0] for axis in need.names)
            target = *(leading if need.leading else ()), *own
            if not _broadcasts(tuple(array.shape), target, need):
                raise ValueError(
                    f"{name} has shape {tuple(array.shape)}; it must broadcast to {target}"
                )


def _size(axis, sizes, owner):
    """Return the size of an axis that is known, and from where."""
    if axis.isdigit():
        return int(axis), "the declaration"
    of_owner = getattr(owner, axis, None)
    if isinstance(of_owner, int):
        return of_owner, type(owner).__name__
    return sizes.get(axis)


def _needed(need, sizes, owner, empty):
    """Return the shape that is needed, with every size that is known, and from where it is."""
    known = {axis: _size(axis, sizes, owner) for axis in need.names}
    known = {axis: pair for axis, pair in known.items() if pair and pair[0]}
    axes = [str(known[axis][0]) if axis in known else axis for axis in need.names]
    text = ", ".join((["..."] if need.leading else []) + axes)
    text = f"({text},)" if len(axes) == 1 and not need.leading else f"({text})"
    reasons = [f"{axis} = {size} in {source}" for axis, (size, source) in known.items()]
    reasons += [f"{axis} at least 1" for axis in empty]
    return text + (f": {', '.join(reasons)}" if reasons else "")


def _leading(arrays):
    """Return the leading dimensions of all arrays together."""
    found = {
        name: tuple(array.shape[: array.ndim - len(need.names)])
        for name, (need, array) in arrays.items()
        if need.leading
    }
    if len(set(found.values())) == 1:
        return next(iter(found.values()))
    equal = any(need.leading == "equal" for need, _ in arrays.values())
    try:
        together = np.broadcast_shapes(*found.values())
        if not equal or len(set(found.values())) <= 1:
            return together
    except ValueError:
        pass
    shapes = ", ".join(f"{name} has {tuple(arrays[name][1].shape)}" for name in found)
    raise ValueError(
        f"the leading dimensions of {', '.join(found)} must {'be equal' if equal else 'broadcast'}"
        f": {shapes}"
    )


def _broadcasts(shape, target, need):
    try:
        together = np.broadcast_shapes(shape, target)
    except ValueError:
        return False
    if not need.extends:
        return together == target
    own = len(need.names) or len(target)
    return together[len(together) - own :] == target[len(target) - own :]


def _finite(array, given, name, need, dtype):
    """Return numbers as they came in, or say which of them is no number for the call."""
    values = array.detach().cpu().double().numpy() if _is_tensor(array) else array.astype(float)
    wrong = ~np.isfinite(values) | (values < (-math.inf if need.least is None else need.least))
    if wrong.any():
        at = tuple(np.argwhere(wrong)[0])
        bound = "" if need.least is None else f" and at least {need.least:g}"
        there = f" in {str(dtype).removeprefix('torch.')}" if dtype is not None else ""
        raise ValueError(f"{name} is {given[at]:g}; it needs to be finite{there}{bound}")
    return array


# Both libraries ----------------------------------------------------------------------------------


def _torch():
    import torch  # here, so that NumPy's functions load without it

    return torch


def _is_tensor(value):
    return type(value).__module__.startswith("torch") and hasattr(value, "layout")


def as_tensor(array, device=None):
    """Return a NumPy array or a tensor as a tensor, on a device."""
    if _is_tensor(array):
        return array.to(device)
    return _torch().from_numpy(np.array(array)).to(device)  # PyTorch can't share every view


def _like(array, dtype, device):
    """Return numbers in a dtype, as a tensor where there is a device."""
    if device is not None:
        return as_tensor(array, device).to(dtype)
    return array if dtype is None else _cast(array.astype(float), dtype)


def _widened(dtype, declared):
    if not declared.widens:
        return dtype
    library = _torch() if declared.library == "torch" else np
    return library.promote_types(dtype, library.float32)


def _cast(value, dtype):
    """Return floating-point arrays in a dtype; look into tuples, lists and dictionaries."""
    if isinstance(value, tuple | list):
        return type(value)(_cast(part, dtype) for part in value)
    if isinstance(value, dict):
        return {name: _cast(part, dtype) for name, part in value.items()}
    if _is_tensor(value):
        as_it_is = value.dtype == dtype or not value.is_floating_point()
        return value if as_it_is else value.to(dtype)
    if isinstance(value, np.ndarray | np.floating) and value.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what does not fit is infinite, as it should be
            return value.astype(dtype, copy=False)
    return value


# The docstring -----------------------------------------------------------------------------------


def _document(doc, declared):
    """Return a docstring with the sections that the declaration makes."""
    doc = inspect.cleandoc(doc or "")
    what = "tensor" if declared.library == "torch" else "array"
    lines = []
    for name, need in declared.needs.items():
        if isinstance(need, Count):
            text = f"{name}: an integer, at least {need.least}"
        elif isinstance(need, Matrices):
            arrays = ", ".join(f'"{key}": {_tuple(a.axes)}' for key, a in need.arrays.items())
            text = f"{name}: {{{arrays}}}"
        elif need.kind == "number":
            to = f", or an {what} that broadcasts to {_tuple(need.axes)}" if need.axes else ""
            least = "" if need.least is None else f", at least {need.least}"
            text = f"{name}: a number{to}{least}"
        else:
            kind = {"boolean": "boolean, broadcastable to ", "any": ""}.get(need.kind, "")
            dtype = ", of any dtype" if need.kind == "any" else ""
            dtype = ", of any floating-point dtype" if need.own_dtype else dtype
            text = f"{name}: {kind}{_tuple(need.axes)}{dtype}"
        lines.append(text + (f"; {need.says}" if need.says else ""))
    first = next(iter(declared.needs), "")
    if declared.returns:
        text = ", ".join(map(_tuple, declared.returns))
        several = "all " if len(declared.returns) > 1 else ""
        lines.append(f"returns: {text}, {several}in the dtype of {first}")
    shapes_ = "\n".join(
        textwrap.fill(line, 92, subsequent_indent="    ", break_long_words=False) for line in lines
    )
    raises = (
        f"TypeError: an argument is no {what} of numbers, or has another dtype than {first}.\n"
        "ValueError: a shape or a number does not fit; the message says which, what it is and\n"
        "    what it needs."
    )
    doc = _put(doc, "Raises:", raises)
    return _put(doc, "Shapes:", shapes_)


def _put(doc, heading, text):
    """Return a docstring with a text first in a section, which is made where there is none."""
    block = textwrap.indent(text, "    ")
    if f"\n{heading}\n" in doc:
        return doc.replace(f"\n{heading}\n", f"\n{heading}\n{block}\n", 1)
    following = ["Raises:", "Source:"] if heading == "Shapes:" else ["Source:"]
    for next_heading in following:
        if f"\n{next_heading}\n" in doc:
            return doc.replace(
                f"\n{next_heading}\n", f"\n{heading}\n{block}\n\n{next_heading}\n", 1
            )
    return f"{doc}\n\n{heading}\n{block}"


def _tuple(axes):
    names = [name.replace("!", "").replace("*", "...") for name in axes.split()]
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})"


def finite(array, what):
    """Return an array of the library of the call; refuse one in which something has overflowed.

    Raises:
        ValueError: an entry is infinite; ``what`` says of what it is.
    """
    largest = abs(array).max() if math.prod(array.shape) else 0
    if largest == math.inf:
        dtype = str(array.dtype).removeprefix("torch.")
        raise ValueError(f"{what} is infinite: beyond the largest number of {dtype}")
    return array


def check_count(value, name, least=0):
    """Return ``value`` as a Python integer; raise an error that names it unless it can be one.

    Raises:
        TypeError: ``value`` is not an integer; True and False are none here.
        ValueError: ``value`` is below ``least``.
    """
    try:
        integer = operator.index(value)
    except TypeError:
        integer = None
    if integer is None or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}; it needs an integer")
    if integer < least:
        raise ValueError(f"{name} is {integer}; it must be at least {least}")
    return integer
