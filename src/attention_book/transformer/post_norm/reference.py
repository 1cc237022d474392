r"""A post-norm encoder in NumPy: ``x ← norm(x + attention(x))``, ``x ← norm(x + network(x))``."""

import numpy as np

from attention_book.layers.multi_head.reference import multi_head
from attention_book.shapes import shapes
from attention_book.transformer.encoder.reference import ATTENTION, NETWORK, NORM
from attention_book.transformer.feed_forward.reference import feed_forward
from attention_book.transformer.norm.reference import layer_norm


@shapes(
    np,
    "x: ... n d_model, mask: ... n n -> ... n d_model",
    attend=ATTENTION,
    norm_1=NORM,
    feed=NETWORK,
    norm_2=NORM,
)
def block(x, attend, norm_1, feed, norm_2, *, mask=None):
    r"""Normalise each token after what it reads was added, and again after the network.

    .. math:: \begin{aligned}
              x &\leftarrow \operatorname{norm}_1(x + \operatorname{MultiHead}(x)) \\
              x &\leftarrow \operatorname{norm}_2(x + \operatorname{FeedForward}(x))
              \end{aligned}

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.1. Departures: no biases
        in the attention, no dropout.
    """
    x = layer_norm(x + multi_head(x, x, attend, mask=mask), norm_1)
    return layer_norm(x + feed_forward(x, feed), norm_2)


@shapes(np, "x: ... n d_model, mask: ... n n -> ... n d_model", widens=False)
def stack(x, blocks, *, mask=None):
    """Apply blocks one after the other; no norm is left to be done after them.

    ``blocks`` has the parameters of each block by name, those of a pre-norm block too.

    Source:
        As :func:`block`.
    """
    for parameters in blocks:
        x = block(x, **parameters, mask=mask)
    return x.copy()
