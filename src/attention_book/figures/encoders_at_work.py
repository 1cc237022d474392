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


def bars(values, *, title, xlabel, chance=None, marked=()):
    """Draw a bar for each label, with its number, and where chance would be.

    Shapes:
        values: {label: number from 0 to 1}; marked: the labels of the bars in another colour
    """
    figure, ax = axes(5.6, 0.38 * len(values) + 1.1, title=title, xlabel=xlabel)
    for place, (label, value) in enumerate(values.items()):
        mark = label in marked
        ax.barh(
            place, value, height=0.6, color=ORANGE if mark else BLUE, hatch="//" if mark else None,
            edgecolor=GRID,
        )  # fmt: skip
        ax.text(value + 0.01, place, f"{value:.2f}", va="center", color=INK, fontsize=10)
    if chance is not None:
        ax.axvline(chance, color=INK, linestyle="--", linewidth=1)
        ax.text(chance, -0.75, "chance", ha="center", va="bottom", color=INK, fontsize=9)
    ax.set_yticks(range(len(values)), list(values))
    ax.set_xlim(0, 1)
    ax.invert_yaxis()
    return figure
