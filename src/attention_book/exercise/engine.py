"""The two kinds of exercise, and how an answer is judged."""

import contextlib
import copy
import inspect
import io
import numbers
import reprlib
import traceback
import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from attention_book.source import source_of

from .store import record
from .verdict import Text, Verdict, close

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
    """A known wrong answer: its name, the hint that belongs to it, and the answer itself."""

    name: str
    hint: str
    answer: object
    recognises: object = None


def function_exercise(*, title, difficulty, minutes, cases, hints):
    """Make the decorated function an exercise: its docstring the task, its body the solution.

    ``cases`` is a function that returns a list of :class:`Case`. Mistakes are registered with
    ``@exercise.mistake(name, hint)`` over a wrong program.
    """
    return lambda solution: FunctionExercise(solution, title, difficulty, minutes, hints, cases)


def letters(answer):
    """Return the letters and digits of an answer in lower case, however it was written.

    "cebda", "C, E, B, D, A" and ["c", "e", "b", "d", "a"] are one answer.
    """
    text = "".join(map(str, answer)) if isinstance(answer, list) else str(answer)
    return "".join(letter for letter in text.lower() if letter.isalnum())


def question(*, title, difficulty, minutes, hints, accepts=None, rtol=1e-9):
    """Make the decorated function an exercise answered with a value, which its body returns.

    Without ``accepts`` the answer must equal that value. With it, ``accepts(answer)`` says
    whether any other value is right too.
    """
    return lambda solution: Question(solution, title, difficulty, minutes, hints, accepts, rtol)


class Exercise:
    """An exercise: ``check`` an answer, ask for a ``hint``, look at the ``solution``."""

    def __init__(self, solution, title, difficulty, minutes, hints):
        if difficulty not in _LEVELS:
            raise ValueError(f"difficulty is {difficulty!r}; it needs one of {', '.join(_LEVELS)}")
        self.name = solution.__name__
        self.id = ".".join([*solution.__module__.split(".")[-2:-1], self.name])
        self.title, self.difficulty, self.minutes = title, difficulty, minutes
        self.task = inspect.cleandoc(solution.__doc__)
        self.hints = tuple(hints)
        self.mistakes = []
        self.answer = solution
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
            record(self)
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
        """Return the source of the tested solution."""
        return self.source

    @cached_property
    def source(self):
        """The solution as the reader would write it."""
        return source_of(self.answer)

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

    def __init__(self, solution, title, difficulty, minutes, hints, cases):
        super().__init__(solution, title, difficulty, minutes, hints)
        self._make_cases = cases

    @cached_property
    def cases(self):
        """The calls that an answer is tried on."""
        return self._make_cases()

    def mistake(self, name, hint):
        """Register the decorated wrong program as a known mistake."""

        def register(program):
            self.mistakes.append(Mistake(name, hint, program))
            return program

        return register

    def _judge(self, answer=None, *rest):
        if answer is None or answer is ...:
            return self._unwritten()
        if rest or not callable(answer):
            found = "several things" if rest else f"an object of type {_kind(answer)}"
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
        right = [_run(self.answer, case) for case in self.cases]
        agrees = [
            _agree(got, want, case)
            for got, want, case in zip(outcomes, right, self.cases, strict=True)
        ]
        if all(agrees):
            return Verdict("passed", f"{self.name}: passed all {len(self.cases)} cases")
        first = agrees.index(False)
        case, got, want = self.cases[first], outcomes[first], right[first]

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
        problem = self._problem(got.value, want.value, case)
        if problem is not None and problem.got is None:
            return problem
        if likely:
            return self._known(likely, exactly=False, case=case)
        names = list(inspect.signature(self.answer).parameters)
        changed = " and ".join(names[key] if isinstance(key, int) else key for key in got.mutated)
        if problem is not None:
            also = (f"It also changes {changed}.",) if changed else ()
            return replace(problem, lines=(*problem.lines, *also))
        is_right = all(
            mine.error is None and _equal(mine.value, its.value, case.rtol, case.atol)
            for mine, its, case in zip(outcomes, right, self.cases, strict=True)
        )
        return Verdict(
            "wrong",
            f"{self.name}: "
            + ("the answer is right, but it" if is_right else "your function")
            + f" changes {changed}",
            ("The caller's array must be left as it was: work on a copy, avoid += and out=.",),
        )

    def _recognise(self, outcomes, agrees):
        """Return the known mistake that the outcomes are exactly, and the one they are likely.

        An error of the same type says little: an exact one must share a wrong value. A likely one
        explains the first wrong case and more of the wrong ones than any other mistake (one
        coincidence is chance), and spoils none that is right here.
        """
        first, wrong = agrees.index(False), agrees.count(False)
        wrong_value = any(
            mine.error is None and not agreed for mine, agreed in zip(outcomes, agrees, strict=True)
        )
        shared = {}
        for number, mistake in enumerate(self.mistakes):
            same = [
                _agree(mine, _run(mistake.answer, case), case)
                for mine, case in zip(outcomes, self.cases, strict=True)
            ]
            if all(same) and wrong_value:
                return mistake, None
            spoils = any(mine and not its for mine, its in zip(agrees, same, strict=True))
            explained = sum(same) - sum(agrees)
            starts = same[first] and outcomes[first].error is None
            if starts and not spoils and explained >= min(2, wrong):
                shared[number] = explained
        best = [number for number, count in shared.items() if count == max(shared.values())]
        return None, self.mistakes[best[0]] if len(best) == 1 else None

    def _problem(self, got, want, case):
        """Return what is wrong with a value, None when it equals the right one."""
        if isinstance(want, (tuple, list)):
            kind = _kind(want)
            if not isinstance(got, (tuple, list)) or len(got) != len(want):
                several = isinstance(got, (tuple, list))
                found = f"{len(got)} values" if several else f"the type {_kind(got)}"
                return self._reject(case, f"It returned {found}; it needs a {kind} of {len(want)}.")
            for number, pair in enumerate(zip(got, want, strict=True)):
                problem = self._problem(*pair, case)
                if problem is not None:
                    first = f"In value {number} of the {kind}: {problem.lines[0]}"
                    return replace(problem, lines=(first, *problem.lines[1:]))
            return None
        if _is_number(want):
            if not _is_number(got):
                shape = f" of shape {got.shape}" if isinstance(got, np.ndarray) else ""
                return self._reject(
                    case, f"It returned the type {_kind(got)}{shape}; it needs a plain number."
                )
            got, want = np.asarray(_float(got)), np.asarray(_float(want))
        elif not isinstance(want, np.ndarray):
            if _equal(got, want, case.rtol):
                return None
            return self._reject(case, f"It returned {reprlib.repr(got)}; it needs {want!r}.")
        elif type(got) is not np.ndarray:
            return self._reject(
                case,
                f"It returned the type {_kind(got)}; it needs a NumPy array of shape {want.shape}.",
            )
        elif got.shape != want.shape:
            return self._reject(
                case,
                f"It returned the shape {got.shape}; it needs {want.shape}, with {_shapes(case)}.",
            )
        elif got.dtype != want.dtype:
            return self._reject(
                case, f"It returned the dtype {got.dtype}; here it needs {want.dtype}."
            )
        if close(got, want, case.rtol, case.atol).all():
            return None
        lines = [f"On the case “{case.name}”, {_shapes(case)}, the numbers differ."]
        if not np.isfinite(got).all():
            lines.append("Yours are not all finite: look for an overflow or a 0/0.")
        unchanged = [
            name
            for name, value in self._arguments(case).items()
            if isinstance(value, np.ndarray) and np.array_equal(value, got)
        ]
        if unchanged:
            lines.append(f"Your function returns its argument {unchanged[0]} as it came.")
        differs = ~close(got, want, case.rtol, case.atol)
        return Verdict(
            "wrong", f"{self.name}: not right yet", tuple(lines),
            got=got, want=want, differs=differs,
        )  # fmt: skip

    def _reject(self, case, line):
        return Verdict(
            "wrong", f"{self.name}: not right yet", (f"On the case “{case.name}”: {line}",)
        )

    def _arguments(self, case):
        return inspect.signature(self.answer).bind(*case.args, **case.kwargs).arguments

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
                wanted = inspect.signature(self.answer)
                return Verdict(
                    "wrong",
                    f"{self.name}: the function takes other arguments",
                    (f"Yours takes {signature}; it needs {wanted}.",),
                )
        return None


class Question(Exercise):
    """An exercise that is answered with a value."""

    def __init__(self, solution, title, difficulty, minutes, hints, accepts, rtol):
        super().__init__(solution, title, difficulty, minutes, hints)
        self._accepts = accepts or (lambda answer: _equal(answer, self.answer(), rtol))
        self._rtol = rtol

    def mistake(self, name, hint, example):
        """Register a wrong answer; the decorated function, if any, recognises others like it."""
        mistake = Mistake(name, hint, example, lambda answer: _equal(answer, example, self._rtol))
        self.mistakes.append(mistake)

        def register(recognises):
            self.mistakes[self.mistakes.index(mistake)] = Mistake(name, hint, example, recognises)
            return recognises

        return register

    def _judge(self, *answer):
        value = _plain(answer[0] if len(answer) == 1 else answer)
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
            if _holds(self._accepts, value):
                return Verdict("passed", f"{self.name}: passed")
            for mistake in self.mistakes:
                if _holds(mistake.recognises, value):
                    return self._known(mistake)
        return Verdict("wrong", f"{self.name}: not right yet", ("hint() gives one more step.",))


def _plain(value):
    """Return a copy of a value in which tuples, arrays and tensors are lists."""
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
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


def _agree(one, other, case):
    """Return whether two runs are alike: value, dtype, shape, kind of error, mutations."""
    if one.mutated != other.mutated or type(one.error) is not type(other.error):
        return False
    return one.error is not None or _equal(one.value, other.value, case.rtol, case.atol)


def _changed(old, new):
    """Return whether an argument was changed; one that can't be compared counts as left alone."""
    if isinstance(old, np.ndarray):
        same = new.shape == old.shape and new.dtype == old.dtype and new.tobytes() == old.tobytes()
        return not same
    try:
        return bool(new != old)
    except Exception:
        return False


def _equal(got, want, rtol, atol=0.0):
    if isinstance(want, (tuple, list)):
        return (
            isinstance(got, (tuple, list))
            and len(got) == len(want)
            and all(_equal(a, b, rtol, atol) for a, b in zip(got, want, strict=True))
        )
    if isinstance(want, np.ndarray) and want.ndim:
        return (
            type(got) is np.ndarray
            and got.shape == want.shape
            and got.dtype == want.dtype
            and bool(close(got, want, rtol, atol).all())
        )
    if _is_number(want):
        return _is_number(got) and bool(close(np.asarray(_float(got)), _float(want), rtol, atol))
    if isinstance(want, bool):
        return isinstance(got, (bool, np.bool_)) and bool(got) is want
    return type(got) is type(want) and bool(got == want)


def _is_number(value):
    if isinstance(value, np.ndarray):
        return value.ndim == 0 and np.isrealobj(value) and np.issubdtype(value.dtype, np.number)
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))


def _float(value):
    try:
        return np.float64(value)
    except OverflowError:  # a whole number beyond 1e308
        return np.float64(np.inf if value > 0 else -np.inf)


def _kind(value):
    module = type(value).__module__.split(".")[0]
    name = type(value).__name__
    return name if module in ("builtins", "numpy") else f"{module}.{name}"


def _shapes(case):
    arrays = [a for a in (*case.args, *case.kwargs.values()) if isinstance(a, np.ndarray)]
    return (
        "inputs of shape " + ", ".join(str(a.shape) for a in arrays)
        if arrays
        else ("called with " + ", ".join(map(repr, (*case.args, *case.kwargs.values()))))
    )


def _own_traceback(error):
    """Return the reader's own lines of a traceback and the error, none of the checker's."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    own = [f for f in frames if f.filename == frames[0].filename] if frames else []
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
