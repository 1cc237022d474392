"""Addressing in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product
from attention_book.simplest.limits import IDENTITY
from attention_book.simplest.reference import identity
from attention_book.softmax import softmax

from . import module, reference

STAY = np.array([0.0, 1.0, 0.0])


def _call(n, d):
    key, memory, previous = torch.randn(d), torch.randn(n, d), torch.full((n,), 1 / n)
    shift = torch.tensor([0.0, 0.5, 0.5])
    return lambda: module.address(key, memory, previous, shift, gate=0.5, sharpness=2.0)


CONTENT = Mechanism(
    "content addressing",
    reference.content,
    "part2/pointing_and_memory.ipynb#an-address",
    source="graves2014neural",
    oracle="loops written from the paper; `F.cosine_similarity`",
)
ADDRESS = Mechanism(
    "addressing by content and place",
    reference.address,
    "part2/pointing_and_memory.ipynb#an-address",
    source="graves2014neural",
    oracle="loops written from the paper; `scipy.ndimage` on a ring",
    advice=Advice(
        choose="what is looked for stands beside what can be described",
        order="yes: it steps to neighbouring places",
        exact="exact",
        hardware="any, one read after the other",
        time="n*d",
        memory="n*d",
        call=_call,
        sizes={"n": 1024, "d": 64},
    ),
)


@limit_case(
    CONTENT,
    DOT_PRODUCT,
    when="key and slots have length 1 and $\\beta = 1/\\sqrt{d}$",
    otherwise={"length": 2.0},
)
def unit_vectors(rng, length=1.0):
    key, memory = normal(rng, 4, (5, 4))
    key, memory = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (key, memory))
    memory *= length
    return reference.content(key, memory, 0.5), dot_product(key[None], memory, np.eye(5))[0]


@limit_case(
    ADDRESS,
    CONTENT,
    when="$g = 1$, the shift stays and $\\gamma = 1$",
    otherwise={"sharpness": 3.0},
)
def only_content(rng, sharpness=1.0):
    key, memory = normal(rng, 4, (5, 4))
    previous = softmax(rng.standard_normal(5))
    found = reference.address(key, memory, previous, STAY, strength=2.0, sharpness=sharpness)
    return found, reference.content(key, memory, 2.0)


@limit_case(
    ADDRESS,
    IDENTITY,
    when="$g = 0$, the shift stays and $\\gamma = 1$",
    otherwise={"shift": (0.0, 0.0, 1.0)},
)
def only_the_place(rng, shift=STAY):
    key, memory = normal(rng, 4, (5, 4))
    previous = softmax(rng.standard_normal(5))
    return reference.address(key, memory, previous, np.array(shift), gate=0.0), identity(previous)
