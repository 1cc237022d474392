"""What the front page is made from: the packed digits, the cards of the chapters, its claims."""

import gzip
import json
import re
from pathlib import Path

import book_chapters
import book_digits
import nbformat
import numpy as np
import pytest
import yaml
from matplotlib.colors import to_rgba
from nbformat.v4 import new_code_cell, new_markdown_cell
from sklearn.datasets import load_digits
from small_book import BUILD, ROOT, copy_book, run, write

from attention_book.checking.catalogue import all_chapters, all_exercises
from attention_book.family import mechanisms
from attention_book.figures.front_page import recall
from attention_book.plotting import BLUE, INK

FRONT = nbformat.read(ROOT / "chapters/index.ipynb", as_version=4)
PROSE = "\n\n".join(cell.source for cell in FRONT.cells if cell.cell_type == "markdown")
WRITTEN = [
    ROOT / f"{page['file']}.ipynb"
    for part in yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))["parts"]
    if part.get("numbered")
    for page in part["chapters"]
]


# The digits --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def packed():
    written = re.fullmatch(r"window\.bookDigits=(.+);\n", book_digits.script())
    return json.loads(written[1])


def unpacked(letters):
    """Return (N, 64) levels of ink, from one letter for each pixel."""
    levels = np.array([ord(letter) - ord("a") for letter in letters])
    return levels.reshape(64, -1).T


def test_the_stored_digits_are_those_of_the_chapter(packed):
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))[:1297]
    found = [
        (int(digit), *levels)
        for digit, levels in zip(packed["classes"], unpacked(packed["stored"]), strict=True)
    ]
    expected = [(digits.target[n], *digits.data[n].astype(int)) for n in order]
    assert sorted(found) == sorted(expected)
    assert packed["classes"] == "".join(sorted(packed["classes"]))


def test_the_examples_are_digits_that_are_not_stored(packed):
    stored = {tuple(levels) for levels in unpacked(packed["stored"])}
    examples = unpacked(packed["examples"]["stored"])
    assert len(examples) == len(packed["examples"]["classes"]) >= 5
    assert not stored & {tuple(levels) for levels in examples}
    assert len(set(packed["examples"]["classes"])) == len(examples)


def test_the_first_example_is_the_one_of_the_cell():
    (cell,) = (c for c in FRONT.cells if "live-digits" in c.metadata.get("tags", []))
    assert re.search(r"1297 \+ (\d+)", cell.source)[1] == str(book_digits.EXAMPLES[0])


def test_the_script_is_small_on_its_way():
    assert len(gzip.compress(book_digits.script().encode())) < 31_000


def test_sixteen_is_the_most_ink(packed):
    assert set(packed["stored"] + packed["examples"]["stored"]) <= set("abcdefghijklmnopq")


# The cards ---------------------------------------------------------------------------------------


def test_minutes_are_counted_in_text_and_code_up_to_the_exercises():
    text, code = new_markdown_cell("word " * 1000), new_code_cell("x = 1\n" * 300)
    exercises = new_markdown_cell("## Exercises\n\n" + "word " * 5000)
    assert book_chapters.minutes([text]) == 5
    assert book_chapters.minutes([text, code]) == 15
    assert book_chapters.minutes([text, code, exercises, code]) == 15


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_a_chapter_says_about_as_many_minutes_as_its_card(path):
    said = re.search(r"\*\*To read:\*\* (\d+) minutes", nbformat.read(path, 4).cells[0].source)
    assert abs(int(said[1]) - book_chapters.chapter(path).minutes) <= 5


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_a_card_says_what_its_chapter_holds(path):
    card = book_chapters.chapter(path)
    opening = nbformat.read(path, 4).cells[0].source
    assert opening.startswith(f"# {card.title}\n\n*{card.sentence}*\n")
    headings = re.findall(r"^### Exercise \d", path.read_text("utf-8").replace('"', "\n"), re.M)
    assert card.exercises == len(headings) == len(all_exercises(path.stem))


def test_the_totals_are_those_of_all_chapters():
    cards = [book_chapters.chapter(path) for path in WRITTEN]
    said = book_chapters.totals(cards)
    assert said.startswith(f"{len(WRITTEN)} chapters ")
    assert f"have {sum(len(all_exercises(name)) for name in all_chapters())} exercises" in said


def test_a_chapter_that_does_not_open_with_its_sentence_is_refused(tmp_path):
    path = tmp_path / "draft.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[new_markdown_cell("# Draft\n\nText.")]), path)
    with pytest.raises(ValueError, match=r"draft\.ipynb does not open"):
        book_chapters.chapter(path)


def test_the_picture_of_a_title_has_a_square_for_each_pair_of_words():
    assert book_chapters.drawn("One two three").count("<rect") == 9


# The page ----------------------------------------------------------------------------------------

TOC = """\
format: jb-book
root: chapters/index
parts:
  - caption: Part I. First
    numbered: true
    chapters: [{file: chapters/kernel_attention}, {file: chapters/draft}]
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A book whose front page lists a chapter with exercises, one without, and a part to come."""
    book = tmp_path_factory.mktemp("book")
    copy_book(book)
    (book / "_toc.yml").write_text(TOC)
    for name, sentence in (("kernel_attention", "Near counts more."), ("draft", "Not much.")):
        cell = new_markdown_cell(f"# The {name}\n\n*{sentence}*\n\nText. " + "word " * 2000)
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), book / f"chapters/{name}.ipynb")
    return book


def built(book, coming):
    write(book, [new_markdown_cell(f"# Front\n\n```{{chapters}}\n{coming}\n```")])
    return run(book, *BUILD)


def test_the_front_page_lists_what_is_written_and_what_is_to_come(book):
    status, log = built(book, "II: Next: heads; positions")
    assert status == 0, log
    page = (book / "_build/html/index.html").read_text("utf-8")
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    count = len(all_exercises("kernel_attention"))
    assert f"2 chapters are written. They take about 0 hours to read, and have {count} exer" in text
    assert f"1. The kernel_attention Near counts more. 10 minutes, {count} exercises" in text
    assert "2. The draft Not much. 10 minutes, 0 exercises" in text
    assert "Not written yet Part II. Next heads; positions" in text
    assert 'href="chapters/draft.html"' in page
    assert 'class="bd-sidebar-secondary' not in page
    assert not Path(book, "_build/html/_static/digits.js").exists()  # nothing asks for them


@pytest.mark.parametrize(
    ("coming", "fault"),
    [
        ("I: First: heads", "Part I is in the table of contents: it has come"),
        ("II, Next", "a part that is to come reads 'II: name: topics', not 'II, Next'"),
    ],
)
def test_a_part_that_has_come_or_reads_otherwise_fails_the_build(book, coming, fault):
    status, log = built(book, coming)
    assert status != 0
    assert fault in log


# The claims --------------------------------------------------------------------------------------

TAUGHT = [mechanism for mechanism in mechanisms() if mechanism.family != "simplest"]


def test_each_mechanism_is_there_twice_but_for_the_one_that_is_named():
    package = ROOT / "src/attention_book"
    alone = [
        mechanism.name
        for mechanism in TAUGHT
        if not (package / mechanism.variant.replace(".", "/") / "module.py").exists()
    ]
    assert f"only {' and '.join(alone)} is there in NumPy alone" in PROSE


def test_each_mechanism_is_compared_with_something_of_the_kinds_that_are_named():
    kinds = {
        "with a library": r"`|scikit-learn|PyTorch",
        "loops written from the formula": r"loop",
        "finite differences": r"finite differences",
        "automatic differentiation": r"autograd",
        "a sum over all cases": r"sum over all",
    }
    assert all(kind in PROSE for kind in kinds)
    for mechanism in TAUGHT:
        assert re.search("|".join(kinds.values()), mechanism.oracle or ""), mechanism.name


def test_the_parts_that_are_to_come_follow_those_that_are_there():
    coming = re.findall(r"^([IVX]+): ", PROSE, re.M)
    parts = ["I", "II", "III", "IV", "V", "VI", "VII"]
    assert coming == parts[-len(coming) :]
    toc = (ROOT / "_toc.yml").read_text("utf-8")
    assert re.findall(r"caption: Part ([IVX]+)\.", toc) == parts[: -len(coming)]


def test_the_still_picture_shows_the_digit_and_ten_others_with_their_weights():
    weights = np.linspace(0.19, 0.01, 10)
    figure = recall(np.ones(32), np.zeros(32), np.eye(10, 64), weights)
    digit, *others = figure.axes
    assert [ax.get_title() for ax in others] == [f"{weight:.0%}" for weight in weights]
    shades = [patch.get_facecolor() for patch in digit.patches]
    assert shades[0] == pytest.approx(to_rgba(INK))
    assert shades[-1] == pytest.approx(to_rgba(BLUE, 0.06))
    assert figure.png() != figure.png(dark=True)
