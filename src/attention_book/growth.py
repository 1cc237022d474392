"""How the costs of the book's mechanisms grow: the exponent that a card declares, and the fitted.

A card (``family.Advice``) has formulas for time and memory in its sizes. Over several values of a
size a formula has an exponent, and so has what is counted; the two must agree.
"""

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
    """Return for each mechanism with a card its name, its first size, and four exponents.

    They are declared and fitted, for time, and the same for memory.
    """
    for mechanism in mechanisms():
        if advice := mechanism.advice:
            size = next(iter(advice.sizes))
            pairs = [
                (declared(advice, what, size, factors), fitted(advice, what, size, factors))
                for what in MEASURES
            ]
            yield mechanism.name, size, *pairs[0], *pairs[1]
