"""Answers to the exercises on what attention costs."""

import numpy as np
import torch

from . import right, wrong


def pairs_of_a_mask(n, kept, d, window):
    rows, columns = np.arange(kept, kept + n)[:, None], np.arange(kept + n)
    mask = (columns <= rows) & (columns > rows - window)
    return int(4 * d * np.count_nonzero(mask))


def counted_one_by_one(n, kept, d, window):
    total = 0
    for i in range(n):
        for j in range(kept + i + 1):
            total += 4 * d if kept + i - j < window else 0
    return total


def by_polyfit(sizes, values):
    return np.polyfit(np.log(sizes), np.log(values), 1)[0]


def by_octaves(sizes, values):
    return np.polyfit(np.log2(sizes), np.log2(values), 1)[0]


def by_covariance(sizes, values):
    both = np.cov(np.log10(sizes), np.log10(values))
    return both[0, 1] / both[0, 0]


def by_least_squares(sizes, values):
    x = torch.from_numpy(np.stack([np.log(sizes), np.ones(len(sizes))], axis=1))
    y = torch.from_numpy(np.log(values))
    return torch.linalg.lstsq(x, y[:, None]).solution[0, 0].item()


def by_the_ridge(weights, cache, batch, peak, bandwidth):
    operations, moved = 2 * batch * weights, 2 * weights + 2 * batch * cache
    if operations / moved > peak / bandwidth:
        return operations / peak
    return moved / bandwidth


def by_numpy(weights, cache, batch, peak, bandwidth):
    return np.max([weights / peak * 2 * batch, (weights + cache * batch) / bandwidth * 2])


right("what_attention_costs.attention_operations", pairs_of_a_mask, counted_one_by_one)
right("what_attention_costs.exponent", by_polyfit, by_octaves, by_covariance, by_least_squares)
right("what_attention_costs.least_seconds", by_the_ridge, by_numpy)
right(
    "what_attention_costs.count_a_layer",
    [4294967296, 8589934592, 1024],
    (4.294967296e9, 8.589934592e9, 1024.0),
)
right("what_attention_costs.which_binds", [21, 36, 100], (21.0, 36.0, 100.0))
right("what_attention_costs.moved_by_hand", [6553600, 262144, 25], (6553600.0, 262144.0, 25.0))

# Wrong answers -----------------------------------------------------------------------------------

wrong(
    "what_attention_costs.attention_operations",
    ("without the size of a head", {"4 * d * seen": "4 * seen"}),
    ("the mean of the pairs", {"seen.sum()": "seen.mean()"}),
    ("the window as a shift", {"np.minimum(": "np.maximum("}),
    ("the softmax, too", {"4 * d": "(4 * d + 5)"}),
    ("one addition less", {"4 * d": "2 * (2 * d - 1)"}),
    (
        "a window for a prompt alone",
        lambda n, kept, d, window: pairs_of_a_mask(n, kept, d, window if n > 1 else kept + n),
    ),
    (
        "half of a square, cut off",
        lambda n, kept, d, window: 4 * d * min(n * kept + n * (n + 1) // 2, n * window),
    ),
    (
        "with the kept ones as queries",
        lambda n, kept, d, window: pairs_of_a_mask(n + kept, 0, d, window),
    ),
)
wrong(
    "what_attention_costs.exponent",
    ("the factor", lambda sizes, values: np.exp(np.mean(np.log(values)))),
    ("rounded", lambda sizes, values: np.round(by_polyfit(sizes, values))),
    ("in two kinds of logarithm", {"np.log(sizes)": "np.log2(sizes)"}),
    (
        "two kinds of variance",
        lambda sizes, values: np.cov(np.log(sizes), np.log(values))[0, 1] / np.var(np.log(sizes)),
    ),
    (
        "a median of all slopes",
        lambda sizes, values: np.median(
            [
                np.log(values[j] / values[i]) / np.log(sizes[j] / sizes[i])
                for i in range(len(sizes))
                for j in range(i)
            ]
        ),
    ),
    ("without a sign", {"x @ np.log(values) / (x @ x)": "abs(x @ np.log(values)) / (x @ x)"}),
    ("after sorting one", {"np.log(sizes)": "np.log(np.sort(sizes))"}),
    ("after sorting both", lambda sizes, values: by_polyfit(np.sort(sizes), np.sort(values))),
    ("away from zero", {"np.log(values)": "np.log(values + 1e-6)"}),
    ("logarithms of one more", lambda sizes, values: by_polyfit(1 + sizes, 1 + values)),
    ("a correlation", lambda sizes, values: np.corrcoef(np.log(sizes), values)[0, 1]),
)
wrong(
    "what_attention_costs.least_seconds",
    ("in milliseconds", {"max(computing, moving)": "1000 * max(computing, moving)"}),
    ("bytes alone", {"max(computing, moving)": "moving"}),
    ("a middle way", {"max(computing, moving)": "(computing + moving) / 2"}),
    ("rounded", {"max(computing, moving)": "round(max(computing, moving), 3)"}),
    ("the cache read and written", {"batch * cache": "2 * batch * cache"}),
    (
        "peak and bandwidth exchanged",
        lambda weights, cache, batch, peak, bandwidth: by_numpy(
            weights, cache, batch, bandwidth, peak
        ),
    ),
    ("operations alone", {"max(computing, moving)": "computing"}),
)
wrong(
    "what_attention_costs.count_a_layer",
    ("one head", (536870912, 1073741824, 128)),
    ("in thousands of millions", (4.294967296, 8.589934592, 1024)),
    ("exchanged", (8589934592, 4294967296, 1024)),
)
wrong(
    "what_attention_costs.which_binds",
    ("the ridge", (21.0, 36.0, 50.5)),
    ("tokens a second", (47.6, 444.0, 100.0)),
    ("sixteen times", (21.0, 37.0, 100.0)),
    ("one less", (21.0, 36.0, 99.0)),
    ("one more", (21.0, 36.0, 101.0)),
)
wrong(
    "what_attention_costs.moved_by_hand",
    ("a mask", (7602176, 262144, 29.0)),
    ("one head of eight", (819200, 32768, 25.0)),
    ("no softmax", (4456449, 262144, 25.0)),
)
