"""All exercises of the book, variant by variant, and which of them are solved."""

import importlib
import pkgutil
from pathlib import Path

import attention_book

from .engine import Exercise
from .store import solved
from .verdict import Text


def all_exercises(variant):
    """Return the exercises of one variant in the order in which they are written."""
    module = importlib.import_module(f"attention_book.{variant}.exercises")
    return [value for value in vars(module).values() if isinstance(value, Exercise)]


def all_variants():
    """Return the names of the variants that have exercises."""
    home = Path(attention_book.__path__[0])
    found = pkgutil.iter_modules([str(home)])
    return [info.name for info in found if (home / info.name / "exercises.py").exists()]


def progress():
    """Return what is solved, variant by variant, as text to read."""
    days = solved()
    lines = []
    for variant in all_variants():
        exercises = all_exercises(variant)
        done = sum(exercise.id in days for exercise in exercises)
        lines.append(f"{variant.replace('_', ' ')}: {done} of {len(exercises)} solved")
        lines += [
            f"  {'✓' if exercise.id in days else '○'} {exercise.name} – {exercise.title}"
            + (f" ({days[exercise.id]})" if exercise.id in days else "")
            for exercise in exercises
        ]
    return Text("\n".join(lines))
