r"""An induction model in NumPy with exact weights, and the scores that find such heads."""

import math

import numpy as np

from attention_book.layers.attention_only.reference import stack
from attention_book.shapes import anything, count, number, shapes


@shapes(np, V=count(1), n=count(1), sharpness=number(least=0))
def attentions(V, n, *, sharpness=80.0):
    """Return the two layers of a model that continues what has occurred before.

    The stream has four blocks: the token, its position, the token before it, the next token. The
    head of layer 1 looks one position back and writes what it finds into the third block. The
    head of layer 2 asks with the token, finds the third block, and writes the token that it reads
    into the fourth. Token 0 is the start mark: it has half the score of a match and no value, so
    a token that is new reads it, and nothing is written.

    Shapes:
        returns: two dictionaries, as :func:`stack` takes them, with d_model = 3 V + n

    Source:
        N. Elhage et al., "A Mathematical Framework for Transformer Circuits", 2021, "Induction
        Heads". The matrices are this book's own.
    """
    token, place, before, following = np.split(np.eye(3 * V + n), [V, V + n, 2 * V + n])
    back = np.eye(n)[np.maximum(np.arange(n) - 1, 0)]  # row i has a 1 at i - 1
    real = np.diag(np.arange(V) > 0).astype(float)  # all tokens but the start mark
    start = np.outer(np.arange(V) == 0, np.full(V, 0.5))
    first = place.T @ back, place.T, token.T, before
    second = token.T, before.T + token.T @ start, token.T @ real, following
    layers = []
    for W_q, W_k, W_v, W_o in (first, second):
        scale = sharpness * math.sqrt(W_q.shape[1])
        layers.append({"W_q": scale * W_q, "W_k": W_k, "W_v": W_v, "W_o": W_o})
    return [{name: matrix[None] for name, matrix in W.items()} for W in layers]


@shapes(np, "-> ... n V", tokens=anything("... n"), V=count(1), sharpness=number(least=0))
def continuation(tokens, V, *, sharpness=80.0):
    """Return for each token how often each of V tokens has followed it so far, as shares.

    Zeros where the token is new. The text begins with the start mark, token 0.

    Raises:
        ValueError: a token is not one of the V.

    Source:
        As :func:`attentions`.
    """
    x, mask = embedded(tokens, V), np.tri(tokens.shape[-1], dtype=bool)
    layers = attentions(V, x.shape[-1] - 3 * V, sharpness=sharpness)
    return stack(x, layers, mask=mask)[..., -V:]


@shapes(np, tokens=anything("... n"), V=count(1))
def embedded(tokens, V):
    """Return the stream before the first layer: token and position, the other blocks empty.

    Shapes:
        returns: (..., n, 3 V + max(n, 1))

    Raises:
        ValueError: a token is not one of the V.

    Source:
        As :func:`attentions`.
    """
    rows = tokens.astype(int)
    for at in tokens[(rows != tokens) | (rows < 0) | (rows >= V)]:
        raise ValueError(f"tokens has {at:g}; there are tokens 0 to {V - 1}")
    n = max(tokens.shape[-1], 1)
    places = np.broadcast_to(np.eye(n)[: tokens.shape[-1]], (*tokens.shape, n))
    return np.concatenate([np.eye(V)[rows], places, np.zeros((*tokens.shape, 2 * V))], axis=-1)


@shapes(np, "weights: ... n n -> ...")
def previous_token_score(weights):
    """Return the mean weight on the token before, over all positions that have one.

    Raises:
        ValueError: there is no such position.

    Source:
        C. Olsson et al., "In-context Learning and Induction Heads", 2022, for scores of this kind.
    """
    return _diagonal(weights, 1, 1)


@shapes(np, "weights: ... n n -> ...", period=count(1))
def induction_score(weights, *, period):
    """Return the mean weight on the token after the same token one period before.

    For tokens that repeat with a period P, position i looks at i - P + 1; the mean is over all i
    that repeat something, from P on.

    Raises:
        ValueError: nothing repeats: there are no more than P positions.

    Source:
        As :func:`previous_token_score`.
    """
    return _diagonal(weights, period - 1, period)


def _diagonal(weights, distance, first):
    n = weights.shape[-1]
    if n <= first:
        raise ValueError(f"weights has {n} positions; it needs more than {first}")
    i = np.arange(first, n)
    return weights[..., i, i - distance].mean(axis=-1)
