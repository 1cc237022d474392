"""The exercises of every chapter: what they accept, what they reject, and what they call it.

A chapter joins with its module of exercises, and with ``tests/answers/<chapter>.py``: right
answers written another way than the solution, and wrong ones that ``tests/answers/made.py`` does
not make.
"""

import copy
import importlib
import itertools
import time

import numpy as np
import pytest
from answers import RIGHT, WRONG
from answers.made import EQUIVALENT, changed_results, mutants, writers, wrong_values

from attention_book.checking.catalogue import all_chapters, all_exercises

CHAPTERS = all_chapters()
for chapter in CHAPTERS:
    importlib.import_module(f"answers.{chapter}")
MODULES = {name: importlib.import_module(f"attention_book.exercises.{name}") for name in CHAPTERS}
EXERCISES = {e.id: e for name in CHAPTERS for e in all_exercises(name)}
FUNCTIONS = {id_: e for id_, e in EXERCISES.items() if hasattr(e, "cases")}
MISTAKES = [(id_, mistake) for id_, e in EXERCISES.items() for mistake in e.mistakes]

QUESTIONS = {id_: e for id_, e in EXERCISES.items() if id_ not in FUNCTIONS}
FIND = (
    "off_diagonal",
    "positions",
    "silent_failure",
    "opposite",
    "disturbed",
)  # these have many right answers

each_exercise = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
each_function = pytest.mark.parametrize("exercise", FUNCTIONS.values(), ids=FUNCTIONS)
each_question = pytest.mark.parametrize("exercise", QUESTIONS.values(), ids=QUESTIONS)
each_mistake = pytest.mark.parametrize(
    ("exercise", "mistake"),
    [(EXERCISES[id_], mistake) for id_, mistake in MISTAKES],
    ids=[f"{id_}-{mistake.name}" for id_, mistake in MISTAKES],
)


@pytest.fixture(autouse=True)
def _progress_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTENTION_BOOK_PROGRESS", str(tmp_path / "progress.json"))


def solved(exercise):
    return exercise.solve if exercise.id in FUNCTIONS else exercise.solve()


# What holds for every exercise -------------------------------------------------------------------


def test_there_are_exercises():
    assert "scaled_dot_product.attention" in EXERCISES
    assert len(EXERCISES) == sum(len(all_exercises(name)) for name in CHAPTERS)


@each_exercise
def test_it_can_be_read(exercise):
    chapter, name = exercise.id.split(".")
    assert exercise.name == name
    assert getattr(MODULES[chapter], name) is exercise
    assert exercise.difficulty in ("easy", "medium", "hard")
    assert 1 <= exercise.minutes <= 60
    assert len(exercise.task) > 20
    assert repr(exercise).startswith(exercise.title)
    assert len(exercise.hints) >= 2
    texts = [exercise.title, *exercise.hints]
    texts += [text for mistake in exercise.mistakes for text in (mistake.name, mistake.hint)]
    for text in texts:
        assert text == text.strip() != ""


@each_exercise
def test_its_solution_passes(exercise):
    verdict = exercise.check(solved(exercise))
    assert verdict, str(verdict)


@each_exercise
def test_its_solution_as_it_is_shown_passes(exercise):
    """Run with nothing but what the reader can see: the public names of the module."""
    module = MODULES[exercise.id.split(".")[0]]
    names = {name: thing for name, thing in vars(module).items() if not name.startswith("_")}
    del names[exercise.name]
    exec(exercise.solution(), names)
    answer = names[exercise.name]
    assert exercise.check(answer if exercise.id in FUNCTIONS else answer())
    assert '"""' not in exercise.solution()
    assert "@" not in exercise.solution().split("def ")[0]


@each_exercise
def test_it_knows_at_least_five_mistakes_by_different_names(exercise):
    names = [mistake.name for mistake in exercise.mistakes]
    assert len(names) >= 5
    assert len(set(names)) == len(names)


@each_mistake
def test_a_mistake_is_rejected_and_called_by_its_name(exercise, mistake):
    assert mistake.wrongs
    for wrong in mistake.wrongs:
        verdict = exercise.check(wrong)
        assert not verdict
        assert verdict.mistake == mistake.name
        assert verdict.lines == (mistake.hint,)


@each_exercise
def test_no_answer_is_neutral(exercise):
    for answer in [(), (None,), (...,)]:
        assert exercise.check(*answer).status == "unwritten"


def dots(*arguments, **more): ...


def returns_dots(*arguments, **more):
    return ...


def raises_not_implemented(*arguments, **more):
    raise NotImplementedError


@each_function
@pytest.mark.parametrize("stub", [dots, returns_dots, raises_not_implemented])
def test_a_stub_is_neutral(exercise, stub):
    assert exercise.check(stub).status == "unwritten"


@each_function
def test_a_function_of_other_arguments_is_told_so(exercise):
    assert "takes other arguments" in exercise.check(lambda: 1).headline


@each_exercise
def test_its_checks_are_deterministic(exercise):
    answers = [solved(exercise), exercise.mistakes[0].wrongs[0], nonsense]
    before = [str(exercise.check(answer)) for answer in answers]
    vars(exercise).pop("cases", None)  # they are made once; make them anew
    assert [str(exercise.check(answer)) for answer in answers] == before


def nonsense(*arguments, **more):
    return np.zeros((1, 1))


@each_exercise
def test_a_check_takes_less_than_a_second(exercise):
    for answer in (solved(exercise), nonsense, exercise.mistakes[-1].wrongs[0]):
        started = time.process_time()
        exercise.check(answer)
        assert time.process_time() - started < 1


@each_function
def test_its_cases_have_names_and_are_not_all_alike(exercise):
    names = [case.name for case in exercise.cases]
    assert len(set(names)) == len(names) >= 2
    assert not exercise.check(lambda *arguments, **more: exercise.solve(*exercise.cases[0].args))


@each_function
def test_leading_axes_are_tried_in_any_number(exercise):
    """A program for two, three and four axes is none for any number of them."""
    arrays = [array for case in exercise.cases for array in case.args if hasattr(array, "ndim")]
    if "(..., " in exercise.task:
        assert max(array.ndim for array in arrays) >= 5
    elif "may be any" in exercise.task:
        assert {array.ndim for array in arrays} >= {1, 2, 3, 4}


# The answers, tried ------------------------------------------------------------------------------


def test_the_answers_belong_to_exercises():
    assert set(RIGHT) | set(WRONG) <= set(EXERCISES)


@each_function
def test_it_has_two_right_answers_written_another_way(exercise):
    assert len(RIGHT.get(exercise.id, [])) >= 2


@each_exercise
def test_its_wrong_answers_have_names_of_their_own(exercise):
    names = [answer.what for answer in WRONG.get(exercise.id, [])]
    assert len(set(names)) == len(names)


def short(answer):
    return getattr(answer, "__name__", None) or " ".join(repr(answer).split())[:40]


@pytest.mark.parametrize(
    ("exercise_id", "answer"),
    [
        pytest.param(id_, answer, id=f"{id_}-{number}-{short(answer)}")
        for id_, answers in RIGHT.items()
        for number, answer in enumerate(answers)
    ],
)
def test_a_right_answer_passes(exercise_id, answer):
    verdict = EXERCISES[exercise_id].check(answer)
    assert verdict, str(verdict)


@pytest.mark.parametrize(
    ("exercise_id", "given"),
    [
        pytest.param(id_, given, id=f"{id_}-{given.what}")
        for id_, answers in WRONG.items()
        for given in answers
    ],
)
def test_a_wrong_answer_is_rejected_and_not_called_what_it_is_not(exercise_id, given):
    exercise, answer = EXERCISES[exercise_id], given.answer
    if exercise_id in FUNCTIONS and isinstance(answer, dict):
        answer = exercise.exchanged(answer)
    verdict = exercise.check(answer)
    assert verdict.status == "wrong"
    assert verdict.mistake == given.called
    assert "could not be judged" not in verdict.headline
    assert verdict.headline in str(verdict)
    assert "<strong>✗" in verdict._repr_html_()


# The answers that a program makes ----------------------------------------------------------------


def outcome(program, case):
    args, kwargs = copy.deepcopy((case.args, case.kwargs))
    with np.errstate(all="ignore"):
        try:
            return program(*args, **kwargs)
        except Exception as error:
            return type(error)


def alike(one, other, case):
    """Compare two outcomes without the engine."""
    if isinstance(one, (tuple, list)) and isinstance(other, (tuple, list)):
        pairs = itertools.zip_longest(one, other)
        return len(one) == len(other) and all(alike(a, b, case) for a, b in pairs)
    if isinstance(one, type) or isinstance(other, type):
        return one is other
    if isinstance(one, np.ndarray) and (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    atol = max(case.atol, case.rtol * 1e-6)
    return np.allclose(one, other, rtol=case.rtol, atol=atol, equal_nan=True)


def truly(verdict, exercise, program):
    """Return whether an answer does what the mistake does that it was called."""
    (mistake,) = [m for m in exercise.mistakes if m.name == verdict.mistake]
    exactly = verdict.lines == (mistake.hint,)
    cases = [case for case in exercise.cases if exactly or f"“{case.name}”" in verdict.lines[-1]]
    return cases and any(
        all(alike(outcome(program, case), outcome(wrong, case), case) for case in cases)
        for wrong in mistake.wrongs
    )


@each_function
@pytest.mark.filterwarnings("ignore")
def test_made_answers_are_rejected_and_called_what_they_are(exercise):
    passed, tried = [], 0
    for what, program in itertools.chain(mutants(exercise), changed_results(exercise)):
        verdict, tried = exercise.check(program), tried + 1
        assert "could not be judged" not in verdict.headline, what
        if verdict:
            passed.append(what)
        else:
            assert verdict.status == "wrong", what
            assert not verdict.mistake or truly(verdict, exercise, program), (what, str(verdict))
    assert sorted(passed) == sorted(EQUIVALENT.get(exercise.id, []))
    assert tried >= 20


@each_function
def test_an_answer_that_writes_to_an_argument_is_told_so(exercise):
    for name, program in writers(exercise):
        verdict = exercise.check(program)
        assert verdict.status == "wrong"
        assert f"changes {name}" in verdict.headline or f"{name} is changed" in verdict.headline


@each_question
def test_made_values_are_rejected_and_not_without_a_word(exercise):
    tried = list(wrong_values(exercise, exercise.name in FIND))
    for value in tried:
        verdict = exercise.check(value)
        assert verdict.status == "wrong", value
        assert "could not be judged" not in verdict.headline
        assert verdict.mistake or len(verdict.lines) > 1, value
    assert len(tried) >= (6 if exercise.name in FIND else 15)
