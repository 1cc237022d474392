"""Figures that only this chapter needs."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from attention_book.plotting import (
    BLACK,
    BLUE,
    GRID,
    INK,
    ORANGE,
    PAPER,
    WEIGHTS,
    BookFigure,
    axes,
    dress,
)


def sentences(weights, words, *, title):
    """Draw the weights of several sentences side by side, each with its own words.

    Shapes:
        weights: (N, n, n); words: N lists of n words
    """
    figure, grid = axes(6.0, 2.5, columns=len(words), title=title)
    for ax, matrix, sentence in zip(grid, weights, words, strict=True):
        ax.pcolormesh(matrix, cmap=WEIGHTS, vmin=0, vmax=1, edgecolors=GRID, linewidth=0.8)
        for (i, j), weight in np.ndenumerate(matrix):
            colour = PAPER if weight > 0.55 else BLACK
            ax.text(
                j + 0.5, i + 0.5, f"{weight:.2f}", ha="center", va="center", color=colour,
                fontsize=10,
            )  # fmt: skip
        middle = np.arange(len(sentence)) + 0.5
        ax.set_xticks(middle, sentence)
        ax.set_yticks(middle, sentence)
        ax.invert_yaxis()
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set(xlabel="key", ylabel="query")
    return figure


def kernels(panels, *, title):
    """Draw what each kind of position adds to a score, over the distance key − query.

    Shapes:
        panels: {label: (distances, values)} or {label: (distances, values, values of a second)}
    """
    rows = -(-len(panels) // 2)
    figure = BookFigure(figsize=(6.0, 1.55 * rows + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, 2, sharex=True).ravel()
    for ax in grid[len(panels) :]:
        ax.remove()
    for ax, (label, (distances, *values)) in zip(grid, panels.items(), strict=False):
        dress(ax)
        ax.axvline(0, color=GRID, linewidth=1)
        for y, colour, dash in zip(values, (BLUE, ORANGE), ("-", "--"), strict=False):
            ax.plot(distances, y, color=colour, linestyle=dash, linewidth=1.6)
        ax.set_title(label, fontsize=10, color=INK)
        ax.tick_params(labelsize=9)
    for ax in grid[len(panels) - 2 : len(panels)]:
        ax.set_xlabel("key − query", fontsize=10, color=INK)
    figure.suptitle(title, color=INK, fontsize=11)
    return figure
