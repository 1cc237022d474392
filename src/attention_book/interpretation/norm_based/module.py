r"""Norm-based analysis in PyTorch: weights times lengths, no vector for a pair."""

import torch

from attention_book.scores.scaled_dot_product import module as scaled_dot_product
from attention_book.shapes import matrices, shapes

PARAMETERS = matrices(
    W_q="H! d_model d_k", W_k="H! d_kv d_k", W_v="H! d_kv d_v", W_o="H! d_v d_model"
)


@shapes(
    torch,
    "x: ... L d_model, source: ... S d_kv, mask: ... L S -> ... H L S",
    parameters=PARAMETERS,
)
def norms(x, source, parameters, *, mask=None):
    """Return the lengths of the vectors that each head adds up for each token of x.

    Source:
        G. Kobayashi et al., "Attention is Not Only a Weight", 2020. Departure: the
        layers of this book have no biases, so the transformed value has none.
    """
    W = parameters
    if mask is not None and mask.ndim > 2:
        mask = mask.unsqueeze(-3)
    x, source = x.unsqueeze(-3), source.unsqueeze(-3)
    alpha = scaled_dot_product.weights(x @ W["W_q"], source @ W["W_k"], mask=mask)
    length = torch.linalg.vector_norm(source @ (W["W_v"] @ W["W_o"]), dim=-1)
    return alpha * length.unsqueeze(-2)
