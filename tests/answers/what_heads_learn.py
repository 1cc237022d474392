"""Answers to the exercises on what heads learn."""

import math

import numpy as np
import torch

from . import right, wrong


def scores_by_diagonal(weights, period):
    found = np.diagonal(weights, offset=1 - period, axis1=1, axis2=2)
    return found[:, 1:].mean(axis=1)


def scores_by_loop(weights, period):
    found = []
    for head in weights:
        found.append([head[i][i - period + 1] for i in range(period, len(head))])
    return np.mean(np.array(found, weights.dtype), axis=1)


def ablated_by_a_copy(x, parts, head):
    replaced = parts.copy()
    replaced[:, head] = parts[:, head].mean(axis=0)
    return x + replaced.sum(axis=1)


def ablated_in_torch(x, parts, head):
    x, parts = torch.from_numpy(x), torch.from_numpy(parts)
    others = [h for h in range(parts.shape[1]) if h != head]
    kept = parts[:, others].sum(dim=1)
    return (x + kept + parts[:, head].mean(dim=0, keepdim=True)).numpy()


def written_by_loop(weights, v, W_o):
    blocks = np.split(W_o, len(v))
    result = np.empty(weights.shape[1:], weights.dtype)
    for i, j in np.ndindex(*result.shape):
        vector = sum(w[i, j] * (u[j] @ b) for w, u, b in zip(weights, v, blocks, strict=True))
        result[i, j] = np.linalg.norm(vector)
    return result


def written_side_by_side(weights, v, W_o):
    vectors = weights[..., None] * v[:, None]  # (H, L, S, d_v)
    joined = vectors.transpose(1, 2, 0, 3).reshape(*weights.shape[1:], -1)
    return np.linalg.norm(joined @ W_o, axis=-1)


def terms_by_difference(x, parts, W_q, W_k):
    stream = x + parts.sum(axis=0)

    def scores(keys):
        return (stream @ W_q) @ (keys @ W_k).T / np.sqrt(x.dtype.type(W_q.shape[1]))

    return np.stack([scores(stream) - scores(stream - part) for part in parts])


def terms_by_einsum(x, parts, W_q, W_k):
    scale = x.dtype.type(1 / math.sqrt(W_q.shape[1]))
    stream = x + parts.sum(axis=0)
    return scale * np.einsum("id,dk,ek,hje->hij", stream, W_q, W_k, parts, optimize=True)


right("what_heads_learn.induction_scores", scores_by_diagonal, scores_by_loop)
right("what_heads_learn.mean_ablated", ablated_by_a_copy, ablated_in_torch)
right("what_heads_learn.written", written_by_loop, written_side_by_side)
right("what_heads_learn.k_terms", terms_by_difference, terms_by_einsum)
right("what_heads_learn.continues", [0.667, 0.333, 0, 3], np.array([2 / 3, 1 / 3, 0, 3]))
right("what_heads_learn.continues", [0.67, 0.33, 0, 3])
right("what_heads_learn.paths", [0.25, 0.39, 0.36], np.array([0.25, 0.39, 0.36]))
right("what_heads_learn.spread", [4.905, 10.515, 0.0319], (4.9053, 10.5148, 0.031915))

# Wrong answers -----------------------------------------------------------------------------------

wrong(
    "what_heads_learn.induction_scores",
    ("the largest weight", {".mean(axis=1)": ".max(axis=1)"}),
    ("the last repeat alone", {".mean(axis=1)": "[:, -1]"}),
    ("two steps back, and round to the end", {"i - period + 1": "i - period - 1"},
     "the token before the equal one is looked at"),
    ("zeros without a dtype", lambda weights, period: np.array(
        [[float(head[i, i - period + 1]) for i in range(period, len(head))] for head in weights]
     ).mean(axis=1), "single precision became double"),
)  # fmt: skip
wrong(
    "what_heads_learn.mean_ablated",
    ("the median", {"parts[:, head].mean(axis=0)": "np.median(parts[:, head], axis=0)"}),
    ("the next head", {"parts[:, head].mean(axis=0)": "parts[:, (head + 1) % parts.shape[1]]"
     ".mean(axis=0) + 1"}),
)  # fmt: skip
wrong(
    "what_heads_learn.written",
    ("the largest entry", {"np.sqrt((together**2).sum(axis=2))": "abs(together).max(axis=2)"}),
    ("of the first head", {"weights, vectors)": "weights[:1], vectors[:1] * 0.5)"}),
    ("sums times sums", lambda weights, v, W_o:
     weights.sum(axis=0) * np.sqrt((v**2).sum(axis=2)).sum(axis=0),
     "both are summed or averaged over the heads before they are multiplied"),
    ("the lengths of the values, added", lambda weights, v, W_o:
     np.einsum("hij,hj->ij", weights, np.sqrt((v**2).sum(axis=2))),
     "the lengths of the heads are added or averaged"),
)  # fmt: skip
wrong(
    "what_heads_learn.k_terms",
    ("after a softmax", {"return queries": "return 1 + queries"}),
    ("the first head alone", {"keys = parts": "keys = 0 * parts + parts[:1] * 0.5"}),
    (
        "stacked in double precision",
        {"parts @ W_k": "parts.astype(float) @ W_k"},
        "single precision became double",
    ),
)
wrong(
    "what_heads_learn.continues",
    ("the start mark has a share", (0.6, 0.3, 0.0, 3)),
    ("four numbers turned round", (3, 0.0, 1 / 3, 2 / 3)),
    ("four matches, one with nothing behind it", (0.5, 0.25, 0, 4),
     "the last A counts as a match"),
    ("four positions for the first match alone", (1, 0, 0, 4)),
    ("a third rounded to tenths", (0.7, 0.3, 0, 3)),
)  # fmt: skip
wrong(
    "what_heads_learn.paths",
    ("in percent", (25, 39, 36)),
    ("rounded up", (0.3, 0.4, 0.4)),
    ("averaged without the residual path", (0.1, 0.7, 0.2), "the layers are averaged"),
)
wrong(
    "what_heads_learn.spread",
    ("4096 taken as 4000", (4.905, 10.491, 0.0327)),
    ("half of the weight", (4.905, 10.515, 0.5)),
    ("scaled, in two digits", (4.905, 10.515, 0.0035),
     "the weight among 4096 is scaled by the number of keys"),
)  # fmt: skip
