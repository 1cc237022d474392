"""Hops through a memory in the family."""

import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product
from attention_book.simplest.limits import IDENTITY
from attention_book.simplest.reference import identity

from . import module, reference


def _call(n, d, hops):
    u, memory = torch.randn(16, d), torch.randn(hops + 1, n, d)
    return lambda: module.hops(u, memory)


HOPS = Mechanism(
    "memory hops",
    reference.hops,
    "part2/pointing_and_memory.ipynb#remembering",
    source="sukhbaatar2015end",
    oracle="loops written from the paper; PyTorch's kernel with the scale 1",
    advice=Advice(
        choose="the answer needs several facts, and one says which fact is next",
        order="no: the facts are a set, unless they are given times",
        exact="exact",
        hardware="any; matrix products, one hop after the other",
        time="n*d*hops",
        memory="n*d*hops + n*d",
        call=_call,
        sizes={"n": 4096, "d": 64, "hops": 4},
    ),
)


@limit_case(
    HOPS,
    DOT_PRODUCT,
    when="there is one hop, the query is $\\sqrt{d}\\,u$, and $u$ is taken off",
    otherwise={"hops": 2},
)
def one_hop(rng, hops=1):
    u, memory = normal(rng, (3, 4), (hops + 1, 5, 4))
    return reference.hops(u, memory) - u, dot_product(2 * u, memory[0], memory[1])  # √4


@limit_case(HOPS, IDENTITY, when="the values are 0", otherwise={"size": 1.0})
def nothing_found(rng, size=0.0):
    u, memory = normal(rng, (3, 4), (3, 5, 4))
    memory[1:] *= size
    return reference.hops(u, memory), identity(u)


DEPARTURES = {
    "hops": {
        "gives_zeros_where_nothing_may_be_seen": "what is found is added to the question, so "
        "a question that finds nothing stays as it is",
    },
}
