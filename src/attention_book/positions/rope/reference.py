r"""RoPE in NumPy: each pair of features is turned by the angle ``ω_m i``."""

import numpy as np

from attention_book.positions.sinusoidal.reference import frequencies
from attention_book.scores.scaled_dot_product import reference as scaled_dot_product
from attention_book.shapes import Array, number, shapes

OMEGA = Array("R", own_dtype=True, says="angle per position of each pair that turns")


@shapes(np, "x: ... n d -> ... n d", positions=number("... n"), omega=OMEGA)
def rotate(x, positions, *, omega=None):
    r"""Turn the neighbouring features (0, 1), (2, 3), … of each token by its position.

    .. math:: x'_{2m} &= x_{2m} \cos \omega_m i - x_{2m+1} \sin \omega_m i \\
              x'_{2m+1} &= x_{2m} \sin \omega_m i + x_{2m+1} \cos \omega_m i

    Without ``omega`` all pairs turn, with the frequencies of sinusoidal positions; with R
    frequencies the first 2R features turn, and the others stay as they are.

    Raises:
        ValueError: there are more frequencies than pairs.

    Source:
        J. Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021,
        equation 34.
    """
    omega = _pairs(x, omega)
    turns = 2 * len(omega)
    a, b = _turned(x[..., 0:turns:2], x[..., 1:turns:2], positions, omega)
    pairs = np.stack([a, b], axis=-1).reshape(*x.shape[:-1], turns)
    return np.concatenate([pairs, x[..., turns:]], axis=-1)


@shapes(np, "x: ... n d -> ... n d", positions=number("... n"), omega=OMEGA)
def rotate_halves(x, positions, *, omega=None):
    """Turn as :func:`rotate` does, with the pairs (0, R), (1, R + 1), … of R frequencies.

    Weights that were trained with one pairing do not work with the other, unless the columns of
    W_q and W_k change places.

    Raises:
        ValueError: there are more frequencies than pairs.

    Source:
        The pairing of GPT-NeoX: S. Black et al., "GPT-NeoX-20B", 2022, in their program.
    """
    omega = _pairs(x, omega)
    R = len(omega)
    a, b = _turned(x[..., :R], x[..., R : 2 * R], positions, omega)
    return np.concatenate([a, b, x[..., 2 * R :]], axis=-1)


@shapes(np, "q: ... L d_k, k: ... S d_k, mask+: ... L S -> ... L S", omega=OMEGA)
def weights(q, k, *, omega=None, mask=None):
    r"""Return how much each query attends to each key: :math:`s_{ij} = q_i T_i \cdot k_j T_j`,
    divided by the root of d_k. The last query stands at the last key.

    Raises:
        ValueError: there are more frequencies than pairs.

    Source:
        As :func:`rotate`.
    """
    q, k = _in_place(q, k, omega)
    return scaled_dot_product.weights(q, k, mask=mask)


@shapes(np, "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v", omega=OMEGA)
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
    L, S = q.shape[-2], k.shape[-2]
    return rotate(q, np.arange(S - L, S), omega=omega), rotate(k, np.arange(S), omega=omega)


def _turned(a, b, positions, omega):
    angles = positions[..., None].astype(float) * omega
    cos, sin = np.cos(angles), np.sin(angles)
    return a * cos - b * sin, a * sin + b * cos


def _pairs(x, omega):
    d = x.shape[-1]
    if omega is None:
        return frequencies(d)[: d // 2]
    if 2 * len(omega) > d:
        raise ValueError(f"omega has {len(omega)} frequencies; x has {d // 2} pairs of features")
    return omega
