"""Location-sensitive attention in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.memory.addressing.limits import ADDRESS
from attention_book.memory.addressing.reference import address
from attention_book.scores.additive.limits import ADDITIVE
from attention_book.scores.additive.reference import attention as additive
from attention_book.softmax import softmax

from . import module, reference


def _call(n, d):
    q, k, w, U = torch.randn(d), torch.randn(n, d), torch.randn(d), torch.randn(2, d)
    previous, filters = torch.rand(n), torch.randn(2, 7)
    return lambda: module.weights(q, k, previous, filters=filters, U=U, w=w)


LOCATION = Mechanism(
    "location-sensitive attention",
    reference.weights,
    "part2/pointing_and_memory.ipynb#listening",
    source="chorowski2015attention",
    oracle="loops written from the paper; `np.convolve`; `scipy.ndimage`",
    advice=Advice(
        choose="the output follows the input in order, and much of the input sounds alike",
        order="yes: it continues from where it was",
        exact="exact",
        hardware="any, but one step after the other: each needs the weights of the last",
        time="n*d",
        memory="n*d",
        call=_call,
        sizes={"n": 1024, "d": 64},
    ),
)


@limit_case(LOCATION, ADDITIVE, when="$U = 0$ and $v = I$", otherwise={"size": 1.0})
def without_the_location(rng, size=0.0):
    q, k, w, U, filters = normal(rng, 4, (5, 4), 4, (2, 4), (2, 3))
    previous = softmax(rng.standard_normal(5))
    found = reference.weights(q, k, previous, filters=filters, U=size * U, w=w)
    return found, additive(q[None], k, np.eye(5), w=w)[0]


@limit_case(
    LOCATION,
    ADDRESS,
    when="all keys are alike, the one filter looks one place back, $w$ is unbounded, and the step "
    "before saw one position",
    otherwise={"filter_": (0.0, 1.0, 0.0)},
)
def one_place_further(rng, filter_=(1.0, 0.0, 0.0)):
    previous = np.eye(6)[rng.integers(5)]
    found = reference.weights(
        np.zeros(1),
        np.zeros((6, 1)),
        previous,
        filters=np.array([filter_]),
        U=np.ones((1, 1)),
        w=np.array([1e9]),
    )
    key, memory = normal(rng, 4, (6, 4))
    return found, address(key, memory, previous, np.array([0.0, 0.0, 1.0]), gate=0.0)
