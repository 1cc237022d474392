"""Figures that only this variant needs."""

from attention_book.plotting import INK, MUTED, axes, curves


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

    A dotted line stands at the place ``asked``, if there is one.

    Shapes:
        keys, values: (S, 1); places: (L, 1); answers: {label: (L, 1)}, at most five
    """
    lines = {label: answer[:, 0] for label, answer in answers.items()}
    figure = curves(places[:, 0], lines, title=title, xlabel=xlabel, ylabel=ylabel)
    figure.axes[0].scatter(keys, values, color=INK, marker="x", s=48, linewidths=2, zorder=4)
    if asked is not None:
        figure.axes[0].axvline(asked, color=MUTED, linestyle=":", linewidth=1.4, zorder=1)
    return figure
