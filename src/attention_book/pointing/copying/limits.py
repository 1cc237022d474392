"""Copying in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.pointing.pointer.limits import POINTER
from attention_book.pointing.pointer.reference import weights as pointer
from attention_book.simplest.limits import IDENTITY
from attention_book.simplest.reference import identity
from attention_book.softmax import softmax

from . import module, reference


def _call(n, V):
    weights, generated, p_gen = torch.rand(n, n), torch.rand(n, V), torch.rand(n)
    tokens = torch.arange(n) % V
    return lambda: module.mixture(generated, weights, tokens, p_gen)


COPYING = Mechanism(
    "copying",
    reference.copy,
    "part2/pointing_and_memory.ipynb#copying",
    source="see2017get",
    oracle="loops over positions; `np.bincount` with weights",
)
POINTER_GENERATOR = Mechanism(
    "a pointer-generator",
    reference.mixture,
    "part2/pointing_and_memory.ipynb#copying",
    source="see2017get",
    oracle="loops written from the paper; PyTorch's mixture of two `Categorical`",
    advice=Advice(
        choose="the answer takes over names and numbers of its source, which no vocabulary has",
        order="no: a word may stand anywhere",
        exact="exact",
        hardware="any; `scatter_add`, whose order of summation may vary on a GPU",
        time="n*V + n**2",
        memory="n*V",
        call=_call,
        sizes={"n": 64, "V": 4096},
    ),
)


@limit_case(COPYING, POINTER, when="no word stands twice", otherwise={"tokens": (3, 1, 3, 0, 2)})
def no_word_twice(rng, tokens=(0, 1, 2, 3, 4)):
    q, k, w = normal(rng, (3, 4), (5, 4), 4)
    points = pointer(q, k, np.array([4, 0, 2]), w=w)
    return reference.copy(points, np.array(tokens), 5), points


def _mixture(rng, p_gen):
    generated, weights = softmax(rng.standard_normal((3, 6))), softmax(rng.standard_normal((3, 5)))
    tokens = np.array([4, 1, 4, 0, 2])
    mixed = reference.mixture(generated, weights, tokens, np.full(3, p_gen))
    return generated, weights, tokens, mixed


@limit_case(POINTER_GENERATOR, COPYING, when="$p_\\text{gen} = 0$", otherwise={"p_gen": 0.5})
def nothing_is_generated(rng, p_gen=0.0):
    _, weights, tokens, mixed = _mixture(rng, p_gen)
    return mixed, reference.copy(weights, tokens, 6)


@limit_case(POINTER_GENERATOR, IDENTITY, when="$p_\\text{gen} = 1$", otherwise={"p_gen": 0.5})
def nothing_is_copied(rng, p_gen=1.0):
    generated, _, _, mixed = _mixture(rng, p_gen)
    return mixed, identity(generated)
