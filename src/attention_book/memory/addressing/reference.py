r"""Addressing in NumPy: find by content, keep or leave the place, step on, sharpen."""

import math

import numpy as np

from attention_book.scores.scaled_dot_product import reference as scaled_dot_product
from attention_book.shapes import number, shapes

_STRENGTH = number("...", least=0)


@shapes(np, "key: ... d, memory: ... S! d -> ... S", strength=_STRENGTH)
def content(key, memory, strength):
    r"""Return how much each slot is like the key.

    .. math:: c_j = \operatorname{softmax}_j\big(\beta \cos(k, m_j)\big)

    A slot of zeros has the cosine 0 with everything.

    Shapes:
        strength: β

    Source:
        As :func:`address`.
    """
    query = math.sqrt(key.shape[-1]) * np.asarray(strength)[..., None] * _unit(key)
    return scaled_dot_product.weights(query[..., None, :], _unit(memory))[..., 0, :]


@shapes(
    np,
    "key: ... d, memory: ... S! d, previous: ... S, shift: W! -> ... S",
    strength=_STRENGTH,
    gate=number("...", least=0),
    sharpness=number("...", least=1),
)
def address(key, memory, previous, shift, *, strength=1.0, gate=1.0, sharpness=1.0):
    r"""Return the weights of a read: by content, mixed with the last place, moved, sharpened.

    .. math:: a = g\, c + (1 - g)\, \alpha_{t-1}, \quad
              b_j = \sum_m s_m\, a_{j - m + \lfloor W/2 \rfloor}, \quad
              \alpha_{tj} = b_j^\gamma \Big/ \sum_{j'} b_{j'}^\gamma

    Places are a ring: behind the last comes the first.

    Shapes:
        previous: the weights of the read before
        shift: the shares of the steps from -⌊W/2⌋ on; W is odd
        strength, gate, sharpness: β, g from 0 to 1, γ

    Raises:
        ValueError: ``shift`` has an even width, or a weight becomes negative.

    Source:
        A. Graves, G. Wayne, I. Danihelka, "Neural Turing Machines", 2014, equations 5 to 9.
    """
    if len(shift) % 2 == 0:
        raise ValueError(f"shift has the even width {len(shift)}; it needs an odd one")
    gate, sharpness = (np.asarray(x)[..., None] for x in (gate, sharpness))
    kept = gate * content(key, memory, strength) + (1 - gate) * previous
    steps = range(-(len(shift) // 2), len(shift) // 2 + 1)
    moved = sum(s * np.roll(kept, step, axis=-1) for s, step in zip(shift, steps, strict=True))
    if (moved < 0).any():
        raise ValueError("previous, gate or shift is no share: a weight becomes negative")
    largest = moved.max(axis=-1, keepdims=True)
    sharp = (moved / np.where(largest == 0, 1, largest)) ** sharpness
    total = sharp.sum(axis=-1, keepdims=True)
    return sharp / np.where(total == 0, 1, total)


def _unit(x):
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.where(length == 0, 1, length)
