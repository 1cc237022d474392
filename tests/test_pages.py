"""What the book's own extensions put on a page."""

import html
import re
import shutil
import subprocess

import matplotlib.image
import nbformat
import pytest
from book_pages import repository
from fontTools.ttLib import TTFont
from small_book import BUILD, copy_book, run, write

from attention_book.exercises.scaled_dot_product import spread

FIGURE = """\
from attention_book import plotting

plotting.matrix([[0.25, 0.75]], title="Weights")
"""

SAYS = '<div class="figure-says">\n\nWhich of the two weighs more?\n\n</div>'


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The folder of a built page with a formula, a figure and the help of an exercise."""
    book = tmp_path_factory.mktemp("book")
    copy_book(book, styled=True)
    cells = [
        nbformat.v4.new_markdown_cell("# A page\n\nA formula, $a^2$.\n\n## Exercise 1"),
        nbformat.v4.new_markdown_cell("```{hints-and-solution} scaled_dot_product.spread\n```"),
        nbformat.v4.new_code_cell(FIGURE),
    ]
    cells.append(nbformat.v4.new_markdown_cell(f"{SAYS}\n\nText."))
    cells[2].metadata = {"mystnb": {"image": {"alt": "one row of two weights"}}}
    write(book, cells)
    status, log = run(book, *BUILD)
    assert status == 0, log
    return book / "_build/html"


@pytest.fixture(scope="module")
def source(page):
    return (page / "chapters/index.html").read_text(encoding="utf-8")


def test_a_page_loads_nothing_from_elsewhere(source):
    loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=\"([^\"]+)\"", source)
    links = re.findall(r'<link[^>]* rel="(?:stylesheet|preload)"[^>]*>', source)
    loaded += [re.search(r'href="([^"]+)"', link)[1] for link in links]
    assert len(loaded) > 4
    assert not [url for url in loaded if re.match(r"(https?:)?//", url)]


def test_a_formula_is_mathml_and_the_font_has_its_signs(page, source):
    (formula,) = re.findall(r"<math.*?</math>", source, re.S)
    assert formula == "<math><mrow><msup><mi>a</mi><mn>2</mn></msup></mrow></math>"
    assert "tex-chtml.js" not in source
    assert 'src: url("../_static/math/chapters.woff2")' in source
    font = TTFont(page / "_static/math/chapters.woff2")
    assert {ord("2"), ord("a"), ord("√"), 0x1D44E} <= set(font.getBestCmap())
    assert len(font.getBestCmap()) < 100


def test_a_page_has_one_style_sheet_with_what_it_needs(page, source):
    sheets = re.findall(r'<link[^>]* rel="stylesheet"[^>]*>', source)
    assert len(sheets) == 1
    assert "_static/site.css" in sheets[0]
    css = (page / "_static/site.css").read_text(encoding="utf-8")
    assert ".exercise-help" in css  # it stands on the page
    assert ".account-verdict" not in css  # it does not
    assert not re.findall(r"@import|url\((?!\"data:)[^)]*\.\./", css)
    assert len(css) < (page / "_static/styles/pydata-sphinx-theme.css").stat().st_size / 2


def test_the_icons_are_a_font_of_the_signs_that_pages_name(page, source):
    assert "fontawesome.js" not in source
    assert "fa-bars" in source
    font = TTFont(page / "_static/vendor/fontawesome/webfonts/fa-solid-900.woff2")
    assert 0xF0C9 in font.getBestCmap()
    assert len(font.getBestCmap()) < 60


def test_a_page_tells_what_it_is_about(source):
    (said,) = re.findall(r'<meta name="description" content="([^"]+)"/>', source)
    assert said == "A formula, a^2."


def test_the_front_page_is_the_root_of_the_site(page):
    front = (page / "index.html").read_text(encoding="utf-8")
    assert "A formula" in front
    assert "../" not in re.sub(r"<(?!a|link|script|img|form)[^>]+>", "", front)
    local = re.findall(r'(?:src|href)="(?![a-z]+:|#|/)([^"#?]+)', front)
    assert all((page / name).is_file() for name in local)
    assert not list(page.glob("_static/*macros.html"))
    assert "there is no such page" in (page / "404.html").read_text(encoding="utf-8")


def test_a_figure_stands_there_twice_for_light_and_for_dark(page, source):
    tags = re.findall(r"<img[^>]*one row of two weights[^>]*>", source)
    classes = [re.search(r"class=\"([^\"]+)\"", tag)[1] for tag in tags]
    assert classes == ["only-light", "only-dark"]
    files = [page / "chapters" / re.search(r"src=\"([^\"]+)\"", tag)[1] for tag in tags]
    assert files[0].read_bytes() != files[1].read_bytes()


def test_a_figure_says_its_size_before_it_is_there(page, source):
    for tag in re.findall(r"<img[^>]*one row of two weights[^>]*>", source):
        said = [int(re.search(rf' {side}="(\d+)"', tag)[1]) for side in ("width", "height")]
        file = page / "chapters" / re.search(r"src=\"([^\"]+)\"", tag)[1]
        assert list(matplotlib.image.imread(file).shape[1::-1]) == said


def test_a_caption_stands_below_the_number_of_its_figure(source):
    output = source[source.index("cell_output") :]
    number, caption = output.index('class="figure-number"'), output.index("Which of the two")
    between = re.sub(r"<[^>]*>", "", output[number:caption])
    assert number < caption < output.index("<p>Text.</p>")
    assert between.partition(">")[2].strip() == "Figure 1"


def test_a_caption_without_a_picture_fails_the_build(tmp_path):
    copy_book(tmp_path)
    write(tmp_path, [nbformat.v4.new_markdown_cell(f"# A page\n\n{SAYS}")])
    status, log = run(tmp_path, *BUILD)
    assert status != 0
    assert "a box figure-says stands after no picture" in log


def test_hints_and_solution_are_folded_and_are_those_of_the_package(source):
    folded = re.findall(r"<details[^>]*exercise-help.*?</details>", source, re.S)
    texts = [html.unescape(re.sub(r"<[^>]+>", "", part)) for part in folded]
    assert len(texts) == len(spread.hints) + 1
    for text, hint in zip(texts, spread.hints, strict=False):
        assert hint.split(":")[0][:30] in text
    assert all(line.strip() in texts[-1] for line in spread.source.splitlines())
    assert not any(" open" in part.split(">")[0] for part in folded)


def test_no_script_stands_there_twice(source):
    scripts = re.findall(r"<script>(.+?)</script>", source, re.S)
    assert len(scripts) == len(set(scripts))


def test_an_unknown_exercise_fails_the_build(tmp_path):
    copy_book(tmp_path)
    text = "# A page\n\n```{hints-and-solution} scaled_dot_product.nothing\n```"
    write(tmp_path, [nbformat.v4.new_markdown_cell(text)])
    status, log = run(tmp_path, *BUILD)
    assert status != 0
    assert "there is no exercise scaled_dot_product.nothing" in log


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
@pytest.mark.parametrize(
    ("origin", "address"),
    [
        ("https://github.com/somebody/a-book.git", "https://github.com/somebody/a-book"),
        ("https://github.com/somebody/a-book", "https://github.com/somebody/a-book"),
        ("git@github.com:somebody/a-book.git", "https://github.com/somebody/a-book"),
        ("https://example.org/somebody/a-book.git", None),
        ("../elsewhere", None),
        (None, None),
    ],
)
def test_the_repository_is_the_one_of_the_clone(origin, address, tmp_path, monkeypatch):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    if origin:
        subprocess.run(["git", "remote", "add", "origin", origin], cwd=tmp_path, check=True)
    assert repository(tmp_path) == address


def test_the_repository_of_a_workflow_is_named_by_its_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_REPOSITORY", "somebody/fork")
    assert repository(tmp_path) == "https://github.com/somebody/fork"
