"""Figures that only this chapter needs."""

from attention_book.plotting import BLUE, INK, MUTED, axes


def read_off(read, answers, *, title, xlabel, ylabel):
    """Draw answers over what was read instead of them, a panel each; on the line the two agree.

    Shapes:
        read: {label: (N,)}; answers: (N,)
    """
    figure, panels = axes(5.8, 3.1, columns=len(read), title=title)
    ends = min(answers) - 0.2, max(answers) + 0.2
    for ax, (label, numbers) in zip(panels, read.items(), strict=True):
        ax.plot(ends, ends, color=MUTED, linestyle="--", linewidth=1.2)
        ax.scatter(answers, numbers, s=8, color=BLUE, alpha=0.5)
        ax.set(xlim=ends, ylim=ends, xlabel=xlabel)
        ax.set_title(label, color=INK, fontsize=10)
    panels[0].set_ylabel(ylabel)
    return figure
