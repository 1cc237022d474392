import doctest

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attention_book import masks
from attention_book.masks import causal, document, padding, prefix, window

sizes = st.integers(0, 9)
few = settings(deadline=None, max_examples=60)


def brute_force(L, S, may_attend):
    """The mask by a loop, where ``may_attend(i, j)`` has query i at its own key position."""
    mask = np.zeros((L, S), dtype=bool)
    for row in range(L):
        for j in range(S):
            mask[row, j] = may_attend(S - L + row, j)
    return mask


def same(mask, expected):
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, expected, strict=True)


def test_the_example_of_the_module_is_right():
    results = doctest.testmod(masks)
    assert results.attempted >= 1
    assert results.failed == 0


def test_written_out():
    x, o = True, False
    same(causal(2, 5), np.array([[x, x, x, x, o], [x, x, x, x, x]]))
    same(causal(3, 2), np.array([[o, o], [x, o], [x, x]]))
    same(window(2, 5, size=3), np.array([[o, x, x, x, o], [o, o, x, x, x]]))
    same(prefix(3, 4, size=3), np.array([[x, x, x, o], [x, x, x, o], [x, x, x, x]]))
    same(padding([2, 3], 4), np.array([[[x, x, o, o]], [[x, x, x, o]]]))
    same(document([7, 7, 8], [7, 8]), np.array([[x, o], [x, o], [o, x]]))


@few
@given(sizes, sizes)
def test_causal(L, S):
    same(causal(L, S), brute_force(L, S, lambda i, j: j <= i))


@few
@given(sizes, sizes, st.integers(1, 11))
def test_window(L, S, size):
    same(window(L, S, size=size), brute_force(L, S, lambda i, j: j <= i and i - j <= size - 1))


@few
@given(sizes, sizes, st.integers(0, 11))
def test_prefix(L, S, size):
    same(prefix(L, S, size=size), brute_force(L, S, lambda i, j: j <= i or j <= size - 1))


@few
@given(st.lists(st.integers(0, 6), min_size=1, max_size=4))
def test_padding(lengths):
    mask = padding(lengths, 6)
    assert mask.shape == (len(lengths), 1, 6)
    for b, length in enumerate(lengths):
        assert mask[b, 0].tolist() == [True] * length + [False] * (6 - length)


@few
@given(st.integers(1, 3), sizes, sizes, st.integers(0, 99))
def test_document(batch, L, S, seed):
    rng = np.random.default_rng(seed)
    queries, keys = rng.integers(3, size=(batch, L)), rng.integers(3, size=(batch, S))
    mask = document(queries, keys)
    assert mask.shape == (batch, L, S)
    for b in range(batch):
        same(mask[b], brute_force(L, S, lambda i, j, b=b: queries[b, i - S + L] == keys[b, j]))


def test_one_size_means_a_square():
    same(causal(4), causal(4, 4))
    same(window(4, size=2), window(4, 4, size=2))
    same(prefix(4, size=2), prefix(4, 4, size=2))
    same(document([1, 1, 2]), document([1, 1, 2], [1, 1, 2]))


@few
@given(sizes, sizes, st.integers(0, 3))
def test_limit_cases(L, S, more):
    same(window(L, S, size=max(S, 1) + more), causal(L, S))
    same(prefix(L, S, size=0), causal(L, S))
    same(prefix(L, S, size=S + more), np.ones((L, S), dtype=bool))
    same(document([5] * L, [5] * S), np.ones((L, S), dtype=bool))
    same(padding(S, S), np.ones((1, S), dtype=bool))
    same(padding(0, S), np.zeros((1, S), dtype=bool))


def test_a_window_of_one_is_the_position_itself():
    same(window(5, size=1), np.eye(5, dtype=bool))
    same(window(2, 5, size=1), np.eye(2, 5, k=3, dtype=bool))


@few
@given(st.integers(1, 6), st.integers(0, 6), st.data())
def test_the_last_queries_see_what_they_see_in_the_whole(L, past, data):
    size = data.draw(st.integers(1, 8))
    S = L + past
    same(causal(L, S), causal(S)[-L:])
    same(window(L, S, size=size), window(S, size=size)[-L:])
    same(prefix(L, S, size=size), prefix(S, size=size)[-L:])


def test_masks_combine():
    lengths, ids, L, S = [3, 5], np.array([[1, 1, 2, 2, 2], [1, 2, 2, 2, 3]]), 4, 5
    combined = causal(L, S) & padding(lengths, S) & ~document(ids[:, -L:], ids)
    with_sink = window(L, S, size=2) | padding(1, S)
    assert combined.shape == (2, L, S)
    for b in range(2):
        expected = brute_force(
            L, S, lambda i, j, b=b: j <= i and j < lengths[b] and ids[b, i] != ids[b, j]
        )
        same(combined[b], expected)
    same(with_sink, brute_force(L, S, lambda i, j: i - 1 <= j <= i or j < 1))


def test_padding_broadcasts_over_heads_and_queries():
    mask = padding([1, 3], 4)[:, None] & causal(2, 4)
    assert mask.shape == (2, 1, 2, 4)
    same(mask[0, 0], brute_force(2, 4, lambda i, j: j < 1))
    assert padding([[1, 2, 3], [0, 4, 2]], 4).shape == (2, 3, 1, 4)
    assert padding(np.zeros(0, dtype=int), 4).shape == (0, 1, 4)


def test_numpy_integers_are_sizes_too():
    same(window(np.int64(3), np.int32(4), size=np.int8(2)), window(3, 4, size=2))
    same(padding(np.array([1, 2], dtype=np.uint8), 3), padding([1, 2], 3))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: causal(2.0), TypeError, r"L is 2\.0; it needs an integer"),
        (lambda: causal("3"), TypeError, "L is '3'; it needs an integer"),
        (lambda: causal(True), TypeError, "L is True; it needs an integer"),
        (lambda: causal(2, 3.5), TypeError, r"S is 3\.5; it needs an integer"),
        (lambda: causal(1, -2), ValueError, "S is -2; it must be at least 0"),
        (lambda: window(-1, size=2), ValueError, "L is -1"),
        (lambda: window(2, -1, size=2), ValueError, "S is -1"),
        (lambda: window(2, size=0), ValueError, "size is 0; it must be at least 1"),
        (lambda: window(2, size=1.5), TypeError, r"size is 1\.5; it needs an integer"),
        (lambda: window(2, size=None), TypeError, "size is None"),
        (lambda: window(2, 3, 1), TypeError, "positional"),
        (lambda: prefix(2, 3, 1), TypeError, "positional"),
        (lambda: prefix(-2, size=1), ValueError, "L is -2"),
        (lambda: prefix(2, -3, size=1), ValueError, "S is -3"),
        (lambda: prefix(2, size=-1), ValueError, "size is -1; it must be at least 0"),
        (lambda: prefix(2, size="x"), TypeError, "size is 'x'"),
        (lambda: padding([1.0], 3), TypeError, "lengths has dtype float64; it needs integers"),
        (lambda: padding([True], 3), TypeError, "lengths has dtype bool; it needs integers"),
        (lambda: padding([2, 4], 3), ValueError, "lengths runs from 2 to 4; it needs 0 to 3"),
        (lambda: padding([-1, 2], 3), ValueError, "lengths runs from -1 to 2; it needs 0 to 3"),
        (lambda: padding([1], 2.0), TypeError, r"S is 2\.0; it needs an integer"),
        (lambda: padding([0], -1), ValueError, "S is -1; it must be at least 0"),
        (lambda: document(1), ValueError, r"query_ids has shape \(\); it needs one id"),
        (lambda: document([1], 2), ValueError, r"key_ids has shape \(\); it needs one id"),
        (lambda: document([[1, 2]], [1, 2]), ValueError, r"key_ids has shape \(2,\).*\(1,\)"),
        (
            lambda: document(np.zeros((2, 4)), np.zeros((3, 5))),
            ValueError,
            r"key_ids has shape \(3, 5\).*query_ids, \(2,\)",
        ),
    ],
)
def test_bad_input_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    "mask",
    [causal(3, 7), causal(3, 7)[:, ::-1], np.broadcast_to(causal(1, 7), (3, 7))],
    ids=["plain", "backwards", "read-only"],
)
def test_as_tensor_takes_every_view(mask):
    tensor = masks.as_tensor(mask)
    assert tensor.dtype == torch.bool
    assert tensor.tolist() == mask.tolist()
    assert masks.as_tensor(tensor) is tensor


def test_as_tensor_names_what_it_can_not_take():
    with pytest.raises(TypeError, match=r"mask is a list; it needs a boolean array or tensor"):
        masks.as_tensor([True])
