"""Exercises that check themselves and name the mistake.

An exercise is its own solution: a function with a docstring (the task) and a body (the tested
answer), decorated with :func:`function_exercise` or :func:`question`. The mistakes that readers
make are small wrong programs registered beside it.
"""

from .catalogue import progress
from .engine import Case, function_exercise, letters, question, random_inputs
from .store import reset_progress

__all__ = [
    "Case",
    "function_exercise",
    "letters",
    "progress",
    "question",
    "random_inputs",
    "reset_progress",
]
