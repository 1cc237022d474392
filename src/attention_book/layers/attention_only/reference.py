r"""An attention-only Transformer in NumPy: every layer adds what its heads found."""

import numpy as np

from attention_book.layers.multi_head import reference as multi_head
from attention_book.scores.scaled_dot_product import reference as scaled_dot_product
from attention_book.shapes import matrices, shapes

PARAMETERS = matrices(
    "as for multi-head attention",
    W_q="H! d_model d_k",
    W_k="H! d_model d_k",
    W_v="H! d_model d_v",
    W_o="H! d_v d_model",
)


@shapes(np, "x: ... n d_model, mask: ... n n -> ... n d_model", widens=False)
def stack(x, attentions, *, mask=None):
    r"""Apply residual layers of several heads one after the other.

    .. math:: x \leftarrow x + \sum_h A^h x\, W_v^h W_o^h

    ``attentions`` has the matrices of each layer, as :func:`multi_head` takes them. With no layer
    a copy of x comes back.

    Raises:
        TypeError: ``attentions`` is not iterable.

    Source:
        N. Elhage et al., "A Mathematical Framework for Transformer Circuits", 2021, "Transformer
        Overview". Departures: tokens come in as vectors, and the mask is free.
    """
    if not np.iterable(attentions):
        raise TypeError(f"attentions is a {type(attentions).__name__}; it needs a sequence")
    x = x.copy()
    for parameters in attentions:
        x = x + multi_head.multi_head(x, x, parameters, mask=mask)
    return x


@shapes(
    np,
    "asking: ... L d_model, keys: ... S d_model, values: ... S d_model, mask: ... L S "
    "-> ... H L d_model",
    parameters=PARAMETERS,
)
def parts(asking, keys, values, parameters, *, mask=None):
    r"""Return what each head of a layer adds, :math:`A^h x W_v^h W_o^h`.

    Queries, keys and values may be made from three different states of the stream. With the same
    state for all three, the sum over the heads is what the layer adds.

    Source:
        N. Elhage et al., "A Mathematical Framework for Transformer Circuits", 2021, "Attention
        Heads are Independent and Additive".
    """
    W = parameters
    if mask is not None and mask.ndim > 2:
        mask = mask[..., None, :, :]
    q, k, v = (
        x[..., None, :, :] @ W[name]
        for x, name in ((asking, "W_q"), (keys, "W_k"), (values, "W_v"))
    )
    return scaled_dot_product.attention(q, k, v, mask=mask) @ W["W_o"]
