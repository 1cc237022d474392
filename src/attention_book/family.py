"""The family of mechanisms: what each of them is, and when one of them is another.

Each variant says its part in its own ``limits`` module: the mechanisms that it brings and its
limit cases. A limit case is a program that computes both sides, so that it can be tried.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

import attention_book


@dataclass(frozen=True)
class Advice:
    """When to choose a mechanism, and what it asks for.

    ``time`` and ``memory`` are formulas in the names of ``sizes``: the operations of the call in
    PyTorch, and the numbers in its largest tensor. ``call`` takes the sizes by name and makes the
    call, a function without arguments. The sizes are n, the number of positions, and d, their
    features, unless a mechanism has others, such as a window, a rank, heads or a cache.
    """

    choose: str
    order: str
    exact: str
    hardware: str
    time: str
    memory: str
    call: Callable
    sizes: Mapping = field(default_factory=lambda: {"n": 1024, "d": 16}, hash=False)

    def growth(self, measure, size):
        """Return by which factor a measure of the call grows when one of its sizes doubles."""
        return measure(self.call(**self._twice(size))) / measure(self.call(**self.sizes))

    def claimed(self, what, size):
        """Return the factor that a formula, ``time`` or ``memory``, gives for that."""
        formula = compile(getattr(self, what), what, "eval")
        values = (eval(formula, {}, dict(sizes)) for sizes in (self._twice(size), self.sizes))
        return next(values) / next(values)

    def _twice(self, size):
        return {**self.sizes, size: 2 * self.sizes[size]}


@dataclass(frozen=True)
class Mechanism:
    """A mechanism of the book: its name in a sentence, its function in NumPy, where it is taught.

    ``source`` is a key of the bibliography, ``oracle`` what other people's code it is compared
    with in its tests. What is simpler than attention has neither, and no advice.
    """

    name: str
    function: Callable
    at: str
    source: str | None = None
    oracle: str | None = None
    advice: Advice | None = None

    @property
    def variant(self):
        """The package that brings it, as in ``scores.additive``."""
        return self.function.__module__.removeprefix("attention_book.").rpartition(".")[0]

    @property
    def family(self):
        """The folder of that package: what the map shows together."""
        return self.variant.partition(".")[0]


@dataclass(frozen=True)
class LimitCase:
    """``general`` is ``special`` when a condition holds.

    ``sides(rng, **setting)`` returns what the two compute from the same random numbers; without
    a setting the condition holds, with the setting ``otherwise`` it does not. ``within`` is the
    largest relative difference that rounding explains, or, for a mean over draws, chance.
    """

    general: Mechanism
    special: Mechanism
    when: str
    otherwise: Mapping
    sides: Callable
    within: float = 1e-12

    def gap(self, seed=0, **setting):
        """Return the largest difference of the two sides, relative to the largest number."""
        general, special = map(np.asarray, self.sides(np.random.default_rng(seed), **setting))
        if general.shape != special.shape:
            raise ValueError(
                f"{self.general.name} returns shape {general.shape}, "
                f"{self.special.name} {special.shape}"
            )
        return float(np.abs(general - special).max() / np.abs(special).max())

    def holds(self, seed=0):
        """Return whether the two sides agree under the condition, and only there."""
        return self.gap(seed) <= self.within < self.gap(seed, **self.otherwise)

    def __str__(self):
        return f"{self.general.name} is {self.special.name} when {self.when}"


def limit_case(general, special, *, when, otherwise, within=1e-12):
    """Make a :class:`LimitCase` of the function below, which computes its two sides."""
    return lambda sides: LimitCase(general, special, when, otherwise, sides, within)


def normal(rng, *shapes):
    """Return an array of standard normal numbers for each shape."""
    return [rng.standard_normal(shape) for shape in shapes]


@cache
def _rooms():
    """Return the ``limits`` modules by the name of their variant, those that others need first."""
    home = Path(attention_book.__path__[0])
    places = [path.parent.relative_to(home).parts for path in sorted(home.rglob("limits.py"))]
    names = [".".join(parts) for parts in places]
    rooms = {name: importlib.import_module(f"attention_book.{name}.limits") for name in names}

    def depth(name):
        needed = {m.variant for m in _values(rooms[name], Mechanism)} - {name}
        return 1 + max(map(depth, needed), default=0)

    return {name: rooms[name] for name in sorted(names, key=lambda name: (depth(name), name))}


def _values(room, kind):
    return [value for value in vars(room).values() if isinstance(value, kind)]


def mechanisms():
    """Return all mechanisms of the book, those that others become first."""
    return [
        m for name, room in _rooms().items() for m in _values(room, Mechanism) if m.variant == name
    ]


def limit_cases():
    """Return all limit cases of the book, those of one mechanism together."""
    cases = [case for room in _rooms().values() for case in _values(room, LimitCase)]
    order = mechanisms()
    return sorted(cases, key=lambda case: order.index(case.general))
