"""Answers to the exercises on positions."""

import numpy as np
import torch

from . import right, wrong


def turn_with_complex_numbers(x, start, base):
    n, d = x.shape
    z = x[:, : d // 2] + 1j * x[:, d // 2 :]
    steps = np.arange(start, start + n)
    z = z * np.exp(1j * np.outer(steps, base ** -(np.arange(0, d, 2) / d)))
    return np.concatenate([z.real, z.imag], axis=1).astype(x.dtype)


def turn_in_torch(x, start, base):
    x = torch.from_numpy(x)
    n, d = x.shape
    omega = 1.0 / base ** (torch.arange(0, d, 2, dtype=torch.float64) / d)
    angles = torch.arange(start, start + n)[:, None] * torch.cat([omega, omega])
    first, second = x.chunk(2, dim=-1)
    found = x * angles.cos() + torch.cat([-second, first], dim=-1) * angles.sin()
    return found.to(x.dtype).numpy()


def turn_in_loops(x, start, base):
    n, d = x.shape
    found = np.empty_like(x)
    for i in range(n):
        for m in range(d // 2):
            angle = (start + i) / base ** (2 * m / d)
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            found[i, [m, m + d // 2]] = turn @ x[i, [m, m + d // 2]]
    return found


def coded_in_torch(x, table):
    rows = torch.arange(x.shape[1])
    return (
        torch.from_numpy(x) + torch.nn.functional.embedding(rows, torch.from_numpy(table))
    ).numpy()


def coded_in_loops(x, table):
    found = x.copy()
    for i in range(x.shape[1]):
        found[:, i] += table[i]
    return found


def to_halves_in_torch(W, H):
    heads = torch.from_numpy(W).unflatten(1, (H, -1, 2))
    return heads.transpose(2, 3).reshape(W.shape).numpy()


def to_halves_by_columns(W, H):
    d = W.shape[1] // H
    order = [h * d + f for h in range(H) for f in (*range(0, d, 2), *range(1, d, 2))]
    return W[:, order]


def shift_with_zeros(scores, S):
    L, n = scores.shape
    padded = np.concatenate([np.zeros_like(scores[:, :1]), scores], axis=1)
    return padded.ravel()[L:].reshape(L, n)[:, :S]


def shift_by_look_up(scores, S):
    L = len(scores)
    distance = np.arange(S - L, S)[:, None] - np.arange(S)
    return np.take_along_axis(scores, S - 1 - distance, axis=1)


right("positions.turn", turn_with_complex_numbers, turn_in_torch, turn_in_loops)
right("positions.coded", coded_in_torch, coded_in_loops)
right("positions.to_halves", to_halves_in_torch, to_halves_by_columns)
right("positions.shift", shift_with_zeros, shift_by_look_up)

wrong(
    "positions.turn",
    ("halved positions", {"np.arange(n))": "np.arange(n) // 2)"}),
    ("half of the features", lambda x, start, base: np.concatenate(
        [turn_in_loops(x[:, : len(x[0]) // 4 * 2], start, base), x[:, len(x[0]) // 4 * 2 :]], axis=1
    )),
    ("of length 1", lambda x, start, base: turn_in_loops(
        x / np.linalg.norm(x, axis=1, keepdims=True), start, base
    )),
)  # fmt: skip
wrong(
    "positions.coded",
    ("every position twice", {"table[:": "np.repeat(table, 2, axis=0)[:"}),
    ("twice", {"x + table[: x.shape[1]]": "x + 2 * table[: x.shape[1]]"}),
)
wrong(
    "positions.to_halves",
    ("backwards", lambda W, H: W[:, ::-1].copy()),
    ("heads in another order", lambda W, H: np.roll(to_halves_by_columns(W, H), 2, axis=1)),
)
wrong(
    "positions.shift",
    ("zeros ahead of the query", lambda scores, S: np.tril(
        shift_by_look_up(scores, S), S - len(scores)
    )),
)  # fmt: skip
wrong(
    "positions.hands",
    ("divided by the root of 2", (0.354, 0.354, -0.707, 0.0)),
)
wrong(
    "positions.bucket_numbers",
    ("rounded up", (7, 8, 11, 15, 0)),
)
