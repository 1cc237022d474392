"""Figures that only this chapter needs."""

import numpy as np

from attention_book.plotting import BLUE, GREEN, INK, MUTED, ORANGE, axes, cells

_COLOURS = {"attention": BLUE, "feed-forward": ORANGE, "norm": GREEN}


def alike(vectors, words):
    """Draw the cosine of each pair of words, for several sets of their vectors.

    Shapes:
        vectors: {title: (n, d)}; words: n labels
    """
    figure, grid = axes(6.0, 2.5, columns=len(vectors), title="Cosine of each pair of words")
    for ax, (title, x) in zip(grid, vectors.items(), strict=True):
        unit = x / np.linalg.norm(x, axis=1, keepdims=True)
        cells(ax, unit @ unit.T, rows=words, columns=words, digits=1)
        ax.set_title(title, color=INK, fontsize=10)
    return figure


def blocks():
    """Draw a pre-norm and a post-norm block beside a stream that runs upwards."""
    figure, panels = axes(4.6, 4.2, columns=2, title="Where the norms of a block stand")
    for ax, name in zip(panels, ("pre-norm", "post-norm"), strict=True):
        ax.annotate(
            "", (0, 11), (0, -0.4), arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 2.2}
        )
        ax.text(0, -0.6, "x", ha="center", va="top", color=INK, fontsize=11)
        for bottom, layer in ((0.4, "attention"), (5.4, "feed-forward")):
            _branch(ax, bottom, layer, before=name == "pre-norm")
        ax.set_title(name, color=INK, fontsize=11)
        ax.set(xlim=(-1.6, 4.4), ylim=(-1.4, 11.2), xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure


def _branch(ax, bottom, layer, *, before):
    """Draw one layer: what it reads leaves the stream, what it says comes back to a sum."""
    parts = [("norm", 1.1), (layer, 2.4)] if before else [(layer, 1.7)]
    arrow = {"arrowstyle": "-|>", "color": MUTED, "lw": 1.4}
    ax.plot([0, 2.2], [bottom, bottom], color=MUTED, linewidth=1.4)
    ax.annotate("", (2.2, bottom + parts[0][1] - 0.35), (2.2, bottom), arrowprops=arrow)
    ax.plot([2.2, 2.2], [bottom + parts[-1][1] + 0.35, bottom + 3.4], color=MUTED, linewidth=1.4)
    ax.annotate("", (0.3, bottom + 3.4), (2.2, bottom + 3.4), arrowprops=arrow)
    if before:
        ax.plot([2.2, 2.2], [bottom + 1.45, bottom + 2.05], color=MUTED, linewidth=1.4)
    for part, height in parts:
        _box(ax, 2.2, bottom + height, part)
    ax.plot(0, bottom + 3.4, "o", color=INK, markersize=13, markerfacecolor="#ffffff", zorder=5)
    ax.text(0, bottom + 3.38, "+", ha="center", va="center", color=INK, fontsize=11, zorder=6)
    if not before:
        _box(ax, 0, bottom + 4.35, "norm")


def _box(ax, x, y, label):
    ax.text(
        x, y, label, ha="center", va="center", color=_COLOURS[label], fontsize=10,
        bbox={"boxstyle": "round", "facecolor": "#ffffff", "edgecolor": _COLOURS[label]},
    )  # fmt: skip


def who_reads(masks):
    """Draw masks of several sizes side by side.

    Shapes:
        masks: {title: (mask (L, S), who asks, who is read)}, an even number; those of one column
            have as many columns
    """
    rows = len(masks) // 2
    figure, grid = axes(4.6, 2.1 * rows + 0.4, rows=rows, columns=2, title="Who may read whom")
    for ax, (title, (mask, asks, read)) in zip(grid, masks.items(), strict=True):
        cells(ax, mask.astype(float), digits=0)
        ax.set_title(title, color=INK, fontsize=10)
        ax.set_xlabel(read, color=INK, fontsize=10)
        ax.set_ylabel(asks, color=INK, fontsize=10)
        ax.tick_params(labelbottom=True)
    return figure


def written(texts, *, title, width=42):
    """Draw some texts as they were written, each under its name, a line feed as an arrow.

    Shapes:
        texts: {name: text}
    """
    figure, ax = axes(4.7, 0.66 * len(texts) + 0.4, title=title)
    for n, (name, text) in enumerate(texts.items()):
        shown = text.replace("\n", "↵")[: 2 * width]
        ax.text(0, -n, name, ha="right", va="top", color=BLUE, fontsize=10)
        for row, line in enumerate((shown[:width], shown[width:])):
            ax.text(
                0.03, -n - 0.4 * row, line, va="top", color=INK, fontsize=10, family="monospace"
            )  # fmt: skip
    ax.set(xlim=(-0.27, 1.03), ylim=(-len(texts) + 0.1, 0.1), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return figure
