import base64
import dataclasses
import importlib.metadata
import io

import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from attention_book.plotting import COLOURS, BookFigure, ThemedImage, axes, curves, images, matrix

WEIGHTS = np.array([[0.25, 0.75, 0.0], [0.125, 0.375, 0.5]])
X = np.linspace(0, 1, 9)
LIGHT_PAGE, DARK_PAGE = "#ffffff", "#0d1117"

FIGURES = {
    "matrix": lambda: matrix(WEIGHTS, title="Weights of two queries"),
    "matrices": lambda: matrix(np.stack([WEIGHTS, WEIGHTS]), title=["Head 1", "Head 2"]),
    "curves": lambda: curves(X, {"a": X, "b": X**2}, title="Growth", xlabel="L", ylabel="cost"),
    "images": lambda: images({"seen": np.eye(3)[None], "kept": np.eye(3)[None]}, title="Digits"),
    "axes": lambda: axes(title="Bare", xlabel="key", ylabel="query")[0],
    "two axes": lambda: axes(columns=2, title="A pair")[0],
}
TITLES = {
    "matrix": "Weights of two queries",
    "matrices": "Head 1; Head 2",
    "curves": "Growth",
    "images": "Digits",
    "axes": "Bare",
    "two axes": "A pair",
}


def pixels(png):
    return matplotlib.image.imread(io.BytesIO(png))


def colours_when_drawn(figure, look, *, dark):
    """What ``look(figure)`` sees at the moment at which the picture is drawn."""
    seen, save = [], figure.savefig

    def look_and_save(*arguments, **options):
        seen.append(look(figure))
        save(*arguments, **options)

    figure.savefig = look_and_save
    try:
        figure.png(dark=dark)
    finally:
        del figure.savefig
    return seen[0]


def luminance(colour):
    """Relative luminance, WCAG 2."""
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_on_white_is_21():
    assert contrast("black", "white") == pytest.approx(21)


@pytest.mark.parametrize("name", FIGURES)
def test_repr_carries_the_title(name):
    assert repr(FIGURES[name]()) == f"<Figure: {TITLES[name]}>"


def test_repr_is_one_line_and_knows_a_figure_without_title():
    assert repr(axes(title="One\n  two")[0]) == "<Figure: One two>"
    assert repr(axes()[0]) == "<Figure: untitled>"


@pytest.mark.parametrize("name", FIGURES)
def test_light_and_dark_differ_and_leave_each_other_alone(name):
    figure = FIGURES[name]()
    light, dark, light_again = figure.png(), figure.png(dark=True), figure.png()
    assert light_again == light
    assert FIGURES[name]().png(dark=True) == dark  # on a fresh figure
    assert pixels(light).shape == pixels(dark).shape
    assert not np.array_equal(pixels(light), pixels(dark))


def test_light_comes_back_even_if_drawing_fails():
    figure = FIGURES["matrix"]()
    light = figure.png()

    def fail(*args, **kwargs):
        raise OSError("disk full")

    figure.savefig = fail
    with pytest.raises(OSError, match="disk full"):
        figure.png(dark=True)
    del figure.savefig
    assert figure.png() == light


def test_the_picture_can_be_read_on_any_page():
    """A notebook shows the one on white, also in a dark JupyterLab; the dark one has no ground."""
    for figure in (FIGURES["curves"](), FIGURES["images"]()):
        assert (pixels(figure.png())[0, 0] == 1).all()
        assert pixels(figure.png(dark=True))[0, 0, 3] == 0


def test_the_notebook_gets_both_pictures_and_a_text():
    figure = axes(5.5, 2.0, title="Bare")[0]
    data, metadata = figure._repr_mimebundle_()
    assert set(data) == {"image/png", "text/plain"}
    assert data["text/plain"] == "<Figure: Bare>"
    assert base64.b64decode(data["image/png"]) == figure.png()
    assert base64.b64decode(metadata["image/png"]["dark"]) == figure.png(dark=True)
    assert metadata["image/png"]["width"] == 528  # 5.5 inches of 96 pixels


@dataclasses.dataclass(frozen=True)
class Output:
    """What myst-nb hands to a renderer, as far as ``ThemedImage`` looks at it."""

    mime_type: str
    content: str
    output_metadata: dict


class Renderer:
    def render_image(self, data):
        return [{"content": data.content, "classes": ["plot"]}]


def test_the_book_shows_one_picture_per_theme():
    output = Output("image/png", "light picture", {"image/png": {"dark": "dark picture"}})
    assert ThemedImage.handle_mime(Renderer(), output, inline=False) == [
        {"content": "light picture", "classes": ["plot", "only-light"], "loading": "lazy"},
        {"content": "dark picture", "classes": ["plot", "only-dark"], "loading": "lazy"},
    ]


@pytest.mark.parametrize(
    "output",
    [
        Output("image/png", "a foreign picture", {}),
        Output("image/png", "a foreign picture", {"image/png": {"width": 300}}),
        Output("text/plain", "<Figure: Bare>", {"image/png": {"dark": "dark picture"}}),
    ],
)
def test_other_outputs_are_left_to_the_book(output):
    assert ThemedImage.handle_mime(Renderer(), output, inline=False) is None


def test_the_book_finds_the_renderer():
    (entry,) = importlib.metadata.entry_points(
        group="myst_nb.mime_renderers", name="attention_book"
    )
    assert entry.load() is ThemedImage


def test_a_matrix_carries_its_numbers_as_text():
    (ax,) = matrix(WEIGHTS, title="Weights", digits=3).axes
    numbers = {t.get_position(): t.get_text() for t in ax.texts}
    assert numbers == {
        (0.5, 0.5): "0.250", (1.5, 0.5): "0.750", (2.5, 0.5): "0.000",
        (0.5, 1.5): "0.125", (1.5, 1.5): "0.375", (2.5, 1.5): "0.500",
    }  # fmt: skip
    bottom, top = ax.get_ylim()
    assert (bottom, top) == (2, 0)  # the first query is the top row


def test_a_missing_number_is_a_dash():
    (ax,) = matrix([[0.5, np.nan]], title="One is missing").axes
    assert [t.get_text() for t in ax.texts] == ["0.50", "–"]


def test_a_matrix_carries_its_labels():
    figure = matrix(WEIGHTS, title="W", rows=["q1", "q2"], columns=list("abc"), ylabel="word")
    (ax,) = figure.axes
    assert [t.get_text() for t in ax.get_xticklabels()] == ["a", "b", "c"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["q1", "q2"]
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("W", "key", "word")


def test_matrices_stand_side_by_side_with_a_title_each():
    figure = matrix(np.stack([WEIGHTS, 1 - WEIGHTS]), title=["Head 1", "Head 2"])
    assert [ax.get_title() for ax in figure.axes] == ["Head 1", "Head 2"]
    assert [ax.texts[0].get_text() for ax in figure.axes] == ["0.25", "0.75"]


def test_many_matrices_wrap_onto_a_page():
    titles = [f"Head {n}" for n in range(7)]
    figure = matrix(np.stack([WEIGHTS + n / 10 for n in range(7)]), title=titles)
    assert [ax.get_title() for ax in figure.axes] == titles
    assert [ax.texts[0].get_text() for ax in figure.axes] == [
        f"{0.25 + n / 10:.2f}" for n in range(7)
    ]
    assert figure.get_figwidth() <= 6.2


def test_equal_weights_have_equal_colours_in_every_figure():
    half = matrix([[0.5]], title="One").axes[0].collections[0]
    of_two = matrix([[0.5, 0.9]], title="Two").axes[0].collections[0]
    of_limit = matrix([[0.25]], title="Three", limit=0.5).axes[0].collections[0]
    for mesh in (of_two, of_limit):
        np.testing.assert_array_equal(
            mesh.to_rgba(mesh.get_array()).reshape(-1, 4)[0],
            half.to_rgba(half.get_array()).reshape(-1, 4)[0],
        )


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("limit", [None, 0.2])
def test_numbers_read_on_every_weight(dark, limit):
    figure = matrix(np.linspace(0, limit or 1, 201)[None], title="Weights", limit=limit)

    def look(figure):
        (ax,) = figure.axes
        (mesh,) = ax.collections
        cells = mesh.to_rgba(mesh.get_array()).reshape(-1, 4)[:, :3]
        return [(tuple(cell), text.get_color()) for cell, text in zip(cells, ax.texts, strict=True)]

    pairs = colours_when_drawn(figure, look, dark=dark)
    assert len(pairs) == 201
    assert min(contrast(cell, text) for cell, text in pairs) >= 4.4
    # more weight is further from the page
    page = DARK_PAGE if dark else LIGHT_PAGE
    assert contrast(pairs[0][0], page) == pytest.approx(1, abs=0.01)
    assert np.all(np.diff([contrast(cell, page) for cell, _ in pairs]) >= 0)


@pytest.mark.parametrize("name", ["ink", "muted", "blue", "orange", "green", "purple"])
def test_named_colours_read_on_their_page(name):
    light, dark = COLOURS[name]
    assert contrast(light, LIGHT_PAGE) >= 4.5
    assert contrast(dark, DARK_PAGE) >= 4.5


@pytest.mark.parametrize("dark", [False, True])
def test_every_line_and_label_takes_the_colour_of_its_theme(dark):
    figure = FIGURES["curves"]()

    def look(figure):
        (ax,) = figure.axes
        texts = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.get_xticklabels()]
        texts += ax.get_legend().get_texts()
        return [to_hex(x.get_color()) for x in ax.lines], {to_hex(x.get_color()) for x in texts}

    lines, texts = colours_when_drawn(figure, look, dark=dark)
    themed = {name: pair[dark] for name, pair in COLOURS.items()}
    assert lines == [themed["blue"], themed["orange"]]
    assert texts == {themed["ink"]}


@pytest.mark.parametrize("dark", [False, True])
def test_an_arrow_and_a_box_take_the_colour_of_their_theme(dark):
    figure, ax = axes(4, 3)
    light = COLOURS["orange"][0]
    text = ax.annotate(
        "", (1, 1), (0, 0), arrowprops={"color": light}, bbox={"edgecolor": light, "fc": light}
    )
    patches = text.arrow_patch, text.get_bbox_patch()

    def look(figure):
        return {to_hex(c) for x in patches for c in (x.get_edgecolor(), x.get_facecolor())}

    assert colours_when_drawn(figure, look, dark=dark) == {COLOURS["orange"][dark]}
    assert look(figure) == {light}


def test_curves_differ_in_more_than_colour():
    figure = curves(X, {str(n): n * X for n in range(5)}, title="Five", xlabel="x", ylabel="y")
    (ax,) = figure.axes
    assert [line.get_label() for line in ax.lines] == ["0", "1", "2", "3", "4"]
    assert len({line.get_color() for line in ax.lines}) == 5
    assert len({line.get_marker() for line in ax.lines}) == 5
    assert len({line.get_linestyle() for line in ax.lines}) >= 4
    np.testing.assert_array_equal(ax.lines[3].get_ydata(), 3 * X)


@pytest.mark.parametrize(("logx", "logy"), [(False, False), (True, False), (False, True)])
def test_curves_on_logarithmic_axes(logx, logy):
    x = np.array([1.0, 10, 100])
    figure = curves(x, {"a": x}, title="T", xlabel="x", ylabel="y", logx=logx, logy=logy)
    (ax,) = figure.axes
    assert (ax.get_xscale() == "log", ax.get_yscale() == "log") == (logx, logy)
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("T", "x", "y")


def test_images_stand_in_labelled_rows():
    pictures = np.zeros((3, 4, 4))
    pictures[1, 2, 3] = 1
    figure = images({"seen": pictures, "kept": pictures}, title="Digits", labels=["0", "1", "2"])
    assert isinstance(figure, BookFigure)
    assert [ax.get_title() for ax in figure.axes[:3]] == ["0", "1", "2"]
    assert [figure.axes[0].get_ylabel(), figure.axes[3].get_ylabel()] == ["seen", "kept"]
    np.testing.assert_array_equal(figure.axes[4].images[0].get_array(), pictures[1])


@pytest.mark.parametrize(("dark", "ink"), [(False, "#000000"), (True, "#ffffff")])
def test_images_are_ink_on_the_page(dark, ink):
    colours = colours_when_drawn(
        FIGURES["images"](),
        lambda figure: figure.axes[0].images[0].get_cmap()([0.0, 1.0]),
        dark=dark,
    )
    assert [to_hex(c) for c in colours] == [DARK_PAGE if dark else LIGHT_PAGE, ink]


def test_axes_come_one_or_several():
    figure, ax = axes(4, 2, title="T", xlabel="x", ylabel="y")
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("T", "x", "y")
    assert tuple(figure.get_size_inches()) == (4, 2)
    figure, grid = axes(columns=3, title="T")
    assert len(grid) == len(figure.axes) == 3
    assert figure.get_suptitle() == "T"


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: matrix(WEIGHTS, title="W", rows=["only one"]), "rows has 1 labels; it needs 2"),
        (lambda: matrix(WEIGHTS, title="W", columns="abcd"), "columns has 4 labels; it needs 3"),
        (lambda: matrix([WEIGHTS] * 3, title=["1", "2"]), "title has 2 entries; it needs 3"),
        (lambda: matrix(WEIGHTS[0], title="W"), r"values has shape \(3,\); it needs \(L, S\)"),
        (lambda: matrix(WEIGHTS[None, None], title="W"), r"values has shape \(1, 1, 2, 3\)"),
        (
            lambda: curves(X, dict.fromkeys("abcdef", X), title="T", xlabel="x", ylabel="y"),
            "families has 6 curves; it needs at most 5",
        ),
    ],
)
def test_bad_input_is_named(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_no_number_is_a_negative_zero():
    figure = matrix(np.array([[-0.001, -0.26]]), title="Cosines")
    assert {text.get_text() for text in figure.axes[0].texts} == {"0.00", "-0.26"}


def test_a_picture_of_few_colours_has_a_palette_and_a_photograph_keeps_its_colours():
    weights = FIGURES["curves"]()
    for dark in (False, True):
        assert len(weights.png(dark=dark)) < 25_000
    shades = np.random.default_rng(0).random((200, 200, 3))
    figure, ax = axes(title="Noise")
    ax.imshow(shades)
    drawn = pixels(figure.png()).reshape(-1, 4)
    assert len(np.unique(drawn, axis=0)) > 10_000
