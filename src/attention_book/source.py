"""The source of a function, to be read on the page: no decorator, no docstring."""

import ast
import inspect
import textwrap


class Source(str):
    """Python source that a notebook shows highlighted."""

    __slots__ = ()
    __repr__ = str.__str__

    def _repr_markdown_(self):
        return f"```python\n{self}\n```"


def source_of(*functions):
    """Return the source of functions, one after the other, without decorators and docstrings.

    Raises:
        OSError: the source is not to be found.
        TypeError: an argument is not a Python function.
    """
    return Source("\n\n\n".join(_source(function) for function in functions))


def _source(function):
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    definition = ast.parse("\n".join(lines)).body[0]
    first = definition.body[0]
    if ast.get_docstring(definition) is None:
        return "\n".join(lines[definition.lineno - 1 :])
    signature = lines[definition.lineno - 1 : first.lineno - 1]
    return "\n".join(signature + lines[first.end_lineno :])
