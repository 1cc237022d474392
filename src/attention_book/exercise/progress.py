"""What the reader has solved, kept in one small file on the reader's own machine."""

import importlib
import json
import os
import pkgutil
from datetime import date
from pathlib import Path

import attention_book

from .verdict import Text


def progress():
    """Return what is solved, chapter by chapter, as text to read.

    The file is ``~/.attention-book.json``, or what the environment variable
    ``ATTENTION_BOOK_PROGRESS`` names.
    """
    solved = _read()
    lines = []
    for variant in _variants():
        exercises = all_exercises(variant)
        done = sum(exercise.id in solved for exercise in exercises)
        lines.append(f"{variant.replace('_', ' ')}: {done} of {len(exercises)} solved")
        lines += [
            f"  {'✓' if exercise.id in solved else '○'} {exercise.name} – {exercise.title}"
            + (f" ({solved[exercise.id]})" if exercise.id in solved else "")
            for exercise in exercises
        ]
    return Text("\n".join(lines))


def reset_progress(exercise=None):
    """Forget that one exercise is solved, or all of them."""
    solved = _read()
    _write({key: day for key, day in solved.items() if exercise and key != exercise.id})


def record(exercise):
    """Note the day on which an exercise was first solved; a file that can't be kept is no error."""
    solved = _read()
    if exercise.id not in solved:
        _write(solved | {exercise.id: date.today().isoformat()})


def all_exercises(variant):
    """Return the exercises of one variant in the order in which they are written."""
    from .engine import Exercise

    module = importlib.import_module(f"attention_book.{variant}.exercises")
    return [value for value in vars(module).values() if isinstance(value, Exercise)]


def _variants():
    return [
        info.name
        for info in pkgutil.iter_modules(attention_book.__path__)
        if info.ispkg and (Path(attention_book.__path__[0]) / info.name / "exercises.py").exists()
    ]


def _file():
    return Path(os.environ.get("ATTENTION_BOOK_PROGRESS") or Path.home() / ".attention-book.json")


def _read():
    try:
        solved = json.loads(_file().read_text(encoding="utf-8"))
        return {str(key): str(day) for key, day in solved.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _write(solved):
    """Replace the file in one step; one that is not ours to read is kept beside it."""
    file = _file()
    try:
        if (
            file.exists()
            and not _read()
            and file.read_text(encoding="utf-8").strip() not in ("", "{}")
        ):
            file.replace(file.with_suffix(".unreadable"))
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(solved, indent=1) + "\n", encoding="utf-8")
        fresh.replace(file)
    except OSError:
        return
