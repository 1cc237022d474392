"""Answers to the exercises on tiles."""

import math

import numpy as np
import torch

from . import right, wrong


def merge_by_logaddexp(output, logsumexp, other, other_logsumexp):
    together = np.logaddexp(logsumexp, other_logsumexp)
    level = np.where(np.isneginf(together), 0, together).astype(output.dtype)
    shares = np.exp(np.stack([logsumexp, other_logsumexp]) - level)
    return (shares[:, :, None] * np.stack([output, other])).sum(axis=0), together


def merge_by_loop(output, logsumexp, other, other_logsumexp):
    merged, sums = np.zeros_like(output), np.full_like(logsumexp, -np.inf)
    for i, (a, b) in enumerate(zip(logsumexp.tolist(), other_logsumexp.tolist(), strict=True)):
        if a == b == -math.inf:
            continue
        high = max(a, b)
        one, two = math.exp(a - high), math.exp(b - high)
        merged[i] = (one * output[i] + two * other[i]) / (one + two)
        sums[i] = high + math.log(one + two)
    return merged, sums


def merge_as_numbers_of_a_larger_part(output, logsumexp, other, other_logsumexp):
    """The sigmoid of the difference is the share of the other part."""
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.nan_to_num(other_logsumexp - logsumexp, nan=0.0, posinf=np.inf, neginf=-np.inf)
        share = (1 / (1 + np.exp(-gap.astype(float))))[:, None]
    merged = ((1 - share) * output + share * other).astype(output.dtype)
    return merged, np.logaddexp(logsumexp, other_logsumexp)


def pass_by_parts(scores, v, tile):
    output = np.zeros((len(scores), v.shape[1]), v.dtype)
    total = np.full(len(scores), -np.inf, v.dtype)
    for start in range(0, scores.shape[1], tile):
        part = torch.from_numpy(scores[:, start : start + tile])
        sums = torch.logsumexp(part, dim=1).numpy()
        weights = torch.softmax(part, dim=1).nan_to_num(0).numpy()
        output, total = merge_by_logaddexp(output, total, weights @ v[start : start + tile], sums)
    return output


def pass_key_by_key(scores, v, tile):
    """A tile of one key is a tile, too."""
    result = np.zeros((len(scores), v.shape[1]), v.dtype)
    for i, row in enumerate(scores.tolist()):
        peak, total, output = -math.inf, 0.0, np.zeros(v.shape[1])
        for score, value in zip(row, v, strict=True):
            if score == -math.inf:
                continue
            if score > peak:
                shrink = math.exp(peak - score)
                total, output, peak = shrink * total, shrink * output, score
            total += math.exp(score - peak)
            output = output + math.exp(score - peak) * value
        result[i] = output / total if total else 0
    return result


def back_by_autograd(q, k, v, output, logsumexp, grad_output, tile):
    x = torch.from_numpy(q).requires_grad_()
    answer = torch.nn.functional.scaled_dot_product_attention(x, *map(torch.from_numpy, (k, v)))
    return torch.autograd.grad(answer, x, torch.from_numpy(grad_output))[0].numpy()


def back_key_by_key(q, k, v, output, logsumexp, grad_output, tile):
    found, root = np.zeros_like(q), math.sqrt(q.shape[1])
    for key, value in zip(k, v, strict=True):
        weight = np.exp(q @ key / root - logsumexp)
        push = weight * ((value - output) * grad_output).sum(axis=1)
        found += np.outer(push, key).astype(q.dtype) / q.dtype.type(root)
    return found


def mean_where_empty(scores, v, tile):
    output = pass_by_parts(scores, v, tile)
    output[np.isneginf(scores).all(axis=1)] = v.mean(axis=0)
    return output


def mean_of_tiles(scores, v, tile):
    starts = range(0, scores.shape[1], tile)
    parts = [pass_by_parts(scores[:, i : i + tile], v[i : i + tile], tile) for i in starts]
    return np.mean(parts, axis=0).astype(v.dtype)


def pass_from_the_end(scores, v, tile):
    """Tiles in the other order, and an empty part that lies far below any score."""
    peak = np.full((len(scores), 1), np.finfo(scores.dtype).min, scores.dtype)
    total, output = np.zeros_like(peak), np.zeros((len(scores), v.shape[1]), v.dtype)
    for start in reversed(range(0, scores.shape[1], tile)):
        part = scores[:, start : start + tile]
        higher = np.maximum(peak, part.max(axis=1, keepdims=True))
        weights, shrink = np.exp(part - higher), np.exp(peak - higher)
        total = total * shrink + weights.sum(axis=1, keepdims=True)
        output, peak = output * shrink + weights @ v[start : start + tile], higher
    return np.divide(output, total, out=np.zeros_like(output), where=total > 0)


def merge_to_a_list(output, logsumexp, other, other_logsumexp):
    return list(merge_by_logaddexp(output, logsumexp, other, other_logsumexp))


right("tiles.merge", merge_to_a_list)
right("tiles.one_pass", pass_from_the_end)
right("tiles.merge", merge_by_logaddexp, merge_by_loop, merge_as_numbers_of_a_larger_part)
right("tiles.one_pass", pass_by_parts, pass_key_by_key)
right("tiles.backward_of_q", back_by_autograd, back_key_by_key)
right("tiles.by_hand", [4, math.log(8)], (4.0, 2.079))
right("tiles.tiles_read", [20, 14, 8], np.array([20, 14, 8]))
right("tiles.prefix_bytes", [20.48, 1.5104, 13.56], (20.5, 1.51, 13.5593))

# Wrong answers -----------------------------------------------------------------------------------

wrong(
    "tiles.merge",
    ("the first part wins", lambda o, a, p, b: (o, a)),
    ("in base 2", {"peak + np.log(safe)": "(peak + np.log(safe)) / np.log(2)"}),
    ("a little is added to the sum", {"total = one + two": "total = one + two + 1e-6"}),
    ("a part that saw nothing has the logsumexp 0", {"total == 0, -np.inf": "total == 0, 0.0"}),
    ("the parts are exchanged in the logsumexp", {"peak + np.log(safe)": "peak - np.log(safe)"}),
)
wrong(
    "tiles.one_pass",
    ("the mean of the tiles", lambda s, v, tile: np.zeros((len(s), v.shape[1]), v.dtype)),
    ("a query that sees nothing gets the mean", lambda s, v, tile: mean_where_empty(s, v, tile)),
    ("the tiles are averaged", lambda s, v, tile: mean_of_tiles(s, v, tile)),
    (
        "a little is added to the sum",
        {
            "output / np.where(": "output / (1e-6 + np.where(",
            "total == 0, 1, total)": "total == 0, 1, total))",
        },
    ),
    ("one key too many is skipped", {"range(0, S, tile)": "range(0, S, tile + 1)"}),
)
wrong(
    "tiles.backward_of_q",
    ("the output is forgotten", {"pull = (grad_output * output)": "pull = (grad_output)"}),
    ("twice the pull", {"(grad_weights - pull)": "(grad_weights - 2 * pull)"}),
)
wrong(
    "tiles.by_hand",
    ("a logarithm too many", (4.0, math.log(math.log(8)))),
    ("the sum of the outputs", (12.0, 2.0794)),
)
wrong(
    "tiles.tiles_read",
    ("one column too few", (16, 10, 8)),
    ("one column too many", (24, 16, 8)),
)
wrong(
    "tiles.prefix_bytes",
    ("in kilobytes", (20480.0, 1510.4, 13.56)),
    ("the prefix twice", (20.48, 1.9968, 10.2564)),
)
