"""How an answer to an exercise is checked, and its mistake named.

An exercise is its own solution: a function with a docstring (the task) and a body (the tested
answer), decorated with :func:`function_exercise` or :func:`question`. Below it stand the mistakes
that readers make, ``exercise.mistake(name, hint, wrong)``.
"""

from . import faults
from .catalogue import progress
from .exercise import Case, function_exercise, letters, question, random_inputs
from .store import reset_progress

__all__ = [
    "Case",
    "faults",
    "function_exercise",
    "letters",
    "progress",
    "question",
    "random_inputs",
    "reset_progress",
]
