"""What the reader has solved, kept in one small file on the reader's own machine.

The file is ``~/.attention-book.json``, or what the environment variable
``ATTENTION_BOOK_PROGRESS`` names: a JSON object, for each exercise solved the day, and the number
of hints that were asked for. The pages of the book write and read the same form.
"""

import json
import os
from datetime import date
from pathlib import Path
from typing import NamedTuple


class Solved(NamedTuple):
    """On which day an exercise was solved, and after how many hints."""

    day: str
    hints: int = 0

    def better(self, other):
        """Return the one with fewer hints, and of two alike the earlier one."""
        return min(self, other, key=lambda one: (one.hints, one.day))


def solved():
    """Return {exercise id: :class:`Solved`}; empty when the file cannot be read."""
    try:
        return read(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def read(text):
    """Return {exercise id: :class:`Solved`} from the text of a file.

    Raises:
        ValueError: it is not such a file; the message says why.
    """
    try:
        kept = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"this is not JSON: {error}") from None
    if not isinstance(kept, dict):
        raise ValueError("it needs an object, {exercise: day}, and is something else")
    return {name: _entry(name, what) for name, what in kept.items()}


def _entry(name, what):
    """Read one entry; older files hold the day alone."""
    entry = what if isinstance(what, dict) else {"day": what}
    day, hints = entry.get("day"), entry.get("hints", 0)
    try:
        date.fromisoformat(day)
    except (TypeError, ValueError):
        raise ValueError(f"{name} needs a day such as 2026-01-31, and has {day!r}") from None
    if type(hints) is not int or hints < 0:
        raise ValueError(f"{name} needs a number of hints, and has {hints!r}")
    return Solved(day, hints)


def written(entries):
    """Return {exercise id: :class:`Solved`} as the text of a file."""
    kept = {name: {"day": entry.day, "hints": entry.hints} for name, entry in entries.items()}
    return json.dumps(kept, indent=1) + "\n"


def record(exercise, hints=0):
    """Note that an exercise is solved today; a file that can't be kept is no error."""
    load({exercise.id: Solved(date.today().isoformat(), hints)})


def load(entries):
    """Add entries to what is solved; of two for one exercise the better one stays."""
    before = solved()
    after = dict(before)
    for name, entry in entries.items():
        after[name] = entry.better(after[name]) if name in after else entry
    if after != before:
        _write(after)


def reset_progress(exercise=None):
    """Forget that one exercise is solved, or all of them."""
    _write({key: entry for key, entry in solved().items() if exercise and key != exercise.id})


def export_progress(path):
    """Write what is solved to a file, for another machine or for the pages of the book."""
    Path(path).write_text(written(solved()), encoding="utf-8")


def import_progress(path):
    """Add what a file says, from :func:`export_progress` or from the pages of the book.

    Raises:
        ValueError: it is not such a file; nothing is changed then.
    """
    try:
        load(read(Path(path).read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"path is {str(path)!r}; it needs a file of progress: {error}") from None


def _file():
    return Path(
        os.path.expanduser(os.environ.get("ATTENTION_BOOK_PROGRESS") or "~/.attention-book.json")
    )


def _write(entries):
    """Replace the file in one step; one that is not ours to read is kept beside it."""
    file = _file()
    try:
        if file.exists() and not solved() and file.read_bytes().strip() not in (b"", b"{}"):
            file.replace(file.with_suffix(".unreadable"))
        fresh = file.with_suffix(".new")
        fresh.write_text(written(entries), encoding="utf-8")
        fresh.replace(file)
    except OSError:
        return
