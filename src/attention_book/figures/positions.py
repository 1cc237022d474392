"""Figures that only this chapter needs."""

from attention_book.plotting import BLUE, GRID, INK, ORANGE, axes, cells


def sentences(weights, words, *, title):
    """Draw the weights of several sentences side by side, each with its own words.

    Shapes:
        weights: (N, n, n); words: N lists of n words
    """
    figure, grid = axes(6.0, 2.5, columns=len(words), title=title)
    for ax, matrix, sentence in zip(grid, weights, words, strict=True):
        cells(ax, matrix, rows=sentence, columns=sentence)
        ax.set(xlabel="key", ylabel="query")
    return figure


def kernels(panels, *, title):
    """Draw what each kind of position adds to a score, over the distance key − query.

    Shapes:
        panels: {label: (distances, values)} or {label: (distances, values, values of a second)},
            an even number
    """
    rows = len(panels) // 2
    figure, grid = axes(6.0, 1.55 * rows + 0.5, rows=rows, columns=2, title=title)
    for ax, (label, (distances, *values)) in zip(grid, panels.items(), strict=True):
        ax.axvline(0, color=GRID, linewidth=1)
        for y, colour, dash in zip(values, (BLUE, ORANGE), ("-", "--"), strict=False):
            ax.plot(distances, y, color=colour, linestyle=dash, linewidth=1.6)
        ax.set_title(label, fontsize=10, color=INK)
        ax.tick_params(labelsize=9)
    for ax in grid[-2:]:
        ax.set_xlabel("key − query", fontsize=10, color=INK)
    return figure
