"""Oracles: softmax over all keys at once by loops, PyTorch's own kernel, ``torch.logsumexp``."""

import functools
import itertools
import math
import warnings

import numpy as np
import pytest
import test_contract as contract
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from subjects import Subject
from torch.nn.attention.flex_attention import flex_attention
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode
from witnesses import average_by_loop, close, dot, some_mask, tensors
from witnesses import rooms as both_rooms

from attention_book import cost, masks
from attention_book.scores.scaled_dot_product import reference as dot_product
from attention_book.shapes import shapes
from attention_book.tiles.flash import module as flash
from attention_book.tiles.flash import reference as flash_reference
from attention_book.tiles.online_softmax import module as online
from attention_book.tiles.online_softmax import reference
from attention_book.tiles.shared_prefix import module as prefix_module
from attention_book.tiles.shared_prefix import reference as prefix_reference

B, H, L, S, K, V = 2, 3, 4, 7, 5, 6
few = settings(deadline=None, max_examples=40)


def normal(*shapes, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    return [scale * rng.standard_normal(shape) for shape in shapes]


def qkv(seed=0, scale=1.0, leading=(), sizes=(L, S)):
    rows, keys = sizes
    q, k = normal((*leading, rows, K), (*leading, keys, K), seed=seed, scale=scale)
    return q, k, *normal((*leading, keys, V), seed=seed + 1)


def by_loop(q, k, v, mask=None):
    """Outputs and logsumexps in Python floats; scores must be small."""
    scale = math.sqrt(q.shape[-1])
    strength = lambda a, b: math.exp(dot(a, b) / scale)  # noqa: E731
    rows = q.tolist(), k.tolist(), v.tolist()
    output, _ = average_by_loop(*rows, strength, mask)
    sums = [
        math.fsum(strength(a, b) for j, b in enumerate(rows[1]) if mask is None or mask[i][j])
        for i, a in enumerate(rows[0])
    ]
    return output, np.array([math.log(x) if x else -math.inf for x in sums])


def in_torch(name):
    """The module's function on arrays."""
    function = getattr(online, name)

    def call(*args, mask=None, **options):
        results = function(*tensors(*args), mask=mask, **options)
        return tuple(x.numpy() for x in results) if isinstance(results, tuple) else results.numpy()

    return call


ATTEND = pytest.mark.parametrize(
    "attend", [reference.attend, in_torch("attend")], ids=["numpy", "torch"]
)
ATTENTION = pytest.mark.parametrize(
    "attention", [reference.attention, in_torch("attention")], ids=["numpy", "torch"]
)


def merge_in_torch(*parts):
    return tuple(x.numpy() for x in online.merge(*tensors(*parts)))


MERGE = pytest.mark.parametrize("merge", [reference.merge, merge_in_torch], ids=["numpy", "torch"])


# Partial results ---------------------------------------------------------------------------------


@ATTEND
@pytest.mark.parametrize("masked", [False, True])
def test_a_part_against_a_loop(attend, masked):
    q, k, v = qkv()
    mask = some_mask(L, S) if masked else None
    for found, expected in zip(attend(q, k, v, mask=mask), by_loop(q, k, v, mask), strict=True):
        close(found, expected)
    if masked:
        assert attend(q, k, v, mask=mask)[1][1] == -np.inf


@ATTEND
def test_a_part_against_pytorch(attend):
    q, k, v = qkv(leading=(B, H))
    output, logsumexp = attend(q, k, v)
    q, k, v = tensors(q, k, v)
    close(output, F.scaled_dot_product_attention(q, k, v))
    close(logsumexp, torch.logsumexp(q @ k.mT / math.sqrt(K), dim=-1))


@ATTEND
def test_values_may_have_more_heads_than_keys(attend):
    """Then the logsumexp is there for each output, so that any two parts merge."""
    q, k, _ = qkv()
    (v,) = normal((H, S, V))
    output, logsumexp = attend(q, k, v)
    assert logsumexp.shape == output.shape[:-1] == (H, L)
    in_tiles = flash.attend(*tensors(q, k, v), rows=2, columns=3)
    close(logsumexp, in_tiles[1])
    close(output, in_tiles[0])
    logsumexp[0] = 0  # a result of its own, and writable


@ATTEND
def test_no_keys_are_the_identity(attend):
    q, k, v = qkv()
    output, logsumexp = attend(q, k[:0], v[:0])
    assert output.shape == (L, V)
    assert not output.any()
    assert (logsumexp == -np.inf).all()


@ATTEND
@pytest.mark.parametrize("shift", [-1e4, 1e4])
def test_scores_far_from_zero(attend, shift):
    """A feature that is the same in all keys moves every score of a query alike."""
    q, k, v = qkv()
    q[:, 0], k[:, 0] = shift * math.sqrt(K), 1
    output, logsumexp = attend(q, k, v)
    q[:, 0] = 0
    expected = by_loop(q, k, v)
    close(output, expected[0], 1e-9)
    close(logsumexp, expected[1] + shift, 1e-9)


# The merge ---------------------------------------------------------------------------------------


@ATTEND
@MERGE
@few
@given(data=st.data())
def test_any_parts_in_any_order_and_grouping_are_the_whole(attend, merge, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    q, k, v = qkv(int(rng.integers(99)), scale=data.draw(st.sampled_from([1.0, 30.0])))
    mask = some_mask(L, S, seed=int(rng.integers(99)))
    where = rng.integers(0, data.draw(st.integers(1, 5)), S)  # parts may be empty
    parts = [
        attend(q, k[where == p], v[where == p], mask=mask[:, where == p])
        for p in rng.permutation(where.max() + 1)
    ]
    while len(parts) > 1:  # any two of them, in any order
        one, two = rng.choice(len(parts), 2, replace=False)
        merged = merge(*parts[one], *parts[two])
        parts = [p for n, p in enumerate(parts) if n not in (one, two)] + [merged]
    for found, expected in zip(parts[0], attend(q, k, v, mask=mask), strict=True):
        close(found, expected, 1e-11)


@MERGE
def test_the_merge_is_commutative_and_associative_and_has_an_identity(merge):
    (outputs, sums) = normal((3, L, V), (3, L), seed=4)
    sums[0, 1] = sums[1, 2] = sums[2, 2] = -np.inf
    a, b, c = [
        (np.where(np.isinf(s)[:, None], 0, o), s) for o, s in zip(outputs, sums, strict=True)
    ]
    nothing = np.zeros((L, V)), np.full(L, -np.inf)
    pairs = [
        (merge(*a, *b), merge(*b, *a)),
        (merge(*merge(*a, *b), *c), merge(*a, *merge(*b, *c))),
        (merge(*a, *nothing), a),
        (merge(*nothing, *a), a),
        (merge(*nothing, *nothing), nothing),
    ]
    for found, expected in pairs:
        for x, y in zip(found, expected, strict=True):
            close(x, y)


@MERGE
@pytest.mark.parametrize("size", [1e4, -1e4, 5e7])
def test_logsumexps_of_any_size(merge, size):
    outputs = normal((L, V), (L, V))
    sums = np.full(L, size), np.full(L, size + math.log(3))
    output, logsumexp = merge(outputs[0], sums[0], outputs[1], sums[1])
    close(output, outputs[0] / 4 + 3 * outputs[1] / 4, 1e-7)
    close(logsumexp, np.full(L, size + math.log(4)), 1e-12)
    far = merge(outputs[0], np.zeros(L), outputs[1], sums[1])
    close(far[0], outputs[1 if size > 0 else 0])


@MERGE
def test_a_key_that_both_have_seen_counts_twice(merge):
    q, k, v = qkv()
    part = reference.attend(q, k, v)
    output, logsumexp = merge(*part, *part)
    close(output, part[0])
    close(logsumexp, part[1] + math.log(2))


@MERGE
def test_by_hand(merge):
    """Scores 0 and ln 3, values 8 and 4: the weights are a quarter and three quarters."""
    output, logsumexp = merge(
        np.array([[8.0]]), np.array([0.0]), np.array([[4.0]]), np.array([math.log(3)])
    )
    close(output, np.array([[5.0]]))
    close(logsumexp, np.array([math.log(4)]))


def test_gradients_of_parts_and_merge():
    q, k, v = tensors(*qkv(), grad=True)
    mask = torch.from_numpy(some_mask(L, S))
    mask[2, :3] = False  # the first part shows query 2 nothing, the second query 0
    mask[0, 3:], mask[0, 0] = False, True

    def merged(q, k, v):
        first = online.attend(q, k[:3], v[:3], mask=mask[:, :3])
        second = online.attend(q, k[3:], v[3:], mask=mask[:, 3:])
        output, logsumexp = online.merge(*first, *second)
        return output, logsumexp.masked_fill(logsumexp == -torch.inf, 0)

    assert torch.autograd.gradcheck(merged, (q, k, v))
    whole = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    grads = [torch.autograd.grad(y.square().sum(), (q, k, v)) for y in (whole, merged(q, k, v)[0])]
    for found, expected in zip(*grads, strict=True):
        close(found, expected)
        assert found.isfinite().all()


def test_gradients_of_merged_parts_that_have_seen_nothing():
    outputs = [x.requires_grad_() for x in tensors(*normal((L, V), (L, V)))]
    sums = [torch.full((L,), -torch.inf, dtype=torch.float64) for _ in range(2)]
    sums[0][2] = 0.5
    sums = [x.requires_grad_() for x in sums]
    output, logsumexp = online.merge(outputs[0], sums[0], outputs[1], sums[1])
    loss = output.square().sum() + logsumexp.masked_fill(logsumexp == -torch.inf, 0).sum()
    for x in torch.autograd.grad(loss, (*outputs, *sums)):
        assert x.isfinite().all()


# The recurrence ----------------------------------------------------------------------------------


@ATTENTION
@pytest.mark.parametrize("tile", [1, 2, 3, S, S + 4])
@pytest.mark.parametrize("masked", [False, True])
def test_one_pass_against_a_loop_and_pytorch(attention, tile, masked):
    q, k, v = qkv(leading=(B, H))
    mask = some_mask(B, 1, L, S) if masked else None
    found = attention(q, k, v, tile=tile, mask=mask)
    theirs = F.scaled_dot_product_attention(
        *tensors(q, k, v), attn_mask=None if mask is None else torch.from_numpy(mask)
    )
    close(found, theirs)
    for b, h in itertools.product(range(B), range(H)):
        loop, _ = by_loop(q[b, h], k[b, h], v[b, h], None if mask is None else mask[b, 0])
        close(found[b, h], loop)


@ATTENTION
@pytest.mark.parametrize("mask", [np.ones((L, 1), bool), np.ones((1, S), bool), np.array(True)])
def test_a_mask_that_only_broadcasts(attention, mask):
    q, k, v = qkv()
    close(attention(q, k, v, tile=3, mask=mask), reference.attend(q, k, v)[0])
    hidden = attention(q, k, v, tile=3, mask=np.zeros_like(mask))
    assert not hidden.any()


@ATTENTION
@pytest.mark.parametrize("hidden", [0, 2, 5, 6])
def test_tiles_that_are_wholly_hidden(attention, hidden):
    """Left padding hides the first tiles: there the largest score so far is -inf."""
    q, k, v = qkv()
    mask = np.arange(S) >= hidden
    found = attention(q, k, v, tile=2, mask=mask)
    close(found, reference.attend(q, k[hidden:], v[hidden:])[0])


@ATTENTION
def test_scores_that_all_lie_far_below_zero(attention):
    q, k, v = qkv()
    q[:, 0], k[:, 0] = -1e4 * math.sqrt(K), 1
    found = attention(q, k, v, tile=2)
    q[:, 0] = 0
    close(found, by_loop(q, k, v)[0], 1e-9)


@ATTENTION
def test_scores_that_grow_with_every_tile(attention):
    """Each tile has a new maximum, and all before it shrinks to nothing, and not to NaN."""
    q, k, v = np.ones((1, 1)), 800.0 * np.arange(S)[:, None], np.arange(S)[:, None] * 1.0
    close(attention(q, k, v, tile=2), np.array([[S - 1.0]]))
    close(attention(q, k[::-1], v[::-1], tile=2), np.array([[S - 1.0]]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_stays_within_its_budget(dtype):
    q, k, v = tensors(*qkv(scale=2.0))
    exact = F.scaled_dot_product_attention(q, k, v)
    low = [x.to(dtype) for x in (q, k, v)]
    parts = [online.attend(low[0], low[1][s], low[2][s]) for s in (slice(3), slice(3, None))]
    plain = torch.softmax(low[0] @ low[1].mT / math.sqrt(K), dim=-1) @ low[2]
    budget = 2 * (plain.double() - exact).abs().max() + torch.finfo(dtype).eps * exact.abs().max()
    for found in (online.attention(*low, tile=2), online.merge(*parts[0], *parts[1])[0]):
        assert found.dtype == dtype
        assert (found.double() - exact).abs().max() <= budget


def test_gradients_of_the_recurrence():
    q, k, v = tensors(*qkv(), grad=True)
    for mask in (None, torch.from_numpy(some_mask(L, S))):
        call = functools.partial(online.attention, tile=3, mask=mask)
        assert torch.autograd.gradcheck(call, (q, k, v))


@pytest.mark.parametrize("tile", [0, -1, 1.5, None])
def test_a_wrong_tile_is_named(tile):
    for room, arrays in ((reference, qkv()), (online, tensors(*qkv()))):
        with pytest.raises((TypeError, ValueError), match="tile is "):
            room.attention(*arrays, tile=tile)


# FlashAttention ----------------------------------------------------------------------------------

TILES = [(1, 1), (2, 3), (3, 2), (4, 7), (8, 16)]


def seen_by(kind, rows=L, keys=S):
    """A mask of each kind, as the fused kernel of PyTorch takes it."""
    masked = some_mask(B, 1, rows, keys) if rows > 1 else np.ones((B, 1, rows, keys), bool)
    causal = masks.causal(rows, keys)
    return {"none": None, "mask": masked, "causal": causal, "both": masked & causal}[kind]


def flash_options(kind, rows=L, keys=S):
    masked = torch.from_numpy(seen_by("mask", rows, keys)) if kind in ("mask", "both") else None
    return {"mask": masked, "causal": kind in ("causal", "both")}


def theirs(q, k, v, mask):
    """Output and logsumexp from PyTorch, the whole matrix at once."""
    mask = np.ones((q.shape[-2], k.shape[-2]), bool) if mask is None else np.array(mask)
    mask = torch.from_numpy(mask)
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~mask, -torch.inf)
    output = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return output, torch.logsumexp(scores, dim=-1)


@pytest.mark.parametrize("kind", ["none", "mask", "causal", "both"])
@pytest.mark.parametrize(("rows", "columns"), TILES)
@pytest.mark.parametrize("sizes", [(L, S), (S, L), (1, S), (S, 1), (6, 6)])
def test_flash_forward_against_pytorch(kind, rows, columns, sizes):
    q, k, v = tensors(*qkv(leading=(B, H), sizes=sizes))
    mask = seen_by(kind, *sizes)
    options = flash_options(kind, *sizes)
    found = flash.attend(q, k, v, rows=rows, columns=columns, **options)
    for x, expected in zip(found, theirs(q, k, v, mask), strict=True):
        close(x, expected)
    close(flash.attention(q, k, v, rows=rows, columns=columns, **options), found[0], 0)
    in_numpy = flash_reference.attend(
        *(x.numpy() for x in (q, k, v)), rows=rows, columns=columns, mask=mask
    )
    for x, expected in zip(in_numpy, found, strict=True):
        close(x, expected)


def test_the_logsumexp_of_pytorchs_own_kernel():
    q, k, v = (x.float() for x in tensors(*qkv(leading=(B, H), sizes=(6, 6))))
    v = v[..., :K]
    for causal in (False, True):
        kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        output, logsumexp = kernel(q, k, v, 0.0, causal)[:2]
        found = flash.attend(q, k, v, causal=causal, rows=2, columns=4)
        close(found[0], output, 2e-6)
        close(found[1], logsumexp, 2e-6)


@pytest.mark.parametrize("kind", ["none", "mask", "causal", "both"])
@pytest.mark.parametrize(("rows", "columns"), TILES)
@pytest.mark.parametrize("sizes", [(L, S), (S, L), (1, S)])
def test_flash_backward_against_pytorch(kind, rows, columns, sizes):
    q, k, v = tensors(*qkv(leading=(B, H), sizes=sizes), grad=True)
    mask, options = seen_by(kind, *sizes), flash_options(kind, *sizes)
    output, logsumexp = flash.attend(q, k, v, rows=rows, columns=columns, **options)
    expected = theirs(q, k, v, mask)
    pushes = tensors(*normal(tuple(output.shape), tuple(logsumexp.shape), seed=9))
    # the logsumexp of a row that sees nothing is -inf, whatever q and k are
    some = expected[1].isfinite()
    found = torch.autograd.grad([output, logsumexp[some]], (q, k, v), [pushes[0], pushes[1][some]])
    safe = expected[0], expected[1][some]
    wanted = torch.autograd.grad(safe, (q, k, v), [pushes[0], pushes[1][some]])
    for x, y in zip(found, wanted, strict=True):
        close(x, torch.nan_to_num(y))  # logsumexp's own gradient of an empty row is NaN
        assert x.isfinite().all()


@pytest.mark.parametrize("kind", ["none", "mask", "causal"])
def test_flash_reference_backward(kind):
    q, k, v = qkv(leading=(B, H))
    (push,) = normal((B, H, L, V), seed=5)
    mask = seen_by(kind)
    mask = None if mask is None else np.broadcast_to(mask, (B, H, L, S))
    found = flash_reference.backward(q, k, v, push, rows=3, columns=2, mask=mask)
    inputs = tensors(q, k, v, grad=True)
    output = theirs(*inputs, mask)[0]
    wanted = torch.autograd.grad(output, inputs, torch.from_numpy(push))
    for x, y in zip(found, wanted, strict=True):
        close(x, y.numpy())
    for x, y in zip(found, dot_product.backward(q, k, v, push, mask=mask), strict=True):
        close(x, y)


def test_flash_gradcheck():
    q, k, v = tensors(*qkv(), grad=True)
    for kind in ("none", "causal"):
        call = functools.partial(flash.attend, rows=3, columns=2, **flash_options(kind))
        assert torch.autograd.gradcheck(call, (q, k, v))
    call = functools.partial(
        flash.attention, rows=3, columns=2, mask=torch.from_numpy(some_mask(2, L, S))
    )
    assert torch.autograd.gradcheck(call, tensors(*qkv(leading=(2,)), grad=True))


def test_flash_gives_no_second_derivative():
    q, k, v = tensors(*qkv(), grad=True)
    output = flash.attention(q, k, v, rows=3, columns=2)
    (first,) = torch.autograd.grad(output.square().sum(), q, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


def test_flash_against_flex_attention():
    """Another implementation, with a mask that is a function."""
    q, k, v = (x.float() for x in tensors(*qkv(leading=(B, H), sizes=(9, 13))))
    with warnings.catch_warnings(action="ignore"):  # that it is not compiled
        expected = flex_attention(
            q, k, v,
            score_mod=lambda score, b, h, i, j: torch.where(j <= i + 4, score, -torch.inf),
        )  # fmt: skip
    close(flash.attention(q, k, v, causal=True, rows=4, columns=3), expected, 1e-5)


def small_tiles(q, k, v, *, mask=None):
    return flash.attention(q, k, v, mask=mask, rows=2, columns=3)


def test_flash_keeps_the_contract_with_small_tiles():
    declared = shapes(
        torch, "q: ... L d_k, k: ... S d_k, v: ... S d_v, mask: ... L S -> ... L d_v", widens=False
    )(small_tiles)
    subject = Subject(declared, room="module")
    kept = contract.points(subject)
    assert contract.has_finite_gradients in kept
    for point in kept:
        point(subject)


@pytest.mark.parametrize("rows", [2, 5])
@pytest.mark.parametrize("sizes", [(L, S), (S, L), (6, 6)])
def test_flash_causal_is_the_causal_mask_bitwise(rows, sizes):
    q, k, v = tensors(*qkv(leading=(B, H), sizes=sizes))
    mask = torch.from_numpy(masks.causal(*sizes))
    found = flash.attend(q, k, v, causal=True, rows=rows, columns=3)
    for x, y in zip(found, flash.attend(q, k, v, mask=mask, rows=rows, columns=3), strict=True):
        close(x, y, 1e-15)


def test_flash_leading_dimensions_broadcast_and_heads_share_a_mask():
    q, k, v = qkv(leading=(B, H))
    one = k[0, 0], v[0, 0]
    close(
        flash.attention(*tensors(q, *one), rows=2, columns=3),
        reference.attend(q, *one)[0],
    )
    of_heads = some_mask(H, L, S)
    found = flash.attention(*tensors(q, k, v), mask=torch.from_numpy(of_heads), rows=2, columns=3)
    close(found, dot_product.attention(q, k, v, mask=of_heads))
    for mask in (np.ones((L, 1), bool), np.arange(S) > 2, np.array(False), np.array(True)):
        found = flash.attention(*tensors(q, k, v), mask=torch.from_numpy(mask), rows=2, columns=3)
        close(found, dot_product.attention(q, k, v, mask=mask))


@pytest.mark.parametrize("at", [3, 50])
def test_many_small_heads_at_a_time(at):
    """A tile has room for several heads; their number need not divide all of them."""
    q, k, v = tensors(*qkv(leading=(11,)), grad=True)
    rows, columns = at * L, S
    mask = torch.from_numpy(some_mask(11, L, S))
    found = flash.attention(q, k, v, mask=mask, rows=rows, columns=columns)
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    close(found, expected)
    grads = [torch.autograd.grad(y.square().sum(), (q, k, v)) for y in (found, expected)]
    for x, y in zip(*grads, strict=True):
        close(x, y)


def test_no_queries_and_no_keys():
    q, k, v = tensors(*qkv(leading=(B,)), grad=True)
    assert flash.attention(q[:, :0], k, v).shape == (B, 0, V)
    assert flash.attention(q[:, :0], k, v, causal=True).shape == (B, 0, V)
    output, logsumexp = flash.attend(q, k[:, :0], v[:, :0])
    assert not output.any()
    assert (logsumexp == -torch.inf).all()
    for x in torch.autograd.grad(output.sum(), (q, k, v), allow_unused=True):
        assert x is None or not x.any()


@pytest.mark.parametrize("size", [200.0, 1e4])
def test_flash_with_scores_far_outside_the_usual_range(size):
    q, k, v = (x.float().requires_grad_() for x in tensors(*qkv(scale=3.0)))
    q = (q * size).detach().requires_grad_()
    found = flash.attention(q, k, v, rows=2, columns=3)
    expected = F.scaled_dot_product_attention(q, k, v)
    close(found, expected, 1e-4)
    for x in torch.autograd.grad(found.square().sum(), (q, k, v)):
        assert x.isfinite().all()


@pytest.mark.parametrize("shift", [-1e4, 1e4])
def test_flash_with_scores_that_all_lie_far_from_zero(shift):
    q, k, v = qkv()
    q[:, 0], k[:, 0] = shift * math.sqrt(K), 1
    output, logsumexp = flash.attend(*tensors(q, k, v), rows=2, columns=3)
    q[:, 0] = 0
    expected = by_loop(q, k, v)
    close(output, expected[0], 1e-9)
    close(logsumexp, expected[1] + shift, 1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_flash_in_half_precision(dtype):
    q, k, v = (x.to(dtype).requires_grad_() for x in tensors(*qkv(scale=2.0)))
    found = flash.attention(q, k, v, rows=2, columns=3)
    exact = F.scaled_dot_product_attention(q.double(), k.double(), v.double())
    plain = torch.softmax(q @ k.mT / math.sqrt(K), dim=-1) @ v
    assert found.dtype == dtype
    budget = 2 * (plain.double() - exact).abs().max() + torch.finfo(dtype).eps * exact.abs().max()
    assert (found.double() - exact).abs().max() <= budget
    assert torch.autograd.grad(found.sum(), q)[0].dtype == dtype


# What is stored and what is skipped ---------------------------------------------------------------

N, D = 1024, 16


def flash_inputs(grad=False):
    torch.manual_seed(0)
    return [torch.randn(2, N, D, requires_grad=grad) for _ in range(3)]


def passes(causal=False, mask=None, rows=128, columns=128):
    """The way there, and there and back again."""
    q, k, v = flash_inputs(grad=True)

    def there():
        return flash.attention(q, k, v, mask=mask, causal=causal, rows=rows, columns=columns)

    def and_back():
        torch.autograd.grad(there().square().sum(), (q, k, v))

    return there, and_back


@pytest.mark.parametrize("causal", [False, True])
def test_no_matrix_of_queries_and_keys_is_ever_stored(causal):
    """In either direction: the largest tensor is that of q, and little more is alive."""
    for call, times in zip(passes(causal), (4, 12), strict=True):
        assert cost.largest_tensor_bytes(call) == 4 * 2 * N * D
        tiles = 4 * 4 * 128 * 128
        assert cost.peak_allocation(call) < times * 4 * 2 * N * D + tiles < 4 * N * N


@pytest.mark.parametrize("causal", [False, True])
def test_one_tile_is_alive_at_a_time_and_two_on_the_way_back(causal):
    """Beyond what is returned, and what is left of a tile's rows and columns."""
    q, k, v = (torch.randn(1024, 4, requires_grad=True) for _ in range(3))
    call = functools.partial(flash.attention, q, k, v, causal=causal, rows=256, columns=256)
    tile, hidden = 4 * 256 * 256, causal  # takes one more for a moment
    assert cost.peak_allocation(call) < 4 * 1024 * (4 + 1) + (1.5 + hidden) * tile
    back = lambda: torch.autograd.grad(call().square().sum(), (q, k, v))  # noqa: E731
    assert cost.peak_allocation(back) < 4 * 1024 * (7 * 4 + 4) + 2.5 * tile


@pytest.mark.parametrize("garbage", [math.nan, math.inf, -math.inf, 1e38])
def test_keys_that_are_hidden_may_hold_anything(garbage):
    """As a cache does that was not filled yet: also in a tile in which others are seen."""
    q, k, v = tensors(*qkv(sizes=(5, 5)))
    spoilt = k.clone()
    spoilt[3:] = garbage
    mask = torch.ones(5, 5, dtype=bool)
    mask[:, 3:] = False
    for options, read in (({"mask": mask}, 5), ({"causal": True}, 3)):
        found = flash.attention(q, spoilt, v, columns=4, **options)[:read]
        torch.testing.assert_close(found, flash.attention(q, k, v, **options)[:read])


def test_causal_tiles_lie_where_the_queries_lie():
    """And not where new tensors go unless a device is named."""
    q, k, v = tensors(*qkv())
    expected = flash.attend(q, k, v, causal=True, rows=2, columns=3)
    mask = torch.ones(L, S, dtype=bool)
    with torch.device("meta"):
        for found in (
            flash.attend(q, k, v, causal=True, rows=2, columns=3),
            flash.attend(q, k, v, causal=True, mask=mask, rows=2, columns=3),
        ):
            assert all(x.device == q.device for x in found)
            assert all(torch.equal(x, y) for x, y in zip(found, expected, strict=True))


def test_many_heads_take_turns():
    """Heads go through a tile together only as far as it has room for them."""
    q = torch.randn(16, 256, 4)
    call = functools.partial(flash.attention, q, q, q, rows=64, columns=64)
    assert cost.largest_tensor_bytes(call) == q.nbytes < 4 * 16 * 64 * 64


def test_memory_grows_with_the_length_and_not_with_its_square():
    def peak(n, attention):
        q, k, v = (torch.randn(n, D, requires_grad=True) for _ in range(3))
        return cost.peak_allocation(
            lambda: torch.autograd.grad(attention(q, k, v).square().sum(), (q, k, v))
        )

    def naive(q, k, v):
        return torch.softmax(q @ k.mT / math.sqrt(D), dim=-1) @ v

    in_tiles = functools.partial(flash.attention, rows=128, columns=128)
    assert peak(2048, in_tiles) < 2.2 * peak(1024, in_tiles)
    assert peak(2048, naive) > 3.6 * peak(1024, naive)


def tiles_read(call, directions=1):
    """Of each tile two products are counted in each direction; not those that add in place."""
    with FlopCounterMode(display=False) as counter:
        call()
    tiles, rest = divmod(counter.get_total_flops(), 2 * directions * 2 * 128 * 128 * D)
    assert rest == 0
    return tiles / 2  # of each of the two heads


def test_tiles_that_see_nothing_are_skipped():
    n = N // 128
    window = torch.from_numpy(masks.window(N, size=128))
    nothing = torch.zeros(N, N, dtype=bool)
    padding = torch.from_numpy(masks.padding(300, N))
    for options, tiles in (
        ({}, n * n),
        ({"causal": True}, n * (n + 1) / 2),
        ({"mask": torch.from_numpy(masks.causal(N))}, n * (n + 1) / 2),
        ({"mask": window}, 2 * n - 1),
        ({"mask": window, "causal": True}, 2 * n - 1),
        ({"mask": ~window, "causal": True}, n * (n + 1) / 2 - n),
        ({"mask": padding}, 3 * n),
        ({"mask": nothing}, 0),
    ):
        there, and_back = passes(**options)
        assert tiles_read(there) == tiles
        assert tiles_read(and_back, 2) == tiles


def test_a_causal_tile_ends_with_its_last_query():
    """Wide tiles are cut: nothing after the last query of a tile is computed."""
    there, _ = passes(causal=True, columns=512)
    assert tiles_read(there) == 8 * 9 / 2


# A shared prefix ---------------------------------------------------------------------------------

P = 9


def prefixed(seed=0):
    q, k, v = qkv(seed, leading=(B, H))
    prefix_k, prefix_v = normal((H, P, K), (H, P, V), seed=seed + 7)
    return q, prefix_k, prefix_v, k, v


PREFIX = both_rooms(prefix_reference, prefix_module, "attention")


@PREFIX
@pytest.mark.parametrize("masked", [False, True])
def test_a_shared_prefix_against_the_whole(attention, masked):
    q, prefix_k, prefix_v, k, v = prefixed()
    mask = masks.causal(L, S) & masks.padding([5, S], S)[:, None] if masked else None
    found = attention(q, prefix_k, prefix_v, k, v, mask=mask)
    whole = [
        np.concatenate([np.broadcast_to(a, (B, *a.shape)), b], axis=2)
        for a, b in ((prefix_k, k), (prefix_v, v))
    ]
    if masked:
        seen = np.broadcast_to(mask, (B, 1, L, S))
        mask = np.concatenate([np.ones((B, 1, L, P), bool), seen], axis=3)
        mask = torch.from_numpy(mask)
    close(found, F.scaled_dot_product_attention(*tensors(q, *whole), attn_mask=mask).numpy())


@PREFIX
@pytest.mark.parametrize("leading", [(), (H,), (1, H), (B, 1), (B, H)])
def test_a_prefix_of_any_leading_dimensions(attention, leading):
    q, _, _, k, v = prefixed()
    prefix_k, prefix_v = normal((*leading, P, K), (*leading, P, V), seed=3)
    whole = [
        np.concatenate([np.broadcast_to(a, (B, H, *a.shape[-2:])), b], axis=2)
        for a, b in ((prefix_k, k), (prefix_v, v))
    ]
    close(attention(q, prefix_k, prefix_v, k, v), dot_product.attention(q, *whole))


@PREFIX
def test_a_request_without_keys_of_its_own(attention):
    q, prefix_k, prefix_v, k, v = prefixed()
    found = attention(q, prefix_k, prefix_v, k[..., :0, :], v[..., :0, :])
    close(found, dot_product.attention(q, prefix_k, prefix_v))
    hidden = attention(q, prefix_k, prefix_v, k, v, mask=np.zeros((L, S), bool))
    close(hidden, dot_product.attention(q, prefix_k, prefix_v))


def test_a_shared_prefix_has_gradients():
    inputs = tensors(*prefixed(), grad=True)
    mask = torch.from_numpy(some_mask(L, S))
    call = functools.partial(prefix_module.attention, mask=mask)
    assert torch.autograd.gradcheck(call, inputs)


def test_a_prefix_is_read_once_for_all_requests():
    """The products read its keys and values once, and no request has a copy."""
    requests, heads, length, own, d = 16, 3, 256, 4, 8
    q = torch.randn(requests, heads, 1, d)
    prefix = torch.randn(heads, length, d)
    k = torch.randn(requests, heads, own, d)
    read = []

    class Products(TorchDispatchMode):
        def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
            if operation in (torch.ops.aten.bmm.default, torch.ops.aten.mm.default):
                read.append(args[1].numel())
            return operation(*args, **(kwargs or {}))

    with Products():
        prefix_module.attention(q, prefix, prefix, k, k)
    assert sum(read) == 2 * heads * length * d + 2 * requests * heads * own * d
    assert cost.largest_tensor_bytes(
        lambda: prefix_module.attention(q, prefix, prefix, k, k)
    ) == 4 * max(requests * heads * length, heads * length * d)
