"""Answers to the exercises on pointing, copying, listening and remembering."""

import math

import numpy as np
import torch

from . import right, wrong


def mixture_in_torch(generated, weights, tokens, p_gen, V):
    generated, weights, p_gen = map(torch.from_numpy, (generated, weights, p_gen))
    written = torch.nn.functional.pad(generated, (0, V - generated.shape[1])) * p_gen[:, None]
    index = torch.from_numpy(tokens).expand(weights.shape)
    return written.scatter_add(1, index, weights * (1 - p_gen)[:, None]).numpy()


def mixture_by_a_matrix(generated, weights, tokens, p_gen, V):
    stands = np.eye(V, dtype=weights.dtype)[tokens]
    written = np.eye(generated.shape[1], V, dtype=generated.dtype)
    return (p_gen * (generated @ written).T + (1 - p_gen) * (weights @ stands).T).T


def mixture_with_add_at(generated, weights, tokens, p_gen, V):
    result = np.zeros((V, len(generated)), generated.dtype)
    np.add.at(result, tokens, ((1 - p_gen)[:, None] * weights).T)
    result[: generated.shape[1]] += (p_gen[:, None] * generated).T
    return result.T


def features_in_torch(previous, filters):
    row, kernels = torch.from_numpy(previous)[None, None], torch.from_numpy(filters)[:, None]
    found = torch.nn.functional.conv1d(row, kernels, padding=filters.shape[1] // 2)
    return found[0].T.numpy()


def features_in_loops(previous, filters):
    S, (R, W) = len(previous), filters.shape
    found = np.zeros((S, R), previous.dtype)
    for j in range(S):
        for m in range(W):
            at = j + m - W // 2
            if 0 <= at < S:
                found[j] += previous[at] * filters[:, m]
    return found


def features_by_convolution(previous, filters):
    S, W = len(previous), filters.shape[1]
    whole = [np.convolve(previous, f[::-1])[W // 2 : W // 2 + S] for f in filters]
    return np.array(whole).T


def step_in_loops(p, previous):
    alpha = np.zeros_like(p)
    for b, (row, before) in enumerate(zip(p, previous, strict=True)):
        for j in range(len(row)):
            looks = math.fsum(
                float(before[k]) * math.prod(1 - float(x) for x in row[k:j]) for k in range(j + 1)
            )
            alpha[b, j] = row[j] * looks
    return alpha


def step_by_a_matrix(p, previous):
    """Solve (1 - shifted) q = previous, for each row."""
    S = p.shape[1]
    rows = []
    for row, before in zip(p, previous, strict=True):
        system = np.eye(S, dtype=p.dtype) - np.diag(1 - row[:-1], -1).astype(p.dtype)
        rows.append(row * np.linalg.solve(system, before))
    return np.stack(rows)


def ask_in_torch(u, memory):
    u, memory = torch.from_numpy(u), torch.from_numpy(memory)
    for n in range(len(memory) - 1):
        u = u + torch.softmax(memory[n] @ u, dim=0) @ memory[n + 1]
    return u.numpy()


def ask_recursively(u, memory):
    if len(memory) == 1:
        return u
    scores = np.einsum("sd,d->s", memory[0], u)
    weights = np.exp(scores - np.logaddexp.reduce(scores))
    return ask_recursively(u + np.einsum("s,sd->d", weights, memory[1]), memory[1:])


right("pointing_and_memory.mixture", mixture_in_torch, mixture_by_a_matrix, mixture_with_add_at)
right("pointing_and_memory.features", features_in_torch, features_in_loops, features_by_convolution)
right("pointing_and_memory.step", step_in_loops, step_by_a_matrix)
right("pointing_and_memory.ask", ask_in_torch, ask_recursively)
right("pointing_and_memory.chances", [0.5, 0.6, 1, 0.3], np.array([0.5, 0.6, 1.0, 0.3]))
right("pointing_and_memory.one_look", [1 / 4, 9 / 16, 1], (0.25, 0.5625, 1.0), (0.25, 0.562, 1))

# Wrong answers -----------------------------------------------------------------------------------

wrong(
    "pointing_and_memory.mixture",
    ("float64", {"generated.dtype": "float"}),
    (
        "fancy indexing adds once for each word",
        {
            "for j, token in enumerate(tokens):\n"
            "        result[:, token] += (1 - p_gen) * weights[:, j]": "result[:, tokens] += "
            "(1 - p_gen)[:, None] * weights"
        },
        "of a word that stands twice only the last weight counts",
    ),
    ("only the vocabulary comes back", {"return result": "return result[:, : generated.shape[1]]"}),
)
wrong(
    "pointing_and_memory.features",
    ("float64", {"around @ filters.T": "around @ filters.T.astype(float)"}),
    ("the features sum to 1", {"return around @ filters.T": "x = around @ filters.T\n    "
     "return x / x.sum(axis=0)"}),
)  # fmt: skip
wrong(
    "pointing_and_memory.step",
    ("a softmax", {"p * looks": "np.exp(p) / np.exp(p).sum(axis=1, keepdims=True)"}),
    ("the position after the next", {"range(1, p.shape[1])": "range(2, p.shape[1])"}),
)
wrong(
    "pointing_and_memory.ask",
    ("the question counts twice", {"return u": "return u + u"}),
    (
        "divided by the largest, which is 1",
        {"weights.sum()": "weights.max()"},
        "the weights do not sum to 1",
    ),
)
wrong(
    "pointing_and_memory.chances",
    ("percent", (50, 60, 100, 30)),
    ("the answer 2, 1, 0", (0.3, 5 / 7, 1.0, 3 / 14)),
    ("as logarithms", (-0.693, -0.511, 0.0, -1.204)),
)
wrong(
    "pointing_and_memory.one_look",
    ("percent", (25, 56.25, 100), "the number of people in the fullest place was not divided"),
    ("the third of the way", (0.25, 0.5, 1.0)),
)
