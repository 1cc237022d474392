r"""Grouped-query attention in NumPy: ``G`` groups of ``M`` heads, one key and value a group."""

import numpy as np

from attention_book.caches.kv_cache.reference import REAL, attend
from attention_book.layers.dense_network.reference import normal
from attention_book.positions.rope.reference import OMEGA
from attention_book.shapes import count, matrices, shapes

PARAMETERS = matrices(
    "as :func:`new_layer` makes them",
    W_q="G! M! d_model d_k",
    W_k="G! d_model d_k",
    W_v="G! d_model d_v",
    W_o="G! M! d_v d_model",
)


@shapes(np, "x: ... n d_model", parameters=PARAMETERS, real=REAL, window=count(1), omega=OMEGA)
def grouped_query(x, parameters, *, state=None, real=None, window=None, omega=None):
    r"""Let new tokens read themselves and those before them with groups of heads.

    .. math:: \sum_{g=1}^{G} \sum_{m=1}^{M} \operatorname{softmax}\!\left(
              \frac{(x W_q^{gm})(X W_k^g)^\top}{\sqrt{d_k}}\right) X W_v^g\, W_o^{gm}

    X are the tokens so far, x the new ones. The G M heads have queries of their own; the M heads
    of a group read the same keys and values, so G (d_k + d_v) numbers are kept of a token.

    Shapes:
        state: None, or what an earlier call returned
        returns: the outputs (..., n, d_model), and the next state

    Raises:
        ValueError: the state has rows of another size.

    Source:
        J. Ainslie et al., "GQA: Training Generalized Multi-Query Transformer Models from
        Multi-Head Checkpoints", 2023, section 2.2; with one group N. Shazeer, "Fast Transformer
        Decoding", 2019, section 3.
    """
    W, x = parameters, x[..., None, None, :, :]
    q, k, v = x @ W["W_q"], x @ W["W_k"][:, None], x @ W["W_v"][:, None]
    if real is not None:
        real = real[..., None, None, :]
    heads, state = attend(q, k, v, state=state, real=real, window=window, omega=omega)
    return (heads @ W["W_o"]).sum(axis=(-4, -3)), state


@shapes(np, groups=count(1), parameters=PARAMETERS)
def pooled(parameters, *, groups):
    """Return a layer with fewer groups, whose keys and values are the means of those they join.

    The heads keep their order, their queries and their outputs.

    Shapes:
        returns: the parameters, as :func:`grouped_query` takes them

    Raises:
        ValueError: ``groups`` does not divide the number of groups.

    Source:
        J. Ainslie et al., "GQA", 2023, section 2.1 and figure 1. They train on afterwards.
    """
    G = len(parameters["W_k"])
    if G % groups:
        raise ValueError(f"groups is {groups}; it must divide the groups that there are, {G}")

    def joined(W):  # (G, ...) as (groups, G / groups, ...)
        return W.reshape(groups, G // groups, *W.shape[1:])

    return {
        "W_q": joined(parameters["W_q"]).reshape(groups, -1, *parameters["W_q"].shape[2:]),
        "W_k": joined(parameters["W_k"]).mean(axis=1),
        "W_v": joined(parameters["W_v"]).mean(axis=1),
        "W_o": joined(parameters["W_o"]).reshape(groups, -1, *parameters["W_o"].shape[2:]),
    }


@shapes(np, d_model=count(1), groups=count(1), members=count(1), d_k=count(1), d_v=count(1))
def new_layer(d_model, groups, members, *, rng, d_k, d_v):
    r"""Return the matrices of all heads: normal with variance 1/fan-in.

    Shapes:
        rng: a ``numpy.random.Generator``
        returns: the parameters, as :func:`grouped_query` takes them

    Source:
        As :func:`grouped_query` for the sizes; Y. LeCun et al., "Efficient BackProp", 1998,
        section 4.6, for the variance.
    """
    heads = groups * members
    W_q, W_k, W_v = (
        normal(rng, d_model, width) for width in (heads * d_k, groups * d_k, groups * d_v)
    )
    of_heads = np.stack(np.split(W_q, heads, axis=1))
    return {
        "W_q": of_heads.reshape(groups, members, d_model, d_k),
        "W_k": np.stack(np.split(W_k, groups, axis=1)),
        "W_v": np.stack(np.split(W_v, groups, axis=1)),
        "W_o": normal(rng, heads * d_v, d_model).reshape(groups, members, d_v, d_model),
    }
