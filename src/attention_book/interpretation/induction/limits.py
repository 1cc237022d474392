"""Induction in the family."""

import numpy as np

from attention_book.family import Mechanism, limit_case
from attention_book.scores.scaled_dot_product.limits import DOT_PRODUCT
from attention_book.scores.scaled_dot_product.reference import attention
from attention_book.simplest.limits import LOOKUP, MEAN
from attention_book.simplest.reference import lookup, mean

from . import reference

INDUCTION = Mechanism(
    "an induction model",
    reference.continuation,
    "part3/what_heads_learn.ipynb#two-heads-written-down",
    source="elhage2021mathematical",
    oracle="a loop that counts pairs of tokens in a dictionary",
)


def _text(rng, V=6, n=12):
    """Return a text after its start mark, and what its tokens are worth as values."""
    tokens = np.concatenate([[0], rng.integers(1, V, n)])
    return tokens, np.eye(V)[tokens] * (tokens > 0)[:, None]


@limit_case(
    INDUCTION,
    DOT_PRODUCT,
    when="the keys of one attention are the tokens before, its values the tokens",
    otherwise={"back": 0},
)
def keys_one_token_late(rng, back=1):
    tokens, values = _text(rng)
    keys = np.eye(6)[tokens[np.maximum(np.arange(13) - back, 0)]]
    keys[0] += 0.5
    q = 80 * np.sqrt(6) * np.eye(6)[tokens]
    found = attention(q, keys, values, mask=np.tri(13, dtype=bool))
    return reference.continuation(tokens, 6), found


@limit_case(INDUCTION, MEAN, when="the sharpness is 0", otherwise={"sharpness": 80.0})
def no_sharpness(rng, sharpness=0.0):
    tokens, values = _text(rng)
    return reference.continuation(tokens, 6, sharpness=sharpness)[-1:], mean(values, 1)


@limit_case(
    INDUCTION,
    LOOKUP,
    when="the token stood once before: it is the value of the key that matches",
    otherwise={"again": True},
)
def once_before(rng, again=False):
    tokens = np.concatenate([[0], rng.permutation(np.arange(1, 6))])
    asked = tokens[2]
    tokens = np.concatenate([tokens, *([[asked, tokens[5]]] if again else []), [asked]])
    scores = np.concatenate([[0], tokens[:-1] == asked]).astype(float)
    return reference.continuation(tokens, 6)[-1], lookup(scores, np.eye(6)[tokens])
