"""Answers to the exercises on the whole Transformer."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from . import right, wrong


def norm_in_torch(x, gain, bias):
    x, gain, bias = map(torch.from_numpy, (x, gain, bias))
    return F.layer_norm(x, x.shape[1:], gain, bias).numpy()


def norm_by_moments(x, gain, bias):
    variance = x.var(axis=-1, keepdims=True)
    return (x - np.mean(x, axis=-1)[:, None]) * gain / (variance + 1e-5) ** 0.5 + bias


def norm_by_loop(x, gain, bias):
    rows = []
    for token in x:
        rows.append((token - token.mean()) / np.sqrt(token.var() + 1e-5) * gain + bias)
    return np.array(rows, x.dtype)


def block_in_torch(x, W_q, W_k, W_v, W_o, W_1, W_2):
    x, *W = map(torch.from_numpy, (x, W_q, W_k, W_v, W_o, W_1, W_2))
    y = F.layer_norm(x, x.shape[1:])[None]
    read = F.scaled_dot_product_attention(y @ W[0], y @ W[1], y @ W[2], is_causal=True)[0]
    x = x + read @ W[3]
    return (x + F.relu(F.layer_norm(x, x.shape[1:]) @ W[4]) @ W[5]).numpy()


def block_by_loop(x, W_q, W_k, W_v, W_o, W_1, W_2):
    def normed(token):
        return (token - token.mean()) / np.sqrt(token.var() + 1e-5)

    y, rows = np.array([normed(token) for token in x], x.dtype), []
    for i, token in enumerate(x):
        scores = (y[: i + 1] @ W_k) @ (y[i] @ W_q) / x.dtype.type(math.sqrt(W_q.shape[1]))
        weights = np.exp(scores - scores.max())
        token = token + weights @ y[: i + 1] @ W_v @ W_o / weights.sum()
        hidden = normed(token) @ W_1
        rows.append(token + (hidden * (hidden > 0)) @ W_2)
    return np.array(rows, x.dtype)


def masks_by_loop(real_source, real_target):
    (B, L), S = real_target.shape, real_source.shape[1]
    own, cross = np.zeros((B, L, L), bool), np.zeros((B, L, S), bool)
    for b in range(B):
        for i in range(L):
            own[b, i, : i + 1] = real_target[b, : i + 1]
            cross[b, i] = real_source[b]
    return own, cross


def masks_in_torch(real_source, real_target):
    source, target = map(torch.from_numpy, (real_source, real_target))
    L = target.shape[1]
    own = target[:, None].expand(-1, L, L).tril()
    return own.numpy(), source[:, None].expand(-1, L, -1).numpy()


def nucleus_by_loop(p, top_p):
    kept, total = np.zeros(len(p)), 0.0
    for v in sorted(range(len(p)), key=lambda v: -p[v]):
        if total >= top_p:
            break
        kept[v] = p[v]
        total += p[v]
    return kept / total


def nucleus_by_threshold(p, top_p):
    falling = np.sort(p)[::-1]
    n = np.searchsorted(falling.cumsum(), top_p)
    kept = np.where(p >= falling[min(n, len(p) - 1)], p, 0)
    return kept / kept.sum()


def nucleus_from_below(p, top_p):
    rising, order = torch.from_numpy(p).sort()
    goes = rising.cumsum(dim=0) <= 1 - top_p
    goes[-1] = False
    kept = torch.from_numpy(p).masked_fill(goes[order.argsort()], 0)
    return (kept / kept.sum()).numpy()


def leaks_by_loop(before, after):
    n = len(before)
    return np.array(
        [any(not np.array_equal(after[t, i], before[i]) for t in range(i + 1, n)) for i in range(n)]
    )


def leaks_by_triangle(before, after):
    return np.tril(np.abs(after - before).sum(axis=2) > 0, -1).max(axis=0)


def leaks_by_length(before, after):
    moved = np.linalg.norm(after - before, axis=2) > 0
    return np.array([moved[i + 1 :, i].any() for i in range(len(before))])


right("transformer.layer_norm", norm_in_torch, norm_by_moments, norm_by_loop)
right("transformer.block", block_in_torch, block_by_loop)
right("transformer.decoder_masks", masks_by_loop, masks_in_torch)
right("transformer.nucleus", nucleus_by_loop, nucleus_by_threshold, nucleus_from_below)
right("transformer.leaks", leaks_by_loop, leaks_by_triangle, leaks_by_length)
right("transformer.counts", [9216, 18672, 192], np.array([9216, 18672, 192]))
right("transformer.by_hand", [3, 11, 4, 2], (3.0, 11.0, 4.0, 2.0))

# Wrong answers -----------------------------------------------------------------------------------


def first_of_the_sorted(how_many):
    """Top-p sampling that keeps so many of the likeliest, by the sums of the likeliest."""

    def nucleus(p, top_p):
        order = np.argsort(-p)
        kept = np.zeros_like(p)
        few = order[: how_many(p[order].cumsum(), top_p)]
        kept[few] = p[few]
        return kept / kept.sum()

    return nucleus


def nucleus_shifted(p, top_p):
    """What lies beyond top_p goes, all but the first of it; > stands where >= should."""
    falling, order = torch.from_numpy(p).sort(descending=True)
    goes = falling.cumsum(dim=0) > top_p
    goes[1:] = goes[:-1].clone()
    goes[0] = False
    kept = torch.from_numpy(p).clone()
    kept[order[goes]] = 0
    return (kept / kept.sum()).numpy()


def heard(compare):
    """Leaks by another way to compare the scores; ``compare`` returns (n, n) booleans."""
    return lambda before, after: np.tril(compare(before, after), -1).any(axis=0)


wrong(
    "transformer.layer_norm",
    ("gain and bias exchanged", {"* gain + bias": "* bias + gain"}),
    ("the largest feature in place of the deviation", {"np.sqrt(variance + 1e-5)":
     "abs(centred).max(axis=1, keepdims=True)"}),
    ("the variance is not below ε", {"variance + 1e-5": "np.clip(variance, 1e-5, None)"},
     "ε is taken for the least variance"),
)  # fmt: skip
wrong(
    "transformer.block",
    ("the network first", {"y = normed(x)":
     "x = x + np.maximum(0, normed(x) @ W_1) @ W_2\n    y = normed(x)",
     "return x + np.maximum(0, normed(x) @ W_1) @ W_2": "return x"}),
    ("half of the sum", {"x = x + weights": "x = x + 0.5 * weights"}),
    ("keys and queries exchanged", {"(y @ W_q) @ (y @ W_k).T": "(y @ W_k) @ (y @ W_q).T"}),
    ("the strict upper triangle", {"np.tri(len(x), dtype=bool)":
     "np.triu(np.ones((len(x), len(x)), dtype=bool), 1)"}, "True means blocked"),
    ("weights in double precision", {"softmax(scores,": "softmax(scores.astype(float),"},
     "single precision became double"),
)  # fmt: skip
wrong(
    "transformer.decoder_masks",
    ("as numbers", {"return own, np": "return own * 1, np"}),
    ("one query short", {"L, axis=1": "max(L - 1, 1), axis=1"}),
)
wrong(
    "transformer.nucleus",
    ("made sharper", {"= p[order[before < top_p]]": "= p[order[before < top_p]] ** 2"}),
    ("all alike", {"= p[order[before < top_p]]": "= 1"}),
    ("exactly enough is not enough, by a search",
     first_of_the_sorted(lambda sums, top_p: np.searchsorted(sums, top_p, side="right") + 1),
     "one symbol too many stays"),
    ("exactly enough is not enough, by what goes", nucleus_shifted, "one symbol too many stays"),
)  # fmt: skip
wrong(
    "transformer.leaks",
    ("as numbers", {"return (moved & later).any(axis=0)":
     "return (moved & later).sum(axis=0)"}),
    ("every second place", {"(moved & later).any(axis=0)":
     "(moved & later).any(axis=0) & (np.arange(len(before)) % 2 == 0)"}),
    ("the differences add up to something", heard(lambda before, after:
     (after - before).sum(axis=2) != 0), "the differences are added up"),
    ("the means of the scores", heard(lambda before, after:
     after.mean(axis=2) != before.mean(axis=1))),
    ("the largest difference", heard(lambda before, after: (after - before).max(axis=2) > 0),
     "one direction alone counts"),
    ("the least difference", heard(lambda before, after: (after - before).min(axis=2) < 0),
     "one direction alone counts"),
    ("a tolerance of 1e-10", heard(lambda before, after: (abs(after - before) > 1e-10).any(axis=2)),
     "small differences are forgiven"),
    ("a tolerance of 1e-14", heard(lambda before, after: (abs(after - before) > 1e-14).any(axis=2)),
     "small differences are forgiven"),
    ("in single precision", heard(lambda before, after:
     (np.float32(after) != np.float32(before)).any(axis=2)), "small differences are forgiven"),
)  # fmt: skip
wrong(
    "transformer.counts",
    ("in thousands", (9, 19, 0)),
    ("the network is eight times d_model", (9216, 384, 192)),
    ("the norms are counted into the layers", (9312, 18768, 0)),
    ("the network first", (18672, 9216, 192)),
    ("the norms have no bias", (9216, 18672, 96), "half of the norms is missing"),
)
wrong(
    "transformer.by_hand",
    ("in tenths", (0.3, 1.1, 0.4, 0.2)),
    ("the tokens are exchanged", (4.0, 2.0, 3.0, 11.0)),
    ("only what was added", (-2.0, 10.0, 2.0, -4.0)),
    ("both layers read what entered", (1, 9, 6, 4),
     "the network reads what stood there before the attention"),
    ("post-norm", (-1, 1, -1, 1), "the outputs are normalised"),
    ("a final norm with ε", (-0.999995, 0.999995, 0.999995, -0.999995),
     "the outputs are normalised"),
    ("two numbers of size 1", (-1, 1)),
)  # fmt: skip
