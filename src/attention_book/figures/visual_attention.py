"""Figures that only this variant needs."""

import textwrap

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from attention_book.plotting import GRID, INK, ORANGE, PAPER, BookFigure


def gallery(images, labels, *, title, columns=2, width=5.0):
    """Draw images side by side, each with its label, ``width`` inches in all.

    Shapes:
        images: N arrays (H, W), grey in [0, 1], or (H, W, 3), in colour; all of one aspect
        labels: N texts

    Raises:
        ValueError: there is no image, or not one label for each.
    """
    if not len(images) == len(labels) > 0:
        raise ValueError(
            f"there are {len(images)} images and {len(labels)} labels; each image needs a label"
        )
    rows = -(-len(images) // columns)
    ratio = np.divide(*np.shape(images[0])[:2])
    size = width, rows * (width / columns * ratio + 0.3) + 0.4
    figure = BookFigure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in grid[len(images) :]:
        ax.remove()
    for ax, image, label in zip(grid, images, labels, strict=False):
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.set_facecolor("none")
        ax.spines[:].set_color(GRID)
        ax.set_title(label, color=INK, fontsize=11)
    figure.suptitle(textwrap.fill(title, round(10.8 * width)), color=INK, fontsize=11)
    return figure


def heat(
    images, weights, labels, *, first, stride, title, columns=2, least=0.05, asking=None
):  # fmt: skip
    """Draw images with their heat maps: what is attended to stays clear, the rest is faint.

    Each cell of some weight has a frame, and its weight in per cent: in its corner, or beside it
    where it is too small. What has no frame got less than ``least``.

    Shapes:
        images, labels: as in :func:`gallery`; weights: N arrays (rows, columns)
        first: the pixel at the centre of cell (0, 0); stride: pixels from cell to cell
        asking: N cells (row, column), each marked with a question mark, or None
    """
    figure = gallery(images, labels, title=title, columns=columns)
    point = columns * np.shape(images[0])[1] / (5.0 * 72)  # pixels of an image in a printer's point
    for number, (ax, panel) in enumerate(zip(figure.axes, weights, strict=True)):
        asks = tuple(asking[number]) if asking is not None else None
        marked = [c for c in np.ndindex(*np.shape(panel)) if panel[c] >= least or c == asks]
        corners = [tuple(first + stride * i - stride / 2 for i in cell[::-1]) for cell in marked]
        ax.add_patch(_faint(np.shape(images[number])[:2], corners, stride))
        for cell, corner in zip(marked, corners, strict=True):
            text = "? " * (cell == asks) + f"{100 * float(panel[cell]):.0f}"
            _frame(ax, corner, stride, text, point, thick=cell == asks)
    return figure


def _faint(shape, corners, stride):
    """Return a veil over an image, with a hole for each cell."""

    def square(x, y, width, height, turn=1):
        return [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)][::turn]

    rows, columns = shape
    parts = [square(-0.5, -0.5, columns, rows)]
    parts += [square(*corner, stride, stride, turn=-1) for corner in corners]  # the other way round
    code = [Path.MOVETO, *3 * [Path.LINETO], Path.CLOSEPOLY]
    return PathPatch(
        Path(np.concatenate(parts), len(parts) * code), facecolor=to_rgba(PAPER, 0.6), linewidth=0
    )


def _frame(ax, corner, stride, text, point, *, thick):
    """Frame a cell, and write a text on a label in its corner or, if that is too large, beside."""
    x, y = corner
    width, height = point * (7 * len(text) + 3), point * 12
    ax.add_patch(
        Rectangle(corner, stride, stride, edgecolor=ORANGE, facecolor="none",
                  linewidth=3 if thick else 1.5, zorder=3 + thick)
    )  # fmt: skip
    if 2 * height > stride:
        x, y = x + stride + point, y + stride / 2 - height / 2
    ax.add_patch(Rectangle((x, y), width, height, facecolor=to_rgba(PAPER, 0.85), zorder=5))
    ax.text(
        x + width / 2, y + height / 2, text, ha="center", va="center",
        color=INK, fontsize=10, zorder=6,
    )  # fmt: skip
