"""A cache of keys and values in the family."""

import numpy as np
import torch

from attention_book import masks
from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.positions.rope.limits import ROPE
from attention_book.positions.rope.reference import attention as rope
from attention_book.positions.sinusoidal.reference import frequencies
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention as dot_product
from attention_book.simplest.limits import MEAN
from attention_book.simplest.reference import mean

from . import module, reference


def _call(kept, d):
    """One new token after others that were kept."""
    one, many = torch.randn(1, d), torch.randn(kept - 1, d)
    _, state = module.attend(many, many, many)
    return lambda: module.attend(one, one, one, state=state)


KV_CACHE = Mechanism(
    "attention with a cache",
    reference.attend,
    "part4/decoding.ipynb",
    source="shazeer2019fast",
    oracle="attention over the whole sequence under a causal mask, PyTorch's "
    "`causal_lower_right`; a loop over positions",
    advice=Advice(
        choose="text is written token by token: the past is read again at each step, and need not "
        "be computed again",
        order="through positions, which go on where the state ends",
        exact="exact, however the sequence is cut into calls",
        hardware="bound by how fast the cache is read, unless many tokens come at once",
        time="18*kept*d + 11*kept",
        memory="kept*2*d",
        call=_call,
        sizes={"kept": 2048, "d": 32},
    ),
)


def _in_pieces(function, arrays, sizes, forgets=False, **options):
    """Call a function with pieces of arrays, one after the other."""
    outputs, state, start = [], None, 0
    for size in sizes:
        pieces = (x[..., start : start + size, :] for x in arrays)
        output, state = function(*pieces, state=None if forgets else state, **options)
        outputs.append(output)
        start += size
    return np.concatenate(outputs, axis=-2)


@limit_case(
    KV_CACHE,
    DOT_PRODUCT,
    when="each call gets the state of the call before: then as under a causal mask over all",
    otherwise={"forgets": True},
)
def any_pieces(rng, forgets=False):
    q, k, v = normal(rng, (7, 4), (7, 4), (7, 2))
    found = _in_pieces(reference.attend, (q, k, v), (3, 1, 1, 2), forgets)
    return found, dot_product(q, k, v, mask=masks.causal(7))


@limit_case(
    KV_CACHE,
    DOT_PRODUCT,
    when="the window is as long as the text: then nothing is left out",
    otherwise={"window": 3},
)
def a_long_window(rng, window=7):
    q, k, v = normal(rng, (7, 4), (7, 4), (7, 2))
    found = _in_pieces(reference.attend, (q, k, v), (1,) * 7, window=window)
    return found, dot_product(q, k, v, mask=masks.causal(7))


@limit_case(
    KV_CACHE,
    ROPE,
    when="it turns queries and keys, and positions go on from call to call",
    otherwise={"forgets": True},
)
def positions_go_on(rng, forgets=False):
    q, k, v = normal(rng, (7, 4), (7, 4), (7, 2))
    found = _in_pieces(reference.attend, (q, k, v), (4, 1, 2), forgets, omega=frequencies(4))
    return found, rope(q, k, v, mask=masks.causal(7))


@limit_case(
    KV_CACHE,
    MEAN,
    when="the queries are 0: what the last token gets",
    otherwise={"size": 1.0},
)
def no_question(rng, size=0.0):
    q, k, v = normal(rng, (7, 4), (7, 4), (7, 2))
    found = _in_pieces(reference.attend, (size * q, k, v), (6, 1))
    return found[-1:], mean(v, 1)


_KEPT = "what was kept has one dtype and one batch until reset, and the test changes both"
DEPARTURES = {
    "KVCache.forward": {
        "has_the_shapes_and_the_dtype_it_declares": _KEPT,
        "stays_finite": _KEPT,
    }
}
