r"""RoPE in PyTorch, for both pairings of features."""

import torch

from attention_book.positions.sinusoidal.module import frequencies
from attention_book.scores.scaled_dot_product import module as scaled_dot_product
from attention_book.shapes import Array, number, shapes

OMEGA = Array("R", own_dtype=True, says="angle per position of each pair that turns")


@shapes(torch, "x: ... n d -> ... n d", positions=number("... n"), omega=OMEGA)
def rotate(x, positions, *, omega=None):
    r"""Turn the neighbouring features (0, 1), (2, 3), … of each token by its position.

    Without ``omega`` all pairs turn, with the frequencies of sinusoidal positions; with R
    frequencies the first 2R features turn, and the others stay as they are. The angles are
    computed in double precision: at position 100 000 single precision would be off by 0.004.

    Raises:
        ValueError: there are more frequencies than pairs.

    Source:
        J. Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021,
        equation 34.
    """
    return _turned(x, *_cos_sin(x, positions, omega))


@shapes(torch, "x: ... n d -> ... n d", positions=number("... n"), omega=OMEGA)
def rotate_halves(x, positions, *, omega=None):
    """Turn as :func:`rotate` does, with the pairs (0, R), (1, R + 1), … of R frequencies.

    Weights that were trained with one pairing do not work with the other, unless the columns of
    W_q and W_k change places.

    Raises:
        ValueError: there are more frequencies than pairs.

    Source:
        The pairing of GPT-NeoX: S. Black et al., "GPT-NeoX-20B", 2022, in their program.
    """
    cos, sin = _cos_sin(x, positions, omega)
    R = cos.shape[-1]
    a, b = x[..., :R], x[..., R : 2 * R]
    return torch.cat([a * cos - b * sin, a * sin + b * cos, x[..., 2 * R :]], dim=-1)


@shapes(torch, "q: ... L d_k, k: ... S d_k, mask+: ... L S -> ... L S", omega=OMEGA)
def weights(q, k, *, omega=None, mask=None):
    r"""Return how much each query attends to each key. The last query stands at the last key.

    Raises:
        ValueError: there are more frequencies than pairs.

    Source:
        As :func:`rotate`.
    """
    q, k = _in_place(q, k, omega)
    return scaled_dot_product.weights(q, k, mask=mask)


@shapes(
    torch,
    "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v",
    widens=False,
    omega=OMEGA,
)
def attention(q, k, v, *, omega=None, mask=None):
    """Answer each query with the average of the values, weighted by content and distance.

    Raises:
        ValueError: there are more frequencies than pairs.

    Source:
        As :func:`rotate`.
    """
    q, k = _in_place(q, k, omega)
    return scaled_dot_product.attention(q, k, v, mask=mask)


def _in_place(q, k, omega):
    """Turn queries and keys, the last of both at one place, by angles that are made once."""
    L, S = q.shape[-2], k.shape[-2]
    places = torch.arange(max(L, S), device=q.device)  # only their distances count
    cos, sin = _cos_sin(q, places, omega)
    return [_turned(x, cos[len(cos) - n :], sin[len(sin) - n :]) for x, n in ((q, L), (k, S))]


def _turned(x, cos, sin):
    turns = 2 * cos.shape[-1]
    a, b = x[..., 0:turns:2], x[..., 1:turns:2]
    pairs = torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(-2)
    return pairs if turns == x.shape[-1] else torch.cat([pairs, x[..., turns:]], dim=-1)


def _cos_sin(x, positions, omega):
    d = x.shape[-1]
    if omega is None:
        omega = frequencies(d)[: d // 2]
    elif 2 * len(omega) > d:
        raise ValueError(f"omega has {len(omega)} frequencies; x has {d // 2} pairs of features")
    angles = positions.double().unsqueeze(-1) * omega.to(positions.device).double()
    return angles.cos().to(x.dtype), angles.sin().to(x.dtype)
