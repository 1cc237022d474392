"""Answers to the exercises on pages and rings."""

import itertools

import numpy as np
import torch

from . import right, wrong


def gather_token_by_token(pool, block_table, length):
    size = pool.shape[1]
    return np.array([pool[block_table[j // size], j % size] for j in range(length)])


def gather_in_torch(pool, block_table, length):
    blocks = torch.from_numpy(pool).index_select(0, torch.from_numpy(block_table))
    return blocks.flatten(0, 1).narrow(0, 0, length).numpy()


def gather_by_flat_slots(pool, block_table, length):
    tokens, size = np.arange(length), pool.shape[1]
    slots = np.take(block_table, tokens // size) * size + tokens % size
    return np.take(pool.reshape(-1, pool.shape[2]), slots, axis=0)


def known_with_names(prompt, earlier, size):
    names = set()
    for old in earlier:
        names |= {tuple(old[:end]) for end in range(size, len(old) + 1, size)}
    found = 0
    while found + size < len(prompt) and tuple(prompt[: found + size]) in names:
        found += size
    return found


def known_by_counting(prompt, earlier, size):
    best = 0
    for old in earlier:
        pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(prompt, old, strict=False))
        best = max(best, min(len(list(pairs)), len(prompt) - 1))
    return best // size * size


def timetable_by_steps(P):
    held, columns = list(range(P)), []
    for _ in range(P):
        columns.append(held)
        held = held[1:] + held[:1]
    return np.array(columns).T


def timetable_in_torch(P):
    return torch.stack([torch.arange(P).roll(-r) for r in range(P)]).numpy()


def duration_by_positions(places):
    P, owner = len(places), {}
    for r, row in enumerate(places.tolist()):
        owner |= dict.fromkeys(row, r)
    counts = np.zeros((P, P), int)
    for i, j in itertools.product(owner, owner):
        if j <= i:
            counts[(owner[i] - owner[j]) % P, owner[i]] += 1
    return int(counts.max(axis=1).sum())


def duration_in_torch(places):
    x = torch.from_numpy(places)
    pairs = (x[:, None, :, None] >= x[None, :, None, :]).sum((2, 3))
    steps = [torch.stack([pairs[r, r - t] for r in range(len(x))]).max() for t in range(len(x))]
    return int(sum(steps))


right("pages_and_rings.gather", gather_token_by_token, gather_in_torch, gather_by_flat_slots)
right("pages_and_rings.known", known_with_names, known_by_counting)
right("pages_and_rings.timetable", timetable_by_steps, timetable_in_torch)
right("pages_and_rings.duration", duration_by_positions, duration_in_torch)

wrong(
    "pages_and_rings.gather",
    ("one slot on", lambda pool, block_table, length: np.roll(
        pool[block_table].reshape(-1, pool.shape[2]), -1, axis=0
    )[:length]),
    ("one block on", lambda pool, block_table, length: gather_token_by_token(
        np.roll(pool, -1, axis=0), block_table, length
    )),
)  # fmt: skip
wrong(
    "pages_and_rings.known",
    ("the whole prompt or nothing", lambda prompt, earlier, size: (
        (len(prompt) - 1) // size * size if prompt in earlier else 0
    )),
    ("any order", lambda prompt, earlier, size: max((
        end for old in earlier for end in range(size, min(len(prompt) - 1, len(old)) + 1, size)
        if set(prompt[:end]) == set(old[:end])
    ), default=0)),
    ("as one string", lambda prompt, earlier, size: max((
        end for old in earlier for end in range(size, min(len(prompt) - 1, len(old)) + 1, size)
        if "".join(map(str, prompt[:end])) == "".join(map(str, old[:end]))
    ), default=0)),
    ("a block too few", lambda prompt, earlier, size: max(
        0, known_by_counting(prompt, earlier, size) - size
    )),
)  # fmt: skip
wrong(
    "pages_and_rings.timetable",
    ("two ranks a step", lambda P: (np.arange(P)[:, None] + 2 * np.arange(P)) % P),
    ("backwards in time", lambda P: timetable_by_steps(P)[:, ::-1].copy()),
)
wrong(
    "pages_and_rings.duration",
    ("keys are thought to be sorted", lambda places: int(sum(
        max(
            np.searchsorted(places[r - t], places[r], side="right").sum()
            for r in range(len(places))
        )
        for t in range(len(places))
    ))),
    ("the fastest rank", lambda places: int(sum(
        min((places[r][:, None] >= places[r - t]).sum() for r in range(len(places)))
        for t in range(len(places))
    ))),
)  # fmt: skip
wrong("pages_and_rings.slots", ("of the first block", (9, 21, 4, 7, 9)))
wrong("pages_and_rings.traffic", ("in megabytes", (8192, 33.5, 234.9, 738.2)))
