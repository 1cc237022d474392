r"""Self-attention of one head in NumPy, and its backward pass."""

import numpy as np

from attention_book.layers.dense_network.reference import normal
from attention_book.scores.scaled_dot_product import reference as scaled_dot_product
from attention_book.shapes import count, matrices, shapes

PARAMETERS = matrices(
    "as :func:`new_layer` makes them",
    W_q="d_model d_k",
    W_k="d_model d_k",
    W_v="d_model d_v",
    W_o="d_v d_model",
)


@shapes(np, "x: ... n d_model, mask: ... n n -> ... n n", parameters=PARAMETERS)
def weights(x, parameters, *, mask=None):
    """Return how much each token attends to each.

    Source:
        As :func:`self_attention`.
    """
    W = parameters
    return scaled_dot_product.weights(x @ W["W_q"], x @ W["W_k"], mask=mask)


@shapes(np, "x: ... n d_model, mask: ... n n -> ... n d_model", parameters=PARAMETERS)
def self_attention(x, parameters, *, mask=None):
    r"""Let every token of x average what all tokens have to say, with learned matrices.

    .. math:: \operatorname{softmax}\!\left(\frac{(x W_q)(x W_k)^\top}{\sqrt{d_k}}\right)
              x W_v\, W_o

    A token that may attend to nothing gets zeros.

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2 with h = 1.
        Departures: an empty row gives zeros, and float16 is computed in float32.
    """
    W = parameters
    q, k, v = x @ W["W_q"], x @ W["W_k"], x @ W["W_v"]
    return scaled_dot_product.attention(q, k, v, mask=mask) @ W["W_o"]


@shapes(np, "x: * n d_model, grad_output: * n d_model, mask: * n n", parameters=PARAMETERS)
def self_attention_backward(x, parameters, grad_output, *, mask=None):
    r"""Return the gradients of ``sum(self_attention(x) * grad_output)``.

    x enters three times, as queries, keys and values, so its gradient is a sum of three.

    Shapes:
        returns: the gradient with respect to x, of its shape, and a dictionary of those with
            respect to the parameters, summed over the leading dimensions

    Source:
        T. Dao et al., "FlashAttention", 2022, appendix B.2, for the part between q, k, v and
        the average; the matrices by the chain rule.
    """
    W = parameters
    q, k, v = x @ W["W_q"], x @ W["W_k"], x @ W["W_v"]
    averaged = scaled_dot_product.attention(q, k, v, mask=mask)
    grad_averaged = grad_output @ W["W_o"].T
    grad_q, grad_k, grad_v = scaled_dot_product.backward(q, k, v, grad_averaged, mask=mask)

    grad_x = grad_q @ W["W_q"].T + grad_k @ W["W_k"].T + grad_v @ W["W_v"].T
    return grad_x, {
        "W_q": _sum_of_outer_products(x, grad_q),
        "W_k": _sum_of_outer_products(x, grad_k),
        "W_v": _sum_of_outer_products(x, grad_v),
        "W_o": _sum_of_outer_products(averaged, grad_output),
    }


@shapes(np, d_model=count(1), d_k=count(1), d_v=count(1))
def new_layer(d_model, d_k, *, rng, d_v=None):
    r"""Return the parameters of an attention layer: normal with variance 1/fan-in.

    Shapes:
        rng: a ``numpy.random.Generator``
        returns: the parameters, as :func:`self_attention` takes them; d_v = d_k when it is left out

    Source:
        Y. LeCun et al., "Efficient BackProp", 1998, section 4.6.
    """
    d_v = d_k if d_v is None else d_v
    return {
        "W_q": normal(rng, d_model, d_k),
        "W_k": normal(rng, d_model, d_k),
        "W_v": normal(rng, d_model, d_v),
        "W_o": normal(rng, d_v, d_model),
    }


def _sum_of_outer_products(inputs, grad_outputs):
    """Return inputsᵀ grad_outputs, summed over all tokens of all sequences."""
    width = inputs.shape[-1]
    return inputs.reshape(-1, width).T @ grad_outputs.reshape(-1, grad_outputs.shape[-1])
