"""Measure the book's modules, and layers of others, beside the least that can be done.

Usage: python benchmarks/run.py [--quick] [--write PATH]

Run alone, on one thread: about a quarter of an hour. Every number is a ratio of times that were
measured in turn, the median of several with the least and the most. ``--write`` keeps the tables
as Markdown, with the machine and the day: ``make bench`` writes those that the book shows.
"""

import argparse
import datetime
import os
import platform
from functools import partial
from pathlib import Path

import flash
import torch
from layers import OTHERS, ByHand, installed
from measuring import BATCH, DIRECTIONS, FEATURES, HEADS, LENGTHS, PAIRS, compared, spread, ways
from modules import MODULES

from attention_book.layers.multi_head.module import MultiHeadAttention

HEAD = ("what", "length", "mask", *DIRECTIONS, "MiB", "MiB by hand")
HEAD_IN_SHORT = ("what", *DIRECTIONS)
HEAD_OF_SIZES = ("length", "queries × keys", "KiB of scores", "forward")
HEAD_OF_TILES = ("length", "mask", "forward", "backward", "MiB", "MiB fused", "MiB of the matrix")
OF_MODULES = "The book's modules over the least that can be done"
OF_OTHERS = "Layers of others over the least that can be done"
OF_TILES = "Tiles in PyTorch over the fused kernel"
OF_SIZES = "Sizes of tile over the fused kernel"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short length, once: to try it")
    parser.add_argument("--write", type=Path, help="the file of Markdown to write")
    options = parser.parse_args()
    torch.set_num_threads(1)
    short = options.quick
    lengths, long, pairs = ((16,), (64, 32), 1) if short else (LENGTHS, flash.LENGTHS, PAIRS)
    found = {}
    for title, (head, rows, sizes) in {
        OF_MODULES: (HEAD, of_modules, lengths),
        OF_OTHERS: (HEAD, of_others, lengths),
        OF_TILES: (HEAD_OF_TILES, flash.of_tiles, long),
        OF_SIZES: (HEAD_OF_SIZES, flash.of_sizes, long[1:2]),
    }.items():
        print(title, line(head), sep="\n", flush=True)
        found[title] = [head]
        for cells in rows(sizes, pairs):
            found[title].append(cells)
            print(line(cells), flush=True)
    if options.write:
        options.write.write_text(report(found), "utf-8")


def report(found):
    """Return the page's part that was measured: in short first, then all that there is."""
    parts = [machine(), "### In short", "Over the lengths and masks below, the median ratio."]
    parts += [
        table([HEAD_IN_SHORT, *in_short(found[title][1:])]) for title in (OF_MODULES, OF_OTHERS)
    ]
    for title in (OF_TILES, OF_SIZES, OF_MODULES, OF_OTHERS):
        parts += [f"### {title}", table(found[title])]
    return "\n\n".join(parts) + "\n"


def table(rows):
    head, *rest = rows
    return "\n".join(map(line, [head, ["---"] * len(head), *rest]))


def machine():
    """Say what was measured, where and when."""
    return (
        f"{datetime.date.today():%d %B %Y}, {processor()}, one thread, torch {torch.__version__}, "
        f"Python {platform.python_version()}: {BATCH} sequences, {HEADS} heads, {FEATURES} "
        "features, single precision."
    )


def processor():
    """Return the name of the processor, as the system knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        name = next(line for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
    return f"{name.partition(':')[2].strip()}, {os.cpu_count()} cores"


def of_modules(lengths, pairs):
    """Yield a row for each module, length and mask that the module has."""
    for name, made in MODULES.items():
        for L in lengths:
            for way in ways(L):
                if calls := made(L, way):
                    yield row(name, L, way, *calls, pairs=pairs)


def of_others(lengths, pairs):
    """Yield a row for each layer of others, length and mask; say which are not there."""
    ours = MultiHeadAttention(FEATURES, HEADS)
    for name, kind in OTHERS.items():
        if not installed(kind):
            yield name, *[""] * 2, *["not installed"] * 2, *[""] * 2
            continue
        theirs, by_hand = kind(ours), ByHand(ours)
        for L in lengths:
            x = torch.randn(BATCH, L, FEATURES)
            for way in ways(L):
                calls = partial(theirs, x, way), partial(by_hand, x, way)
                yield row(name, L, way, *calls, pairs=pairs, trains=getattr(kind, "trains", True))


def row(name, L, way, one, other, *, pairs, trains=True):
    """Measure two calls in both directions; the memory is that of training, if there is any."""
    directions = DIRECTIONS if trains else DIRECTIONS[:1]
    found = [compared(one, other, direction, pairs=pairs) for direction in directions]
    ratios = [*map(str, found), *["no"] * (len(DIRECTIONS) - len(found))]
    memory = [f"{size / 2**20:.1f}" for size in (found[-1].allocated, found[-1].of_other)]
    return name, str(L), way.name, *ratios, *memory


def in_short(rows):
    """Yield a row for each module or layer: the median of its medians, the least and the most."""
    for name in dict.fromkeys(row[0] for row in rows):
        cells = [name]
        for column in range(3, 3 + len(DIRECTIONS)):
            found = [row[column] for row in rows if row[0] == name]
            ratios = [float(cell.split()[0]) for cell in found if cell[:1].isdigit()]
            cells.append(spread(ratios) if ratios else found[0])
        yield cells


def line(cells):
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
