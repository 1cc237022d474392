"""Figures that only this chapter needs."""

import numpy as np

from attention_book.plotting import BLUE, GRID, INK, ORANGE, axes, cells


def who_sees_whom(masks, labels, *, title):
    """Draw several masks over the same tokens side by side: 1 where a query may see a key.

    Shapes:
        masks: {label: (n, n) boolean}; labels: n tokens
    """
    figure, grid = axes(6.2, 2.6, columns=len(masks), title=title)
    for ax, (label, mask) in zip(grid, masks.items(), strict=True):
        cells(ax, np.asarray(mask, float), rows=labels, columns=labels, digits=0)
        ax.set_title(label, fontsize=10, color=INK)
        ax.set_xlabel("key")
    grid[0].set_ylabel("query")
    return figure


def bars(values, *, title, xlabel, chance, guessed=()):
    """Draw a bar for each label, with its number, and a line where chance would be.

    Shapes:
        values: {label: number from 0 to 1}; guessed: the labels of the bars that are hatched
    """
    figure, ax = axes(5.6, 0.38 * len(values) + 1.1, title=title, xlabel=xlabel)
    for place, (label, value) in enumerate(values.items()):
        colour, hatch = (ORANGE, "//") if label in guessed else (BLUE, None)
        ax.barh(place, value, height=0.6, color=colour, hatch=hatch, edgecolor=GRID)
        beside = max(value, chance) if abs(value - chance) < 0.08 else value
        ax.text(beside + 0.015, place, f"{value:.2f}", va="center", color=INK, fontsize=10)
    ax.axvline(chance, color=INK, linestyle="--", linewidth=1)
    ax.text(chance, -0.55, "chance", ha="center", va="bottom", color=INK, fontsize=9)
    ax.set_yticks(range(len(values)), list(values))
    ax.set(xlim=(0, 1), ylim=(len(values) - 0.4, -1.1))
    return figure
