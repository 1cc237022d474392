"""The contract that every variant keeps, run over every public function of q, k, v.

A variant joins by existing: a subpackage of ``attention_book`` with ``reference.py`` and
``module.py``. Where a function needs further keyword arguments, its test file says with which
values to call it: ``CONTRACT = {"attention": {"size": 3}}`` in ``tests/test_<variant>.py``. An
array, over ``D_K`` features or the heads in ``LEAD``, is handed to ``module`` as a tensor.

Which points apply is read off the signature. A function with ``mask`` or ``causal`` is tested as
a causal one too, a function with ``grad_output`` as the backward pass it is.
"""

import dataclasses
import importlib
import importlib.util
import inspect
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import attention_book
from attention_book import masks
from attention_book.scaled_dot_product import module as plain_module
from attention_book.scaled_dot_product import reference as plain
from attention_book.softmax import softmax

LEAD, L, S, D_K, D_V = (2, 3), 4, 7, 8, 5
DTYPES = {
    "reference": ("float16", "float32", "float64"),
    "module": ("float16", "bfloat16", "float32", "float64"),
}


# Finding the variants ----------------------------------------------------------------------------


def find_variants(package):
    """The names of the subfolders that hold both rooms."""
    rooms = ("reference.py", "module.py")
    folders = sorted(folder for folder in Path(package).iterdir() if folder.is_dir())
    return [f.name for f in folders if all((f / room).is_file() for room in rooms)]


def public_functions(room):
    """The functions that a module defines itself and does not hide, by name."""
    return {
        name: function
        for name, function in inspect.getmembers(room, inspect.isfunction)
        if function.__module__ == room.__name__ and not name.startswith("_")
    }


def declared_arguments(variant):
    """The arguments that the variant's test file declares, by function name."""
    if importlib.util.find_spec(f"test_{variant}") is None:
        return {}
    return getattr(importlib.import_module(f"test_{variant}"), "CONTRACT", {})


@dataclasses.dataclass(frozen=True)
class Subject:
    """One function under contract, called with NumPy arrays whatever it takes itself."""

    function: Callable
    room: str = "reference"
    arguments: dict = dataclasses.field(default_factory=dict)
    variant: str = "stand-in"
    d_v: int = D_V

    @property
    def label(self):
        return f"{self.variant}.{self.room}.{self.function.__name__}"

    @property
    def parameters(self):
        return inspect.signature(self.function).parameters

    @property
    def is_backward(self):
        return "grad_output" in self.parameters

    @property
    def may_be_causal(self):
        return not self.is_backward and not {"mask", "causal"}.isdisjoint(self.parameters)

    def inputs(self, *, L=L, S=S, scale=1.0, dtype="float64"):
        """The leading arguments by name, normal and the same every time."""
        rng = np.random.default_rng(0)
        shapes = {"q": (L, D_K), "k": (S, D_K), "v": (S, self.d_v), "grad_output": (L, self.d_v)}
        names = list(shapes) if self.is_backward else list(shapes)[:3]
        arrays = {name: rng.standard_normal((*LEAD, *shapes[name])) for name in names}
        return {
            name: self.native(array * (scale if name in "qk" else 1), dtype)
            for name, array in arrays.items()
        }

    def native(self, array, dtype=None):
        """An array in the library and the dtype that the function takes."""
        if self.room == "reference":
            return array.astype(dtype or array.dtype, copy=False)
        tensor = torch.from_numpy(array)
        return tensor if dtype is None else tensor.to(getattr(torch, dtype))

    def copies(self, inputs):
        return {name: self.native(numpy(array).copy()) for name, array in inputs.items()}

    def call(self, inputs, **options):
        """All the results, in the function's own library."""
        for name, value in (self.arguments | options).items():
            options[name] = self.native(value) if isinstance(value, np.ndarray) else value
        result = self.function(*inputs.values(), **options)
        return result if isinstance(result, tuple) else (result,)

    def run(self, inputs, **options):
        """All the results, as NumPy arrays."""
        return tuple(numpy(result) for result in self.call(inputs, **options))

    def run_causal(self, inputs, **options):
        """The output under causal masking."""
        if "causal" in self.parameters:
            return self.run(inputs, causal=True, **options)[0]
        mask = masks.causal(inputs["q"].shape[-2], inputs["k"].shape[-2])
        return self.run(inputs, mask=mask, **options)[0]

    def with_and_without_weights(self):
        """The options of both ways to get the output, which may be different code."""
        yield {}
        if "return_weights" in self.parameters:
            yield {"return_weights": True}


def numpy(result):
    if not isinstance(result, torch.Tensor):
        return result
    result = result.detach()
    return (result.float() if result.dtype == torch.bfloat16 else result).numpy()


def find_subjects(package="attention_book"):
    for variant in find_variants(importlib.import_module(package).__path__[0]):
        arguments = declared_arguments(variant)
        for room in ("reference", "module"):
            functions = public_functions(importlib.import_module(f"{package}.{variant}.{room}"))
            for name, function in functions.items():
                if list(inspect.signature(function).parameters)[:3] == ["q", "k", "v"]:
                    yield Subject(function, room, arguments.get(name, {}), variant)


# The points of the contract ----------------------------------------------------------------------


def some_mask():
    """A mask whose query 1 may attend to nothing, and that shows key 2 to nobody."""
    mask = np.random.default_rng(1).random((L, S)) < 0.6
    mask[0, :2] = True, False
    mask[1], mask[:, 2] = False, False
    return mask


def hides_what_is_masked(subject):
    """Point 1. True = may attend; an empty row gives zeros."""
    inputs, mask = subject.inputs(), some_mask()
    before = subject.run(inputs, mask=mask)[0]
    assert before.shape == (*LEAD, L, subject.d_v)
    assert not before[..., 1, :].any(), "a query that may attend to nothing must get zeros"
    for j in range(S):
        changed = subject.copies(inputs)
        changed["v"][..., j, :] += 1
        changed["k"][..., j, :] *= 2
        after = subject.run(changed, mask=mask)[0]
        moved = (before != after).any(axis=(0, 1, 3))
        assert moved.tolist() == mask[:, j].tolist(), f"key {j} must be seen where mask is True"


def has_finite_gradients(subject):
    """Point 1. The gradient through an empty row is finite, and zero for its query."""
    inputs = {name: array.requires_grad_() for name, array in subject.inputs().items()}
    for options in subject.with_and_without_weights():
        output = subject.call(inputs, mask=some_mask(), **options)[0]
        gradients = torch.autograd.grad(output.sum(), list(inputs.values()))
        assert all(gradient.isfinite().all() for gradient in gradients)
        assert not gradients[0][..., 1, :].any()


def has_no_gradient_where_masked(subject):
    """Point 1, for a backward pass."""
    grad_q, grad_k, grad_v = subject.run(subject.inputs(), mask=some_mask())
    for gradient in (grad_q, grad_k, grad_v):
        assert np.isfinite(gradient).all()
    assert not grad_q[..., 1, :].any()
    assert not grad_k[..., 2, :].any()
    assert not grad_v[..., 2, :].any()
    assert grad_q[..., 0, :].any()


def is_aligned_at_the_end(subject):
    """Point 2. The last L of S queries see what they see among all S."""
    whole = subject.inputs(L=S)
    last = {name: array[..., -L:, :] if name == "q" else array for name, array in whole.items()}
    assert_close(subject.run_causal(last), subject.run_causal(whole)[..., -L:, :])


def has_proper_weights(subject):
    """Point 3. Non-negative, summing to 1 over the keys, exactly 0 where masked."""
    inputs = subject.inputs()
    for mask in (None, some_mask()) if "mask" in subject.parameters else (None,):
        options = {} if mask is None else {"mask": mask}
        output, weights = subject.run(inputs, return_weights=True, **options)
        allowed = np.ones((L, S), bool) if mask is None else mask
        assert weights.shape == (*LEAD, L, S)
        assert np.all(weights >= 0)
        assert not weights[..., ~allowed].any()
        sums = np.broadcast_to(allowed.any(axis=-1), (*LEAD, L))
        assert_close(weights.sum(axis=-1), sums.astype(float))
        assert_close(subject.run(inputs, **options)[0], output)


def does_not_leak_the_future(subject):
    """Point 4. Changing the tokens after i leaves outputs up to i bitwise the same."""
    for options in subject.with_and_without_weights():
        inputs = subject.inputs(L=S)
        before = subject.run_causal(inputs, **options)
        for i in range(S - 1):
            changed = subject.copies(inputs)
            for array in changed.values():
                array[..., i + 1 :, :] += 1
            after = subject.run_causal(changed, **options)
            assert np.array_equal(before[..., : i + 1, :], after[..., : i + 1, :]), f"i = {i}"
            assert np.all((before != after)[..., i + 1 :, :].any(axis=(0, 1, 3)))


def keeps_the_dtype(subject):
    """Point 5. dtype in = dtype out, for everything that comes out."""
    for dtype in DTYPES[subject.room]:
        for options in subject.with_and_without_weights():
            results = subject.call(subject.inputs(dtype=dtype), **options)
            assert {str(x.dtype).removeprefix("torch.") for x in results} == {dtype}


def leaves_its_inputs_alone(subject):
    """Point 5. Inputs are never mutated."""
    inputs, mask = subject.inputs(), some_mask()
    before = subject.copies(inputs)
    for options in all_options(subject):
        subject.call(inputs, **(options | {"mask": mask} if "mask" in options else options))
    for name, array in inputs.items():
        assert np.array_equal(numpy(array), numpy(before[name])), f"{name} was mutated"
    assert np.array_equal(mask, some_mask()), "mask was mutated"


def stays_finite(subject):
    """Point 5. Scores in the thousands overflow nothing, in any dtype."""
    for dtype in DTYPES[subject.room]:
        inputs = subject.inputs(scale=60, dtype=dtype)
        for options in all_options(subject):
            for result in subject.run(inputs, **options):
                assert np.isfinite(result).all(), f"{dtype}, {options}"


def is_the_same_in_any_chunks(subject):
    """Point 6. The past as keys and some new queries: any split gives the same answer."""
    inputs = subject.inputs(L=S)
    whole = subject.run_causal(inputs)
    for sizes in ([1] * S, [S], [1, 4, 2], [5, 2], [2, 1, 1, 3]):
        ends = np.cumsum(sizes)
        assert ends[-1] == S
        parts = []
        for size, end in zip(sizes, ends, strict=True):
            chunk = {name: array[..., :end, :] for name, array in inputs.items()}
            chunk["q"] = chunk["q"][..., end - size :, :]
            parts.append(subject.run_causal(chunk))
        assert_close(np.concatenate(parts, axis=-2), whole)


def names_the_wrong_argument(subject):
    """Point 7. A ValueError or TypeError names the argument, the shape found and needed."""
    good = subject.inputs()
    shapes = [("q", (D_K,)), ("k", (S,)), ("v", (S,)), ("k", (*LEAD, S, D_K + 1))]
    shapes += [("v", (*LEAD, S + 1, subject.d_v)), ("q", (4, 3, L, D_K))]
    if subject.is_backward:
        shapes += [("grad_output", (*LEAD, L, subject.d_v + 1)), ("grad_output", (L, subject.d_v))]
    for name, shape in shapes:
        message = refusal(subject, good | {name: subject.native(np.ones(shape))})
        assert name in words(message), f"{message!r} does not name {name}"
        assert str(shape) in message, f"{message!r} does not give the shape {shape}"

    for name in ("q", "k", "v"):
        wrong = [good[name] > 0, subject.native(numpy(good[name]), "float32"), "text"]
        wrong += [numpy(good[name])] if subject.room == "module" else []
        for value in wrong:
            message = refusal(subject, good | {name: value})
            assert name in words(message), f"{message!r} does not name {name}"

    if "mask" in subject.parameters:
        for mask in (np.ones((L, S)), np.ones((L, S), int), np.ones((S, L), bool)):
            message = refusal(subject, good, mask=mask)
            assert "mask" in words(message), f"{message!r} does not name mask"
        assert str((S, L)) in message
        assert str((*LEAD, L, S)) in message


def takes_the_rest_by_keyword(subject):
    """Point 8. Everything after q, k, v is keyword-only (and after the gradient, if it has one)."""
    leading = ["q", "k", "v", "grad_output"] if subject.is_backward else ["q", "k", "v"]
    assert list(subject.parameters)[: len(leading)] == leading
    for parameter in list(subject.parameters.values())[len(leading) :]:
        assert parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD), parameter


def points(subject):
    """The points that a function's signature promises to keep."""
    yield from (keeps_the_dtype, leaves_its_inputs_alone, stays_finite)
    yield from (names_the_wrong_argument, takes_the_rest_by_keyword)
    if subject.is_backward:
        if "mask" in subject.parameters:
            yield has_no_gradient_where_masked
        return
    if "mask" in subject.parameters:
        yield hides_what_is_masked
        if subject.room == "module":
            yield has_finite_gradients
    if "return_weights" in subject.parameters:
        yield has_proper_weights
    if subject.may_be_causal:
        yield from (is_aligned_at_the_end, does_not_leak_the_future, is_the_same_in_any_chunks)


def all_options(subject):
    """The ways to call it: plain, masked, causal, with weights."""
    choices = {"mask": some_mask(), "causal": True, "return_weights": True}
    return [{}] + [{name: x} for name, x in choices.items() if name in subject.parameters]


def refusal(subject, inputs, **options):
    """The message with which a wrong call is refused."""
    with pytest.raises((ValueError, TypeError)) as caught:
        subject.call(inputs, **options)
    return str(caught.value)


def words(message):
    return set("".join(c if c.isalnum() or c == "_" else " " for c in message).split())


def assert_close(found, expected):
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


# Documentation -----------------------------------------------------------------------------------


def names_its_limit_case(package_doc, test_names):
    """Point 9. The package says its limit case, and a test proves it."""
    assert "Limit case" in (package_doc or ""), "the package docstring must say its Limit case"
    assert any(name.startswith("test_limit_case") for name in test_names), "no test_limit_case_*"


def is_documented(function):
    """Point 10. The docstring gives the shapes, the errors and the source."""
    doc = inspect.getdoc(function) or ""
    missing = [part for part in ("Shapes:", "Raises:", "Source:") if part not in doc]
    assert not missing, f"{function.__name__} does not say {missing}"


# The contract, over everything that is found -----------------------------------------------------

VARIANTS = find_variants(attention_book.__path__[0])
SUBJECTS = list(find_subjects())


# A kernel may be other code where the values are as wide as the keys.
@pytest.mark.parametrize("d_v", [D_V, D_K])
@pytest.mark.parametrize(
    ("subject", "point"),
    [
        pytest.param(subject, point, id=f"{subject.label}-{point.__name__}")
        for subject in SUBJECTS
        for point in points(subject)
    ],
)
def test_contract(subject, point, d_v):
    point(dataclasses.replace(subject, d_v=d_v))


@pytest.mark.parametrize("variant", VARIANTS)
def test_limit_case(variant):
    package = importlib.import_module(f"attention_book.{variant}")
    names_its_limit_case(package.__doc__, dir(importlib.import_module(f"test_{variant}")))


@pytest.mark.parametrize("room", ["reference", "module"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_docstrings(variant, room):
    functions = public_functions(importlib.import_module(f"attention_book.{variant}.{room}"))
    assert functions
    for function in functions.values():
        is_documented(function)


# The discovery finds what is there ---------------------------------------------------------------


def test_discovery_finds_plain_attention():
    assert "scaled_dot_product" in VARIANTS
    assert {
        "scaled_dot_product.reference.attention",
        "scaled_dot_product.reference.backward",
        "scaled_dot_product.module.attention",
    } <= {subject.label for subject in SUBJECTS}


def test_a_new_variant_joins_by_existing(tmp_path, monkeypatch):
    package = tmp_path / "a_book_of_its_own"
    for name in ("windowed", "checking", "half_written"):
        (package / name).mkdir(parents=True)
        (package / name / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "half_written" / "reference.py").touch()
    (package / "windowed" / "module.py").write_text("from math import sqrt\n")
    (package / "windowed" / "reference.py").write_text(
        "def attention(q, k, v, *, size): ...\ndef _hidden(q, k, v): ...\ndef window(L, S): ...\n"
    )
    (tmp_path / "test_windowed.py").write_text("CONTRACT = {'attention': {'size': 3}}\n")
    monkeypatch.syspath_prepend(tmp_path)

    (subject,) = find_subjects("a_book_of_its_own")

    assert subject.label == "windowed.reference.attention"
    assert subject.arguments == {"size": 3}
    assert not subject.may_be_causal


def test_declared_arguments_reach_the_function():
    def attention(q, k, v, *, bias, size):
        assert size == 3
        return v + bias

    bias = np.ones(D_V)
    for room, kind in (("reference", np.ndarray), ("module", torch.Tensor)):
        subject = Subject(attention, room, {"bias": bias, "size": 3})
        inputs = subject.inputs()
        (output,) = subject.call(inputs)
        assert isinstance(output, kind)
        np.testing.assert_array_equal(subject.run(inputs)[0], numpy(inputs["v"]) + 1)


# The contract bites ------------------------------------------------------------------------------


def honest(q, k, v, *, mask=None, causal=False, return_weights=False):
    """A stand-in that keeps the contract; each of those below breaks one point of it."""
    if causal:
        mask = masks.causal(q.shape[-2], k.shape[-2])
    return plain.attention(q, k, v, mask=mask, return_weights=return_weights)


def fills_with_a_large_number(q, k, v, *, mask=None):
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    return softmax(scores if mask is None else np.where(mask, scores, -1e9)) @ v


def takes_true_for_blocked(q, k, v, *, mask=None):
    return honest(q, k, v, mask=None if mask is None else ~mask)


def ignores_the_mask(q, k, v, *, mask=None):
    return honest(q, k, v)


def aligns_at_the_start(q, k, v, *, causal=False):
    L, S = q.shape[-2], k.shape[-2]
    return honest(q, k, v, mask=np.tri(L, S, dtype=bool) if causal else None)


def sees_one_token_too_far(q, k, v, *, causal=False):
    L, S = q.shape[-2], k.shape[-2]
    return honest(q, k, v, mask=np.tri(L, S, S - L + 1, dtype=bool) if causal else None)


def centres_over_all_keys(q, k, v, *, causal=False):
    return honest(q, k - k.mean(axis=-2, keepdims=True), v, causal=causal)


def sees_nothing_at_all(q, k, v, *, causal=False):
    return 0 * honest(q, k, v, causal=causal)


def damps_by_absolute_position(q, k, v, *, causal=False):
    return honest(q, k, v, causal=causal) / np.arange(1, q.shape[-2] + 1)[:, None]


def forgets_to_normalise(q, k, v, *, return_weights=False):
    output, weights = honest(q, k, v, return_weights=True)
    return (output, 2 * weights) if return_weights else output


def returns_negative_weights(q, k, v, *, return_weights=False):
    output, weights = honest(q, k, v, return_weights=True)
    return (output, 2 / k.shape[-2] - weights) if return_weights else output


def leaves_a_trace_of_masked_weights(q, k, v, *, mask=None, return_weights=False):
    output, weights = honest(q, k, v, mask=mask, return_weights=True)
    return (output, weights + 1e-300) if return_weights else output


def answers_differently_with_weights(q, k, v, *, return_weights=False):
    output, weights = honest(q, k, v, return_weights=True)
    return (output + 1e-6, weights) if return_weights else output


def returns_float64(q, k, v):
    return honest(q, k, v).astype(np.float64)


def returns_float64_weights(q, k, v, *, return_weights=False):
    output, weights = honest(q, k, v, return_weights=True)
    return (output, weights.astype(np.float64)) if return_weights else output


def scales_in_place(q, k, v):
    q /= math.sqrt(q.shape[-1])
    return softmax(q @ k.mT) @ v


def opens_its_mask(q, k, v, *, mask=None):
    if mask is not None:
        mask |= True
    return honest(q, k, v, mask=mask)


def overflows(q, k, v):
    with np.errstate(over="ignore", invalid="ignore"):
        exponentials = np.exp(q @ k.mT / math.sqrt(q.shape[-1]))
        return exponentials / exponentials.sum(axis=-1, keepdims=True) @ v


def checks_nothing(q, k, v, *, mask=None):
    return softmax(q @ k.mT / math.sqrt(q.shape[-1]), mask=mask) @ v


def says_nothing(q, k, v, *, mask=None):
    try:
        return honest(q, k, v, mask=mask)
    except (TypeError, ValueError):
        raise ValueError("bad input") from None


def says_no_shape(q, k, v):
    try:
        return honest(q, k, v)
    except (TypeError, ValueError):
        raise ValueError("something is wrong with q, k or v") from None


def takes_the_mask_by_position(q, k, v, mask=None):
    return honest(q, k, v, mask=mask)


def divides_zero_by_zero(q, k, v, *, mask):
    """In PyTorch: the output of the empty row is mended, its gradient is not."""
    scores = q @ k.mT / math.sqrt(q.shape[-1]) + mask.log()
    return torch.softmax(scores, dim=-1).nan_to_num() @ v


def backward_without_mask(q, k, v, grad_output, *, mask=None):
    return plain.backward(q, k, v, grad_output)


def backward_that_shows_key_2(q, k, v, grad_output, *, mask=None):
    shown = None if mask is None else mask | (np.arange(k.shape[-2]) == 2) & mask.any(-1)[:, None]
    return plain.backward(q, k, v, grad_output, mask=shown)


BREAKS = [
    (fills_with_a_large_number, hides_what_is_masked),
    (takes_true_for_blocked, hides_what_is_masked),
    (ignores_the_mask, hides_what_is_masked),
    (aligns_at_the_start, is_aligned_at_the_end),
    (aligns_at_the_start, is_the_same_in_any_chunks),
    (sees_one_token_too_far, does_not_leak_the_future),
    (centres_over_all_keys, does_not_leak_the_future),
    (sees_nothing_at_all, does_not_leak_the_future),
    (damps_by_absolute_position, is_aligned_at_the_end),
    (damps_by_absolute_position, is_the_same_in_any_chunks),
    (forgets_to_normalise, has_proper_weights),
    (returns_negative_weights, has_proper_weights),
    (leaves_a_trace_of_masked_weights, has_proper_weights),
    (answers_differently_with_weights, has_proper_weights),
    (returns_float64, keeps_the_dtype),
    (returns_float64_weights, keeps_the_dtype),
    (scales_in_place, leaves_its_inputs_alone),
    (opens_its_mask, leaves_its_inputs_alone),
    (overflows, stays_finite),
    (checks_nothing, names_the_wrong_argument),
    (says_nothing, names_the_wrong_argument),
    (says_no_shape, names_the_wrong_argument),
    (takes_the_mask_by_position, takes_the_rest_by_keyword),
    (backward_without_mask, has_no_gradient_where_masked),
    (backward_that_shows_key_2, has_no_gradient_where_masked),
]


@pytest.mark.parametrize("point", list(points(Subject(honest))), ids=lambda p: p.__name__)
def test_an_honest_stand_in_keeps_every_point(point):
    point(Subject(honest))


@pytest.mark.parametrize(
    ("broken", "point"),
    [pytest.param(b, p, id=f"{b.__name__}-{p.__name__}") for b, p in BREAKS],
)
def test_a_broken_stand_in_is_caught(broken, point):
    subject = Subject(broken)
    assert point in points(subject)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        point(subject)


def test_a_gradient_that_is_not_finite_is_caught():
    subject = Subject(divides_zero_by_zero, "module")
    hides_what_is_masked(subject)
    with pytest.raises(AssertionError):
        has_finite_gradients(subject)


def test_every_point_is_seen_to_bite():
    bitten = {point for _, point in BREAKS} | {has_finite_gradients}
    subjects = [Subject(honest), Subject(plain_module.attention, "module"), Subject(plain.backward)]
    assert bitten == {point for subject in subjects for point in points(subject)}


@pytest.mark.parametrize(
    "check",
    [
        partial(names_its_limit_case, "Limit case: one key.", ["test_bad_input"]),
        partial(names_its_limit_case, "Attention.", ["test_limit_case_one_key"]),
        partial(names_its_limit_case, None, ["test_limit_case_one_key"]),
        partial(is_documented, honest),
        partial(is_documented, returns_float64),
    ],
)
def test_missing_documentation_is_caught(check):
    with pytest.raises(AssertionError):
        check()
