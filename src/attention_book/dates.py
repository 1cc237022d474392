"""Dates as eight languages write them, and the same day as ISO 8601: real text to translate.

The forms are those of the Unicode Common Locale Data Repository, as the library Babel ships them.
"""

import datetime
import random

import numpy as np
from babel.dates import format_date

from attention_book.shapes import check_count

LOCALES = ("en_US", "de_DE", "fr_FR", "es_ES", "tr_TR", "ru_RU", "zh_CN", "ja_JP")
FORMS = ("medium", "long", "full")
ISO = "0123456789- "
_FIRST, _DAYS = datetime.date(1900, 1, 1), 200 * 365


def pairs(n, *, each=1, seed=0, locales=LOCALES):
    """Return n pairs of text: some dates in words, and the same in ISO 8601.

    The days lie between 1900 and 2099; language and form are drawn for each date anew.

    Shapes:
        each: how many dates one text has, with a comma and a space between them

    Raises:
        TypeError: ``n`` or ``each`` is not an integer.
        ValueError: ``n`` is negative, or ``each`` below 1.
    """
    n, each, draw = check_count(n, "n"), check_count(each, "each", 1), random.Random(seed)
    found = []
    for _ in range(n):
        days = [_FIRST + datetime.timedelta(draw.randrange(_DAYS)) for _ in range(each)]
        words = [format_date(day, draw.choice(FORMS), draw.choice(locales)) for day in days]
        found.append((", ".join(words), " ".join(day.isoformat() for day in days)))
    return found


def symbols(texts):
    """Return every character that occurs in some texts, once, in the order of Unicode."""
    return "".join(sorted(set("".join(texts))))


def as_numbers(texts, alphabet):
    """Return the places of the characters in an alphabet, counted from 1, and the lengths.

    Shapes:
        returns: (N, S) integers, 0 behind the end of a text, and (N,) integers

    Raises:
        ValueError: a character is not in the alphabet.
    """
    lengths = np.array([len(text) for text in texts], dtype=int)
    numbers = np.zeros((len(texts), lengths.max(initial=0)), dtype=int)
    place = {character: i for i, character in enumerate(alphabet, 1)}
    for row, text in zip(numbers, texts, strict=True):
        unknown = set(text) - set(place)
        if unknown:
            raise ValueError(f"texts have {sorted(unknown)}, which alphabet has not")
        row[: len(text)] = [place[character] for character in text]
    return numbers, lengths
