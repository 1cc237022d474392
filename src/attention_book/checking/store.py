"""What the reader has solved, kept in one small file on the reader's own machine.

The file is ``~/.attention-book.json``, or what the environment variable
``ATTENTION_BOOK_PROGRESS`` names: a JSON object, the day for each exercise solved.
"""

import json
import os
from datetime import date
from pathlib import Path


def solved():
    """Return {exercise id: day on which it was first solved}."""
    try:
        days = json.loads(_file().read_text(encoding="utf-8"))
        return {str(key): str(day) for key, day in days.items()}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def record(exercise):
    """Note that an exercise is solved today; a file that can't be kept is no error."""
    if exercise.id not in solved():
        _write(solved() | {exercise.id: date.today().isoformat()})


def reset_progress(exercise=None):
    """Forget that one exercise is solved, or all of them."""
    _write({key: day for key, day in solved().items() if exercise and key != exercise.id})


def _file():
    return Path(
        os.path.expanduser(os.environ.get("ATTENTION_BOOK_PROGRESS") or "~/.attention-book.json")
    )


def _write(days):
    """Replace the file in one step; one that is not ours to read is kept beside it."""
    file = _file()
    try:
        if file.exists() and not solved() and file.read_bytes().strip() not in (b"", b"{}"):
            file.replace(file.with_suffix(".unreadable"))
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(days, indent=1) + "\n", encoding="utf-8")
        fresh.replace(file)
    except OSError:
        return
