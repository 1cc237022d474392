"""Answers to the exercises, right and wrong: one module per variant, kept by exercise.

``tests/test_exercises.py`` tries them all. For each function exercise give at least two right
answers, each written another way than the solution, and for each exercise wrong answers that are
not among its known mistakes.
"""

from dataclasses import dataclass

RIGHT = {}
WRONG = {}


@dataclass(frozen=True)
class Wrong:
    """A wrong answer; ``called`` is the known mistake that it truly is or contains.

    For a function it may be the parts of the solution that are exchanged.
    """

    what: str
    answer: object
    called: str | None = None


def right(exercise_id, *answers):
    """Register right answers; without any, register the decorated function."""
    known = RIGHT.setdefault(exercise_id, [])
    known.extend(answers)
    return lambda function: known.append(function) or function


def wrong(exercise_id, *answers):
    WRONG.setdefault(exercise_id, []).extend(Wrong(*answer) for answer in answers)
