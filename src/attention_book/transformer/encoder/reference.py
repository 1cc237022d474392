r"""A Transformer encoder in NumPy: ``x ← x + attention(norm(x))``, ``x ← x + network(norm(x))``."""

import numpy as np

from attention_book.layers.multi_head.reference import multi_head, new_layer
from attention_book.shapes import count, matrices, shapes
from attention_book.transformer.feed_forward.reference import feed_forward, new_feed_forward
from attention_book.transformer.norm.reference import layer_norm, new_norm

ATTENTION = matrices(
    W_q="H! d_model d_k", W_k="H! d_model d_k", W_v="H! d_model d_v", W_o="H! d_v d_model"
)
NORM = matrices(gain="d_model", bias="d_model")
NETWORK = matrices(W_1="d_model d_ff", b_1="d_ff", W_2="d_ff d_model", b_2="d_model")


@shapes(
    np,
    "x: ... n d_model, mask: ... n n -> ... n d_model",
    norm_1=NORM,
    attend=ATTENTION,
    norm_2=NORM,
    feed=NETWORK,
)
def block(x, norm_1, attend, norm_2, feed, *, mask=None):
    r"""Add to each token what it reads of the others, then what a network makes of it.

    .. math:: \begin{aligned}
              x &\leftarrow x + \operatorname{MultiHead}(\operatorname{norm}_1(x)) \\
              x &\leftarrow x + \operatorname{FeedForward}(\operatorname{norm}_2(x))
              \end{aligned}

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.1, with the norms where
        R. Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020, table 1,
        have them (pre-norm). Departures: no biases in the attention, no dropout.
    """
    y = layer_norm(x, norm_1)
    x = x + multi_head(y, y, attend, mask=mask)
    return x + feed_forward(layer_norm(x, norm_2), feed)


@shapes(np, "x: ... n d_model, mask: ... n n -> ... n d_model", widens=False)
def stack(x, blocks, *, mask=None):
    """Apply blocks one after the other: what comes out is the sum of all that was added.

    ``blocks`` has the parameters of each block, as :func:`new_block` makes them.

    Source:
        As :func:`block`.
    """
    for parameters in blocks:
        x = block(x, **parameters, mask=mask)
    return x.copy()


@shapes(np, "x: ... n d_model, mask: ... n n -> ... n d_model", norm=NORM, widens=False)
def encode(x, blocks, norm, *, mask=None):
    """Apply :func:`stack`, and the final norm that brings its sum to one length.

    Source:
        As :func:`block`; the final norm stands in Xiong et al., 2020, table 1.
    """
    return layer_norm(stack(x, blocks, mask=mask), norm)


@shapes(np, d_model=count(1), heads=count(1), d_ff=count(1))
def new_block(d_model, heads, d_ff, *, rng):
    """Return the parameters of a block, in which each layer keeps the variance of normal features.

    Shapes:
        rng: a ``numpy.random.Generator``
        returns: the parameters, as :func:`block` takes them by name

    Source:
        As :func:`block`.
    """
    return {
        "norm_1": new_norm(d_model),
        "attend": new_layer(d_model, heads, rng=rng),
        "norm_2": new_norm(d_model),
        "feed": new_feed_forward(d_model, d_ff, rng=rng),
    }
