"""The verdict of a page is Python's, for every question and every answer that can be written."""

import importlib
import json
import sys
from pathlib import Path

import pytest
from answers import RIGHT, WRONG
from answers.made import wrong_values
from py_mini_racer import MiniRacer

from attention_book.checking.catalogue import all_chapters, all_exercises, all_pauses
from attention_book.checking.exercise import plain

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools/content"))

import book_exercises  # noqa: E402
import page_rules  # noqa: E402

CHAPTERS = all_chapters()
for chapter in CHAPTERS:
    importlib.import_module(f"answers.{chapter}")
QUESTIONS = {
    e.id: e
    for name in CHAPTERS
    for e in (*all_exercises(name), *all_pauses(name))
    if not hasattr(e, "cases")
}
FIND = ("off_diagonal", "positions", "silent_failure")


@pytest.fixture(autouse=True)
def _progress_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTENTION_BOOK_PROGRESS", str(tmp_path / "progress.json"))


@pytest.fixture(scope="module")
def page():
    engine = MiniRacer()
    for name in ("rules", "verdict"):
        engine.eval((ROOT / f"_extra/study/{name}.js").read_text("utf-8"))
    yield engine
    engine.close()


def judged_by_the_page(page, question, answers):
    functions = page_rules.Functions()
    data = book_exercises.written(question, functions)
    page.eval(f"var judge = new Judge({json.dumps(data)}, {json.dumps(functions.trees)}); 0")
    return json.loads(
        page.eval(f"JSON.stringify({json.dumps(answers)}.map((a) => judge.check(a)))")
    )


def can_be_written(value):
    if isinstance(value, list):
        return all(map(can_be_written, value))
    return (
        isinstance(value, bool | int | float | str)
        and value not in (float("inf"), -float("inf"))
        and value == value
    )


def answers_to(question):
    given = [question.solve(), *RIGHT.get(question.id, [])]
    given += [wrong for mistake in question.mistakes for wrong in mistake.wrongs]
    given += [wrong.answer for wrong in WRONG.get(question.id, [])]
    if not getattr(question, "choices", None) and not isinstance(question.solve(), float | int):
        given += [*wrong_values(question, question.name in FIND)]
    given += ["a", "B", "c", "d", "e", "ab", ["b", "a"], ["a", "b", "c", "d"], "dcba"]
    given += [*list(range(-1, 9)), 0.25, 1 / 3, 0.5, 0.001, 100, 1000000000.0]
    given += [
        1,
        -2.5,
        "a",
        "abc",
        [],
        [[]],
        [[1]],
        ["a", 1],
        True,
        [1, 2, 3],
        [[1, 2], [3, 4]],
        [[[1]]],
        ["", ""],
    ]
    return [a for a in map(plain, given) if can_be_written(a)]


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_the_page_judges_as_python(page, question):
    answers = answers_to(question)
    for answer, found in zip(answers, judged_by_the_page(page, question, answers), strict=True):
        verdict = question.check(answer)
        lines = [line for line in verdict.lines if not line.startswith("hint() gives")]
        want = {"status": verdict.status, "mistake": verdict.mistake, "lines": lines}
        assert {"mistake": None} | found == want, answer
    assert len(answers) > 20
