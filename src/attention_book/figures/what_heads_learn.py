"""Figures that only this chapter needs."""

from attention_book.plotting import BLUE, GRID, INK, ORANGE, axes


def learning(steps, runs, *, title):
    """Draw how often models of one and of two layers are right while they are trained.

    Shapes:
        steps: (N,); runs: {label: list of (N,), one for each seed}, of at most two labels
    """
    figure, ax = axes(
        5.5, 3.2, title=title, xlabel="training step", ylabel="answers that are right"
    )
    styles = (BLUE, "-", "o"), (ORANGE, "--", "s")
    for (label, seeds), (colour, dash, marker) in zip(runs.items(), styles, strict=False):
        for number, values in enumerate(seeds):
            ax.plot(
                steps, values, color=colour, linestyle=dash, marker=marker, markersize=4,
                markevery=3, linewidth=1.6, label=label if number == 0 else None,
            )  # fmt: skip
    ax.set_ylim(0, 1.03)
    ax.grid(color=GRID, linewidth=0.6)
    ax.legend(frameon=False, labelcolor=INK, fontsize=10)
    return figure
