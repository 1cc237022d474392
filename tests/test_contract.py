"""The contract that every variant keeps, run over all that it offers, functions and modules.

A variant joins by existing. What it needs stands in its declaration (``attention_book.shapes``);
good and bad input are made from that. Which points apply is read off the declaration, too: a
mask over queries and keys is tried as a causal one, a ``module`` has gradients. Where a variant
departs from a point, its ``limits`` say so and why, as ``DEPARTURES = {function: {point: why}}``.
"""

import dataclasses
import functools
import inspect
import math
import warnings

import numpy as np
import pytest
import torch
from subjects import (
    DTYPES,
    LEAD,
    Subject,
    copies,
    is_array,
    made,
    numpy,
    public,
    rooms,
    size,
    subjects,
    takes_arguments,
    variants,
)

from attention_book import masks
from attention_book.scores.scaled_dot_product import reference as plain
from attention_book.shapes import Array, Count, Matrices, declaration, shapes
from attention_book.softmax import softmax

SUBJECTS = list(subjects())


# What comes back ---------------------------------------------------------------------------------


def has_the_shapes_and_the_dtype_it_declares(subject):
    """With and without leading dimensions, and with none at all; dtype in = dtype out."""
    for dtype in DTYPES[subject.library]:
        if subject.owner is not None:
            subject.owner.to(getattr(torch, dtype))
        for lead in (LEAD, (), (0,)):
            inputs = subject.inputs(lead=lead, dtype=dtype)
            results = subject.call(inputs)
            for result, axes in zip(results, subject.returned() or [], strict=False):
                shape = tuple(result.shape)
                if axes.names and all(axis in ("L", "N") for axis in axes.names[:1]):
                    shape, wanted = shape[-1:], subject.shape(axes, lead)[-1:]
                else:
                    wanted = subject.shape(axes, lead)
                assert shape == wanted or not axes.names, f"{shape} instead of {wanted}"
            floats = [x for x in results if is_array(x) and "float" in str(x.dtype)]
            if subject.returned() is not None and takes_floats(subject):
                found = {str(x.dtype).removeprefix("torch.") for x in floats}
                assert found <= {dtype}, f"{found} instead of {dtype}"
    if subject.owner is not None:
        subject.owner.double()


def leaves_its_inputs_alone(subject):
    """Inputs are never mutated."""
    inputs, before = subject.inputs(), copies(subject.inputs())
    for options in all_options(subject):
        subject.call(inputs, **options)
    assert same(inputs, before), "an input was mutated"


def stays_finite(subject):
    """Scores in the thousands overflow nothing, in any dtype."""
    for dtype in DTYPES[subject.library]:
        if subject.owner is not None:
            subject.owner.to(getattr(torch, dtype))
        inputs = subject.inputs(scale=60, dtype=dtype)
        for options in all_options(subject):
            for result in subject.run(inputs, **options):
                assert np.isfinite(result).all(), f"{dtype}, {list(options)}"
    if subject.owner is not None:
        subject.owner.double()


def has_proper_weights(subject):
    """Non-negative, 1 in sum over the keys or what the card names instead, 0 where masked."""
    axes = subject.returned()[0].names
    over = tuple(axes.index(a) - len(axes) for a in subject.normalised_over)
    over = over or tuple(range(-len(keys_of(subject)), 0))
    for options in all_options(subject):
        (weights,) = subject.run(subject.inputs(), **options)
        assert np.all(weights >= 0)
        allowed = seen(subject, weights.shape, options)
        assert not weights[~allowed].any()
        assert_close(weights.sum(axis=over), allowed.any(axis=over).astype(float))


def are_the_weights_of_its_attention(subject):
    """What attention returns is the average of the values under these weights."""
    function = vars(inspect.getmodule(inspect.unwrap(subject.function)))["attention"]
    attention = dataclasses.replace(subject, function=function)
    inputs = attention.inputs()
    asked = {name: inputs[name] for name in subject.inputs()}
    for options in all_options(subject):
        (weights,) = subject.run(asked, **options)
        (output,) = attention.run(inputs, **options)
        assert_close(output, weights @ numpy(inputs["v"]))


# Masks -------------------------------------------------------------------------------------------


def ignores_what_is_masked(subject):
    """A key that is hidden changes nothing."""
    for moved, see, j in each_change(subject):
        assert not (moved & ~see).any(), f"key {j} must not be seen where mask is False"


def sees_what_is_not_masked(subject):
    """A key that is seen changes something: True = may attend."""
    for moved, see, j in each_change(subject):
        assert (moved >= see).all(), f"key {j} must be seen where mask is True"


def each_change(subject):
    """For each key: what moves when it changes, and what may see it, both by query."""
    for j, change in each_key(subject):
        inputs, allowed = subject.inputs(), some_mask(subject)
        before = by_query(subject, inputs, mask=native_mask(subject, allowed))
        changed = copies(inputs)
        change(changed)
        after = by_query(subject, changed, mask=native_mask(subject, allowed))
        moved = before != after
        if has_queries(subject):
            moved = moved.any(axis=tuple(range(3, moved.ndim))).any(axis=(0, 1))
            see = allowed[:, j].copy()
            if subject.function.__name__ == "weights":
                see &= allowed.sum(axis=1) > 1  # a single key has all the weight, whatever it is
                moved &= see | ~allowed[:, j]
            if query_is_key(subject):  # it asks otherwise, too
                see, moved = np.delete(see, j), np.delete(moved, j)
        else:
            see = allowed.reshape(-1)[[j]]
            if returns_a_map(subject):
                moved = moved.reshape(*LEAD, allowed.size, -1).any(axis=(0, 1, 3))
                moved = np.delete(moved, j)  # it asks otherwise, too
            moved = moved.any(keepdims=True).reshape(-1)[:1]
        yield moved, see, j


def gives_zeros_where_nothing_may_be_seen(subject):
    inputs, allowed = subject.inputs(), some_mask(subject)
    if has_queries(subject):
        output = by_query(subject, inputs, mask=native_mask(subject, allowed))
        assert not output[:, :, 1].any(), "a query that may attend to nothing must get zeros"
        assert output[:, :, 0].any()
    output = subject.run(inputs, mask=native_mask(subject, np.zeros_like(allowed)))[0]
    assert not output.any(), "where nothing may be seen, all must be zeros"


def has_finite_gradients(subject):
    """The gradient through a row that sees nothing is finite, and zero for its query."""
    allowed = some_mask(subject)
    inputs = subject.inputs()
    leaves = [x for x in flat(inputs) if isinstance(x, torch.Tensor) and x.is_floating_point()]
    for leaf in leaves:
        leaf.requires_grad_()
    for m in (allowed, np.zeros_like(allowed)):
        output = subject.call(inputs, mask=native_mask(subject, m))[0]
        gradients = torch.autograd.grad(output.square().sum(), leaves, allow_unused=True)
        assert all(g is None or g.isfinite().all() for g in gradients)
    if has_queries(subject) and "q" in inputs:
        output = subject.call(inputs, mask=native_mask(subject, allowed))[0]
        grad_q = torch.autograd.grad(output.square().sum(), inputs["q"])[0]
        assert not grad_q[:, :, 1].any()


def is_aligned_at_the_end(subject):
    """The last L of S queries see what they see among all S."""
    whole = subject.inputs(sizes={"L": size("S")})
    last = whole | of_queries(subject, whole, slice(-size("L"), None))
    assert_close(causal(subject, last), causal(subject, whole)[..., -size("L") :, :])


def does_not_leak_the_future(subject):
    """Changing the tokens after i leaves outputs up to i bitwise the same."""
    n = size(subject.mask.names[-1])
    inputs = subject.inputs(sizes={"L": n})
    before = causal(subject, inputs)
    for i in range(n - 1):
        changed = copies(inputs)
        for name, need in subject.arrays.items():
            axis = position_axis(subject, need)
            if axis is not None:
                index = [slice(None)] * changed[name].ndim
                index[axis] = slice(i + 1, None)
                changed[name][tuple(index)] += 1
        after = causal(subject, changed)
        assert np.array_equal(before[..., : i + 1, :], after[..., : i + 1, :]), f"i = {i}"
        rest = (before != after)[..., i + 1 :, :]
        assert rest.any(axis=(0, 1, -1)).all()


def is_the_same_in_any_chunks(subject):
    """The past as keys and some new queries: any split gives the same answer."""
    n = size("S")
    inputs = subject.inputs(sizes={"L": n})
    whole = causal(subject, inputs)
    for sizes in ([1] * n, [n], [1, 4, 2], [5, 2], [2, 1, 1, 3]):
        ends = np.cumsum(sizes)
        assert ends[-1] == n
        parts = []
        for chunk, end in zip(sizes, ends, strict=True):
            given = inputs | of_queries(subject, inputs, slice(end - chunk, end))
            given |= {name: inputs[name][..., :end, :] for name in ("k", "v")}
            parts.append(causal(subject, given))
        assert_close(np.concatenate(parts, axis=-2), whole)


def of_queries(subject, inputs, places):
    """What the inputs hold of some of the queries."""
    taken = {}
    for name, need in subject.arrays.items():
        if "L" in need.names:
            after = len(need.names) - need.names.index("L") - 1
            taken[name] = inputs[name][(..., places, *after * [slice(None)])]
    return taken


def carries_its_state(subject):
    """A state that is handed on, or kept until reset: any chunks give the same answer."""
    inputs = subject.inputs(sizes={"L": size("S")})
    n = next(inputs[name].shape[-2] for name, need in subject.arrays.items() if len(need.names) > 1)
    whole = in_chunks(subject, inputs, [n])
    for sizes in ([1] * n, [2, n - 2], [n - 1, 1]):
        assert_close(in_chunks(subject, inputs, sizes), whole)
    assert_close(in_chunks(subject, inputs, [n]), whole)


def in_chunks(subject, inputs, sizes):
    """The outputs for chunks of the positions, one after the other, from a state of its own."""
    if hasattr(subject.owner, "reset"):
        subject.owner.reset()
    parts, state, start = [], None, 0
    for length in sizes:
        chunk = {
            name: value[..., start : start + length, :] if name in subject.arrays else value
            for name, value in inputs.items()
        }
        if hasattr(subject.owner, "reset"):
            (output,) = subject.call(chunk)
        else:
            output, state = subject.call(chunk, state=state)
        parts.append(numpy(output))
        start += length
    return np.concatenate(parts, axis=-2)


# Wrong input -------------------------------------------------------------------------------------


def names_the_wrong_argument(subject):
    """A ValueError or TypeError names the argument, what was found and what is needed."""
    for name, value, said in wrong(subject):
        inputs = subject.inputs()
        message = refusal(subject, inputs | {name: value})
        assert name in words(message) or said is None, f"{message!r} does not name {name}"
        if said:
            assert said in message, f"{message!r} does not give {said}"


def wrong(subject):
    """Wrong arguments, made from the declaration: name, value, and what the message must give."""
    inputs, first = subject.inputs(), next(iter(subject.arrays), None)
    for name, need in subject.declared.needs.items():
        if isinstance(need, Count):
            yield from ((name, bad, repr(bad)) for bad in (1.5, True, "3"))
            yield name, need.least - 1, str(need.least - 1)
        elif isinstance(need, Matrices):
            good = inputs[name]
            key = next(iter(good))
            yield name, {k: x for k, x in good.items() if k != key}, key
            yield name, good | {"W_x": good[key]}, "W_x"
            yield name, [*good.values()], "list"
            for k, array in need.arrays.items():
                wider = np.ones([n + 1 for n in subject.shape(array)])
                yield name, good | {k: subject.native(wider)}, str(tuple(wider.shape))
                yield name, good | {k: subject.native(numpy(good[k]), "float32")}, "float32"
                yield name, good | {k: subject.native(numpy(good[k]) > 0)}, "bool"
        elif need.kind == "boolean":
            shape = subject.shape(need)
            yield from ((name, bad, None) for bad in ("text", 1, [[True]]))
            yield name, np.ones(shape), "float64"
            yield name, np.ones(shape, int), "int64"
            if need.names:
                bad = np.ones([*shape[:-1], shape[-1] + 1], bool)
                yield name, bad, str(bad.shape)
        elif need.kind == "number":
            yield from ((name, bad, None) for bad in ("0.5", 1j, {}))
            yield from ((name, bad, str(bad)) for bad in (math.nan, math.inf))
            if need.least is not None:
                yield name, need.least - 1, str(need.least - 1)
        else:
            optional = name not in inputs
            good = numpy(subject.optional(name) if optional else inputs[name])
            for found in wrong_arrays(subject, name, need, good, name == first):
                if found[1] is not None or not optional:
                    yield found


def wrong_arrays(subject, name, need, good, is_first):
    yield from ((name, bad, None) for bad in ("text", None, object(), {}))
    if subject.library == "torch":
        yield name, good, "ndarray"
        yield name, torch.ones(good.shape).to_sparse(), "sparse"
        yield name, torch.ones(good.shape, device="meta"), "meta"
    else:
        yield name, np.ma.masked_array(good), "masked array"
        yield name, [[1.0], [2.0, 3.0]], None
        if good.ndim == 2:
            with warnings.catch_warnings(action="ignore"):
                yield name, np.asmatrix(good), "matrix"
    if need.kind == "floating":
        yield name, subject.native(good > 0), "bool"
        yield name, subject.native((good * 10).astype(int)), "int64"
        yield name, subject.native(good.astype(complex)), "complex128"
        if not need.own_dtype and not is_first:
            yield name, subject.native(good, "float32"), "float32"
    if need.names:
        if len(need.names) > 1:
            short = np.ones([3] * (len(need.names) - 1))
            yield name, subject.native(short), str(short.shape)
        if not need.leading:
            longer = good[None]
            yield name, subject.native(longer), str(longer.shape)
    known = set()
    for other, array in subject.arrays.items():
        if other == name:
            break
        known |= set(array.names)
    for k, axis in enumerate(need.names):
        at = k - len(need.names)
        if axis in known or axis.isdigit() or isinstance(getattr(subject.owner, axis, None), int):
            wider = np.concatenate([good, good.take([0], axis=at)], axis=at)
            yield name, subject.native(wider), str(wider.shape)
        if need.needs_an_entry(axis):
            empty = good.take([], axis=at)
            yield name, subject.native(empty), str(empty.shape)
    if need.leading and not is_first and len(subject.arrays) > 1:
        other = np.broadcast_to(good[:1], (5, *good.shape[1:])).copy()
        yield name, subject.native(other), str(other.shape)


def takes_masks_and_numbers_by_keyword(subject):
    for name, need in subject.declared.needs.items():
        parameter = subject.declared.signature.parameters[name]
        optional = parameter.default is not parameter.empty
        if isinstance(need, Array) and need.broadcasts and optional and name != "reward":
            assert parameter.kind is parameter.KEYWORD_ONLY, name


def points(subject):
    """The points that a declaration promises to keep, less those that the variant departs from."""
    found = [
        has_the_shapes_and_the_dtype_it_declares,
        leaves_its_inputs_alone,
        stays_finite,
        names_the_wrong_argument,
        takes_masks_and_numbers_by_keyword,
    ]
    if subject.has_state:
        found.append(carries_its_state)
    backward = any(name.startswith("grad_") for name in subject.arrays)
    if subject.function.__name__ == "weights":
        found.append(has_proper_weights)
        module = inspect.getmodule(inspect.unwrap(subject.function))
        if subject.owner is None and hasattr(module, "attention"):
            found.append(are_the_weights_of_its_attention)
    if subject.mask is not None and subject.returned() is not None and not backward:
        if subject.mask.names:
            found += [
                ignores_what_is_masked,
                sees_what_is_not_masked,
                gives_zeros_where_nothing_may_be_seen,
            ]
        if subject.library == "torch":
            found.append(has_finite_gradients)
        if has_queries(subject) and subject.function.__name__ != "weights":
            found.append(does_not_leak_the_future)
            if {"q", "k", "v"} <= set(subject.arrays):
                found += [is_aligned_at_the_end, is_the_same_in_any_chunks]
    return [point for point in found if point.__name__ not in subject.departures]


# What the points need ----------------------------------------------------------------------------


def takes_floats(subject):
    return any(need.kind == "floating" and not need.own_dtype for need in subject.arrays.values())


def has_queries(subject):
    """Whether the mask is over queries and keys, not over keys alone."""
    return mask_axes(subject) in (("L", "S"), ("n", "n"))


def by_query(subject, inputs, **options):
    """The first result, with the axis of its queries before that of its heads."""
    (result, *_), axes = subject.run(inputs, **options), subject.returned()[0].names
    return np.moveaxis(result, len(LEAD), len(LEAD) + 1) if axes[:2] == ("H", "L") else result


def mask_axes(subject):
    """The axes of a mask that are neither of size 1 nor that of a batch."""
    return tuple(name for name in subject.mask.names if not name.isdigit() and name != "B")


def keys_of(subject):
    """The axes over which the keys run."""
    if subject.mask is None:
        return ("S",)
    names = mask_axes(subject)
    return names[-1:] if has_queries(subject) else names


def query_is_key(subject):
    return has_queries(subject) and len(set(subject.mask.names)) == 1


def returns_a_map(subject):
    axes = subject.returned()[0].names
    return axes[:2] == ("H", "W") and len(axes) > 2


def position_axis(subject, need):
    """Which axis of an array runs over positions, counted from the end."""
    for axis in set(subject.mask.names):
        if axis in need.names:
            return need.names.index(axis) - len(need.names)
    return None


def mask_shape(subject):
    return tuple(size(axis) for axis in subject.mask.names if axis != "B")


def some_mask(subject):
    """A mask whose query 1 may attend to nothing, and that shows key 2 to nobody."""
    allowed = np.random.default_rng(1).random(mask_shape(subject)) < 0.6
    if has_queries(subject):
        allowed[0, :2] = True, False
        allowed[1], allowed[:, 2] = False, False
    else:
        flat_view = allowed.reshape(-1)
        flat_view[:4] = True, False, False, True
    return allowed


def native_mask(subject, allowed):
    return allowed if subject.library == "numpy" else torch.from_numpy(allowed.copy())


def each_key(subject):
    """Every key, and a function that changes what it holds in all arguments."""
    keys = keys_of(subject)
    sizes = [size(axis) for axis in keys]
    for j, place in enumerate(np.ndindex(*sizes)):

        def change(inputs, place=place):
            for name, need in subject.arrays.items():
                if not set(keys) <= set(need.names) or need.kind != "floating" or need.own_dtype:
                    continue
                index = [slice(None)] * inputs[name].ndim
                for axis, at in zip(keys, place, strict=True):
                    index[need.names.index(axis) - len(need.names)] = at
                inputs[name][tuple(index)] += 1 if name in ("v", "x") else 0.5
                inputs[name][tuple(index)] *= 1.5

        yield j, change


def seen(subject, shape, options):
    """Where weights of a shape may be above 0."""
    allowed = options.get("mask")
    if allowed is None:
        return np.ones(shape, bool)
    allowed = numpy(allowed)
    if returns_a_map(subject):
        return np.broadcast_to(allowed, shape)
    if not has_queries(subject):
        allowed = allowed.reshape([size(axis) for axis in keys_of(subject)])
    return np.broadcast_to(allowed, shape)


def all_options(subject):
    """The ways to call it: plain, and masked."""
    if subject.mask is None:
        return [{}]
    return [{}, {"mask": native_mask(subject, some_mask(subject))}] if subject.mask.names else [{}]


def causal(subject, inputs):
    """The output under causal masking."""
    lengths = [
        next(
            inputs[name].shape[need.names.index(axis) - len(need.names)]
            for name, need in subject.arrays.items()
            if axis in need.names
        )
        for axis in subject.mask.names
    ]
    return subject.run(inputs, mask=native_mask(subject, masks.causal(*lengths)))[0]


def refusal(subject, inputs):
    """The message with which a wrong call is refused."""
    with pytest.raises((ValueError, TypeError)) as caught:
        subject.call(inputs)
    return str(caught.value)


def words(message):
    return set("".join(c if c.isalnum() or c == "_" else " " for c in message).split())


def flat(value):
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in flat(part)]
    if isinstance(value, list | tuple):
        return [leaf for part in value for leaf in flat(part)]
    return [value]


def same(one, other):
    pairs = zip(flat(one), flat(other), strict=True)
    return all(np.array_equal(numpy(a), numpy(b)) for a, b in pairs if is_array(a))


def assert_close(found, expected):
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


# The contract, over everything that is found -----------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "point"),
    [
        pytest.param(subject, point, id=f"{subject.label}-{point.__name__}")
        for subject in SUBJECTS
        for point in points(subject)
    ],
)
def test_contract(subject, point):
    point(subject)


TWINS = [
    (subject, twin)
    for subject in SUBJECTS
    for twin in SUBJECTS
    if subject.room == "reference"
    and twin.room == "module"
    and subject.owner is twin.owner
    and subject.variant == twin.variant
    and subject.function.__name__ == twin.function.__name__
    and subject.variant != "softmax"  # NumPy's runs over any axis
]


@pytest.mark.parametrize(
    ("one", "other"), [pytest.param(*pair, id=pair[0].label) for pair in TWINS]
)
def test_reference_and_module_need_the_same(one, other):
    """They may not share a declaration, as they may share nothing, but they declare the same."""
    extra = set(other.declared.needs) - set(one.declared.needs)
    assert extra <= {"temperature"}
    for name, need in one.declared.needs.items():
        twin = other.declared.needs[name]
        if isinstance(need, Array):
            need, twin = (dataclasses.replace(x, says="") for x in (need, twin))
        elif isinstance(need, Matrices):
            need, twin = need.arrays, twin.arrays
        assert need == twin, name
    assert one.returned() is None or one.declared.returns == other.declared.returns


@pytest.mark.parametrize(
    ("one", "other"), [pytest.param(*pair, id=pair[0].label) for pair in TWINS]
)
def test_reference_and_module_agree(one, other):
    for options in all_options(one):
        found, expected = one.run(one.inputs(), **options), other.run(other.inputs(), **options)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


# Nothing escapes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variant", "room", "module"),
    [pytest.param(*found, id=f"{found[0]}.{found[1]}") for found in rooms()],
)
def test_every_public_callable_has_a_declaration(variant, room, module):
    found = list(public(module))
    assert found, f"{variant}.{room} offers nothing"
    for function, _ in found:
        assert declaration(function) is not None or not takes_arguments(function), function


def test_every_subject_is_tried_on_at_least_four_points():
    assert {"scores.scaled_dot_product", "layers.residual_stack"} <= set(variants())
    for subject in SUBJECTS:
        assert len(points(subject)) >= 4, subject.label


def test_departures_are_real_points_of_real_functions_and_say_why():
    known = {point.__name__ for subject in SUBJECTS for point in points(subject)}
    known |= {has_finite_gradients.__name__}
    for subject in SUBJECTS:
        for point, why in subject.departures.items():
            assert point in known
            assert len(why) > 20


DOCUMENTED = {
    f"{variant}.{room}.{function.__name__}": function
    for variant, room, module in rooms()
    for function, kind in public(module)
    if takes_arguments(function) and kind is None
}


@pytest.mark.parametrize("label", DOCUMENTED)
def test_docstrings(label):
    doc = inspect.getdoc(DOCUMENTED[label]) or ""
    missing = [part for part in ("Shapes:", "Raises:", "Source:") if part not in doc]
    assert not missing, f"{label} does not say {missing}"


@pytest.mark.parametrize("variant", variants())
def test_a_variant_names_its_limit_case(variant):
    if variant in ("softmax", "simplest"):
        return
    package = inspect.getmodule(next(m for v, _, m in rooms() if v == variant))
    doc = __import__(package.__name__.rpartition(".")[0], fromlist=["x"]).__doc__
    assert "Limit case" in doc


@pytest.mark.parametrize(
    "kind",
    dict.fromkeys(k for _, _, module in rooms() for _, k in public(module) if k),
    ids=lambda k: k.__name__,
)
def test_a_module_names_a_wrong_size(kind):
    made(kind)
    counts = declaration(kind.__init__)
    good = {
        name: 3
        for name, parameter in counts.signature.parameters.items()
        if name != "self" and parameter.default is parameter.empty
    }
    for name in good:
        for bad in (1.5, "3", True, -1):
            with pytest.raises((TypeError, ValueError), match=rf"^{name} is "):
                kind(**(good | {name: bad}))


# The contract bites ------------------------------------------------------------------------------

QKV = "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v"
QK = "q: ... L d_k, k: ... S d_k, mask: ... L S -> ... L S"


@shapes(np, QKV)
def honest(q, k, v, *, mask=None):
    """A stand-in that keeps the contract; each of those below breaks one point of it."""
    return plain.attention(q, k, v, mask=mask)


@shapes(np, QKV)
def fills_with_a_large_number(q, k, v, *, mask=None):
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    return softmax(scores if mask is None else np.where(mask, scores, -1e9)) @ v


@shapes(np, QKV)
def takes_true_for_blocked(q, k, v, *, mask=None):
    return plain.attention(q, k, v, mask=None if mask is None else ~mask)


@shapes(np, QKV)
def ignores_the_mask(q, k, v, *, mask=None):
    return plain.attention(q, k, v)


@shapes(np, QKV)
def centres_over_all_keys(q, k, v, *, mask=None):
    return plain.attention(q, k - k.mean(axis=-2, keepdims=True), v - v.mean(-2, keepdims=True))


@shapes(np, QKV)
def sees_one_token_too_far(q, k, v, *, mask=None):
    if mask is not None:
        mask = mask | np.roll(mask, 1, axis=-1)
    return plain.attention(q, k, v, mask=mask)


@shapes(np, QKV)
def damps_by_absolute_position(q, k, v, *, mask=None):
    return plain.weights(q, k, mask=mask) @ v / np.arange(1, q.shape[-2] + 1)[:, None]


@shapes(np, QK)
def weights_twice_as_large(q, k, *, mask=None):
    return 2 * plain.weights(q, k, mask=mask)


@shapes(np, QK)
def negative_weights(q, k, *, mask=None):
    return 2 / k.shape[-2] - plain.weights(q, k, mask=mask)


@shapes(np, QK)
def leaves_a_trace_of_masked_weights(q, k, *, mask=None):
    return plain.weights(q, k, mask=mask) + 1e-300


@shapes(np, QKV, narrows=False)
def returns_float64(q, k, v, *, mask=None):
    return plain.attention(q, k, v, mask=mask).astype(np.float64)


@shapes(np, QKV.replace("-> ... L d_v", "-> ... L d_k"))
def returns_another_shape(q, k, v, *, mask=None):
    return plain.attention(q, k, v, mask=mask)


@shapes(np, QKV, widens=False)
def scales_in_place(q, k, v, *, mask=None):
    q /= math.sqrt(q.shape[-1])
    return softmax(q @ k.mT, mask=mask) @ v


@shapes(np, QKV)
def overflows(q, k, v, *, mask=None):
    with np.errstate(over="ignore", invalid="ignore"):
        exponentials = np.exp(q @ k.mT / math.sqrt(q.shape[-1]))
        return exponentials / exponentials.sum(axis=-1, keepdims=True) @ v


@shapes(np, QKV)
def takes_the_mask_by_position(q, k, v, mask=None):
    return plain.attention(q, k, v, mask=mask)


@shapes(torch, QKV)
def divides_zero_by_zero(q, k, v, *, mask=None):
    """In PyTorch: the output of the empty row is mended, its gradient is not."""
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores + mask.log()
    return torch.softmax(scores, dim=-1).nan_to_num() @ v


def says_nothing(function):
    """The function with every refusal in one word."""

    @functools.wraps(function)
    def quiet(*args, **options):
        try:
            return function(*args, **options)
        except (TypeError, ValueError):
            raise ValueError("bad input") from None

    return quiet


def checks_nothing(function):
    """The function as it stands below its declaration."""
    bare = inspect.unwrap(function)

    @functools.wraps(bare)
    def unchecked(*args, **options):
        return bare(*args, **options)

    unchecked.__declaration__ = declaration(function)
    return unchecked


RECURRENT = "q: * L d_k, k: * L d_k, v: * L d_v -> * L d_v, * d_k d_v"


def recurrence(q, k, v, state):
    """Linear attention without a normaliser: every pair so far is one matrix."""
    states = (k[..., :, None] * v[..., None, :]).cumsum(axis=-3)
    if state is not None:
        states = states + state[..., None, :, :]
    return (q[..., None, :] @ states)[..., 0, :], states[..., -1, :, :]


@shapes(np, RECURRENT)
def keeps_its_state(q, k, v, *, state=None):
    return recurrence(q, k, v, state)


@shapes(np, RECURRENT)
def drops_its_state(q, k, v, *, state=None):
    return recurrence(q, k, v, None)


class Remembers(torch.nn.Module):
    """Sums what it has seen, until it is reset."""

    def __init__(self, forgets=True):
        super().__init__()
        self.forgets, self.total = forgets, None

    def reset(self):
        if self.forgets:
            self.total = None

    @shapes(torch, "x: ... n d -> ... n d")
    def forward(self, x):
        sums = x.cumsum(dim=-2)
        sums = sums if self.total is None else sums + self.total
        self.total = sums[..., -1:, :]
        return sums


@shapes(np, QK)
def weights_over_the_queries(q, k, *, mask=None):
    scores = q @ k.mT
    scores = scores if mask is None else np.where(mask, scores, -np.inf)
    return softmax(scores, axis=-2)


BREAKS = [
    (drops_its_state, carries_its_state),
    (fills_with_a_large_number, gives_zeros_where_nothing_may_be_seen),
    (takes_true_for_blocked, sees_what_is_not_masked),
    (ignores_the_mask, ignores_what_is_masked),
    (ignores_the_mask, gives_zeros_where_nothing_may_be_seen),
    (centres_over_all_keys, does_not_leak_the_future),
    (sees_one_token_too_far, does_not_leak_the_future),
    (sees_one_token_too_far, ignores_what_is_masked),
    (damps_by_absolute_position, is_aligned_at_the_end),
    (damps_by_absolute_position, is_the_same_in_any_chunks),
    (returns_float64, has_the_shapes_and_the_dtype_it_declares),
    (returns_another_shape, has_the_shapes_and_the_dtype_it_declares),
    (scales_in_place, leaves_its_inputs_alone),
    (overflows, stays_finite),
    (takes_the_mask_by_position, takes_masks_and_numbers_by_keyword),
    (says_nothing(honest), names_the_wrong_argument),
    (checks_nothing(fills_with_a_large_number), names_the_wrong_argument),
]
WEIGHTS = [weights_twice_as_large, negative_weights, leaves_a_trace_of_masked_weights]


@pytest.mark.parametrize("point", points(Subject(honest)), ids=lambda p: p.__name__)
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


@pytest.mark.parametrize("broken", WEIGHTS)
def test_broken_weights_are_caught(broken):
    has_proper_weights(Subject(plain.weights))
    with pytest.raises(AssertionError):
        has_proper_weights(Subject(broken))


def test_weights_may_be_normalised_over_what_the_card_names():
    has_proper_weights(Subject(weights_over_the_queries, normalised_over=("L",)))
    with pytest.raises(AssertionError):
        has_proper_weights(Subject(weights_over_the_queries))
    with pytest.raises(AssertionError):
        has_proper_weights(Subject(plain.weights, normalised_over=("L",)))


def test_a_state_is_tried_wherever_there_is_one():
    kept = Subject(keeps_its_state)
    module = Subject(Remembers.forward, room="module", owner=Remembers())
    for subject in (kept, module):
        assert carries_its_state in points(subject)
        carries_its_state(subject)
    assert carries_its_state not in points(Subject(honest))


def test_a_module_that_never_forgets_is_caught():
    with pytest.raises(AssertionError):
        carries_its_state(Subject(Remembers.forward, owner=Remembers(forgets=False)))


def test_weights_of_something_else_are_caught(monkeypatch):
    subject = Subject(plain.weights)
    are_the_weights_of_its_attention(subject)
    monkeypatch.setattr(plain, "attention", damps_by_absolute_position)
    with pytest.raises(AssertionError):
        are_the_weights_of_its_attention(subject)


def test_a_gradient_that_is_not_finite_is_caught():
    subject = Subject(divides_zero_by_zero, room="module")
    ignores_what_is_masked(subject)
    with pytest.raises(AssertionError):
        has_finite_gradients(subject)


def test_every_point_is_seen_to_bite():
    bitten = {point for _, point in BREAKS}
    bitten |= {has_proper_weights, are_the_weights_of_its_attention, has_finite_gradients}
    stateful = Subject(keeps_its_state)
    assert bitten == {point for subject in [*SUBJECTS, stateful] for point in points(subject)}
