"""Shaw's relative positions in the family."""

import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product

from . import module, reference


def _call(n, d):
    x, keys = torch.randn(n, d), torch.randn(9, d)
    return lambda: module.attention(x, x, x, keys)


SHAW = Mechanism(
    "Shaw's relative positions",
    reference.attention,
    "part3/positions.ipynb#distance-as-a-vector",
    source="shaw2018self",
    oracle="loops written from the paper",
    advice=Advice(
        choose="near distances matter one by one, and what a distance is worth depends on the "
        "query",
        order="yes: through the distance, up to the clip",
        exact="exact",
        hardware="any, without the fused kernel",
        time="n**2*d",
        memory="n**2",
        call=_call,
        sizes={"n": 1024, "d": 128},
    ),
)


@limit_case(SHAW, DOT_PRODUCT, when="all distances are clipped to 0", otherwise={"rows": 3})
def one_vector_for_all(rng, rows=1):
    q, k, v, keys = normal(rng, (3, 4), (5, 4), (5, 2), (rows, 4))
    return reference.attention(q, k, v, keys), dot_product(q, k, v)
