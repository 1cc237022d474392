r"""Addressing in PyTorch: find by content, keep or leave the place, step on, sharpen."""

import math

import torch
import torch.nn.functional as F

from attention_book.scores.scaled_dot_product import module as scaled_dot_product
from attention_book.shapes import number, shapes

_STRENGTH = number("...", least=0)


@shapes(torch, "key: ... d, memory: ... S! d -> ... S", strength=_STRENGTH)
def content(key, memory, strength):
    """Return how much each slot is like the key: the softmax of β times the cosine.

    A slot of zeros has the cosine 0 with everything.

    Shapes:
        strength: β

    Source:
        As :func:`address`.
    """
    query = math.sqrt(key.shape[-1]) * strength.unsqueeze(-1) * F.normalize(key, dim=-1)
    return scaled_dot_product.weights(query.unsqueeze(-2), F.normalize(memory, dim=-1)).squeeze(-2)


@shapes(
    torch,
    "key: ... d, memory: ... S! d, previous: ... S, shift: W! -> ... S",
    strength=_STRENGTH,
    gate=number("...", least=0),
    sharpness=number("...", least=1),
)
def address(key, memory, previous, shift, *, strength=1.0, gate=1.0, sharpness=1.0):
    """Return the weights of a read: by content, mixed with the last place, moved, sharpened.

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
    gate, sharpness = (torch.as_tensor(x).unsqueeze(-1) for x in (gate, sharpness))
    kept = gate * content(key, memory, strength) + (1 - gate) * previous
    half, places = len(shift) // 2, torch.arange(kept.shape[-1], device=kept.device)
    steps = torch.arange(-half, half + 1, device=kept.device)
    moved = kept[..., (places[:, None] - steps) % len(places)] @ shift
    if (moved < 0).any():
        raise ValueError("previous, gate or shift is no share: a weight becomes negative")
    largest = moved.detach().amax(dim=-1, keepdim=True)
    sharp = (moved / largest.masked_fill(largest == 0, 1)) ** sharpness
    total = sharp.sum(dim=-1, keepdim=True)
    return sharp / total.masked_fill(total == 0, 1)
