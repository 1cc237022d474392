"""Figures that only this variant needs."""

import numpy as np

from attention_book.plotting import BLUE, GRID, INK, MUTED, ORANGE, axes


def pull(values, weights, output, *, names, title):
    """Draw the values as points in the plane, as large as their weights, and their average.

    Shapes:
        values: (S, 2), weights: (S,), output: (2,); names: S labels
    """
    figure, ax = axes(4.8, 4.0, title=title, xlabel="first feature", ylabel="second feature")
    for value, weight, name in zip(values, weights, names, strict=True):
        ax.plot(*zip(value, output, strict=True), color=GRID, linewidth=1, zorder=1)
        ax.scatter(*value, s=30 + 900 * weight, color=BLUE, zorder=2)
        away = 1 if value[1] >= output[1] else -1  # the side of the point that is free
        ax.annotate(
            f"{name}: {weight:.2f}", value, textcoords="offset points",
            xytext=(0, away * (10 + 14 * weight**0.5)), ha="center",
            va="bottom" if away > 0 else "top", color=INK, fontsize=10,
        )  # fmt: skip
    ax.scatter(*output, s=130, marker="*", color=ORANGE, zorder=3)
    ax.annotate(
        "output", output, textcoords="offset points", xytext=(-12, -4), ha="right",
        color=ORANGE, fontsize=10,
    )  # fmt: skip
    low, high = np.min(values, axis=0), np.max(values, axis=0)
    ax.set(xlim=(low[0] - 1.2, high[0] + 1.2), ylim=(low[1] - 1.0, high[1] + 1.2))
    ax.grid(color=GRID, linewidth=0.6)
    ax.axhline(0, color=MUTED, linewidth=0.8)
    ax.axvline(0, color=MUTED, linewidth=0.8)
    return figure


def sharpness(betas, errors, chosen, *, baselines, title):
    """Draw an error over the sharpness of the softmax, with levels to compare it with.

    Shapes:
        betas, errors: (N,); chosen: one of the betas; baselines: {label: error}
    """
    figure, ax = axes(5.5, 3.4, title=title, xlabel="sharpness β", ylabel="mean squared error")
    ax.plot(betas, errors, color=BLUE, marker="o", markersize=5, linewidth=1.8)
    ax.set_xscale("log", base=4)
    for label, level in baselines.items():
        ax.axhline(level, color=MUTED, linestyle="--", linewidth=1.2)
        ax.annotate(
            label, (betas[0], level), textcoords="offset points", xytext=(0, 4),
            color=INK, fontsize=10,
        )  # fmt: skip
    best = errors[list(betas).index(chosen)]
    ax.annotate(
        f"β = {chosen:g}", (chosen, best), textcoords="offset points", xytext=(0, -20),
        ha="center", color=ORANGE, fontsize=10, arrowprops={"arrowstyle": "-", "color": ORANGE},
    )  # fmt: skip
    ax.set_ylim(0, 1.15 * max([*errors, *baselines.values()]))
    ax.set_xticks(betas, [f"{beta:g}" for beta in betas])
    ax.minorticks_off()
    return figure
