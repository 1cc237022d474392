"""Figures that only this chapter needs."""

import numpy as np

from attention_book.plotting import BLACK, BLUE, GRID, INK, MUTED, ORANGE, PAPER, WEIGHTS, axes

_NOTHING, _KEPT, _COMPUTED = 0.0, 0.25, 0.75


def work(steps):
    """Draw which keys each step of writing computes, without a cache and with one.

    A cell with a dot is computed, a light one is kept, an empty one is not there yet.
    """
    figure, panels = axes(6.0, 3.0, columns=2, title="A key is computed at each step, or once")
    past = np.tri(steps, k=-1, dtype=bool)
    now = np.eye(steps, dtype=bool)
    for ax, (name, computed) in zip(
        panels, {"without a cache": past | now, "with a cache": now}.items(), strict=True
    ):
        values = np.where(computed, _COMPUTED, np.where(past | now, _KEPT, _NOTHING))
        ax.pcolormesh(values, cmap=WEIGHTS, vmin=0, vmax=1, edgecolors=GRID, linewidth=0.8)
        for row, column in np.argwhere(computed):
            ax.text(column + 0.5, row + 0.5, "•", ha="center", va="center", color=PAPER)
        ax.set_title(f"{name}: {computed.sum()} keys", color=INK, fontsize=10)
        ax.set(xlabel="key of token", ylabel="step")
        ax.set_xticks(np.arange(steps) + 0.5, range(1, steps + 1))
        ax.set_yticks(np.arange(steps) + 0.5, range(1, steps + 1))
        ax.invert_yaxis()
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    return figure


def kinds(heads=8, groups=2):
    """Draw which head of queries reads which kept row, for the four kinds of heads."""
    figure, panels = axes(6.2, 2.6, columns=4, title="What eight heads of queries read")
    shares = {"multi-head": heads, "grouped": groups, "multi-query": 1, "latent": 0}
    for ax, (name, rows) in zip(panels, shares.items(), strict=True):
        asks = np.linspace(0, 7, heads)
        kept = np.linspace(0, 7, 2 * max(rows, 1) + 1)[1::2]
        for h, x in enumerate(asks):
            y = kept[h * max(rows, 1) // heads]
            ax.plot([x, y], [1.85, 0.3], color=MUTED, linewidth=0.9)
        ax.plot(asks, np.full(heads, 2.0), "o", color=BLUE, markersize=6)
        if rows:
            ax.plot(kept, np.full(rows, 0.15), "s", color=ORANGE, markersize=6)
            ax.plot(kept, np.full(rows, -0.2), "s", color=ORANGE, markersize=6)
        else:
            ax.plot([2.4, 4.6], [0.0, 0.0], color=ORANGE, linewidth=9, solid_capstyle="butt")
        ax.set_title(name, color=INK, fontsize=10)
        label = f"{rows} keys,\n{rows} values" if rows > 1 else "1 key,\n1 value"
        ax.text(3.5, -0.6, label if rows else "1 latent,\n1 turned key", ha="center", va="top",
                color=BLACK, fontsize=9)  # fmt: skip
        ax.set(xlim=(-0.7, 7.7), ylim=(-1.7, 2.4), xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure


def verdicts(table, *, rows, columns, title):
    """Draw which test a fault passes: a cross where the answer is wrong, a dot where right."""
    figure, ax = axes(6.0, 0.42 * len(rows) + 1.2, title=title)
    table = np.asarray(table, dtype=float)
    ax.pcolormesh(_KEPT * table, cmap=WEIGHTS, vmin=0, vmax=1, edgecolors=GRID, linewidth=0.8)
    for (i, j), wrong in np.ndenumerate(table):
        ax.text(j + 0.5, i + 0.5, "×" if wrong else "·", ha="center", va="center", color=BLACK,
                fontsize=13)  # fmt: skip
    ax.set_xticks(np.arange(len(columns)) + 0.5, columns, fontsize=8)
    ax.set_yticks(np.arange(len(rows)) + 0.5, rows, fontsize=9)
    ax.invert_yaxis()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return figure
