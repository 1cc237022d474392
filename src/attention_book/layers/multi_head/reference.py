r"""Multi-head attention in NumPy: each head in its own small space, then the sum of all."""

import numpy as np

from attention_book.layers.dense_network.reference import normal
from attention_book.scores.scaled_dot_product import reference as scaled_dot_product
from attention_book.shapes import count, matrices, shapes

PARAMETERS = matrices(
    "as :func:`new_layer` makes them",
    W_q="H! d_model d_k",
    W_k="H! d_kv d_k",
    W_v="H! d_kv d_v",
    W_o="H! d_v d_model",
)


@shapes(
    np,
    "x: ... L d_model, source: ... S d_kv, mask: ... L S -> ... H L S",
    parameters=PARAMETERS,
)
def weights(x, source, parameters, *, mask=None):
    """Return how much each token of x attends to each of the source, for every head.

    Source:
        As :func:`multi_head`.
    """
    q, k, _, mask = _per_head(x, source, parameters, mask)
    return scaled_dot_product.weights(q, k, mask=mask)


@shapes(
    np,
    "x: ... L d_model, source: ... S d_kv, mask: ... L S -> ... L d_model",
    parameters=PARAMETERS,
)
def multi_head(x, source, parameters, *, mask=None):
    r"""Let every token of x ask the source with several heads, and add up what they bring.

    .. math:: \sum_h \operatorname{softmax}\!\left(
              \frac{(x W_q^h)(s W_k^h)^\top}{\sqrt{d_k}}\right) s W_v^h\, W_o^h

    The sum is the paper's concatenation of all heads times one matrix, whose rows are those of
    all W_o. With x as the source it is self-attention, otherwise cross-attention. A mask holds
    for all heads. A token that may attend to nothing gets zeros.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2. Departures: keys and
        values come from one source, an empty row gives zeros, the sizes d_kv, d_k and d_v are
        free, and float16 is computed in float32.
    """
    q, k, v, mask = _per_head(x, source, parameters, mask)
    heads = scaled_dot_product.attention(q, k, v, mask=mask)
    return (heads @ parameters["W_o"]).sum(axis=-3)


@shapes(np, d_model=count(1), heads=count(1), d_kv=count(1), d_k=count(1), d_v=count(1))
def new_layer(d_model, heads, *, rng, d_kv=None, d_k=None, d_v=None):
    r"""Return the matrices of all heads: normal with variance 1/fan-in.

    Shapes:
        rng: a ``numpy.random.Generator``
        returns: the parameters, as :func:`multi_head` takes them; what is left out is
            d_kv = d_model, d_k = d_model / heads, d_v = d_k

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2, for the sizes; Y.
        LeCun et al., "Efficient BackProp", 1998, section 4.6, for the variance.
    """
    if d_k is None and d_model % heads:
        raise ValueError(f"d_model is {d_model}; it needs a multiple of heads, {heads}, or a d_k")
    d_kv = d_model if d_kv is None else d_kv
    d_k = d_model // heads if d_k is None else d_k
    d_v = d_k if d_v is None else d_v
    W_q, W_k, W_v, W_o = (
        normal(rng, fan_in, width)
        for fan_in, width in (
            (d_model, heads * d_k),
            (d_kv, heads * d_k),
            (d_kv, heads * d_v),
            (heads * d_v, d_model),
        )
    )
    return {
        "W_q": np.stack(np.split(W_q, heads, axis=1)),
        "W_k": np.stack(np.split(W_k, heads, axis=1)),
        "W_v": np.stack(np.split(W_v, heads, axis=1)),
        "W_o": np.stack(np.split(W_o, heads, axis=0)),
    }


def _per_head(x, source, parameters, mask):
    """Return queries, keys and values of each head, and the mask with an axis for heads."""
    W = parameters
    x, source = x[..., None, :, :], source[..., None, :, :]
    if mask is not None and mask.ndim > 2:
        mask = mask[..., None, :, :]
    return x @ W["W_q"], source @ W["W_k"], source @ W["W_v"], mask
