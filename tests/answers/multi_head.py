"""Answers to the exercises on many heads."""

import math

import numpy as np
import torch

from . import right, wrong


def split_by_stack(x, heads):
    return np.stack(np.split(x, heads, axis=2), axis=1)


def split_by_einsum(x, heads):
    B, L, D = x.shape
    return np.einsum("blhd->bhld", x.reshape(B, L, heads, D // heads))


def split_by_loop(x, heads):
    size = x.shape[2] // heads
    found = np.empty((len(x), heads, x.shape[1], size), x.dtype)
    for h in range(heads):
        found[:, h] = x[:, :, h * size : (h + 1) * size]
    return found


def layer_in_torch(x, source, W_q, W_k, W_v, W_o, heads):
    x, source, W_q, W_k, W_v, W_o = map(torch.from_numpy, (x, source, W_q, W_k, W_v, W_o))
    q, k, v = (
        y.unflatten(1, (heads, -1)).transpose(0, 1)[None]
        for y in (x @ W_q, source @ W_k, source @ W_v)
    )
    found = torch.nn.functional.scaled_dot_product_attention(q, k, v)[0]
    return (found.transpose(0, 1).flatten(1) @ W_o).numpy()


def layer_as_a_sum(x, source, W_q, W_k, W_v, W_o, heads):
    output = np.zeros(x.shape, x.dtype)
    matrices = (np.split(W, heads, axis=1) for W in (W_q, W_k, W_v))
    for q, k, v, o in zip(*matrices, np.split(W_o, heads, axis=0), strict=True):
        scores = x @ (q @ k.T) @ source.T / x.dtype.type(math.sqrt(q.shape[1]))
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        output += weights @ source @ (v @ o) / weights.sum(axis=1, keepdims=True)
    return output


def mask_in_torch(real, L, heads):
    blocked = ~torch.from_numpy(real)[:, None, None].expand(-1, heads, L, -1)
    return blocked.flatten(0, 1).numpy()


def mask_by_loop(real, L, heads):
    return np.array([[~row] * L for row in real for _ in range(heads)])


def shares_by_removal(weights, v, W_o):
    def output(kept):
        found = np.concatenate(
            [keep * a @ b for keep, a, b in zip(kept, weights, v, strict=True)], axis=1
        )
        return found @ W_o

    everyone = np.ones(len(v), v.dtype)
    whole = output(everyone)
    lengths = [
        np.linalg.norm(whole - output(everyone - row)) for row in np.eye(len(v), dtype=v.dtype)
    ]
    return np.array(lengths, v.dtype) / np.linalg.norm(whole)


def shares_by_einsum(weights, v, W_o):
    parts = np.einsum("hls,hsd,hdm->hlm", weights, v, W_o.reshape(*v.shape[::2], -1))
    return np.linalg.norm(parts, axis=(1, 2)) / np.linalg.norm(parts.sum(axis=0))


right("multi_head.split", split_by_stack, split_by_einsum, split_by_loop)
right("multi_head.layer", layer_in_torch, layer_as_a_sum)
right("multi_head.mask_for_heads", mask_in_torch, mask_by_loop)
right("multi_head.shares", shares_by_removal, shares_by_einsum)
right("multi_head.counts", [26112, 16, 1500], np.array([26112, 16, 1500]))
right("multi_head.two_heads", [8, 9, -1, 26], (8.0, 9.0, -1.0, 26.0))

# Wrong answers -----------------------------------------------------------------------------------

wrong(
    "multi_head.split",
    ("the features of a head are reversed", {".swapaxes(1, 2)": ".swapaxes(1, 2)[..., ::-1]"}),
    ("only the first head", {".swapaxes(1, 2)": ".swapaxes(1, 2)[:, :1]"}),
)
wrong(
    "multi_head.layer",
    ("scores divided by d_k", {"math.sqrt(q.shape[2])": "q.shape[2]"}),
    ("keys are read as values", {"(weights @ v)": "(weights @ k)"}),
    ("the residual connection", {"@ W_o": "@ W_o + x"}),
)
wrong(
    "multi_head.mask_for_heads",
    ("as numbers", {"np.repeat(blocked, heads, axis=0)": "np.repeat(blocked, heads, axis=0) * 1"}),
    ("one query short", {"L, axis=1": "max(L - 1, 1), axis=1"}),
)
wrong(
    "multi_head.shares",
    ("the largest entry", {"np.sqrt((parts**2).sum(axis=(1, 2)) / (whole**2).sum())":
     "abs(parts).max(axis=(1, 2)) / abs(whole).max()"}),
    ("the lengths alone", {" / (whole**2).sum()": ""}),
)  # fmt: skip
wrong(
    "multi_head.counts",
    ("keys of the width of the source, divided", (26112, 6, 1500)),
    ("numbers in thousands", (26, 16, 1500)),
    ("queries times keys times features", (26112, 16, 24000)),
)
wrong(
    "multi_head.two_heads",
    ("in tenths", (0.8, 0.9, -0.1, 2.6)),
    ("head B is left out", (8.0, 9.0, 8.0, 8.0)),
    ("head A is left out", (8.0, 9.0, -9.0, 18.0)),
)
