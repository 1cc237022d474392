"""All exercises of the book, chapter by chapter, and which of them are solved."""

import importlib
import pkgutil

from .exercise import Exercise
from .store import solved
from .verdict import Text


def all_chapters():
    """Return the names of the chapters that have exercises, in the order of the book."""
    home = importlib.import_module("attention_book.exercises")
    return sorted(
        (found.name for found in pkgutil.iter_modules(home.__path__)),
        key=lambda chapter: _module(chapter).PLACE,
    )


def all_exercises(chapter):
    """Return the exercises of one chapter in the order in which they are written."""
    return [thing for thing in vars(_module(chapter)).values() if isinstance(thing, Exercise)]


def _module(chapter):
    return importlib.import_module(f"attention_book.exercises.{chapter}")


def progress():
    """Return what is solved, chapter by chapter, as text to read."""
    days = solved()
    lines = []
    for chapter in all_chapters():
        exercises = all_exercises(chapter)
        done = sum(exercise.id in days for exercise in exercises)
        lines.append(f"{chapter.replace('_', ' ')}: {done} of {len(exercises)} solved")
        lines += [
            f"  {'✓' if exercise.id in days else '○'} {exercise.name} – {exercise.title}"
            + (f" ({days[exercise.id]})" if exercise.id in days else "")
            for exercise in exercises
        ]
    return Text("\n".join(lines))
