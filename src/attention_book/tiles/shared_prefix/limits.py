"""A shared prefix in the family."""

import numpy as np
import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product
from attention_book.tiles.online_softmax.limits import MERGED
from attention_book.tiles.online_softmax.reference import attend, merge

from . import module, reference

WHY = "a query always sees the prefix, which has no mask"
DEPARTURES = {
    "attention": {"gives_zeros_where_nothing_may_be_seen": WHY, "has_finite_gradients": WHY}
}


def _call(requests, prefix, own, d):
    q, shared = torch.randn(requests, 1, d), torch.randn(prefix, d)
    k = torch.randn(requests, own, d)
    return lambda: module.attention(q, shared, shared, k, k)


SHARED_PREFIX = Mechanism(
    "attention with a shared prefix",
    reference.attention,
    "part4/tiles.ipynb",
    source="juravsky2024hydragen",
    oracle="`F.scaled_dot_product_attention` over prefix and own keys of each request together",
    advice=Advice(
        choose="many requests with one long beginning are answered at a time",
        order="no, as plain attention",
        exact="exact",
        hardware="any; the product with the prefix is one of matrices, not of vectors",
        time="requests*(prefix + own)*d",
        memory="requests*prefix",
        call=_call,
        sizes={"requests": 32, "prefix": 512, "own": 4, "d": 16},
    ),
)


@limit_case(
    SHARED_PREFIX,
    DOT_PRODUCT,
    when="the keys are those of the prefix and its own",
    otherwise={"forgotten": True},
)
def prefix_and_own(rng, forgotten=False):
    q, prefix_k, prefix_v = normal(rng, (3, 4), (5, 4), (5, 2))
    k, v = normal(rng, (6, 4), (6, 2))
    both = np.concatenate([prefix_k, k]), np.concatenate([prefix_v, v])
    if forgotten:
        both = k, v
    return reference.attention(q, prefix_k, prefix_v, k, v), dot_product(q, *both)


@limit_case(SHARED_PREFIX, DOT_PRODUCT, when="the prefix is empty", otherwise={"prefix": 2})
def no_prefix(rng, prefix=0):
    q, k, v = normal(rng, (2, 3, 4), (2, 6, 4), (2, 6, 2))
    prefix_k, prefix_v = normal(rng, (prefix, 4), (prefix, 2))
    return reference.attention(q, prefix_k, prefix_v, k, v), dot_product(q, k, v)


@limit_case(
    SHARED_PREFIX, MERGED, when="the prefix is the first part", otherwise={"averaged": True}
)
def first_part(rng, averaged=False):
    q, k, v = normal(rng, (3, 4), (6, 4), (6, 2))
    parts = [attend(q, k[:4], v[:4]), attend(q, k[4:], v[4:])]
    if averaged:
        parts = [(output, np.zeros(3)) for output, _ in parts]
    return reference.attention(q, k[:4], v[:4], k[4:], v[4:]), merge(*parts[0], *parts[1])[0]
