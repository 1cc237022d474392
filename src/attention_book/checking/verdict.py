"""What a check answers: a verdict with a text form, an HTML form and a truth value."""

import html
import re
from dataclasses import dataclass, field

import numpy as np

_MARKS = {"passed": "✓", "unwritten": "○", "wrong": "✗"}
_LARGEST = 8  # rows and columns of a matrix that are shown


class Text(str):
    """A string that a notebook shows as it reads, without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


@dataclass(frozen=True)
class Verdict:
    """The answer to ``check``: true only when the exercise is passed.

    ``status`` is "passed", "unwritten" or "wrong"; ``mistake`` the name of the known mistake
    that was recognised, if any; ``code`` text to show as it is, such as the reader's own
    traceback; ``got`` and ``want`` two arrays to show side by side, ``differs`` where they do.
    """

    status: str
    headline: str
    lines: tuple = ()
    mistake: str | None = None
    code: str = ""
    got: np.ndarray | None = field(default=None, repr=False)
    want: np.ndarray | None = field(default=None, repr=False)
    differs: np.ndarray | None = field(default=None, repr=False)

    def __bool__(self):
        return self.status == "passed"

    def __str__(self):
        parts = [f"{_MARKS[self.status]} {self.headline}", *self.lines]
        if self.code:
            parts.append("\n".join("    " + line for line in self.code.splitlines()))
        if self.got is not None:
            got, want, differs, where = _window(self.got, self.want, self.differs)
            yours, right = _numbers(got, want, differs), _numbers(want, got, differs)
            parts.append(f"{where}yours:\n{yours}\nright:\n{right}")
        return "\n".join(parts)

    __repr__ = __str__

    def _repr_html_(self):
        parts = [f"<p><strong>{_MARKS[self.status]} {marked(self.headline)}</strong></p>"]
        parts += [f"<p>{marked(line)}</p>" for line in self.lines]
        if self.code:
            parts.append(f"<pre>{html.escape(self.code)}</pre>")
        if self.got is not None:
            got, want, differs, where = _window(self.got, self.want, self.differs)
            parts.append(
                f"<p>{html.escape(where)}differing entries are outlined</p>"
                '<div style="display:flex;flex-wrap:wrap;gap:1.5em">'
                f"{_table('yours', got, want, differs)}{_table('right', want, got, differs)}</div>"
            )
        return (
            '<div class="verdict" style="border-left:4px solid;padding:0.2em 1em">'
            + "".join(parts)
            + "</div>"
        )


def marked(text):
    """Return text as HTML; what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _window(got, want, differs):
    """Return the matrices around the first difference, and the words that say where."""
    got, want, differs = map(np.atleast_2d, (got, want, differs))
    index = tuple(np.argwhere(differs)[0])
    where = ""
    if got.ndim > 2:
        where = f"at [{', '.join(str(i) for i in index[:-2])}], "
        got, want, differs = got[index[:-2]], want[index[:-2]], differs[index[:-2]]
    rows, columns = (slice(start := max(0, i - _LARGEST + 1), start + _LARGEST) for i in index[-2:])
    if got.shape[0] > _LARGEST or got.shape[1] > _LARGEST:
        where += f"from row {rows.start}, column {columns.start}, "
    return got[rows, columns], want[rows, columns], differs[rows, columns], where


def _format(value, other, differs):
    """Write a number with as many digits as it takes to see that it differs, if it does."""
    for digits in (4, 8, 17):
        text = f"{value:.{digits}g}"
        if text != f"{other:.{digits}g}" or not differs:
            return text
    return text


def _numbers(values, others, differs):
    cells = [
        [_format(*cell) for cell in zip(*rows, strict=True)]
        for rows in zip(values, others, differs, strict=True)
    ]
    width = max((len(cell) for row in cells for cell in row), default=0)
    return "\n".join("    " + "  ".join(cell.rjust(width) for cell in row) for row in cells)


def _table(name, values, others, differs):
    """Return an HTML table whose cells are shaded by size; differing cells are outlined."""
    finite = np.abs(values[np.isfinite(values)]).astype(float)
    largest = finite.max(initial=0) or 1
    rows = []
    for row in zip(values, others, differs, strict=True):
        cells = []
        for value, other, differ in zip(*row, strict=True):
            shade = 0.45 * float(abs(value)) / largest if np.isfinite(value) else 0
            outline = "outline:2px solid;font-weight:bold;" if differ else ""
            cells.append(
                f'<td style="{outline}background:rgba(47,120,189,{shade:.2f})">'
                f"{_format(value, other, differ)}</td>"
            )
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><caption>{name}</caption><tbody>{''.join(rows)}</tbody></table>"
