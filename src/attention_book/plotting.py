"""Figures of the book: an attention matrix with its numbers, a family of curves, images.

Every figure is drawn with the named colours below and shown in two versions, one for light and
one for dark pages. In a notebook, end the cell with the figure.
"""

import base64
import io
import textwrap

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image  # comes with Matplotlib

# name: (on light pages, on dark pages). Each reads at 4.5:1 or more on its page.
COLOURS = {
    "ink": ("#1f2328", "#e6edf3"),
    "muted": ("#59636e", "#9aa7b4"),
    "grid": ("#d1d9e0", "#30363d"),
    "paper": ("#ffffff", "#000000"),
    "black": ("#000000", "#ffffff"),
    "blue": ("#0b5cad", "#6cb6ff"),
    "orange": ("#a84300", "#f5a35c"),
    "green": ("#1a7f37", "#56d364"),
    "purple": ("#7a3e9d", "#d2a8ff"),
}
INK, MUTED, GRID, PAPER, BLACK, BLUE, ORANGE, GREEN, PURPLE = (
    light for light, _ in COLOURS.values()
)

# The one colour map for weights: from the page's own colour to the most contrasting blue. Both
# versions cross the luminance at which black and white read equally well at the same weight.
_CROSSING = 0.55
WEIGHTS = LinearSegmentedColormap.from_list(
    "weights", [(0, "#ffffff"), (0.3, "#a9cdf0"), (_CROSSING, "#2f78bd"), (1, "#08305f")]
)
_DARK_MAPS = {
    "weights": LinearSegmentedColormap.from_list(
        "weights-dark", [(0, "#0d1117"), (0.3, "#133d6b"), (_CROSSING, "#2f78bd"), (1, "#dcefff")]
    ),
    "gray_r": LinearSegmentedColormap.from_list("gray-dark", ["#0d1117", "#ffffff"]),
}
_TO_DARK = dict(COLOURS.values())
_COLOUR_PROPERTIES = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")

# Lines differ in dash and marker as well, so that colour is never the only carrier.
_STYLES = list(
    zip(
        (BLUE, ORANGE, GREEN, PURPLE, MUTED),
        ("-", "--", "-.", ":", (0, (6, 2, 1, 2))),
        ("o", "s", "^", "D", "v"),
        strict=True,
    )
)


class BookFigure(Figure):
    """A figure that a notebook shows as a picture for light pages, with one for dark attached."""

    def __repr__(self):
        titles = [self.get_suptitle(), *(ax.get_title() for ax in self.axes)]
        return f"<Figure: {'; '.join(' '.join(t.split()) for t in titles if t) or 'untitled'}>"

    def png(self, *, dark=False):
        """Return the picture as PNG bytes: on white, or with light ink for any dark background."""
        buffer = io.BytesIO()
        if dark:
            undo = _darken(self)
        try:
            self.savefig(buffer, format="png", dpi=150, facecolor="none" if dark else "white")
        finally:
            if dark:
                undo()
        return _with_a_palette(buffer)

    def _repr_mimebundle_(self, include=None, exclude=None):
        light, dark = self.png(), self.png(dark=True)
        width = round(self.get_figwidth() * 96)
        return (
            {"image/png": base64.b64encode(light).decode(), "text/plain": repr(self)},
            {"image/png": {"width": width, "dark": base64.b64encode(dark).decode()}},
        )


def _with_a_palette(png):
    """Return the bytes of a picture in 256 colours, a third as many, but for a photograph."""
    picture = Image.open(png)
    if picture.getcolors(10_000) is None:
        return png.getvalue()
    opaque = picture.getextrema()[3] == (255, 255)
    few = (picture.convert("RGB") if opaque else picture).quantize(
        256, Image.Quantize.MEDIANCUT if opaque else Image.Quantize.FASTOCTREE, dither=0
    )
    smaller = io.BytesIO()
    few.save(smaller, "png")
    return smaller.getvalue()


def _darken(figure):
    """Replace every named light colour in the figure by its dark one; return the way back."""
    undo, artists = [], figure.findobj()
    # the box of a text and the arrow of an annotation are none of their children
    for text in figure.findobj(Text):
        artists += filter(None, (text.get_bbox_patch(), getattr(text, "arrow_patch", None)))
    for artist in artists:
        cmap = artist.get_cmap() if hasattr(artist, "get_cmap") else None
        if cmap is not None and cmap.name in _DARK_MAPS:
            undo.append((artist.set_cmap, cmap))
            artist.set_cmap(_DARK_MAPS[cmap.name])
        for name in _COLOUR_PROPERTIES:
            get, set_ = (getattr(artist, f"{verb}_{name}", None) for verb in ("get", "set"))
            if get is None or set_ is None:
                continue
            before = get()
            after = _dark_colour(before)
            if after is not None:
                undo.append((set_, before))
                set_(after)
    return lambda: [set_(value) for set_, value in reversed(undo)]


def _dark_colour(colour):
    """Return the dark version of one colour or an array of them, None where there is none."""
    if isinstance(colour, np.ndarray) and colour.ndim == 2:
        mapped = [_dark_colour(tuple(row)) for row in colour]
        if not any(mapped):
            return None
        return [new or tuple(old) for new, old in zip(mapped, colour, strict=True)]
    try:
        code = to_hex(colour, keep_alpha=True)
    except (TypeError, ValueError):
        return None
    dark = _TO_DARK.get(code[:7])
    return dark and dark + code[7:]


def axes(
    width=5.5, height=3.2, *, rows=1, columns=1, title=None, xlabel=None, ylabel=None, ratios=None
):
    """Return a figure and its axes (one, or an array row by row), dressed for the book.

    Shapes:
        width, height: inches; a page shows 96 pixels an inch. Wider than 6 is hard to read on
        a phone.
    """
    figure = BookFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False, sharex="col", width_ratios=ratios).ravel()
    for ax in grid:
        _dress(ax)
    title = _wrapped(title or "", width)
    if len(grid) == 1:
        grid[0].set(title=title, xlabel=xlabel or "", ylabel=ylabel or "")
        return figure, grid[0]
    if title:
        figure.suptitle(title, color=INK, fontsize=11)
    return figure, grid


def _dress(ax):
    """Give axes the book's colours and sizes."""
    ax.set_facecolor("none")
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(MUTED)
    ax.tick_params(colors=INK, labelsize=10)
    for text in (ax.xaxis.label, ax.yaxis.label, ax.title):
        text.set_color(INK)
        text.set_fontsize(11)


def _wrapped(title, width):
    """Break a title into lines that fit a figure of ``width`` inches."""
    return textwrap.fill(title, max(12, int(11 * (width - 0.6))))


def matrix(values, *, title, rows=None, columns=None, digits=2, limit=None, ylabel="query"):
    """Draw one or several attention matrices side by side, each with its numbers.

    Shapes:
        values: (L, S), or (N, L, S) with ``title`` a sequence of N titles
        rows, columns: L and S labels
        limit: the value of the darkest colour; 1 when it is left out, so that colours compare
        across figures

    Raises:
        ValueError: ``values`` is not two- or three-dimensional, or labels do not fit.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim not in (2, 3):
        raise ValueError(f"values has shape {values.shape}; it needs (L, S) or (N, L, S)")
    panels, titles = (values[None], [title]) if values.ndim == 2 else (values, list(title))
    L, S = panels.shape[1:]
    if len(panels) != len(titles):
        raise ValueError(f"title has {len(titles)} entries; it needs {len(panels)}, one a matrix")
    for name, labels, size in (("rows", rows, L), ("columns", columns, S)):
        if labels is not None and len(labels) != size:
            raise ValueError(f"{name} has {len(labels)} labels; it needs {size}")
    columns_of_panels = min(len(panels), max(1, int(6.2 // (0.5 * S + 0.9))))
    rows_of_panels = -(-len(panels) // columns_of_panels)
    width = min(6.2, max(3.4, (0.62 * S + 0.9) * columns_of_panels))
    figure = BookFigure(figsize=(width, (0.45 * L + 1.1) * rows_of_panels), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows_of_panels, columns_of_panels, squeeze=False).ravel()
    for ax in grid[len(panels) :]:
        ax.remove()
    for ax, panel, heading in zip(grid, panels, titles, strict=False):
        _dress(ax)
        cells(ax, panel, rows=rows, columns=columns, digits=digits, limit=limit)
        ax.set(title=_wrapped(heading, width / columns_of_panels), xlabel="key", ylabel=ylabel)
    return figure


def cells(ax, values, *, rows=None, columns=None, digits=2, limit=None):
    """Draw one matrix on axes, each number on its colour; arguments as :func:`matrix` has them."""
    ax.pcolormesh(values, cmap=WEIGHTS, vmin=0, vmax=limit or 1, edgecolors=GRID, linewidth=0.8)
    for (i, j), value in np.ndenumerate(values):
        strong = value > _CROSSING * (limit or 1)
        label = "–" if np.isnan(value) else f"{value:z.{digits}f}"  # no −0
        ax.text(
            j + 0.5, i + 0.5, label, ha="center", va="center", fontsize=10,
            color=PAPER if strong else BLACK,
        )  # fmt: skip
    L, S = values.shape
    ax.set_xticks(np.arange(S) + 0.5, columns or range(S))
    ax.set_yticks(np.arange(L) + 0.5, rows or range(L))
    ax.invert_yaxis()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def curves(x, families, *, title, xlabel, ylabel, logx=False, logy=False, width=5.5, height=3.2):
    """Draw named curves over the same x, told apart by colour, dash and marker.

    Shapes:
        x: (N,); families: {label: (N,)}; at most five

    Raises:
        ValueError: there are more than five curves.
    """
    if len(families) > len(_STYLES):
        raise ValueError(f"families has {len(families)} curves; it needs at most {len(_STYLES)}")
    figure, ax = axes(width, height, title=title, xlabel=xlabel, ylabel=ylabel)
    every = max(1, len(x) // 8)
    for (label, y), (colour, dash, marker) in zip(families.items(), _STYLES, strict=False):
        ax.plot(
            x, y, color=colour, linestyle=dash, marker=marker, markevery=every,
            markersize=5, linewidth=1.8, label=label,
        )  # fmt: skip
    if logx:
        ax.set_xscale("log")
    if logy:
        ax.set_yscale("log")
    ax.grid(color=GRID, linewidth=0.6)
    ax.legend(frameon=False, labelcolor=INK, fontsize=10)
    return figure


def images(rows, *, title, labels=None, vmax=1.0):
    """Draw rows of small grey images, dark ink on the page's own colour.

    Shapes:
        rows: {row label: (N, height, width)}; labels: N column labels
    """
    n, height, width = np.shape(next(iter(rows.values())))
    size = min(6.2, 0.75 * n + 1.3), 0.72 * height / width * len(rows) + 0.7
    figure = BookFigure(figsize=size)
    FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02)
    grid = figure.subplots(len(rows), n, squeeze=False)
    for axes_row, (label, pictures) in zip(grid, rows.items(), strict=True):
        for ax, picture in zip(axes_row, pictures, strict=True):
            ax.imshow(picture, cmap="gray_r", vmin=0, vmax=vmax)
            ax.set(xticks=[], yticks=[])
            ax.set_facecolor("none")
            ax.spines[:].set_color(GRID)
        axes_row[0].set_ylabel(
            label, rotation=0, ha="right", va="center", color=INK, fontsize=10
        )  # fmt: skip
    for ax, label in zip(grid[0], labels or [], strict=False):
        ax.set_title(label, color=INK, fontsize=10)
    figure.suptitle(_wrapped(title, size[0]), color=INK, fontsize=11)
    return figure


class ThemedImage:
    """Hands both versions of a figure to the built book: one for light pages, one for dark.

    Found by myst-nb through the entry point ``myst_nb.mime_renderers``.
    """

    mime_priority_overrides = ()

    @staticmethod
    def handle_mime(renderer, data, inline):
        """Return the two image nodes of a :class:`BookFigure`, None for any other output."""
        dark = data.output_metadata.get("image/png", {}).get("dark")
        if data.mime_type != "image/png" or dark is None:
            return None
        from dataclasses import replace

        nodes = []
        for content, class_ in ((data.content, "only-light"), (dark, "only-dark")):
            (image,) = renderer.render_image(replace(data, content=content))
            image["classes"] = [*image.get("classes", []), class_]
            image["loading"] = "lazy"  # when it comes near
            nodes.append(image)
        return nodes
