"""Ring attention in the family."""

import numpy as np
import torch

from attention_book import masks
from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.parallel.places import striped
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product
from attention_book.simplest.limits import MEAN
from attention_book.simplest.reference import mean
from attention_book.tiles.online_softmax.limits import MERGED, ONLINE
from attention_book.tiles.online_softmax.reference import attend, merge
from attention_book.tiles.online_softmax.reference import attention as online

from . import module, reference


def _call(n, d):
    x = torch.randn(n, d)
    return lambda: module.ring_attention(x, x, x)


RING = Mechanism(
    "ring attention",
    reference.attention,
    "part4/pages_and_rings.ipynb#a-ring-of-ranks",
    source="liu2023ring",
    oracle="`F.scaled_dot_product_attention` over all tokens and its gradients, from 1, 2 and 4 "
    "processes",
    advice=Advice(
        choose="one sequence is too long for one machine, in training above all",
        order="as on one machine: masks go by the positions that each rank holds",
        exact="exact",
        hardware="several processes, on one machine or on many; this row is one of them",
        time="n**2*d",
        memory="n*d",
        call=_call,
        sizes={"n": 2048, "d": 64},
    ),
)


@limit_case(RING, DOT_PRODUCT, when="every part goes all the way round", otherwise={"arrived": 4})
def all_the_way_round(rng, arrived=5):
    q, k, v = normal(rng, (3, 4), (5, 4), (5, 2))
    return reference.attention(q, k[:arrived], v[:arrived], ranks=3), dot_product(q, k, v)


@limit_case(
    RING,
    DOT_PRODUCT,
    when="tokens are dealt in stripes, and a query sees the positions up to its own",
    otherwise={"by_place": False},
)
def stripes(rng, by_place=True):
    q, k, v = normal(rng, (6, 4), (6, 4), (6, 2))
    order = striped(6, 3).ravel()
    seen = order[:, None] >= order if by_place else masks.causal(6)
    found = np.empty((6, 2))
    found[order] = reference.attention(q[order], k[order], v[order], ranks=3, mask=seen)
    return found, dot_product(q, k, v, mask=masks.causal(6))


@limit_case(
    RING, ONLINE, when="there are as many ranks as tiles", otherwise={"whole_tiles_only": True}
)
def a_tile_a_rank(rng, whole_tiles_only=False):
    q, k, v = normal(rng, (3, 4), (5, 4), (5, 2))
    read = 4 if whole_tiles_only else 5
    return reference.attention(q, k, v, ranks=3), online(q, k[:read], v[:read], tile=2)


@limit_case(
    RING,
    MERGED,
    when="one rank asks: the parts arrive from the nearest to the farthest",
    otherwise={"averaged": True},
)
def parts_arrive(rng, averaged=False):
    q, k, v = normal(rng, (1, 4), (6, 4), (6, 2))
    parts = [attend(q, k[j : j + 2], v[j : j + 2]) for j in (0, 4, 2)]
    if averaged:
        parts = [(output, np.zeros(1)) for output, _ in parts]
    merged = merge(*merge(*parts[0], *parts[1]), *parts[2])
    return reference.attention(q, k, v, ranks=3), merged[0]


@limit_case(RING, MEAN, when="every query is 0", otherwise={"size": 1.0})
def no_question(rng, size=0.0):
    q, k, v = normal(rng, (3, 4), (5, 4), (5, 2))
    return reference.attention(size * q, k, v, ranks=2), mean(v, 3)
