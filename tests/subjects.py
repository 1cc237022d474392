"""Everything that a variant offers, found by itself, with inputs made from its declarations."""

import dataclasses
import functools
import importlib
import importlib.util
import inspect
import pkgutil
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
import torch

import attention_book
from attention_book.shapes import Array, Count, Matrices, declaration

# Sizes that are all different; of an axis that is not listed see ``sizes``.
SIZES = {"L": 4, "S": 7, "n": 5, "N": 6, "H": 3, "W": 5, "d": 9, "d_k": 8, "d_v": 10}
SIZES |= {"R": 11, "d_model": 12, "layers": 2, "G": 3, "M": 2}
LEAD = (2, 3)
DTYPES = {
    "numpy": ("float16", "float32", "float64"),
    "torch": ("float16", "bfloat16", "float32", "float64"),
}


def cauchy(squared):
    """A kernel that reaches every key, in NumPy and in PyTorch."""
    return 1 / (1 + squared)


def one_hot(rng, shape):
    """The first position, which every mask of these tests shows."""
    return np.broadcast_to(np.eye(shape[-1])[0], shape).copy()


def average(q, memory):
    """What attends to everything alike."""
    mean = memory.mean(axis=-2, keepdims=True)
    return np.broadcast_to(mean, (*q.shape[:-1], memory.shape[-1]))


def learned_layers(subject, dtype):
    """Two layers for a stack, in the library of the subject."""
    new_layer = importlib.import_module("attention_book.layers.self_attention.reference").new_layer
    rng = np.random.default_rng(7)
    made = [new_layer(size("d_model"), 3, rng=rng) for _ in range(2)]
    return [{k: subject.native(x, dtype) for k, x in layer.items()} for layer in made]


def native_parts(subject, parts, dtype):
    """Dictionaries and lists of arrays, in the library of the subject."""
    if isinstance(parts, dict):
        return {name: native_parts(subject, part, dtype) for name, part in parts.items()}
    if isinstance(parts, list):
        return [native_parts(subject, part, dtype) for part in parts]
    return subject.native(parts, dtype)


def blocks(subject, dtype):
    """Two blocks for a stack, of the kind that the variant makes, or an encoder's."""
    room = importlib.import_module(f"attention_book.{subject.variant}.reference")
    if not hasattr(room, "new_block"):
        room = importlib.import_module("attention_book.transformer.encoder.reference")
    rng = np.random.default_rng(7)
    wide = {"d_kv": size("d_kv")} if "source" in subject.arrays else {}
    made = [room.new_block(size("d_model"), 3, 5, rng=rng, **wide) for _ in range(2)]
    return native_parts(subject, made, dtype)


def whole_model(subject, dtype):
    """A model for five symbols, as its variant makes it."""
    new_model = importlib.import_module(f"attention_book.{subject.variant}.reference").new_model
    symbols = [5] * (2 if "source_tokens" in subject.declared.needs else 1)
    model = new_model(*symbols, 12, 3, 7, num_layers=2, rng=np.random.default_rng(7))
    return native_parts(subject, model, dtype)


def learned_heads(subject, dtype):
    """Two layers of several heads, in the library of the subject."""
    new_layer = importlib.import_module("attention_book.layers.multi_head.reference").new_layer
    rng = np.random.default_rng(7)
    made = [new_layer(size("d_model"), 3, rng=rng) for _ in range(2)]
    return [{k: subject.native(x, dtype) for k, x in layer.items()} for layer in made]


# What no declaration can say: arguments that are no arrays, and arrays of a kind of their own.
EXAMPLES = {
    "kernel": cauchy,
    "rng": lambda subject, dtype: np.random.default_rng(3),
    "layers": learned_layers,
    "blocks": blocks,
    "model": whole_model,
    "attentions": learned_heads,
    "function": lambda subject, dtype: lambda x: float((x**2).sum()),
    "cell": lambda subject, dtype: lambda x, state: np.tanh(state + x.sum(-1, keepdims=True)),
    "attend": lambda subject, dtype: average,
}
ARRAYS = {
    "squared": lambda rng, shape: 9 * rng.random(shape),
    "uniforms": lambda rng, shape: rng.random(shape),
    "chosen": one_hot,
    "temperature": lambda rng, shape: np.asarray(0.7),
    "step": lambda rng, shape: np.asarray(1e-5),
    "p": lambda rng, shape: rng.random(shape),
    "pointed": lambda rng, shape: rng.permuted(
        np.broadcast_to(np.arange(shape[-1]), shape), axis=-1
    ),
    "weights": lambda rng, shape: rng.dirichlet(np.ones(shape[-1]), shape[:-1]),
    "previous": lambda rng, shape: rng.dirichlet(np.ones(shape[-1]), shape[:-1]),
    "sharpness": lambda rng, shape: np.asarray(1.5),
    "shift": lambda rng, shape: rng.dirichlet(np.ones(shape[-1])),
    "tokens": lambda rng, shape: rng.integers(0, 4, shape),
    "source_tokens": lambda rng, shape: rng.integers(0, 4, shape),
    "positions": lambda rng, shape: rng.integers(0, 50, shape),
    "relative": lambda rng, shape: rng.integers(-50, 50, shape),
    "factor": lambda rng, shape: np.asarray(4.0),
    "block_table": lambda rng, shape: rng.permutation(SIZES["N"])[: shape[0]],
    "block_tables": lambda rng, shape: rng.integers(0, SIZES["N"], shape),
    "lengths": lambda rng, shape: rng.integers(1, 20, shape),
    "places": lambda rng, shape: np.arange(shape[0] * shape[1]).reshape(shape),
}
COUNTS = {"L": 4, "size": 2, "height": 4, "width": 6, "num_layers": 2, "reach": 50}
COUNTS |= {"heads": 3, "trained": 64, "layer": 1, "period": 2, "groups": 1}
COUNTS |= {"tile": 3, "rows": 2, "columns": 3, "length": 20, "ranks": 3}


def size(axis):
    """The size of an axis: a number, a name, or a name and a number, as in d_k+1."""
    if axis.isdigit():
        return int(axis)
    name, plus, more = axis.partition("+")
    return size(name) + int(more) if plus else sizes().get(name, 11)


@functools.cache
def sizes():
    """The sizes of all axes and counts of the book: two that meet in a declaration differ.

    They stay small however many names there are, and depend on no order, as half precision ends
    at 65 504.
    """
    meet = defaultdict(set)
    for _, _, module in rooms():
        for thing, kind in public(module):
            names = names_of(thing)
            if kind is not None:
                names = names.union(*(names_of(f) for f in vars(kind).values() if callable(f)))
            for name in names:
                meet[name] |= names - {name}
    found = dict(SIZES)
    for name in sorted(meet.keys() - SIZES.keys()):
        taken = {found[other] for other in meet[name] if other in found}
        found[name] = next(number for number in count(11) if number not in taken)
    return found


def names_of(function):
    """The names of the axes and counts that a function declares."""
    declared = declaration(function)
    if declared is None:
        return set()
    found = {name for name, need in declared.needs.items() if isinstance(need, Count)}
    arrays = [need for need in declared.needs.values() if isinstance(need, Array)]
    for need in declared.needs.values():
        arrays += need.arrays.values() if isinstance(need, Matrices) else []
    axes = {axis.partition("+")[0] for array in arrays for axis in array.names}
    return found | {axis for axis in axes if not axis.isdigit()}


@dataclass(frozen=True)
class Subject:
    """A function under contract, or a method of a module that was made for it."""

    function: object
    variant: str = "stand-in"
    room: str = "reference"
    owner: object = None
    departures: dict = field(default_factory=dict)
    normalised_over: tuple = ()

    @property
    def declared(self):
        return declaration(self.function)

    @property
    def name(self):
        kind = f"{type(self.owner).__name__}." if self.owner is not None else ""
        return kind + self.function.__name__

    @property
    def label(self):
        return f"{self.variant}.{self.room}.{self.name}"

    @property
    def library(self):
        return self.declared.library

    @property
    def arrays(self):
        """The needs that are arrays, by name, without the masks and the numbers."""
        return {
            name: need
            for name, need in self.declared.needs.items()
            if isinstance(need, Array) and not need.broadcasts
        }

    @property
    def mask(self):
        """The need of the mask, or None."""
        need = self.declared.needs.get("mask")
        return need if isinstance(need, Array) and need.kind == "boolean" else None

    def native(self, array, dtype=None):
        """An array in the library of the function, floats in a dtype."""
        if self.library == "numpy":
            return array.astype(dtype) if dtype and array.dtype.kind == "f" else array
        tensor = torch.from_numpy(np.array(array))
        return tensor.to(getattr(torch, dtype)) if dtype and array.dtype.kind == "f" else tensor

    def inputs(self, *, lead=LEAD, dtype="float64", scale=1.0, seed=0, sizes=None):
        """All arguments without a default, by name; the same every time."""
        rng = np.random.default_rng(seed)
        given = {}
        for name, parameter in self.declared.signature.parameters.items():
            need = self.declared.needs.get(name)
            if name == "self" or (need is None and parameter.default is not parameter.empty):
                continue
            if parameter.default is not parameter.empty:
                continue
            given[name] = self.example(name, need, rng, lead, dtype, scale, sizes or {})
        return given

    def optional(self, name):
        """An argument that may be left out."""
        need = self.declared.needs[name]
        return self.example(name, need, np.random.default_rng(1), LEAD, "float64", 1.0, {})

    def example(self, name, need, rng, lead, dtype, scale, sizes):
        if isinstance(need, Count) or (need is None and name in COUNTS):
            return COUNTS[name] if name in COUNTS else size(name)
        if need is None:
            example = EXAMPLES[name]
            return example if name == "kernel" else example(self, dtype)
        if isinstance(need, Matrices):
            return {
                key: self.native(rng.standard_normal(self.shape(array, lead, sizes)), dtype)
                for key, array in need.arrays.items()
            }
        shape = self.shape(need, lead, sizes)
        if name in ARRAYS:
            return self.native(ARRAYS[name](rng, shape), dtype)
        if need.kind == "number":
            return self.native(np.full((), 0.3), dtype)
        if name == "patches":
            shape = (*shape[:-2], 6, 4 * 3)  # 4 × 6 pixels in squares of 2, of 3 channels
        return self.native(rng.standard_normal(shape) * scale, dtype)

    def shape(self, need, lead=LEAD, sizes=()):
        sizes = dict(sizes)
        own = tuple(sizes.get(axis, size(axis)) for axis in need.names)
        return (*(lead if need.leading else ()), *own)

    def call(self, inputs, **options):
        """Every result, in the library of the function."""
        function = (
            self.function if self.owner is None else functools.partial(self.function, self.owner)
        )
        result = function(**(inputs | options))
        return result if isinstance(result, tuple) else (result,)

    def run(self, inputs, **options):
        """Every result that is an array, as NumPy arrays."""
        return tuple(numpy(x) for x in self.call(inputs, **options) if is_array(x))

    def returned(self):
        """The axes of every result, or None where the declaration says it in words."""
        returns = self.declared.returns
        return None if returns is None else [Array(axes) for axes in returns]

    @property
    def has_state(self):
        """Whether it takes a state and returns the next, or is a module that can forget its own."""
        return "state" in self.declared.signature.parameters or hasattr(self.owner, "reset")


def is_array(value):
    return isinstance(value, np.ndarray | np.generic | torch.Tensor)


def numpy(result):
    if not isinstance(result, torch.Tensor):
        return np.asarray(result)
    result = result.detach()
    return (result.float() if result.dtype == torch.bfloat16 else result).numpy()


def copies(inputs):
    """The inputs, with arrays of their own."""

    def copy(value):
        if isinstance(value, torch.Tensor):
            return value.detach().clone()
        if isinstance(value, np.ndarray):
            return value.copy()
        if isinstance(value, dict):
            return {name: copy(part) for name, part in value.items()}
        return [copy(part) for part in value] if isinstance(value, list) else value

    return {name: copy(value) for name, value in inputs.items()}


# Finding -----------------------------------------------------------------------------------------


def rooms(package=attention_book):
    """Every reference and module of the book, by the name of its variant and its room."""
    home = Path(package.__path__[0])
    for path in sorted(home.rglob("*.py")):
        if path.stem in ("reference", "module"):
            parts = path.parent.relative_to(home).parts
            name = ".".join((package.__name__, *parts, path.stem))
            yield ".".join(parts), path.stem, importlib.import_module(name)


def public(room):
    """Every public function, and class with its public methods, that a module defines itself."""
    for name, thing in vars(room).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != room.__name__:
            continue
        if inspect.isfunction(thing):
            yield thing, None
        elif inspect.isclass(thing):
            for method in vars(thing).values():
                if inspect.isfunction(method) and (
                    method.__name__ == "__init__" or not method.__name__.startswith("_")
                ):
                    yield method, thing


def takes_arguments(function):
    return bool(set(inspect.signature(function).parameters) - {"self"})


def card(variant, name):
    """What a variant's ``limits`` say of its functions under a name, such as DEPARTURES."""
    spec = f"attention_book.{variant}.limits"
    if importlib.util.find_spec(spec) is None:
        return {}
    return getattr(importlib.import_module(spec), name, {})


def subjects():
    """Every function and method of the book that has a declaration."""
    for variant, room, module in rooms():
        for function, kind in public(module):
            if declaration(function) is None or function.__name__ == "__init__":
                continue
            owner = None if kind is None else made(kind).double()
            subject = Subject(function, variant, room, owner)
            yield dataclasses.replace(
                subject,
                departures=card(variant, "DEPARTURES").get(subject.name, {}),
                normalised_over=card(variant, "NORMALISED_OVER").get(subject.name, ()),
            )


def made(kind):
    """A module of a class, with the sizes of this file; what it reads may have another width."""
    torch.manual_seed(0)
    counts = declaration(kind.__init__)
    taken = counts.signature.parameters
    return kind(
        **{
            name: COUNTS[name] if name in COUNTS else size(name)
            for name, parameter in taken.items()
            if name == "d_kv" or (name != "self" and parameter.default is parameter.empty)
        }
    )


def variants():
    """The names of all variants: what has a reference."""
    return sorted({variant for variant, room, _ in rooms() if room == "reference"})


def submodules():
    """Every module of the book, by name."""
    return [m.name for m in pkgutil.walk_packages(attention_book.__path__, "attention_book.")]
