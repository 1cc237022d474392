"""The verdict of a page is Python's, for every question and every answer that can be written."""

import importlib
import json
import math
from pathlib import Path

import book_exercises
import page_rules
import pytest
from answers import RIGHT, WRONG
from answers.made import wrong_values
from py_mini_racer import MiniRacer

from attention_book.checking.catalogue import all_chapters, all_exercises, all_pauses
from attention_book.checking.exercise import plain

ROOT = Path(__file__).resolve().parents[1]
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
    for name in ("reading", "rules", "verdict"):
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


# Reading -----------------------------------------------------------------------------------------

READ = {
    ("list", "1/16, sqrt(8)"): [0.0625, 8**0.5],
    ("list", "1/16; 2√2"): [0.0625, 8**0.5],
    ("list", "1, 224⁴, 196^2, 2*3"): [1, 224**4, 196**2, 6],
    ("list", "0,4; 1,0; 1,6"): [0.4, 1, 1.6],
    ("list", "0,4 1,0 1,6"): [0.4, 1, 1.6],
    ("list", "0,4\n1,0\n1,6"): [0.4, 1, 1.6],
    ("list", "1,0,2"): [1, 0, 2],
    ("list", "1, 0, 2"): [1, 0, 2],
    ("list", "（１， ２、 ０）"): [1, 2, 0],
    ("list", "١٫٥ ؛ ٢"): [1.5, 2],
    ("list", "10\u202f000; 128; 753"): [10000, 128, 753],
    ("list", "1,234,567; 2"): [1234567, 2],
    ("list", "−1 -2 – 3"): [-1, -5],
    ("list", "1 -2"): [1, -2],
    ("list", "(1,)"): [1],
    ("list", "cebda"): "cebda",
    ("list", "“cebda”"): "cebda",
    ("list", "C, E, B, D, A"): ["C", "E", "B", "D", "A"],
    ("list", "c → e → b"): ["c", "e", "b"],
    ("list", "b-d-c"): ["b", "d", "c"],
    ("list", "A C D B (3, 4)"): ["A", "C", "D", "B", [3, 4]],
    ("list", "['a', [1, 2]]"): ["a", [1, 2]],
    ("list", "e, pi/2, math.pi"): ["e", 1.5707963267948966, 3.141592653589793],
    ("list", "γ = 1/16, σ ≈ 2.83"): [0.0625, 2.83],
    ("list", "50%; 12,5 %; 1"): [0.5, 0.125, 1],
    ("list", "True"): True,
    ("list", "ln 2, ln(1), ½ ln 2"): [math.log(2), 0, math.log(2) / 2],
    ("one", "2 ln 2"): 2 * math.log(2),
    ("list", "64 000; 3 200 000; 0.5"): [64000, 3200000, 0.5],
    ("list", "1 000, 50 000, 400 000"): [1000, 50000, 400000],
    ("list", "1 200 3"): [1, 200, 3],
    ("list", "½, ⅓, 2¾"): [0.5, 1 / 3, 2.75],
    ("one", "256 000"): 256000,
    ("one", "3 072 tokens"): 3072,
    ("one", "position 4"): 4,
    ("one", "line 4."): 4,
    ("one", "4 of 7"): [4, "of", 7],
    ("one", "0,5"): 0.5,
    ("one", "-2^2"): -4,
    ("one", "1e3"): 1000,
    ("one", "7"): 7,
    ("rows", "1,0\n3,0"): [[1, 0], [3, 0]],
    ("rows", "1 0\n3 0"): [[1, 0], [3, 0]],
    ("rows", "1, 0; 3, 0"): [[1, 0], [3, 0]],
    ("rows", "0,5 1,0; 1,5 2,0"): [[0.5, 1], [1.5, 2]],
    ("rows", "[[1, 0],\n [3, 0]]"): [[1, 0], [3, 0]],
    ("rows", "[1, 0] [3, 0]"): [[1, 0], [3, 0]],
    ("rows", "1\n2"): [[1], [2]],
}
UNREAD = {
    "": "Nothing has been written yet.",
    "(1, 2": "A “)” is missing.",
    "1 + ": "Something is missing at the end.",
    "1,000; 2,000": "“1,000” may mean 1000 or 1.000. Write it without the comma.",
    "1..2": "“1..2” was not understood.",
    "3x": "“3x” was not understood.",
    "1 # 2": "“# 2” was not understood.",
    "1/0": "That is no finite number.",
    "f(3)": "The function “f” is not known here.",
    "a * 2": "“a” is not a number.",
    "*": "“*” stands where a number or a word should.",
}


def read(page, text, form="list"):
    words = f"read({json.dumps(text)}, {json.dumps(form)})"
    return json.loads(
        page.eval(
            f"(() => {{ try {{ return JSON.stringify({words}); }} catch (error) {{"
            " if (!(error instanceof Unread)) throw error;"
            " return JSON.stringify({unread: error.message}); } })()"
        )
    )


@pytest.mark.parametrize(("form", "text"), READ)
def test_an_answer_is_read_however_it_is_written(page, form, text):
    assert read(page, text, form) == READ[form, text]


@pytest.mark.parametrize("text", UNREAD)
def test_what_cannot_be_read_is_named(page, text):
    assert read(page, text) == {"unread": UNREAD[text]}


# Rules -------------------------------------------------------------------------------------------


def needs_more(answer):
    return sum(x % 2 for x in answer) == 1


def calls_what_no_page_has(answer):
    return hash(answer)


@pytest.mark.parametrize("rule", [needs_more, calls_what_no_page_has])
def test_a_rule_that_no_page_can_evaluate_is_an_error_that_says_where(rule):
    with pytest.raises(page_rules.NotForAPage, match=r"test_answers_in_the_page.py:\d+: a page"):
        page_rules.Functions().number(rule)
