"""Answers to the exercises on decoding with a cache."""

import math

import numpy as np
import torch
from torch.nn.attention.bias import causal_lower_right

from attention_book.exercises.decoding import places, step

from . import right, wrong


def step_in_torch(q, k, v, keys, values):
    q, k, v, keys, values = map(torch.from_numpy, (q, k, v, keys, values))
    keys, values = torch.cat([keys, k]), torch.cat([values, v])
    mask = causal_lower_right(len(q), len(keys))
    found = torch.nn.functional.scaled_dot_product_attention(
        q[None], keys[None], values[None], attn_mask=mask
    )
    return found[0].numpy(), keys.numpy(), values.numpy()


def step_one_by_one(q, k, v, keys, values):
    outputs = []
    for one, key, value in zip(q, k, v, strict=True):
        keys, values = np.vstack([keys, key]), np.vstack([values, value])
        scores = keys @ one / q.dtype.type(math.sqrt(len(one)))
        weights = np.exp(scores - scores.max())
        outputs.append(weights @ values / weights.sum())
    return np.array(outputs), keys, values


def grouped_in_torch(q, k, v):
    q, k, v = map(torch.from_numpy, (q, k, v))
    mask = torch.ones(q.shape[1], k.shape[1], dtype=torch.bool).tril(k.shape[1] - q.shape[1])
    found = torch.nn.functional.scaled_dot_product_attention(
        q[None], k[None], v[None], attn_mask=mask, enable_gqa=True
    )
    return found[0].numpy()


def grouped_by_loop(q, k, v):
    members, late = len(q) // len(k), k.shape[1] - q.shape[1]
    found = np.empty((len(q), q.shape[1], v.shape[2]), q.dtype)
    for h, i in np.ndindex(q.shape[:2]):
        seen = slice(0, late + i + 1)
        scores = k[h // members, seen] @ q[h, i] / q.dtype.type(math.sqrt(q.shape[2]))
        weights = np.exp(scores - scores.max())
        found[h, i] = weights @ v[h // members, seen] / weights.sum()
    return found


def wide_by_einsum(q, q_r, W_uk):
    scale = q.dtype.type(1 / math.sqrt(q.shape[1] + q_r.shape[1]))
    return np.hstack([q_r * scale, np.einsum("ld,rd->lr", q, W_uk) * scale])


def wide_in_torch(q, q_r, W_uk):
    q, q_r, W_uk = map(torch.from_numpy, (q, q_r, W_uk))
    wide = torch.cat([q_r, torch.nn.functional.linear(q, W_uk)], dim=1)
    return (wide / math.sqrt(q.shape[1] + q_r.shape[1])).numpy()


def places_by_loop(real, start):
    found = np.full(real.shape, -1)
    for row, flags, here in zip(found, real, start, strict=True):
        for at in np.flatnonzero(flags):
            row[at] = here
            here += 1
    return found


def places_in_torch(real, start):
    real, start = torch.from_numpy(real.copy()), torch.from_numpy(start)
    return (start[:, None] + real.cumsum(1) - 1).masked_fill(~real, -1).numpy()


def step_filled(q, k, v, keys, values):
    keys, values = np.vstack([keys, k]), np.vstack([values, v])
    late = len(keys) - len(q) + np.arange(len(q))
    scores = np.where(
        np.arange(len(keys)) <= late[:, None], q @ keys.T * q.shape[1] ** -0.5, -np.inf
    )
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return [weights / weights.sum(axis=1, keepdims=True) @ values, keys, values]


def places_by_arithmetic(real, start):
    return (start[:, None] + real.cumsum(axis=1)) * real - 1


def grouped_by_axes(q, k, v):
    G, L, S = len(k), q.shape[1], k.shape[1]
    q = q.reshape(G, -1, L, q.shape[2]) / q.dtype.type(math.sqrt(q.shape[2]))
    scores = np.einsum("gmld,gsd->gmls", q, k)
    scores[..., ~np.tri(L, S, S - L, dtype=bool)] = -np.inf
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return np.einsum("gmls,gsd->gmld", weights, v).reshape(-1, L, v.shape[2])


right("decoding.step", step_filled)
right("decoding.places", places_by_arithmetic)
right("decoding.grouped_attention", grouped_by_axes)
right("decoding.step", step_in_torch, step_one_by_one)
right("decoding.grouped_attention", grouped_in_torch, grouped_by_loop)
right("decoding.wide_query", wide_by_einsum, wide_in_torch)
right("decoding.places", places_by_loop, places_in_torch)
right("decoding.bytes_kept", [163840, 5, 46080], (163840.0, 5.0, 46080.0))
right("decoding.step_by_hand", [5.75, 5.4286, 1], (5.75, 38 / 7, 1.0))

# Wrong answers -----------------------------------------------------------------------------------


def step_without_a_past(q, k, v, keys, values):
    return step.solve(q, k, v, keys, values) if len(keys) else (0 * v, k, v)


wrong(
    "decoding.step",
    ("every call has five tokens before it", {"len(keys) - len(q), dtype": "5, dtype"}),
    ("the new rows alone are returned", lambda *x: (step.solve(*x)[0], x[1], x[2])),
    ("nothing is kept, so zeros", step_without_a_past),
    (
        "softmax over the queries",
        {"softmax(scores, mask=mask)": "softmax(scores.T, mask=mask.T).T"},
    ),
    ("one output only", {"@ values, keys, values": "@ values[:, :1], keys, values"}),
    ("keys and values exchanged", lambda q, k, v, keys, values: (q, values, keys)),
    ("scores divided by d_k", {"math.sqrt(q.shape[1])": "q.shape[1]"}),
)
wrong(
    "decoding.grouped_attention",
    ("the scale counts the heads of a group", {"(q.shape[2])": "(q.shape[2] * members)"}),
    (
        "queries before heads",
        {"return softmax(scores, mask=mask) @ v": "return (softmax(scores, mask=mask) @ v).mT"},
    ),
    ("the groups in reverse", {"np.repeat(k, members": "np.repeat(k[::-1], members"}),
    ("heads summed", {"mask=mask) @ v": "mask=mask).mean(axis=0) @ v"}),
    ("keys as values", {"np.repeat(v, members, axis=0)": "np.repeat(k, members, axis=0)"}),
)  # fmt: skip
wrong(
    "decoding.wide_query",
    ("not multiplied at all", {"q @ W_uk.T": "q"}),
    ("the inverse of the matrix", {"W_uk.T": "np.linalg.pinv(W_uk)"}),
    (
        "the sum of two roots",
        {"q.shape[1] + q_r.shape[1])": "q.shape[1]) + math.sqrt(q_r.shape[1])"},
    ),
    ("without the turned part", {"[q_r, q @ W_uk.T]": "[0 * q_r, q @ W_uk.T]"}),
    ("the sign of the turned part", {"[q_r, q @ W_uk.T]": "[-q_r, q @ W_uk.T]"}),
)
wrong(
    "decoding.places",
    (
        "counted back from the start",
        {"np.cumsum(real, axis=1) - 1": "-real[:, ::-1].cumsum(axis=1)[:, ::-1]"},
    ),
    ("another mark for padding", {"here, -1": "here, -2"}),
    (
        "zeros where a sequence is padding alone",
        lambda real, start: places.solve(real, start) * real.any(axis=1)[:, None],
    ),
    ("counted from the end", {"np.cumsum(real, axis=1)": "np.cumsum(real[:, ::-1], axis=1)"}),
    ("as truths", {"np.where(real, here, -1)": "here > 0"}),
)
wrong(
    "decoding.bytes_kept",
    ("bits", (1310720, 40.0, 368640)),
    ("in KiB", (160, 5.0, 45)),
    ("eight layers", (32768, 1.0, 9216)),
)
wrong(
    "decoding.step_by_hand",
    ("in eighths", (46, 38, 1)),
    ("the largest value", (8.0, 8.0, 1)),
    ("the oldest rows of the window", (5.75, 16 / 3, 1)),
)
