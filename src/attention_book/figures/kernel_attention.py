"""Figures that only this variant needs."""

import numpy as np

from attention_book.plotting import INK, axes, curves


def photographs(pictures, *, title):
    """Draw grey photographs side by side, bright as bright on light and dark pages alike.

    Shapes:
        pictures: {label: (height, width)}, from 0, black, to 1, white
    """
    height, width = next(iter(pictures.values())).shape
    inches = 6.2 / len(pictures)
    figure, panels = axes(6.2, inches * height / width + 0.7, columns=len(pictures), title=title)
    for ax, (label, picture) in zip(panels, pictures.items(), strict=True):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.set_title(label, color=INK, fontsize=10)
    return figure


def fits(
    keys, values, places, answers, *, title, xlabel="key, query", ylabel="value, output", asked=None
):
    """Draw observations as crosses, and named curves of answers over the places asked about.

    A dotted line joins the answers at the place ``asked``, if there is one. Places rise.

    Shapes:
        keys, values: (S, 1); places: (L, 1); answers: {label: (L, 1)}, at most five
    """
    lines = {label: answer[:, 0] for label, answer in answers.items()}
    figure = curves(places[:, 0], lines, title=title, xlabel=xlabel, ylabel=ylabel)
    figure.axes[0].scatter(keys, values, color=INK, marker="x", s=48, linewidths=2, zorder=4)
    if asked is not None:
        there = [np.interp(asked, places[:, 0], line) for line in lines.values()]
        ends = min(there), max(there)
        figure.axes[0].plot([asked, asked], ends, color=INK, linestyle=":", linewidth=2)
    return figure
