"""Text that ships with Python, its help on topics, as numbers for small language models.

The text differs a little from one version of Python to the next, and so do the characters in it.
Each character has its place in ``vocabulary(text)`` as its number.

>>> encode("abba", vocabulary("abba"))
tensor([0, 1, 1, 0])
"""

import math
from pydoc_data.topics import topics

import numpy as np
import torch
import torch.nn.functional as F

BLOCK = 4096


def load():
    """Return the help on all topics as one text, the topics in alphabetical order."""
    return "\n".join(topics[name] for name in sorted(topics))


def vocabulary(text):
    """Return the characters of a text, each once, in order."""
    return "".join(sorted(set(text)))


def encode(text, characters):
    """Return the number of each character of a text, (n,) integers.

    Raises:
        ValueError: the text has a character that is none of ``characters``.
    """
    numbers = {character: number for number, character in enumerate(characters)}
    unknown = sorted(set(text) - set(numbers))
    if unknown:
        raise ValueError(f"the text has {unknown[0]!r}, which has no number")
    return torch.tensor([numbers[character] for character in text])


def split(numbers):
    """Return what to train on and what to test on: every tenth block of 4096 is for the test.

    The help repeats whole passages, so a model has seen some of what it is tested on. Compare
    models with each other, not with those of other texts.
    """
    blocks = numbers.split(BLOCK)
    kept = [block for n, block in enumerate(blocks) if n % 10 != 9]
    return torch.cat(kept), torch.cat(blocks[9::10])


def batches(numbers, *, length, size, steps, seed):
    """Yield pairs of inputs and targets from random places, each (size, length).

    The target of a character is the one behind it.
    """
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        starts = torch.randint(len(numbers) - length, (size, 1), generator=generator)
        window = numbers[starts + torch.arange(length + 1)]
        yield window[:, :-1], window[:, 1:]


@torch.no_grad()
def bits(model, numbers, *, length):
    """Return the bits per character of a model that reads ``length`` characters at a time.

    The text is cut into windows one after the other, so every length predicts the same
    characters, as long as all lengths divide ``len(numbers) - 1``.

    Raises:
        ValueError: ``length`` does not divide it.
    """
    inputs, targets = numbers[:-1], numbers[1:]
    if len(inputs) % length:
        raise ValueError(f"length is {length}; it must divide {len(inputs)}")
    scores = model(inputs.unflatten(0, (-1, length)))
    return F.cross_entropy(scores.flatten(0, 1), targets).item() / math.log(2)


def ngram_bits(train, test, characters, *, n):
    """Return the bits per character of a table that predicts each from the n - 1 before it.

    A character counts as often as it followed these n - 1 in the training text; as often as there
    were different ones behind them, the table with n - 1 is asked instead, and so on down to
    equal shares for all ``characters``. So what was never seen has a chance, too.

    Source:
        I. H. Witten, T. C. Bell, "The Zero-Frequency Problem", 1991, method C, mixed with the
        shorter contexts at every length.
    """
    V = len(characters)
    train, test = train.numpy(), test.numpy()
    chances = np.full(len(test) - 1, 1 / V)
    for length in range(1, n + 1):
        seen, times = np.unique(_runs(train, length, V), return_counts=True)
        contexts, starts = np.unique(seen // V, return_index=True)
        totals, kinds = np.add.reduceat(times, starts), np.diff([*starts, len(seen)])
        first = max(length - 2, 0)  # the first place with so many characters before it
        asked = _runs(test, length, V)[1 if length == 1 else 0 :]
        at = np.minimum(np.searchsorted(contexts, asked // V), len(contexts) - 1)
        known = contexts[at] == asked // V
        total, kind = totals[at] * known, np.where(known, kinds[at], 1)
        at = np.minimum(np.searchsorted(seen, asked), len(seen) - 1)
        followed = times[at] * (seen[at] == asked)
        chances[first:] = (followed + kind * chances[first:]) / (total + kind)
    return -np.log2(chances).mean()


def _runs(numbers, length, V):
    """Return all runs of so many characters, each as one number in the base V."""
    last = len(numbers) - length + 1
    return sum(numbers[i : i + last] * V ** (length - 1 - i) for i in range(length))
