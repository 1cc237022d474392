r"""A language model in NumPy: ``scores = encode(√d E[tokens] + positions, causal) Eᵀ``."""

import math

import numpy as np

from attention_book import masks
from attention_book.layers.dense_network.reference import normal
from attention_book.positions.sinusoidal.reference import add
from attention_book.shapes import anything, count, shapes
from attention_book.transformer.encoder.reference import encode, new_block
from attention_book.transformer.norm.reference import new_norm


@shapes(np, "embedding~: V! d_model", tokens=anything("... n", "integers from 0 to V - 1"))
def embed(tokens, embedding):
    r"""Return the row of each token, times :math:`\sqrt{d_\text{model}}`, with its position added.

    Shapes:
        returns: (..., n, d_model), in the dtype of the embedding

    Raises:
        TypeError: the tokens are no integers.
        ValueError: a token has no row in the embedding.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, sections 3.4 and 3.5.
    """
    if not np.issubdtype(tokens.dtype, np.integer):
        raise TypeError(f"tokens has dtype {tokens.dtype}; it needs integers")
    for token in tokens[(tokens < 0) | (tokens >= len(embedding))]:
        raise ValueError(f"tokens has {token}; the embedding has rows 0 to {len(embedding) - 1}")
    return add(math.sqrt(embedding.shape[-1]) * embedding[tokens])


@shapes(np, tokens=anything("... n", "integers"))
def scores(tokens, model):
    r"""Return for each token the scores of what may follow it.

    .. math:: s = \operatorname{norm}(x^{(N)})\, E^\top, \qquad
              x^{(0)}_i = \sqrt{d_\text{model}}\, E_{t_i} + p_i

    The softmax of a row is the distribution of the next token. ``model`` is what
    :func:`new_model` makes.

    Shapes:
        returns: (..., n, V)

    Source:
        A. Radford et al., "Improving Language Understanding by Generative Pre-Training", 2018,
        section 3.1; the norms as in "Language Models are Unsupervised Multitask Learners", 2019.
        Departures: sinusoidal positions; rectifiers; no dropout.
    """
    x, causal = embed(tokens, model["embedding"]), masks.causal(tokens.shape[-1])
    return encode(x, model["blocks"], model["norm"], mask=causal) @ model["embedding"].T


@shapes(np, V=count(1), d_model=count(1), heads=count(1), d_ff=count(1), num_layers=count(0))
def new_model(V, d_model, heads, d_ff, *, num_layers, rng):
    """Return the parameters of a language model for V symbols.

    The embedding is normal with variance 1/d_model: times the root of d_model its features have
    variance 1, and a state of d_model such features has scores of variance 1.

    Shapes:
        rng: a ``numpy.random.Generator``
        returns: {"embedding": (V, d_model), "blocks": a list, "norm": the final norm}

    Source:
        As :func:`scores`; O. Press, L. Wolf, "Using the Output Embedding to Improve Language
        Models", 2017, for the one matrix at both ends.
    """
    return {
        "embedding": normal(rng, d_model, V).T,
        "blocks": [new_block(d_model, heads, d_ff, rng=rng) for _ in range(num_layers)],
        "norm": new_norm(d_model),
    }
