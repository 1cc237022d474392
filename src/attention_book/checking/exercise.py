"""The two kinds of exercise, and how an answer is judged."""

import contextlib
import copy
import inspect
import io
import sysconfig
import traceback
import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from attention_book.source import source_of

from .compare import difference, equal, is_number, kind
from .store import record
from .verdict import Text, Verdict

_LEVELS = ("easy", "medium", "hard")


@dataclass(frozen=True)
class Case:
    """One call that a written function is tried on, with a name the reader understands."""

    name: str
    args: tuple
    kwargs: dict = field(default_factory=dict)
    rtol: float = 1e-9
    atol: float = 0.0  # where right answers cancel to about zero in more than one way


def random_inputs(seed, *, lead=(), L=3, S=7, d_k=5, d_v=2, scale=1.0, dtype=np.float64):
    """Return q, k, v of sizes that are all different, so that no mix-up of axes goes unnoticed.

    Shapes:
        q: (*lead, L, d_k), multiplied by ``scale``; k: (*lead, S, d_k); v: (*lead, S, d_v)
    """
    rng = np.random.default_rng(seed)
    shapes = ((*lead, L, d_k), (*lead, S, d_k), (*lead, S, d_v))
    q, k, v = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    return q * dtype(scale), k, v


@dataclass(frozen=True)
class Mistake:
    """A known mistake: its name, its hint, and the wrong answers that make it.

    For a question ``recognises(answer)`` tells others like it; without, they are equal to it.
    """

    name: str
    hint: str
    wrongs: tuple
    recognises: object = None


def function_exercise(*, title, difficulty, minutes, cases, hints):
    """Make the decorated function an exercise: its docstring the task, its body the solution.

    ``cases`` is a function that returns a list of :class:`Case`.
    """
    return lambda solve: FunctionExercise(solve, title, difficulty, minutes, hints, cases)


def letters(answer):
    """Return the letters and digits of an answer in lower case, however it was written.

    "cebda", "C, E, B, D, A" and ["c", "e", "b", "d", "a"] are one answer.
    """
    text = "".join(map(str, answer)) if isinstance(answer, list) else str(answer)
    return "".join(letter for letter in text.lower() if letter.isalnum())


def pause(*, why, choices=None, program=None, accepts=None, rtol=1e-9, **numbers):
    """Make the decorated function a short question between two sections, answered with a value.

    ``choices`` are texts by letter: the answer is one letter, or several where an order is asked
    for. ``program`` is shown with the numbers of its lines. ``why`` says in a sentence why the
    right answer is right. ``numbers`` are computed ones that the text names, as in ``{weight}``.
    """
    return lambda solve: Pause(solve, why, choices or {}, program, accepts, rtol, numbers)


def question(*, title, difficulty, minutes, hints, accepts=None, rtol=1e-9):
    """Make the decorated function an exercise answered with a value, which its body returns.

    Without ``accepts`` the answer must equal that value. ``accepts(answer)`` says whether another
    value is right too; a list of such functions judges the parts of an answer, one each.
    """
    return lambda solve: Question(solve, title, difficulty, minutes, hints, accepts, rtol)


class Exercise:
    """An exercise: ``check`` an answer, ask for a ``hint``, look at the ``solution``."""

    def __init__(self, solve, title, difficulty, minutes, hints):
        if difficulty not in _LEVELS:
            raise ValueError(f"difficulty is {difficulty!r}; it needs one of {', '.join(_LEVELS)}")
        self.solve = solve
        self.name = solve.__name__
        chapter = solve.__module__.split(".")[1:][-1:]  # none in a notebook, __main__
        self.id = ".".join([*chapter, self.name])
        self.title, self.difficulty, self.minutes = title, difficulty, minutes
        self.task = inspect.cleandoc(solve.__doc__)
        self.hints = tuple(hints)
        self.mistakes = []
        self._hints_given = 0

    def __repr__(self):
        return f"{self.title} ({self.difficulty}, {self.minutes} minutes)\n\n{self.task}"

    def check(self, *answer):
        """Return a :class:`Verdict` on an answer. Never raises; ``bool(verdict)`` is the result."""
        try:
            verdict = self._judge(*answer)
        except KeyboardInterrupt:
            verdict = Verdict("wrong", f"{self.name}: interrupted before it had finished")
        except BaseException as error:
            verdict = Verdict(
                "wrong",
                f"{self.name}: this answer could not be judged",
                ("The checker itself stumbled over it. What it met:",),
                code=f"{type(error).__name__}: {_words(error)}",
            )
        if verdict:
            record(self, self._hints_given)
        return verdict

    def hint(self):
        """Return the next hint, one step further at each call."""
        if self._hints_given == len(self.hints):
            return Text("That was the last hint. solution() shows a tested answer.")
        self._hints_given += 1
        return Text(
            f"Hint {self._hints_given} of {len(self.hints)}: {self.hints[self._hints_given - 1]}"
        )

    def solution(self):
        """Return the source of the tested solution, which says as much as all hints."""
        self._hints_given = len(self.hints)
        return self.source

    @cached_property
    def source(self):
        """The solution as the reader would write it."""
        return source_of(self.solve)

    def _known(self, mistake, *, exactly=True, case=None):
        lines = [mistake.hint]
        if not exactly:
            lines.append(f"On the case “{case.name}” your answer is what that gives.")
        return Verdict(
            "wrong",
            f"{self.name}: {mistake.name}",
            tuple(lines),
            mistake=mistake.name,
        )

    def _unwritten(self, why=""):
        return Verdict("unwritten", f"{self.name}: not written yet", (why,) if why else ())


class FunctionExercise(Exercise):
    """An exercise that is answered with a function."""

    def __init__(self, solve, title, difficulty, minutes, hints, cases):
        super().__init__(solve, title, difficulty, minutes, hints)
        self._make_cases = cases
        self._tried = {}

    @cached_property
    def cases(self):
        """The calls that an answer is tried on."""
        return self._make_cases()

    def mistake(self, name, hint, *wrong):
        """Register a known mistake: wrong programs, of which each makes it.

        A program is a function, or the solution with some of its parts exchanged:
        ``{"math.sqrt(q.shape[-1])": "q.shape[-1]"}``. A part that is not there is an error.
        """
        programs = tuple(self.exchanged(w) if isinstance(w, dict) else w for w in wrong)
        self.mistakes.append(Mistake(name, hint, programs))

    def exchanged(self, parts):
        """Return the solution with some of its parts exchanged, as a program."""
        source = self.source
        for part, other in parts.items():
            if part not in source:
                raise ValueError(f"{self.name}: the solution has no part {part!r}")
            source = source.replace(part, other)
        made = []

        def program(*args, **kwargs):
            if not made:  # once, when it is needed
                names = {}
                exec(source, self.solve.__globals__, names)
                made.append(names[self.name])
            return made[0](*args, **kwargs)

        return program

    def _outcomes_of(self, program):
        """What one of the exercise's own programs does on all cases, tried once."""
        cases = self.cases
        if program not in self._tried:
            self._tried[program] = [_run(program, case) for case in cases]
        return self._tried[program]

    def _judge(self, answer=None, *rest):
        if answer is None or answer is ...:
            return self._unwritten()
        if rest or not callable(answer):
            found = "several things" if rest else f"an object of type {kind(answer)}"
            return Verdict(
                "wrong",
                f"{self.name}: check needs the function itself",
                (f"It got {found}. Write check(my_function), without calling it.",),
            )
        misfit = self._misfit(answer)
        if misfit is not None:
            return misfit

        outcomes = [_run(answer, case) for case in self.cases]
        if isinstance(outcomes[0].error, NotImplementedError) or outcomes[0].value is ...:
            return self._unwritten()
        if outcomes[0].value is None and outcomes[0].error is None:
            verdict = self._unwritten(
                "It returned None. If you have written it, is there a return?"
            )
        else:
            verdict = self._compare(outcomes)
        printed = outcomes[0].printed.strip()
        if printed:
            verdict = _with_printed(verdict, printed)
        return verdict

    def _compare(self, outcomes):
        right = self._outcomes_of(self.solve)
        agrees = self._agree(outcomes, right)
        if all(agrees):
            return Verdict("passed", f"{self.name}: passed all {len(self.cases)} cases")
        first = agrees.index(False)
        case, got = self.cases[first], outcomes[first]

        exact, likely = self._recognise(outcomes, agrees)
        if exact:
            return self._known(exact)
        if got.error is not None:
            return Verdict(
                "wrong",
                f"{self.name}: your function raises {type(got.error).__name__}",
                (f"On the case “{case.name}”, {_shapes(case)}:",),
                code=_own_traceback(got.error),
            )
        found = self._difference(got, right[first], case)
        if found is not None and found.got is None:
            return self._misses(found, case)
        if likely:
            return self._known(likely, exactly=False, case=case)
        names = list(inspect.signature(self.solve).parameters)
        changed = " and ".join(names[key] if isinstance(key, int) else key for key in got.mutated)
        if found is not None:
            verdict = self._misses(found, case)
            also = (f"It also changes {changed}.",) if changed else ()
            return replace(verdict, lines=(*verdict.lines, *also))
        is_right = all(
            mine.error is None and self._difference(mine, its, case) is None
            for mine, its, case in zip(outcomes, right, self.cases, strict=True)
        )
        return Verdict(
            "wrong",
            f"{self.name}: "
            + ("the answer is right, but it" if is_right else "your function")
            + f" changes {changed}",
            ("The caller's array must be left as it was: work on a copy, avoid += and out=.",),
        )

    def _difference(self, mine, its, case):
        return difference(mine.value, its.value, case.rtol, case.atol, f", with {_shapes(case)}")

    def _agree(self, outcomes, others):
        """Return for each case whether two runs are alike: value, kind of error, mutations."""
        return [
            mine.mutated == its.mutated
            and type(mine.error) is type(its.error)
            and (mine.error is not None or equal(mine.value, its.value, case.rtol, case.atol))
            for mine, its, case in zip(outcomes, others, self.cases, strict=True)
        ]

    def _recognise(self, outcomes, agrees):
        """Return the known mistake that the outcomes are exactly, and the one they are likely.

        An error of the same type says little: an exact one must share a wrong value. A likely one
        explains the first wrong case and more of the wrong ones than any other mistake (one
        coincidence is chance, and so is being NaN in the same places), and spoils none that is
        right here.
        """
        right, wrong = self._outcomes_of(self.solve), agrees.count(False)
        first = agrees.index(False)
        says = [
            not agreed and (mine.error is not None or not self._is_nan(mine, its, case))
            for mine, its, case, agreed in zip(outcomes, right, self.cases, agrees, strict=True)
        ]
        wrong_value = any(
            mine.error is None and not agreed for mine, agreed in zip(outcomes, agrees, strict=True)
        )
        shared = {}
        for mistake in self.mistakes:
            for program in mistake.wrongs:
                same = self._agree(outcomes, self._outcomes_of(program))
                if all(same) and wrong_value:
                    return mistake, None
                spoils = any(mine and not its for mine, its in zip(agrees, same, strict=True))
                explained = sum(same) - sum(agrees)
                says_more = any(its and said for its, said in zip(same, says, strict=True))
                starts = same[first] and outcomes[first].error is None
                if starts and not spoils and says_more and explained >= min(2, wrong):
                    count, _ = shared.get(mistake.name, (0, None))
                    shared[mistake.name] = max(count, explained), mistake
        most = max((count for count, _ in shared.values()), default=0)
        best = [mistake for count, mistake in shared.values() if count == most]
        return None, best[0] if len(best) == 1 else None

    def _is_nan(self, mine, its, case):
        """Return whether a value is wrong only in being NaN or infinite."""
        found = self._difference(mine, its, case)
        return (
            found is not None
            and found.got is not None
            and not np.isfinite(found.got[found.differs]).any()
        )

    def _misses(self, found, case):
        """Return the verdict on a value that differs from the right one."""
        headline = f"{self.name}: not right yet"
        if found.got is None:
            line = f"{found.where}On the case “{case.name}”: {found.words}"
            return Verdict("wrong", headline, (line,))
        line = f"{found.where}On the case “{case.name}”, {_shapes(case)}, the numbers differ."
        lines = [line]
        if not np.isfinite(found.got).all():
            lines.append("Yours are not all finite: look for an overflow or a 0/0.")
        returned = [
            name
            for name, value in self._arguments(case).items()
            if isinstance(value, np.ndarray)
            and np.array_equal(value, found.got)
            and len(np.unique(value)) > 1  # one number alone may be the same by chance
        ]
        if returned:
            lines.append(f"Your function returns its argument {returned[0]} as it came.")
        return Verdict(
            "wrong", headline, tuple(lines), got=found.got, want=found.want, differs=found.differs
        )

    def _arguments(self, case):
        return inspect.signature(self.solve).bind(*case.args, **case.kwargs).arguments

    def _misfit(self, answer):
        """Return a verdict when the function cannot be called as the exercise calls it."""
        try:
            signature = inspect.signature(answer)
        except (TypeError, ValueError):
            return None
        for case in self.cases:
            try:
                signature.bind(*case.args, **case.kwargs)
            except TypeError:
                wanted = inspect.signature(self.solve)
                return Verdict(
                    "wrong",
                    f"{self.name}: the function takes other arguments",
                    (f"Yours takes {signature}; it needs {wanted}.",),
                )
        return None


class Question(Exercise):
    """An exercise that is answered with a value."""

    why = ""  # said when it is passed

    def __init__(self, solve, title, difficulty, minutes, hints, accepts, rtol):
        super().__init__(solve, title, difficulty, minutes, hints)
        self.accepts, self.rtol = accepts, rtol

    def mistake(self, name, hint, wrong, recognises=None):
        """Register a known wrong value, and with ``recognises(answer)`` others like it.

        A dictionary is the right answer with some of its places exchanged: ``{0: 4096}``.
        """
        if isinstance(wrong, dict):
            value = list(self.solve())
            for place, part in wrong.items():
                value[place] = part
            wrong = tuple(value)
        self.mistakes.append(Mistake(name, hint, (wrong,), recognises))

    def _judge(self, *answer):
        value = plain(answer[0] if len(answer) == 1 else answer)
        if value is None or value is ... or not answer:
            return self._unwritten()
        if _is_open(value):
            return self._unwritten("A part of the answer is still open.")
        if _has_iterator(value):
            return Verdict(
                "wrong",
                f"{self.name}: the answer is a value, not an iterator",
                ("Write the values themselves, or list(...) around an iterator that ends.",),
            )
        if callable(value):
            return Verdict(
                "wrong",
                f"{self.name}: the answer is a value, not a function",
                ("Write check(value), or call your function: check(my_function()).",),
            )
        with _quiet():
            if self.accepts is None:
                value = self._without_columns(value)
            if self._is_right(value):
                return Verdict("passed", f"{self.name}: passed", (self.why,) * bool(self.why))
            for mistake in self.mistakes:
                if self._makes(mistake, value):
                    return self._known(mistake)
            so_far = self._so_far(value)
        lines = (*so_far, *("hint() gives one more step.",) * bool(self.hints))
        return Verdict("wrong", f"{self.name}: not right yet", lines)

    def _makes(self, mistake, value):
        if mistake.recognises is None:
            return equal(value, plain(mistake.wrongs[0]), self.rtol)
        return _holds(mistake.recognises, value)

    def _without_columns(self, value):
        """Take the numbers out of a column, (n, 1), where a list of numbers is asked for."""
        want = plain(self.solve())
        column = isinstance(value, list) and all(
            isinstance(row, list) and len(row) == 1 and is_number(row[0]) for row in value
        )
        if column and isinstance(want, list) and all(map(is_number, want)):
            return [row[0] for row in value]
        return value

    def _is_right(self, value):
        if self.accepts is None:
            return equal(value, plain(self.solve()), self.rtol)
        if callable(self.accepts):
            return _holds(self.accepts, value)
        return (
            isinstance(value, list) and len(value) == len(self.accepts) and all(self._parts(value))
        )

    def _parts(self, value):
        """Return for each part of an answer whether it is right."""
        if self.accepts is None:
            want = plain(self.solve())
            return [equal(a, b, self.rtol) for a, b in zip(value, want, strict=True)]
        return [_holds(rule, part) for rule, part in zip(self.accepts, value, strict=True)]

    def _so_far(self, value):
        """Say how many parts of an answer are right, or what its form should be."""
        want = plain(self.solve())
        if callable(self.accepts) or not isinstance(want, list):
            return ()
        what = "numbers" if all(map(is_number, want)) else "parts"
        if not isinstance(value, list):
            found = "one number" if is_number(value) else f"the type {kind(value)}"
            found = "a text" if isinstance(value, str) else found
            return (f"It needs {len(want)} {what}, not {found}.",)
        if len(value) != len(want):
            return (f"It needs {len(want)} {what}, not {len(value)}.",)
        if what == "numbers" and self.accepts is None and not all(map(is_number, value)):
            odd = next(part for part in value if not is_number(part))
            return (f"It needs numbers, and a part of it is of the type {kind(odd)}.",)
        right = sum(self._parts(value))
        return (f"{right} of {len(want)} parts {'is' if right == 1 else 'are'} right.",)


class Pause(Question):
    """A question of a minute between two sections: to choose, to order, or to predict a number."""

    def __init__(self, solve, why, choices, program, accepts, rtol, numbers):
        super().__init__(solve, solve.__name__.replace("_", " "), "easy", 1, (), accepts, rtol)
        self.task = self.task.format(**numbers) if numbers else self.task
        self.why, self.choices = why, choices
        self.program = inspect.cleandoc(program) if program else ""
        if choices and accepts is None:
            right = letters(solve())
            self.accepts = lambda answer: letters(answer) == right

    def mistake(self, name, hint, wrong, recognises=None):
        """Register a wrong choice or value, and the belief that leads to it."""
        if self.choices and recognises is None:
            made = letters(wrong)
            recognises = lambda answer: letters(answer) == made  # noqa: E731
        super().mistake(name, hint, wrong, recognises)

    def _unwritten(self, why=""):
        """Show the question itself."""
        lines = [why] * bool(why) + [f"{letter}: {text}" for letter, text in self.choices.items()]
        return Verdict("unwritten", self.task, tuple(lines), code=numbered(self.program))

    def _so_far(self, value):
        if not self.choices:
            return super()._so_far(value)
        answer, right = letters(value), letters(self.solve())
        asked = f"{len(right)} letters" if len(right) > 1 else "one letter"
        if len(answer) != len(right) or not set(answer) <= set(self.choices):
            return (f"Answer with {asked} of {', '.join(self.choices)}.",)
        count = sum(a == b for a, b in zip(answer, right, strict=True))
        return (
            f"{count} of {len(right)} {'stands' if count == 1 else 'stand'} in the right place.",
        )


def numbered(program):
    """Return a program with the numbers of its lines."""
    return "\n".join(f"{number}  {line}" for number, line in enumerate(program.splitlines(), 1))


def plain(value):
    """Return a copy of a value in which tuples, arrays and tensors are lists."""
    if isinstance(value, (tuple, list)):
        return [plain(part) for part in value]
    return value.tolist() if hasattr(value, "tolist") else value


def _is_open(value):
    """Return whether a value, or a part of it at any depth, has not been filled in."""
    if isinstance(value, list):
        return any(map(_is_open, value))
    return value is ... or value is None


def _has_iterator(value):
    """Return whether a value is an iterator or contains one. It may never end: do not start it."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, (list, set, frozenset)):
        return any(map(_has_iterator, value))
    return hasattr(type(value), "__next__")


@dataclass(frozen=True)
class _Outcome:
    value: object = None
    error: BaseException | None = None
    mutated: tuple = ()
    printed: str = ""


def _run(program, case):
    """Call a program on fresh copies of a case's arguments and note all that can be observed."""
    args, kwargs = copy.deepcopy((case.args, case.kwargs))
    value = error = None
    printed = io.StringIO()
    with _quiet(), contextlib.redirect_stdout(printed):
        try:
            value = program(*args, **kwargs)
        except KeyboardInterrupt:
            raise
        except BaseException as raised:
            error = raised
    value = _kept(value)
    before = [*enumerate(case.args), *case.kwargs.items()]
    after = [*args, *kwargs.values()]
    mutated = tuple(
        key for (key, old), new in zip(before, after, strict=True) if _changed(old, new)
    )
    return _Outcome(value, error, mutated, printed.getvalue())


def _kept(value):
    """Return a value that later calls can't change: a program may hand out one buffer twice."""
    if isinstance(value, np.ndarray):
        return value.copy() if type(value) is np.ndarray else value
    if type(value) in (tuple, list):
        return type(value)(map(_kept, value))
    return value


@contextlib.contextmanager
def _quiet():
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _holds(predicate, value):
    """Return whether the predicate holds; on a value that it can't read it does not."""
    try:
        return bool(predicate(value))
    except Exception:
        return False


def _changed(old, new):
    """Return whether an argument was changed; one that can't be compared counts as left alone."""
    if isinstance(old, np.ndarray):
        same = new.shape == old.shape and new.dtype == old.dtype and new.tobytes() == old.tobytes()
        return not same
    try:
        return bool(new != old)
    except Exception:
        return False


def _shapes(case):
    arrays = [a for a in (*case.args, *case.kwargs.values()) if isinstance(a, np.ndarray)]
    return (
        "inputs of shape " + ", ".join(str(a.shape) for a in arrays)
        if arrays
        else ("called with " + ", ".join(map(repr, (*case.args, *case.kwargs.values()))))
    )


_ELSEWHERE = (
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    str(Path(__file__).parents[1]),
)


def _is_elsewhere(filename):
    """Return whether a file belongs to Python, to a library or to this book."""
    packages = "site-packages" in filename or "dist-packages" in filename
    return packages or filename.startswith(("<frozen", "<__array", *_ELSEWHERE))


def _own_traceback(error):
    """Return the reader's own lines of a traceback and the error, none of a library's."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    own = [f for f in frames if not _is_elsewhere(f.filename)]
    own = own or [f for f in frames if f.filename == frames[0].filename]
    lines = [f"line {f.lineno}, in {f.name}\n    {f.line}" for f in own]
    if len(lines) > 6:
        lines = [*lines[:3], f"… {len(lines) - 4} more", lines[-1]]
    return "\n".join([*lines, f"{type(error).__name__}: {_words(error)}"])


def _words(error):
    try:
        return str(error)
    except BaseException:
        return "(its message can't be shown)"


def _with_printed(verdict, printed):
    lines = printed.splitlines()
    shown = "\n".join(lines[:10] + ["…"] * (len(lines) > 10))
    code = "\n".join(filter(None, [verdict.code, f"printed in the first case:\n{shown}"]))
    return replace(verdict, code=code)
