"""Figures that only this chapter needs."""

from attention_book.plotting import BLUE, GREEN, GRID, INK, MUTED, ORANGE, WEIGHTS, axes

_PLACES = {"memory": (5, 7), "context": (5, 4), "old": (1, 1), "new": (9, 1)}
_WORDS = {"old": "state\nbefore", "new": "state\nafter"}
_ARROWS = {
    "Bahdanau": [
        ("old", "context", ORANGE, "1 asks", (1.4, 2.9)),
        ("context", "new", GREEN, "2 goes in", (8.9, 2.9)),
        ("old", "new", BLUE, "3 the step", (5, 0.4)),
    ],
    "Luong": [
        ("old", "new", BLUE, "1 the step", (5, 0.4)),
        ("new", "context", ORANGE, "2 asks", (8.6, 2.9)),
        ("left", "out", GREEN, "3 to the word", (1.2, 4.6)),
    ],
}


def who_asks():
    """Draw one step of two decoders: in one the old state reads, in the other the new one."""
    figure, panels = axes(6.2, 3.4, columns=2, title="Read before the step, or after it")
    for ax, (name, arrows) in zip(panels, _ARROWS.items(), strict=True):
        places = _PLACES | {"left": (4.4, 4), "out": (-0.8, 4)}
        _arrow(ax, places["memory"], places["context"], MUTED)
        for start, end, colour, label, at in arrows:
            _arrow(ax, places[start], places[end], colour)
            ax.text(*at, label, ha="center", va="center", color=colour, fontsize=10)
        for part, (x, y) in _PLACES.items():
            ax.text(
                x, y, _WORDS.get(part, part), ha="center", va="center", color=INK, fontsize=10,
                bbox={"boxstyle": "round", "facecolor": "none", "edgecolor": MUTED},
            )  # fmt: skip
        ax.set_title(name, color=INK, fontsize=11)
        ax.set(xlim=(-1, 11), ylim=(-0.5, 7.8), xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure


def _arrow(ax, start, end, colour):
    ax.annotate(
        "", end, start,
        arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.6, "shrinkA": 18, "shrinkB": 18},
    )  # fmt: skip


def alignment(weights, *, source, written, title):
    """Draw how much each written character reads of each source character.

    Shapes:
        weights: (L, S); source: a text of S characters, written: one of L
    """
    figure, ax = axes(6.2, 0.3 * len(written) + 1.0, title=title)
    ax.pcolormesh(weights, cmap=WEIGHTS, vmin=0, vmax=1, edgecolors=GRID, linewidth=0.5)
    ax.set_xticks([j + 0.5 for j in range(len(source))], list(source))
    ax.set_yticks([i + 0.5 for i in range(len(written))], list(written))
    ax.invert_yaxis()
    ax.set_ylabel("written", color=INK)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return figure
