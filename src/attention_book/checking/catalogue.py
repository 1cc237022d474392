"""All exercises of the book, chapter by chapter, and which of them are solved."""

import importlib
import pkgutil
from datetime import date

from .exercise import Exercise
from .store import solved
from .verdict import Text

AGAIN = 3  # days after which an exercise that took hints is offered again


def all_chapters():
    """Return the names of the chapters that have exercises, in the order of the book."""
    home = importlib.import_module("attention_book.exercises")
    return sorted(
        (found.name for found in pkgutil.iter_modules(home.__path__)),
        key=lambda chapter: _module("exercises", chapter).PLACE,
    )


def all_exercises(chapter):
    """Return the exercises of one chapter in the order in which they are written."""
    return _exercises(_module("exercises", chapter))


def all_pauses(chapter):
    """Return the short questions between the sections of a chapter, in their order."""
    home = importlib.import_module("attention_book.pauses")
    names = [found.name for found in pkgutil.iter_modules(home.__path__)]
    return _exercises(_module("pauses", chapter)) if chapter in names else []


def _module(kind, chapter):
    return importlib.import_module(f"attention_book.{kind}.{chapter}")


def _exercises(module):
    return [thing for thing in vars(module).values() if isinstance(thing, Exercise)]


def progress():
    """Return what is solved, chapter by chapter, as text to read."""
    known, today = solved(), date.today()
    lines = []
    for chapter in all_chapters():
        exercises, pauses = all_exercises(chapter), all_pauses(chapter)
        count = sum(exercise.id in known for exercise in exercises)
        asked = sum(pause.id in known for pause in pauses)
        left = sum(exercise.minutes for exercise in exercises if exercise.id not in known)
        lines.append(
            f"{chapter.replace('_', ' ')}: {count} of {len(exercises)} solved"
            + f", {asked} of {len(pauses)} questions" * bool(pauses)
            + f", {left} minutes left" * bool(left)
        )
        lines += [_line(exercise, known.get(exercise.id), today) for exercise in exercises]
    return Text("\n".join(lines))


def _line(exercise, entry, today):
    """Return the line of one exercise."""
    line = f"  {'✓' if entry else '○'} {exercise.name} – {exercise.title}"
    if not entry:
        return line
    hints = f", with {entry.hints} hint{'s' * (entry.hints > 1)}" * bool(entry.hints)
    waited = (today - date.fromisoformat(entry.day)).days
    again = ": do it again without" * bool(entry.hints and waited >= AGAIN)
    return f"{line} ({entry.day}{hints}{again})"
