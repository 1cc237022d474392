"""Figures that only this chapter needs."""

import numpy as np

from attention_book.plotting import BLUE, GREEN, GRID, INK, MUTED, ORANGE, PURPLE, axes


def shares(shape, lengths, step):
    """Draw the share of attention in reading a prompt, and of the cache in writing a token.

    ``step`` is a function of a shape and a length that returns what a step needs.
    """
    title = f"{shape.name}: what is attention, and what is not"
    figure, (above, below) = axes(6.0, 3.6, rows=2, title=title)
    names = [f"{n // 1024}k tokens" for n in lengths]
    parts = [shape.prompt(n) for n in lengths]
    reading = [attention / (weights + attention) for weights, attention in parts]
    steps = [step(shape, n) for n in lengths]
    writing = [found.cache / found.moved for found in steps]
    says = "operations, to read a text", "bytes, to write one more token"
    for ax, values, name in zip((above, below), (reading, writing), says, strict=True):
        places = np.arange(len(values))
        ax.barh(places, values, color=BLUE, height=0.62)
        ax.barh(
            places, 1 - np.array(values), left=values, height=0.62,
            facecolor="none", edgecolor=MUTED, hatch="//", linewidth=0.8,
        )  # fmt: skip
        for place, value in zip(places, values, strict=True):
            ax.text(1.02, place, f"{value:.0%}", va="center", color=INK, fontsize=10)
        ax.set_yticks(places, names)
        ax.set(xlim=(0, 1.14), xticks=[])
        ax.set_title(name, color=INK, fontsize=10, loc="left")
        ax.invert_yaxis()
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    return figure


_MARKERS = "osD^vPX*<>"
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, MUTED)


def roofline(device, points):
    """Draw the roof of a machine, and what some calls reach below it.

    Shapes:
        points: {name: (operations for each byte, operations a second)}
    """
    figure, ax = axes(
        6.0, 4.4, title="A roof of two parts: bytes on the left, operations on the right",
        xlabel="operations for each byte", ylabel="operations a second",
    )  # fmt: skip
    across = np.array([x for x, _ in points.values()])
    ends = np.geomspace(min(across) / 3, max(max(across), device.ridge) * 3, 200)
    ax.plot(ends, np.minimum(device.operations, ends * device.bandwidth), color=INK, linewidth=2)
    ax.axvline(device.ridge, color=GRID, linestyle="--", linewidth=1.2)
    for n, (name, (x, y)) in enumerate(points.items()):
        ax.plot(
            x, y, _MARKERS[n], color=_COLOURS[n % len(_COLOURS)], markersize=8, linestyle="none",
            label=name,
        )  # fmt: skip
    ax.set(xscale="log", yscale="log")
    ax.grid(color=GRID, linewidth=0.5)
    ax.legend(frameon=False, labelcolor=INK, fontsize=9, loc="lower right")
    return figure
