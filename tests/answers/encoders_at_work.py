"""Answers to the exercises on encoders at work."""

import numpy as np
import torch
from scipy import stats

from . import right, wrong


def corrupt_by_loop(tokens, chosen, coin, words, mask):
    seen, picked = list(tokens), [0] * len(tokens)
    for i in range(len(tokens)):
        if chosen[i] >= 0.15:
            continue
        picked[i] = 1
        if coin[i] < 0.8:
            seen[i] = mask
        elif coin[i] < 0.9:
            seen[i] = words[i]
    return np.array([seen, picked])


def corrupt_by_select(tokens, chosen, coin, words, mask):
    picked = chosen < 0.15
    seen = np.select([~picked, coin < 0.8, coin < 0.9], [tokens, mask, words], tokens)
    return np.vstack([seen, 1 * picked])


def late_by_loop(q, q_real, k, k_real):
    scores = np.zeros((len(q), len(k)), q.dtype)
    for n, (question, asks) in enumerate(zip(q, q_real, strict=True)):
        for m, (text, there) in enumerate(zip(k, k_real, strict=True)):
            scores[n, m] = (question[asks] @ text[there].T).max(axis=1).sum()
    return scores


def late_in_torch(q, q_real, k, k_real):
    q, q_real, k, k_real = map(torch.from_numpy, (q, q_real, k, k_real))
    products = q[:, None] @ k.transpose(1, 2)
    best = products.masked_fill(~k_real[:, None], -torch.inf).amax(dim=-1)
    return best.masked_fill(~q_real[:, None], 0).sum(dim=-1).numpy()


def vectors_by_loop(x, real):
    found = []
    for text, there in zip(x, real, strict=True):
        mean = text[there].mean(axis=0)
        found.append(mean / np.sqrt((mean**2).sum()))
    return np.array(found, x.dtype)


def vectors_by_a_count(x, real):
    count = real.sum(axis=1, keepdims=True).astype(x.dtype)
    mean = (x * real[:, :, None]).sum(axis=1) / count
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def vectors_in_torch(x, real):
    x, real = torch.from_numpy(x), torch.from_numpy(real)
    total = x.masked_fill(~real[..., None], 0).sum(dim=1)
    return torch.nn.functional.normalize(total, dim=1).numpy()  # the mean has the same direction


def rank_by_ranking(scores):
    ranks = stats.rankdata(-scores, axis=1)  # ties get the mean of their ranks
    return (1 / ranks[np.arange(len(scores)), np.arange(len(scores))]).mean()


def rank_by_loop(scores):
    total = 0.0
    for i, row in enumerate(scores.tolist()):
        higher = sum(score > row[i] for score in row)
        same = sum(score == row[i] for j, score in enumerate(row) if j != i)
        total += 1 / (1 + higher + same / 2)
    return total / len(scores)


def rank_in_torch(scores):
    scores = torch.from_numpy(scores)
    own = scores.diagonal()[:, None]
    ties = (scores == own).sum(dim=1) - 1
    return (1 / (1 + (scores > own).sum(dim=1) + ties / 2)).mean().item()  # in single precision


right("encoders_at_work.corrupt", corrupt_by_loop, corrupt_by_select)
right("encoders_at_work.late_interaction", late_by_loop, late_in_torch)
right("encoders_at_work.text_vectors", vectors_by_loop, vectors_in_torch, vectors_by_a_count)
right("encoders_at_work.mean_reciprocal_rank", rank_by_ranking, rank_by_loop, rank_in_torch)
right("encoders_at_work.search", [64000, 3200000, 25600000], np.array([64e3, 3.2e6, 25.6e6]))
right("encoders_at_work.by_hand", [7, -4, 0], (7.0, -4.0, 0.0))

# Wrong answers -----------------------------------------------------------------------------------

wrong(
    "encoders_at_work.corrupt",
    ("one in five is picked", {"chosen < 0.15": "chosen < 0.2"}),
    ("half become the mask", {"coin < 0.8": "coin < 0.5"}),
    ("the picked row comes first", {"[seen, picked]": "[picked, seen]"}),
)  # fmt: skip
wrong(
    "encoders_at_work.late_interaction",
    ("the worst product", {"-np.inf": "np.inf", ".max(axis=3)": ".min(axis=3)"}),
    ("the best of all tokens once", {".sum(axis=2)": ".max(axis=2)"}),
    ("a rectifier", {"(best *": "(best * (best > 0) *"}, "a negative best product is taken for 0"),
    ("the mean over the places of the question", {".sum(axis=2)": ".sum(axis=2) / q_real.shape[1]"},
     "the score is divided by the tokens of the question"),
)  # fmt: skip
wrong(
    "encoders_at_work.text_vectors",
    ("the squared length", {"np.linalg.norm(total, axis=1, keepdims=True)":
     "(total**2).sum(axis=1, keepdims=True)"}),
    ("the largest number of each feature", {"x, 0).sum(axis=1)": "x, -np.inf).max(axis=1)"}),
    ("the mean, not brought to a length", lambda x, real:
     np.array([text[there].mean(axis=0) for text, there in zip(x, real, strict=True)]),
     "the vectors have no common length"),
    ("divided by a count of whole numbers", lambda x, real:
     vectors_by_loop(x, real) * (real.sum(axis=1) / real.sum(axis=1))[:, None],
     "single precision became double"),
)  # fmt: skip
wrong(
    "encoders_at_work.mean_reciprocal_rank",
    ("the mean rank", {"1 / (1 + above + ties / 2)": "1 + above + ties / 2"}),
    ("low scores are good", {"scores > own": "scores < own"}),
    ("ties with the first texts alone", {"(scores == own)": "(scores[:, : len(scores)] == own)"}),
    ("the place in a sorted row", lambda scores: np.mean(
        [1 / (1 + sorted(range(len(row)), key=lambda j, row=row: -row[j]).index(i))
         for i, row in enumerate(scores)]), "ties are settled by the order of the texts"),
)  # fmt: skip
wrong(
    "encoders_at_work.search",
    ("in thousands", (64, 3200, 25600)),
    ("the question is stored too", (64064, 3200512, 25600000)),
    ("vectors and products are counted", (1000, 50000, 400000),
     "vectors are counted, not numbers"),
)  # fmt: skip
wrong(
    "encoders_at_work.by_hand",
    ("signs lost", (7.0, 4.0, 0.0)),
    ("only the first token asks", (2.0, -6.0, 0.0)),
)
