"""Answers to the exercises on aligning sequences."""

import math

import numpy as np
import torch

from . import right, wrong


def general_in_loops(q, k, W, mask):
    weights = np.zeros((*q.shape[:-1], k.shape[-2]), q.dtype)
    for n in np.ndindex(*q.shape[:-2]):
        for i, query in enumerate(q[n].astype(float)):
            seen = [j for j in range(k.shape[-2]) if mask[i, j]]
            scores = [float(query @ W.astype(float) @ k[n][j]) for j in seen]
            shares = [math.exp(s - max(scores)) for s in scores]
            for j, share in zip(seen, shares, strict=True):
                weights[(*n, i, j)] = share / math.fsum(shares)
    return weights


def general_in_torch(q, k, W, mask):
    q, k, W, mask = (torch.from_numpy(x.copy()) for x in (q, k, W, mask))
    scores = torch.einsum("...id,de,...je->...ij", q, W, k)
    scores = scores.masked_fill(~mask, -torch.inf)
    return torch.softmax(scores, -1).masked_fill(~mask, 0).numpy()


def general_with_the_keys_mapped(q, k, W, mask):
    mapped = k @ W.T
    scores = np.einsum("...id,...jd->...ij", q, mapped)
    low = np.where(mask, scores, np.min(scores) - 1)
    shares = np.exp(low - low.max(axis=-1, keepdims=True)) * mask
    return np.divide(shares, shares.sum(-1, keepdims=True), out=np.zeros_like(shares), where=mask)


def read_in_loops(state, memory, W_q, W_k, w):
    contexts, weights = np.zeros_like(memory[:, 0]), np.zeros_like(memory[..., 0])
    for b in range(len(state)):
        scores = [float(np.tanh(state[b] @ W_q + h @ W_k) @ w) for h in memory[b]]
        shares = [math.exp(s - max(scores)) for s in scores]
        weights[b] = [share / math.fsum(shares) for share in shares]
        contexts[b] = weights[b] @ memory[b]
    return contexts, weights


def read_in_torch(state, memory, W_q, W_k, w):
    state, memory, W_q, W_k, w = map(torch.from_numpy, (state, memory, W_q, W_k, w))
    pairs = torch.cat([state[:, None].expand(-1, memory.shape[1], -1), memory], dim=-1)
    weights = torch.softmax(torch.tanh(pairs @ torch.cat([W_q, W_k])) @ w, dim=1)
    return torch.bmm(weights[:, None], memory)[:, 0].numpy(), weights.numpy()


def local_in_loops(scores, centre, reach):
    weights = np.zeros_like(scores)
    sigma = reach / 2
    for i, place in enumerate(centre):
        near = [j for j in range(scores.shape[1]) if place - reach <= j <= place + reach]
        if near:
            row = scores[i, near].astype(float)
            shares = np.exp(row - row.max())
            bell = np.exp(-((np.array(near) - place) ** 2) / (2 * sigma**2))
            weights[i, near] = shares / shares.sum() * bell
    return weights


def local_in_torch(scores, centre, reach):
    scores, centre = torch.from_numpy(scores), torch.from_numpy(centre)
    distance = torch.arange(scores.shape[1]).to(scores) - centre[:, None]
    hidden = distance.abs() > reach
    weights = torch.softmax(scores.masked_fill(hidden, -torch.inf), -1).nan_to_num(0)
    return (weights * torch.exp(-(distance**2) / (2 * (reach / 2) ** 2))).numpy()


def decoder_by_index(words, memory, start, attend, cell):
    states = np.empty((len(words) + 1, len(start)), start.dtype)
    contexts = np.empty((len(words), memory.shape[1]), memory.dtype)
    states[0] = start
    for i in range(len(words)):
        contexts[i] = attend(states[i], memory)
        states[i + 1] = cell(np.hstack([words[i], contexts[i]]), states[i])
    return states[1:], contexts


def decoder_by_recursion(words, memory, start, attend, cell):
    context = attend(start, memory)
    state = cell(np.r_[words[0], context], start)
    if len(words) == 1:
        return state[None], context[None]
    states, contexts = decoder_by_recursion(words[1:], memory, state, attend, cell)
    return np.vstack([state, states]), np.vstack([context, contexts])


right("alignment.general", general_in_loops, general_in_torch, general_with_the_keys_mapped)
right("alignment.read_source", read_in_loops, read_in_torch)
right("alignment.local_weights", local_in_loops, local_in_torch)
right("alignment.decoder", decoder_by_index, decoder_by_recursion)
right(
    "alignment.opposite",
    [[0, math.log(3)], [math.log(3), 0]],
    np.array([[-1.0, 0.0986], [2.1, 1.0014]]),
    ((5, 6.1), (4.1, 3)),
)
right("alignment.counts", [55, 24, 105, 21], np.array([55.0, 24, 105, 21]), (55, 24.0, 105, 21))
right("alignment.disturbed", ["b c d e", "B"], ("ebcd", "b"), ("b,c,d,e", "b"))


def table(exercise, called):
    """Wrong answers by the name that fits them, None where none does."""
    for name, answers in called.items():
        wrong(exercise, *((repr(answer), answer, name) for answer in answers))


table(
    "alignment.opposite",
    {
        "two rows of two finite numbers are asked for": [
            "abc", np.ones((3, 2)), 3, [[1, 2]], [[1, np.nan], [0, 0]], {"W": 1}, [[1, 2], [3]],
        ],
        "both queries prefer the key that looks like them": [np.eye(2), [[3, 0], [0, 3]]],
        "the scores differ by 3, the weights by more": [[[0, 3], [3, 0]], [[1, 4], [5, 2]]],
        "the weights themselves stand in the matrix": [[[0.25, 0.75], [0.75, 0.25]]],
        "one query has no preference": [np.zeros((2, 2)), [[0, 1.1], [2, 2]]],
        "both queries prefer the same key": [[[0, 1.1], [0, 1.1]], [[5, 1], [5, 1]]],
        None: [[[0, 1], [1, 0]], [[0, 2], [2, 0]], [[0, 1.3], [0.9, 0]]],
    },
)  # fmt: skip
table(
    "alignment.counts",
    {
        "four numbers are asked for": [(55, 24, 105), (55, 24, 105, 21, 0), []],
        "the vector that makes the score is missing": [(50, 24, 105, 21)],
        "general is thought to be square": [(55, 36, 105, 21)],
        "a score belongs to a pair": [(55, 24, 105, 10)],
        "biases are counted": [(61, 24, 105, 21)],
    },
)
table(
    "alignment.disturbed",
    {
        "two words of the letters a to e are asked for": [
            ("bcde",), ("bcdf", "b"), "bcde", ("bb", "b"), ("bcde", "b", "c"), (),
        ],
        "the two decoders are exchanged": [("b", "edcb")],
        "what came before cannot change": [("abcde", "ab")],
    },
)  # fmt: skip
