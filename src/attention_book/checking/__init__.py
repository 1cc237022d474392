"""How an answer to an exercise is checked, and its mistake named.

An exercise is its own solution: a function with a docstring (the task) and a body (the tested
answer), decorated with :func:`function_exercise` or :func:`question`. Below it stand the mistakes
that readers make, ``exercise.mistake(name, hint, wrong)``.
"""

from . import faults
from .catalogue import progress
from .exercise import Case, function_exercise, letters, pause, question, random_inputs
from .store import export_progress, import_progress, reset_progress

__all__ = [
    "Case",
    "export_progress",
    "faults",
    "function_exercise",
    "import_progress",
    "letters",
    "pause",
    "progress",
    "question",
    "random_inputs",
    "reset_progress",
]
