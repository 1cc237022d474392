"""A shared prefix in PyTorch: its keys meet the queries of all requests in one product."""

import torch

from attention_book.shapes import shapes
from attention_book.tiles.online_softmax.module import attend, merge


@shapes(
    torch,
    "q: ... L d_k, prefix_k: ... P d_k, prefix_v: ... P d_v, k: ... S d_k, v: ... S d_v,"
    " mask: ... L S -> ... L d_v",
)
def attention(q, prefix_k, prefix_v, k, v, *, mask=None):
    """Answer each query from the prefix that requests share and from keys of its own request.

    Leading dimensions broadcast: with queries of shape (requests, heads, L, d_k) a prefix of shape
    (heads, P, d_k) is shared by all requests. Every query sees the whole prefix; the mask is over
    its own keys. For the product, the queries that share a prefix stand under each other in one
    matrix, and it is read once.

    Source:
        J. Juravsky et al., "Hydragen: High-Throughput LLM Inference with Shared Prefixes", 2024.
        Departure: an empty row gives zeros.
    """
    return merge(*attend(q, prefix_k, prefix_v), *attend(q, k, v, mask=mask))[0]
