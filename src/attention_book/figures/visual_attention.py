"""Figures that only this variant needs."""

import textwrap

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from attention_book.plotting import GRID, INK, ORANGE, PAPER, BookFigure


def gallery(images, labels, *, title, columns=2):
    """Draw images side by side, each with its label, as large as the page allows.

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
    height, width = np.shape(images[0])[:2]
    size = 5.0, rows * (5.0 / columns * height / width + 0.3) + 0.4
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
    figure.suptitle(textwrap.fill(title, 54), color=INK, fontsize=11)
    return figure


def heat(
    images, weights, labels, *, first, stride, title, columns=2, least=0.05, asking=None
):  # fmt: skip
    """Draw images with their heat maps over them: a tile for each cell, its weight in per cent.

    Cells of little weight are left out, so what is not marked got less than ``least``.

    Shapes:
        images, labels: as in :func:`gallery`; weights: N arrays (rows, columns)
        first: the pixel at the centre of cell (0, 0); stride: pixels from cell to cell
        asking: N cells (row, column), each marked with a question mark, or None
    """
    figure = gallery(images, labels, title=title, columns=columns)
    for number, (ax, panel) in enumerate(zip(figure.axes, weights, strict=True)):
        for cell in np.ndindex(*np.shape(panel)):
            weight = float(panel[cell])
            asks = asking is not None and tuple(asking[number]) == cell
            if weight < least and not asks:
                continue
            y, x = (first + stride * index for index in cell)
            ax.add_patch(
                Rectangle(
                    (x - stride / 2, y - stride / 2), stride, stride, edgecolor=ORANGE,
                    facecolor=to_rgba(PAPER, 0.75), linewidth=3 if asks else 1, zorder=3 + asks,
                )
            )  # fmt: skip
            ax.text(
                x, y, "? " * asks + f"{100 * weight:.0f}", ha="center", va="center",
                color=INK, fontsize=10, zorder=5,
            )  # fmt: skip
    return figure
