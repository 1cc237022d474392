import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attention_book.softmax import softmax


def by_hand(row, allowed):
    """The softmax of one row of Python floats, entry by entry, without a shift."""
    exponentials = [math.exp(s) if a else 0.0 for s, a in zip(row, allowed, strict=True)]
    total = math.fsum(exponentials)
    return [e / total if total else 0.0 for e in exponentials]


def test_two_scores_by_hand():
    # exp(log 3) : exp(0) is 3 : 1
    np.testing.assert_allclose(softmax(np.array([math.log(3), 0.0])), [0.75, 0.25], rtol=1e-15)


@settings(deadline=None, max_examples=60)
@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    axis=st.integers(-3, 2),
    seed=st.integers(0, 999),
)
def test_against_a_loop_along_any_axis(shape, axis, seed):
    axis %= len(shape)
    rng = np.random.default_rng(seed)
    scores = 3 * rng.standard_normal(shape)
    mask = rng.random(shape) < 0.6

    result = softmax(scores, mask=mask, axis=axis)

    assert result.shape == scores.shape
    rows, allowed, results = (
        np.moveaxis(x, axis, -1).reshape(-1, shape[axis]) for x in (scores, mask, result)
    )
    for row, may_attend, found in zip(rows, allowed, results, strict=True):
        np.testing.assert_allclose(found, by_hand(row, may_attend), rtol=1e-13, atol=0)


def test_the_axis_is_the_last_one_unless_said_otherwise():
    scores = np.array([[0.0, 1.0, 2.0], [5.0, 3.0, 4.0]])
    np.testing.assert_array_equal(softmax(scores), softmax(scores, axis=1))
    np.testing.assert_allclose(softmax(scores).sum(axis=1), [1, 1], rtol=1e-15)
    np.testing.assert_allclose(softmax(scores, axis=0).sum(axis=0), [1, 1, 1], rtol=1e-15)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 999))
def test_what_is_masked_gets_exactly_zero_and_the_rest_sums_to_one(L, S, seed):
    rng = np.random.default_rng(seed)
    scores, mask = rng.standard_normal((L, S)), rng.random((L, S)) < 0.4
    weights = softmax(scores, mask=mask)
    assert np.all(weights[~mask] == 0)
    assert np.all(weights[mask] > 0)
    np.testing.assert_allclose(weights.sum(axis=-1), mask.any(axis=-1), rtol=1e-14)


def test_masking_a_score_is_leaving_it_out():
    for masked in (900.0, np.inf, np.nan):
        scores = np.array([0.3, masked, -1.2, 0.7])
        weights = softmax(scores, mask=np.array([True, False, True, True]))
        np.testing.assert_array_equal(weights[[0, 2, 3]], softmax(scores[[0, 2, 3]]))


def test_a_mask_broadcasts_over_the_leading_axes():
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((2, 3, 4))
    mask = np.array([[True, False, True, True], [True] * 4, [False] * 4])
    expected = softmax(scores, mask=np.broadcast_to(mask, scores.shape))
    np.testing.assert_array_equal(softmax(scores, mask=mask), expected)


@pytest.mark.parametrize("shape", [(3, 0), (0, 3), (2, 0, 0)])
def test_nothing_in_nothing_out(shape):
    assert softmax(np.zeros(shape)).shape == shape


def test_a_row_of_minus_infinity_is_an_empty_row():
    np.testing.assert_array_equal(softmax(np.full((2, 3), -np.inf)), np.zeros((2, 3)))


def test_a_shift_of_all_scores_changes_nothing():
    scores = np.array([[0.5, -1.0, 2.0], [0.0, 0.25, 0.5]])
    np.testing.assert_array_equal(softmax(scores + 1024), softmax(scores))  # 1024: no rounding


def test_a_small_weight_is_small_and_not_zero():
    np.testing.assert_allclose(softmax(np.array([0.0, -700.0])), [1, math.exp(-700)], rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_large_scores_stay_finite_in_their_own_dtype(dtype):
    top = dtype(3e4)
    weights = softmax(np.array([[top, top, -top], [-top, -top, 0]], dtype=dtype))
    assert weights.dtype == dtype
    np.testing.assert_array_equal(weights, [[0.5, 0.5, 0], [0, 0, 1]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_mask_leaves_the_dtype_alone(dtype):
    weights = softmax(np.zeros((2, 3), dtype), mask=np.array([[True, True, False], [False] * 3]))
    assert weights.dtype == dtype
    np.testing.assert_array_equal(weights, [[0.5, 0.5, 0], [0, 0, 0]])


def test_arguments_are_not_mutated():
    scores, mask = np.array([[1.0, 2.0, 3.0]]), np.array([[True, False, True]])
    softmax(scores, mask=mask)
    np.testing.assert_array_equal(scores, [[1, 2, 3]])
    np.testing.assert_array_equal(mask, [[True, False, True]])


@pytest.mark.parametrize(
    ("scores", "mask", "error", "message"),
    [
        (np.array([1, 2]), None, TypeError, "scores has dtype int64; it needs a floating"),
        (np.array([1j, 2]), None, TypeError, "scores has dtype complex128"),
        (np.zeros(2), np.array([1, 0]), TypeError, "mask has dtype int64; it needs bool"),
        (np.zeros(2), np.array([0.0, -np.inf]), TypeError, "mask has dtype float64"),
        (np.zeros((2, 3)), np.ones((3, 2), bool), ValueError, r"mask has shape \(3, 2\).*\(2, 3\)"),
        (np.zeros(3), np.ones((2, 2), bool), ValueError, r"mask has shape \(2, 2\).*\(3,\)"),
    ],
)
def test_bad_input_is_named(scores, mask, error, message):
    with pytest.raises(error, match=message):
        softmax(scores, mask=mask)


def test_a_mask_may_bring_leading_dimensions():
    found = softmax(np.zeros(3), mask=np.array([[True, True, False], [False, False, False]]))
    assert found.tolist() == [[0.5, 0.5, 0], [0, 0, 0]]


def test_mask_and_axis_are_keyword_only():
    with pytest.raises(TypeError, match="positional"):
        softmax(np.zeros((2, 3)), np.ones((2, 3), bool))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_scores_at_both_ends_of_the_dtype(dtype):
    ends = np.array([np.finfo(dtype).max, np.finfo(dtype).min], dtype=dtype)
    assert softmax(ends).tolist() == [1, 0]
