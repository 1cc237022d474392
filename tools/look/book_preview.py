"""The picture that messengers and social networks show beside a link to a page.

It shows the page's title, and the attention that the words of the title (of a short one, with the
words of the line below) pay to each other: scaled dot-product attention, where a word's query, key
and value are the counts of its letters, and each word sees itself and the words before it. It is
drawn in the squares of the book's mark.
"""

import re
import textwrap
import warnings
from io import BytesIO
from string import ascii_lowercase
from xml.etree import ElementTree

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image
from sphinx.errors import SphinxError

from attention_book import masks, plotting
from attention_book.scores.scaled_dot_product.reference import weights

WIDTH, HEIGHT = 1200, 630
BLUE = "#2f78bd"
ALTERNATIVE = "{title}; beside it a matrix: how much each of the words attends to each before it"


def draw(title, subtitle, logo, path):
    """Write the picture of a page. The logo is the path of an SVG of squares."""
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor=plotting.PAPER)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    ax.axis("off")
    _squares(ax, _logo(logo), left=64, top=64, width=84)
    lines = textwrap.wrap(title, 18, break_long_words=False)
    size = min(42, 700 / max(map(len, lines)), 190 / len(lines))
    ax.text(64, 330, "\n".join(lines), size=size, weight="bold", va="center", color=plotting.INK)
    ax.text(64, 566, subtitle, size=19, va="center", color=plotting.MUTED)
    text = title if len(title.split()) > 2 else f"{title} {subtitle}"
    _squares(ax, attention_of(text), left=706, top=100, width=430)
    with warnings.catch_warnings(action="error"):  # a letter that the font has not
        try:
            figure.savefig(drawn := BytesIO())
        except UserWarning as warning:
            raise SphinxError(f"no preview for the page {title}: {warning}") from None
    Image.open(drawn).convert("RGB").quantize(128).save(path, optimize=True)


def attention_of(text):
    """Return how much each word attends to each."""
    words = re.findall(r"\w+", text.lower())
    letters = np.array([[word.count(letter) for letter in ascii_lowercase] for word in words])
    letters = letters.astype(float)
    mask = masks.causal(len(words))
    return weights(letters, letters, mask=mask)


def _logo(path):
    """Return the shades of the mark's squares, row by row."""
    squares = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}rect")
    placed = {(int(s.get("y")), int(s.get("x"))): float(s.get("opacity", 1)) for s in squares}
    shades = [placed[place] for place in sorted(placed)]
    return np.reshape(shades, (round(len(shades) ** 0.5), -1))


def _squares(ax, shades, *, left, top, width):
    """Draw a matrix with the proportions of the mark: gaps of a quarter, rounded corners."""
    n = len(shades)
    side = width / (n + (n - 1) / 4)
    for (row, column), shade in np.ndenumerate(shades):
        corner = left + column * side * 1.25, top + row * side * 1.25
        style = f"round,pad=0,rounding_size={0.19 * side}"
        ax.add_patch(
            FancyBboxPatch(corner, side, side, style, color=BLUE, lw=0, alpha=max(0.1, shade))
        )
