"""The short questions between the sections of a chapter: where they stand and what they answer.

A chapter joins with its module in ``attention_book/pauses``.
"""

import importlib.util
import itertools
import re
import string
from pathlib import Path

import nbformat
import notebooks
import pytest
from book_markdown import for_the_page

from attention_book.checking.catalogue import all_chapters, all_exercises, all_pauses
from attention_book.checking.exercise import letters, plain

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = [
    name for name in all_chapters() if importlib.util.find_spec(f"attention_book.pauses.{name}")
]
PAUSES = [pause for name in CHAPTERS for pause in all_pauses(name)]
PAGES = notebooks.chapters()
CELL = "from attention_book.pauses.{chapter} import {name}\n\n{name}.check(...)"
HEADING = re.compile(r"(?:(?:\([\w-]+\)=|<a id=\"[\w-]+\"></a>)\n)*#{2,3} ")


def kind(pause):
    if pause.choices:
        return "choose" if len(letters(pause.solve())) == 1 else "order"
    if isinstance(plain(pause.solve()), list):
        return "numbers"
    return "line" if pause.program else "number"


def of_kind(name):
    found = [pause for pause in PAUSES if kind(pause) == name]
    return pytest.mark.parametrize("pause", found, ids=[pause.id for pause in found])


each_chapter = pytest.mark.parametrize("chapter", CHAPTERS)
each_pause = pytest.mark.parametrize("pause", PAUSES, ids=[pause.id for pause in PAUSES])


@pytest.fixture(autouse=True)
def _progress_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTENTION_BOOK_PROGRESS", str(tmp_path / "progress.json"))


def notebook(chapter):
    (page,) = ROOT.glob(f"chapters/*/{chapter}.ipynb")
    return nbformat.read(page, as_version=4).cells


def is_pause(cell):
    return cell.cell_type == "code" and "attention_book.pauses" in cell.source


# Where they stand --------------------------------------------------------------------------------


def test_chapters_have_pauses():
    assert {"kernel_attention", "scaled_dot_product", "attention_pooling"} <= set(CHAPTERS)


@each_chapter
def test_a_chapter_has_six_to_ten_of_at_least_three_kinds(chapter):
    kinds = [kind(pause) for pause in all_pauses(chapter)]
    assert 6 <= len(kinds) <= 10
    assert len(set(kinds)) >= 3
    assert kinds.count("choose") <= 2 / 3 * len(kinds)


@each_chapter
def test_each_stands_once_in_the_notebook_in_the_order_of_the_module(chapter):
    wanted = [CELL.format(chapter=chapter, name=pause.name) for pause in all_pauses(chapter)]
    assert [cell.source for cell in notebook(chapter) if is_pause(cell)] == wanted


@each_chapter
def test_each_stands_at_the_end_of_a_section_and_no_two_together(chapter):
    cells = notebook(chapter)
    for before, cell, after in zip(cells, cells[1:], cells[2:], strict=False):
        if is_pause(cell):
            assert after.cell_type == "markdown", cell.source
            assert HEADING.match(for_the_page(after.source)), cell.source
            assert not is_pause(before)
            assert not (before.cell_type == "markdown" and before.source.startswith("# "))
    assert not is_pause(cells[0])
    assert not is_pause(cells[-1])


@each_chapter
def test_they_are_over_before_the_exercises(chapter):
    cells = notebook(chapter)
    places = [place for place, cell in enumerate(cells) if is_pause(cell)]
    (exercises,) = [i for i, c in enumerate(cells) if "## Exercises" in c.source.splitlines()]
    assert max(places) < exercises


def test_no_other_page_asks_them():
    for page in PAGES:
        if page.stem not in CHAPTERS:
            assert not any(map(is_pause, nbformat.read(page, as_version=4).cells)), page.name


@each_chapter
def test_the_notebook_shows_the_question_as_it_is(chapter):
    shown = {
        cell.source: cell.outputs[0].data["text/plain"]
        for cell in notebook(chapter)
        if is_pause(cell)
    }
    for pause in all_pauses(chapter):
        text = str(pause.check(...))
        assert shown[CELL.format(chapter=chapter, name=pause.name)] == text
        assert text.startswith(f"○ {pause.task}")
        assert all(option in text for option in pause.choices.values())
        assert all(line in text for line in pause.program.splitlines())


@each_chapter
def test_names_are_not_those_of_exercises_and_none_is_there_twice(chapter):
    names = [pause.name for pause in all_pauses(chapter)]
    names += [exercise.name for exercise in all_exercises(chapter)]
    assert len(set(names)) == len(names)


# How they read -----------------------------------------------------------------------------------


def texts(pause):
    said = [text for mistake in pause.mistakes for text in (mistake.name, mistake.hint)]
    return [pause.task, pause.why, *pause.choices.values(), *said]


@each_pause
def test_texts_are_plain(pause):
    for text in texts(pause):
        assert text == text.strip() != ""
        assert not re.search(r"[\\${}]|--|[–—]", text), text
        assert text.count("`") % 2 == 0, text
        assert "nan" not in re.sub(r"\w*[a-z]nan|nan[a-z]\w*", "", text), text  # a failed number
    for mistake in pause.mistakes:
        assert mistake.name[-1] not in ".!?"
        assert mistake.hint[-1] in ".)?"
    assert re.search(r"[.)]$", pause.why)


@each_pause
def test_it_takes_a_minute(pause):
    asked = " ".join([pause.task, *pause.choices.values()])
    assert len(asked.split()) <= 100
    assert len(pause.program.splitlines()) <= 8
    assert all(len(text.split()) <= 50 for text in texts(pause)[1:])
    assert all(len(line) <= 72 for line in pause.program.splitlines())


@of_kind("choose")
def test_options_are_of_like_length(pause):
    right = pause.choices[pause.solve()]
    others = [text for letter, text in pause.choices.items() if letter != pause.solve()]
    assert len(right) <= 1.5 * max(map(len, others))
    assert len(set(pause.choices.values())) == len(pause.choices) in (3, 4, 5)


@each_chapter
def test_the_right_option_is_not_the_longest_as_a_rule(chapter):
    chosen = [pause for pause in all_pauses(chapter) if kind(pause) == "choose"]
    longest = [
        max(pause.choices, key=lambda letter: len(pause.choices[letter])) == pause.solve()
        for pause in chosen
    ]
    assert sum(longest) <= len(chosen) / 2


@each_chapter
def test_the_place_of_the_right_option_varies(chapter):
    right = [pause.solve() for pause in all_pauses(chapter) if kind(pause) == "choose"]
    assert len(set(right)) > 1 or len(right) < 2
    assert (
        all(one != two for one, two in zip(right, right[2:], strict=False)) or len(set(right)) > 2
    )


def test_no_letter_is_right_too_often():
    right = [pause.solve() for pause in PAUSES if kind(pause) == "choose"]
    assert max(map(right.count, right)) <= 0.45 * len(right)
    lines = [pause.solve() for pause in PAUSES if kind(pause) == "line"]
    assert len(set(lines)) >= min(3, len(lines))


@each_pause
def test_the_chapter_does_not_say_the_answer_in_these_words(pause):
    chapter = pause.id.split(".")[0]
    prose = "\n".join(cell.source for cell in notebook(chapter) if cell.cell_type == "markdown")
    said = re.sub(r"[`$*\s]+", " ", prose)
    for text in (pause.why, *([pause.choices[pause.solve()]] if kind(pause) == "choose" else [])):
        assert text not in said


# What they answer --------------------------------------------------------------------------------


@each_pause
def test_the_right_answer_passes_with_its_reason(pause):
    verdict = pause.check(pause.solve())
    assert verdict
    assert verdict.lines == (pause.why,)


@each_pause
def test_each_mistake_is_rejected_and_called_by_its_own_name(pause):
    names = [mistake.name for mistake in pause.mistakes]
    assert len(set(names)) == len(names) >= 2
    for mistake in pause.mistakes:
        verdict = pause.check(*mistake.wrongs)
        assert verdict.status == "wrong"
        assert verdict.mistake == mistake.name
        assert verdict.lines == (mistake.hint,)


@each_pause
def test_nothing_is_accepted_that_is_no_answer(pause):
    strange = ["", "?", "the right one", [], [[1]], {}, True, False, float("nan"), 10**400, b"a"]
    for answer in strange:
        assert not pause.check(answer), answer
    assert pause.check().status == pause.check(None).status == "unwritten"


@of_kind("choose")
def test_each_wrong_choice_has_a_mistake_and_none_is_accepted(pause):
    right = pause.solve()
    assert list(pause.choices) == list(string.ascii_lowercase[: len(pause.choices)])
    assert right in pause.choices
    for letter in string.ascii_lowercase:
        for written in (letter, letter.upper(), f"({letter})", [letter]):
            verdict = pause.check(written)
            assert bool(verdict) == (letter == right)
            assert bool(verdict.mistake) == (letter in pause.choices and letter != right)
    for pair in itertools.permutations(pause.choices, 2):
        assert not pause.check("".join(pair))


@of_kind("order")
def test_one_order_is_accepted_and_others_are_told_how_near_they_are(pause):
    right = pause.solve()
    assert sorted(right) == list(pause.choices)
    assert right != "".join(pause.choices)
    assert len(pause.mistakes) >= 2
    for order in itertools.permutations(pause.choices):
        verdict = pause.check("".join(order))
        assert bool(verdict) == ("".join(order) == right)
        if not verdict and not verdict.mistake:
            count = sum(a == b for a, b in zip(order, right, strict=True))
            assert verdict.lines[0].startswith(f"{count} of {len(right)} ")
    for wrong in (right[:-1], right + right[0], right[0] * len(right)):
        assert not pause.check(wrong)
    assert pause.check(", ".join(right.upper()))


@of_kind("line")
def test_one_line_is_accepted_and_the_tempting_ones_have_a_mistake(pause):
    lines = range(1, len(pause.program.splitlines()) + 1)
    right = pause.solve()
    assert right in lines
    assert right not in (1, len(lines))
    known = [line for line in lines if pause.check(line).mistake]
    assert len(known) >= 2
    assert [line for line in range(-2, 30) if pause.check(line)] == [right]
    compile(pause.program, pause.id, "exec")


@of_kind("number")
def test_a_number_may_be_rounded_to_two_digits(pause):
    right = plain(pause.solve())
    assert isinstance(right, int | float)
    for digits in (2, 3, 6):
        assert pause.check(float(f"{right:.{digits}g}"))


@of_kind("numbers")
def test_each_of_several_numbers_counts(pause):
    right = plain(pause.solve())
    assert pause.check([float(f"{number:.6g}") for number in right])
    for place, number in enumerate(right):
        verdict = pause.check([*right[:place], 1.5 * number + 0.1, *right[place + 1 :]])
        assert not verdict
        assert verdict.lines[0].startswith(f"{len(right) - 1} of {len(right)} ")
    assert len(pause.mistakes) >= 2


@of_kind("number")
def test_a_number_far_off_is_not_accepted(pause):
    right = pause.solve()
    for wrong in (right + 0.05 * (abs(right) or 1), right - 0.05 * (abs(right) or 1), -right - 1):
        assert not pause.check(wrong)
    assert not any(pause.check(wrong) for wrong in range(-50, 500) if wrong != round(right))
