"""How the costs of the book's mechanisms grow: the exponent that a card declares, and the fitted.

A card (``family.Advice``) has formulas for time and memory in its sizes. Over several values of a
size a formula has an exponent, and so has what is counted; the two must agree.
"""

import html

from attention_book import cost
from attention_book.family import mechanisms

MEASURES = {"time": cost.operations, "memory": cost.largest_tensor_bytes}


def ladder(advice, size, factors):
    """Return the sizes of a card, with one of them multiplied by each of some factors."""
    return [{**advice.sizes, size: int(factor * advice.sizes[size])} for factor in factors]


def declared(advice, what, size, factors=(1 / 2, 1, 2)):
    """Return the exponent of ``size`` in a formula of a card, ``time`` or ``memory``.

    A sum such as ``n**2*d + n*d**2`` has one between those of its terms: it is fitted, too.
    """
    steps = ladder(advice, size, factors)
    values = [eval(getattr(advice, what), {}, dict(sizes)) for sizes in steps]
    return cost.exponent([sizes[size] for sizes in steps], values)


def fitted(advice, what, size, factors=(1 / 2, 1, 2)):
    """Return the exponent of ``size`` in what is counted: operations, or the largest tensor."""
    steps = ladder(advice, size, factors)
    values = [MEASURES[what](advice.call(**sizes)) for sizes in steps]
    return cost.exponent([sizes[size] for sizes in steps], values)


def rows(factors=(1 / 2, 1, 2)):
    """Return each mechanism with a card, the first size of it, and four exponents.

    They are declared and fitted, for time, and the same for memory.
    """
    for mechanism in mechanisms():
        if advice := mechanism.advice:
            size = next(iter(advice.sizes))
            pairs = [
                (declared(advice, what, size, factors), fitted(advice, what, size, factors))
                for what in MEASURES
            ]
            yield mechanism, size, *pairs[0], *pairs[1]


class Table(tuple):
    """Rows of texts, the head first, which a notebook shows as a table."""

    __slots__ = ()

    def __repr__(self):
        return "\n".join(" | ".join(row) for row in self)

    def _repr_html_(self):
        head, *rows = ([html.escape(text) for text in row] for row in self)
        lines = ["".join(["<tr>", *(f'<th scope="col">{text}</th>' for text in head), "</tr>"])]
        for name, time, powers, memory, others in rows:
            cells = name, f"<code>{time}</code>", powers, f"<code>{memory}</code>", others
            lines.append("<tr><td>" + "</td><td>".join(cells) + "</td></tr>")
        table = "\n".join(lines)
        room = '<div class="pst-scrollable-table-container">'  # the page lets it scroll
        return f'{room}<table class="table">{table}</table></div>'


def table(found):
    """Return :func:`rows` as a table: beside each formula the exponents, declared and fitted."""
    lines = [("mechanism, in", "time", "says, fit", "memory", "says, fit")]
    for mechanism, size, *powers in found:
        says = [str(round(power, 1) + 0.0) for power in powers]  # and no minus before a zero
        advice = mechanism.advice
        time, memory = (",\u00a0".join(pair) for pair in (says[:2], says[2:]))  # in one line
        lines.append((f"{mechanism.name}, {size}", advice.time, time, advice.memory, memory))
    return Table(lines)
