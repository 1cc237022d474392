"""Figures that only this chapter needs."""

from attention_book.plotting import INK, WEIGHTS, axes


def alignments(panels, *, title, xlabel, ylabel):
    """Draw weights of many steps over many positions, a panel for each reader, without numbers.

    Shapes:
        panels: {label: (L, S)}
    """
    figure, grid = axes(6.0, 2.6, columns=len(panels), title=title)
    for ax, (label, weights) in zip(grid, panels.items(), strict=True):
        ax.pcolormesh(weights, cmap=WEIGHTS, vmin=0, vmax=1)
        ax.invert_yaxis()
        ax.set_title(label, color=INK, fontsize=10)
        ax.set(xlabel=xlabel)
    grid[0].set_ylabel(ylabel)
    return figure
