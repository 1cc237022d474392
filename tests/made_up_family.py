"""A family of mechanisms as large as the book may become, made up: nothing in it computes."""

import random
import sys
from types import ModuleType

from attention_book.family import Advice, LimitCase, Mechanism

FAMILIES = {
    "remains": "What remains of attention",
    "smoothers": "Kernels and pooling",
    "products": "Dot products",
    "many_heads": "Many heads and shared ones",
    "patterns": "Windows and sparse patterns",
    "states": "Linear attention and states",
    "ranks": "Low rank and landmarks",
    "distances": "Positions and distances",
    "images": "Images, glimpses and feature maps",
}
FIRST = ("gated", "causal", "dilated", "additive", "grouped", "random", "relative", "learned")
SECOND = ("attention", "pooling", "self-attention", "cross-attention", "attention with a decay")
THIRD = (
    "",
    " over a window",
    " with learned matrices",
    " in chunks",
    " of low rank",
    " by sorting",
)


def folders(count):
    """Return so many families, by their folder: what their package says."""
    found = dict(FAMILIES)
    for number in range(2, 2 + count // len(FAMILIES)):
        found |= {f"{folder}_{number}": f"{says} {number}" for folder, says in FAMILIES.items()}
    return dict(list(found.items())[:count])


def made_up(seed=0, size=60, cases=80, families=9):
    """Return mechanisms in families of seven parts, and limit cases in and between these.

    Most limit cases lead to what came before, as in the book; some lead back.
    """
    chance = random.Random(seed)
    names = [f"{a} {b}{c}" for a in FIRST for b in SECOND for c in THIRD]
    chance.shuffle(names)
    part = {folder: 1 + 7 * n // families for n, folder in enumerate(folders(families))}
    others = list(part)[1:]
    drawn = others + chance.choices(others, k=size - 4 - len(others))
    chance.shuffle(drawn)  # as in the book, a family is not complete before the next begins
    every = []
    for name, folder in zip(names[:size], ["remains"] * 4 + drawn, strict=True):
        simple = folder == "remains"
        advice = Advice(f"{name} fits", "no", "exact", "any", "n**2*d", "n**2", call=_call)
        every.append(
            Mechanism(
                name,
                _function(folder, name),
                f"part{part[folder]}/made_up.md#{folder.replace('_', '-')}",
                source=None if simple else "vaswani2017attention",
                advice=None if simple else advice,
            )
        )
    pairs = []
    for number, mechanism in enumerate(every[4:], 4):
        own = [m for m in every[4:number] if m.family == mechanism.family]
        pairs.append(
            (mechanism, chance.choice(own if own and chance.random() < 0.6 else every[:number]))
        )
    pairs += [(every[-1], simple) for simple in every[:4]]
    for same in (True, False):  # either is the other, within a family and between two
        some = [(a, b) for a, b in pairs[:-4] if (a.family == b.family) is same and b.source]
        pairs += [pair[::-1] for pair in chance.sample(some, 3)]
    while len(pairs) < cases:
        special, general = sorted(chance.sample(every[4:], 2), key=every.index)
        if (general, special) not in pairs:
            pairs.append((general, special))
    pairs.sort(key=lambda pair: every.index(pair[0]))
    found = [
        LimitCase(general, special, "$\\gamma = 0$ and the rest is as it was", {}, _nothing)
        for general, special in pairs
    ]
    return every, found


def install(monkeypatch, module, seed=0, **sizes):
    """Let a module find these mechanisms and limit cases in place of the book's."""
    every, cases = made_up(seed, **sizes)
    monkeypatch.setattr(module, "mechanisms", lambda: every)
    monkeypatch.setattr(module, "limit_cases", lambda: cases)
    for name, says in folders(sizes.get("families", 9)).items():
        package = ModuleType(f"attention_book.{name}", f"{says}: in words.\n\nMade up.")
        monkeypatch.setitem(sys.modules, package.__name__, package)
    return every, cases


def _nothing(*arguments):
    return None


def _call(n, d):
    import torch

    x = torch.ones(n, d)
    return lambda: x @ x.T


def _function(folder, name):
    def function():
        return None

    function.__module__ = (
        f"attention_book.{folder}.{name.replace(' ', '_').replace('-', '_')}.reference"
    )
    return function
