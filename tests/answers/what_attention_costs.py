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
right("what_attention_costs.exponent", by_polyfit, by_least_squares)
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
)
wrong(
    "what_attention_costs.exponent",
    ("the factor", lambda sizes, values: np.exp(np.mean(np.log(values)))),
    ("rounded", lambda sizes, values: np.round(by_polyfit(sizes, values))),
    ("a correlation", lambda sizes, values: np.corrcoef(np.log(sizes), values)[0, 1]),
)
wrong(
    "what_attention_costs.least_seconds",
    ("in milliseconds", {"max(computing, moving)": "1000 * max(computing, moving)"}),
    ("bytes alone", {"max(computing, moving)": "moving"}),
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
)
wrong(
    "what_attention_costs.moved_by_hand",
    ("a mask", (7602176, 262144, 29.0)),
    ("one head of eight", (819200, 32768, 25.0)),
    ("no softmax", (4456449, 262144, 25.0)),
)
