r"""A Transformer decoder in NumPy, pre-norm: an encoder block with one more layer in its middle."""

import numpy as np

from attention_book import masks
from attention_book.layers.multi_head.reference import multi_head, new_layer
from attention_book.shapes import count, matrices, shapes
from attention_book.transformer.encoder import reference as encoder
from attention_book.transformer.encoder.reference import ATTENTION, NETWORK, NORM
from attention_book.transformer.feed_forward.reference import feed_forward
from attention_book.transformer.norm.reference import layer_norm, new_norm

CROSS = matrices(W_q="H! d_model d_k", W_k="H! d_kv d_k", W_v="H! d_kv d_v", W_o="H! d_v d_model")


@shapes(
    np,
    "x: ... L d_model, source: ... S d_kv, mask: ... L S -> ... L d_model",
    norm_1=NORM,
    attend=ATTENTION,
    norm_2=NORM,
    cross=CROSS,
    norm_3=NORM,
    feed=NETWORK,
)
def block(x, source, norm_1, attend, norm_2, cross, norm_3, feed, *, mask=None):
    r"""Add to each token what it reads before itself, then of the source, then what a network says.

    .. math:: \begin{aligned}
              x &\leftarrow x + \operatorname{MultiHead}_\text{causal}(\operatorname{norm}_1(x)) \\
              x &\leftarrow x + \operatorname{MultiHead}(\operatorname{norm}_2(x),\ s) \\
              x &\leftarrow x + \operatorname{FeedForward}(\operatorname{norm}_3(x))
              \end{aligned}

    The mask says which of the source may be read; among themselves the tokens are always causal,
    so padding after the last of them is never read. The source comes as its encoder gives it,
    normalised.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.1. Departures: the norms
        stand before the layers, no biases in the attention, no dropout.
    """
    y = layer_norm(x, norm_1)
    x = x + multi_head(y, y, attend, mask=masks.causal(x.shape[-2]))
    x = x + multi_head(layer_norm(x, norm_2), source, cross, mask=mask)
    return x + feed_forward(layer_norm(x, norm_3), feed)


@shapes(np, "x: ... L d_model, source: ... S d_kv, mask: ... L S -> ... L d_model", widens=False)
def stack(x, source, blocks, *, mask=None):
    """Apply blocks one after the other; all of them read the same source.

    ``blocks`` has the parameters of each block, as :func:`new_block` makes them.

    Source:
        As :func:`block`.
    """
    for parameters in blocks:
        x = block(x, source, **parameters, mask=mask)
    return x.copy()


@shapes(np, d_model=count(1), heads=count(1), d_ff=count(1), d_kv=count(1))
def new_block(d_model, heads, d_ff, *, rng, d_kv=None):
    """Return the parameters of a block that reads a source of width d_kv, d_model if left out.

    Shapes:
        rng: a ``numpy.random.Generator``
        returns: the parameters, as :func:`block` takes them by name

    Source:
        As :func:`block`.
    """
    of_encoder = encoder.new_block(d_model, heads, d_ff, rng=rng)
    return of_encoder | {
        "cross": new_layer(d_model, heads, rng=rng, d_kv=d_kv),
        "norm_3": new_norm(d_model),
    }
