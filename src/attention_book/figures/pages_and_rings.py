"""Figures that only this chapter needs."""

from matplotlib.patches import Rectangle

from attention_book.plotting import BLUE, GRID, INK, MUTED, axes, cells


def reserved_and_paged(lengths, most, tables, size, *, title):
    """Draw the memory of some requests: reserved for the longest, and below it in blocks.

    Shapes:
        lengths: the tokens of each request; most: what is reserved for each
        tables: {request: its blocks}; size: tokens in a block
    """
    figure, (above, below) = axes(6.0, 4.4, rows=2, title=title)
    for row, length in enumerate(lengths):
        _box(above, 0, row, most, MUTED, filled=False)
        _box(above, 0, row, length, BLUE)
        above.text(-0.8, row + 0.42, str(row), ha="right", va="center", color=INK, fontsize=10)
    above.set(xlim=(-3, most + 0.5), ylim=(len(lengths) + 0.1, -0.3))
    above.set_title(f"reserved: {most} slots each", color=INK, fontsize=10, loc="left")

    owner = {
        block: (request, i) for request, table in tables.items() for i, block in enumerate(table)
    }
    across = most // size
    for block in range(len(lengths) * across):
        x, y = block % across * size, block // across
        _box(below, x + 0.15, y, size - 0.3, GRID, filled=False)
    for block, (request, i) in owner.items():
        x, y = block % across * size, block // across
        used = min(size, lengths[request] - i * size)
        _box(below, x + 0.15, y, size - 0.3, MUTED, filled=False)
        _box(below, x + 0.15, y, (size - 0.3) * used / size, BLUE)
        below.text(
            x + size / 2, y + 0.42, str(request), ha="center", va="center", fontsize=10, color=INK,
            bbox={"boxstyle": "circle,pad=0.15", "facecolor": "#ffffff", "edgecolor": "none"},
        )  # fmt: skip
    below.set(xlim=(-3, most + 0.5), ylim=(len(lengths) + 0.1, -0.3))
    below.set_title(f"in blocks of {size}, as they grow", color=INK, fontsize=10, loc="left")
    for ax in (above, below):
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure


def _box(ax, x, y, width, colour, *, filled=True):
    face = colour if filled else "none"
    ax.add_patch(Rectangle((x, y), width, 0.84, facecolor=face, edgecolor=colour, linewidth=1.0))


def by_rank(tables, *, title, limit):
    """Draw tables of whole numbers, a row for each rank and a column for each step.

    Shapes:
        tables: {title: (ranks, steps)}; limit: the number of the darkest colour
    """
    ranks, steps = next(iter(tables.values())).shape
    figure, grid = axes(min(6.2, 0.8 + 2.7 * len(tables)), 2.9, columns=len(tables), title=title)
    panels = grid if len(tables) > 1 else [grid]
    rows = [f"rank {rank}" for rank in range(ranks)]
    for ax, (name, table) in zip(panels, tables.items(), strict=True):
        cells(ax, table, rows=rows, columns=range(steps), digits=0, limit=limit)
        ax.set_xlabel("step")
        if len(tables) > 1:
            ax.set_title(name, color=INK, fontsize=10)
    return figure
