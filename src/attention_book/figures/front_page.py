"""Figures that only the front page needs."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.patches import FancyBboxPatch

from attention_book.plotting import BLUE, INK, BookFigure


def recall(half, answer, heard, weights):
    """Draw a digit, its upper half as it was asked, its lower half as it was recalled, in the
    squares of the book's mark; beside it the stored digits that were heard, with their weights.

    Shapes:
        half, answer: (32,); heard: (10, 64), weights: (10,)
    """
    figure = BookFigure(figsize=(6.2, 2.5))
    FigureCanvasAgg(figure)
    digit, *others = figure.subplot_mosaic(
        [["digit", *(f"{n}" for n in row)] for row in ((0, 1, 2, 3, 4), (5, 6, 7, 8, 9))],
        width_ratios=[2.3, 1, 1, 1, 1, 1],
    ).values()
    figure.subplots_adjust(left=0, right=1, bottom=0.12, top=1, wspace=0.12, hspace=0.3)
    _squares(digit, np.concatenate([half, answer]), rounding=0.15, gap=0.1)
    for ax, other, weight in zip(others, heard, weights, strict=True):
        _squares(ax, other)
        ax.set_title(f"{weight:.0%}", y=-0.3, color=INK, fontsize=10)
    return figure


def _squares(ax, pixels, *, rounding=0, gap=0):
    """Draw the pixels of a digit: the upper half in ink, the lower half in blue."""
    ax.set(xlim=(0, 8), ylim=(8, 0), aspect="equal")
    ax.axis("off")
    style = f"round,pad=0,rounding_size={rounding}" if rounding else "square,pad=0"
    for n, ink in enumerate(pixels):
        y, x = divmod(n, 8)
        colour = to_rgba(INK if y < 4 else BLUE, 0.06 + 0.94 * ink)
        side = 1 - gap
        ax.add_patch(
            FancyBboxPatch((x + gap / 2, y + gap / 2), side, side, style, color=colour, lw=0)
        )
