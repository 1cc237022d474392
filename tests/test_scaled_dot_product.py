"""Oracles: PyTorch's fused kernel, and a loop written from equation 1 of the paper."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention.bias import causal_lower_right
from witnesses import average_by_loop, beside, close, dot, some_mask, tensors

from attention_book import cost, masks
from attention_book.scores.scaled_dot_product import module as in_torch
from attention_book.scores.scaled_dot_product import reference as formula
from attention_book.softmax.module import softmax as masked_softmax

reference = SimpleNamespace(
    attention=beside(formula.attention, formula.weights), backward=formula.backward
)
module = SimpleNamespace(
    attention=beside(in_torch.attention, in_torch.weights), masked_softmax=masked_softmax
)

L, S, D_K, D_V = 4, 7, 5, 3
few = settings(deadline=None, max_examples=40)
# On a CPU, PyTorch's kernel that stores no weights takes only values as wide as the keys, in two
# leading dimensions; anything else is other code.
both_kernels = pytest.mark.parametrize("d_v", [D_V, D_K])


def inputs(*lead, seed=0, L=L, S=S, d_k=D_K, d_v=D_V, dtype=np.float64):
    rng = np.random.default_rng(seed)
    shapes = ((*lead, L, d_k), (*lead, S, d_k), (*lead, S, d_v))
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)


def paper_loop(q, k, v, mask=None):
    """Equation 1 for one sequence."""
    return average_by_loop(
        q, k, v, lambda query, key: math.exp(dot(query, key) / math.sqrt(len(key))), mask
    )


def module_both_ways(q, k, v, mask=None):
    """The module's output, fused and beside its weights."""
    output, weights = module.attention(q, k, v, mask=mask, return_weights=True)
    return module.attention(q, k, v, mask=mask), output, weights


# Against independent oracles ---------------------------------------------------------------------


def test_three_tokens_by_hand():
    # Scores are X Xᵀ / √2: rows (1, 3, 0), (3, 9, 0) and (0, 0, 1) over √2.
    x = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 1.0]])
    r = math.sqrt(2)
    z0 = 1 + math.exp(r) + math.exp(-1 / r)  # every row divided by the exponential of one score
    z1 = math.exp(-6 / r) + 1 + math.exp(-9 / r)
    z2 = 1 + 1 + math.exp(1 / r)
    expected = np.array(
        [
            [1 / z0, math.exp(r) / z0, math.exp(-1 / r) / z0],
            [math.exp(-6 / r) / z1, 1 / z1, math.exp(-9 / r) / z1],
            [1 / z2, 1 / z2, math.exp(1 / r) / z2],
        ]
    )
    np.testing.assert_allclose(expected[0], [0.178, 0.734, 0.088], atol=5e-4)

    output, weights = reference.attention(x, x, x, return_weights=True)

    close(weights, expected, 1e-15)
    close(output, np.stack([expected[:, 0] + 3 * expected[:, 1], expected[:, 2]], axis=1), 1e-15)
    fused, beside, weights = module_both_ways(*tensors(x, x, x))
    close(weights, expected, 1e-15)
    close(fused, output, 1e-15)
    close(beside, output, 1e-15)


@pytest.mark.parametrize("masked", [False, True])
def test_reference_against_a_loop_written_from_the_paper(masked):
    q, k, v = inputs()
    mask = some_mask(L, S) if masked else None
    output, weights = reference.attention(q, k, v, mask=mask, return_weights=True)
    expected_output, expected_weights = paper_loop(q.tolist(), k.tolist(), v.tolist(), mask)
    close(output, expected_output)
    close(weights, expected_weights)
    close(reference.attention(q, k, v, mask=mask), expected_output)


@few
@given(
    lead=st.lists(st.integers(1, 3), max_size=3),
    sizes=st.tuples(*[st.integers(1, 6)] * 4),
    square=st.booleans(),
    masked=st.booleans(),
    seed=st.integers(0, 999),
)
def test_reference_and_module_against_torch(lead, sizes, square, masked, seed):
    L, S, d_k, d_v = sizes
    q, k, v = inputs(*lead, seed=seed, L=L, S=S, d_k=d_k, d_v=d_k if square else d_v)
    mask = np.random.default_rng(seed).random((*lead, L, S)) < 0.6 if masked else None
    expected = F.scaled_dot_product_attention(
        *tensors(q, k, v), attn_mask=None if mask is None else torch.from_numpy(mask)
    )
    output, weights = reference.attention(q, k, v, mask=mask, return_weights=True)
    close(output, expected)

    fused, beside, module_weights = module_both_ways(*tensors(q, k, v), mask=mask)
    close(fused, output)
    close(beside, output)
    close(module_weights, weights)


@both_kernels
@pytest.mark.parametrize(("L", "S"), [(4, 7), (1, 7), (7, 7)])
def test_causal_is_aligned_at_the_end(L, S, d_v):
    q, k, v = inputs(2, 1, L=L, S=S, d_v=d_v)
    expected = F.scaled_dot_product_attention(*tensors(q, k, v), attn_mask=causal_lower_right(L, S))
    mask = masks.causal(L, S)
    close(reference.attention(q, k, v, mask=mask), expected)
    for output in module_both_ways(*tensors(q, k, v), mask=torch.from_numpy(mask))[:2]:
        close(output, expected)


@pytest.mark.parametrize(
    ("q_lead", "k_lead", "v_lead"),
    [((2, 3), (2, 1), (2, 3)), ((), (2,), (2,)), ((2,), (), ()), ((2,), (2,), ()), ((), (), (2,))],
)
def test_leading_dimensions_broadcast(q_lead, k_lead, v_lead):
    (q, _, _), (_, k, _), (_, _, v) = inputs(*q_lead), inputs(*k_lead), inputs(*v_lead)
    lead = np.broadcast_shapes(q_lead, k_lead, v_lead)
    full = [np.broadcast_to(x, (*lead, *x.shape[-2:])).copy() for x in (q, k, v)]
    expected, expected_weights = reference.attention(*full, return_weights=True)
    close(reference.attention(q, k, v), expected)
    fused, beside, weights = module_both_ways(*tensors(q, k, v))
    close(fused, expected)
    close(beside, expected)
    close(weights.expand(expected_weights.shape), expected_weights)


@both_kernels
@pytest.mark.parametrize("shape", [(), (1,), (S,), (L, 1), (1, S), (L, S), (1, L, S), (2, 1, S)])
def test_a_mask_broadcasts(shape, d_v):
    q, k, v = inputs(2, d_v=d_v)
    mask = np.random.default_rng(5).random(shape) < 0.5
    full = np.broadcast_to(mask, (2, L, S)).copy()
    expected = reference.attention(q, k, v, mask=full)
    close(reference.attention(q, k, v, mask=np.asarray(mask)), expected)
    for output in module_both_ways(*tensors(q, k, v), mask=torch.tensor(mask))[:2]:
        close(output, expected)


def test_module_takes_the_numpy_masks_of_the_book():
    q, k, v = tensors(*inputs(2))
    mask = masks.causal(L, S)
    for found, expected in zip(
        module_both_ways(q, k, v, mask=mask),
        module_both_ways(q, k, v, mask=torch.from_numpy(mask)),
        strict=True,
    ):
        assert torch.equal(found, expected)


# Limit and edge cases ----------------------------------------------------------------------------


@few
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 999))
def test_limit_case_zero_queries_give_the_mean_of_the_values(L, S, seed):
    q, k, v = inputs(2, seed=seed, L=L, S=S)
    mean = np.broadcast_to(v.mean(axis=-2, keepdims=True), (2, L, D_V))
    output, weights = reference.attention(0 * q, k, v, return_weights=True)
    close(output, mean)
    close(weights, np.full((2, L, S), 1 / S))
    for found in module_both_ways(*tensors(0 * q, k, v))[:2]:
        close(found, mean)


@few
@given(st.integers(1, 6), st.integers(0, 999))
def test_limit_case_one_key_gives_its_value(L, seed):
    q, k, v = inputs(2, seed=seed, L=L, S=1)
    for output in (reference.attention(q, k, v), *module_both_ways(*tensors(q, k, v))[:2]):
        close(output, np.broadcast_to(v, (2, L, D_V)), 1e-15)


@both_kernels
@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
@pytest.mark.parametrize(("L", "S"), [(1, 7), (0, 7), (4, 0), (0, 0)])
def test_one_query_no_query_no_key(L, S, lead, d_v):
    q, k, v = inputs(*lead, L=L, S=S, d_v=d_v)
    expected, expected_weights = np.zeros((*lead, L, d_v)), np.zeros((*lead, L, S))
    if L and S:
        for b in np.ndindex(lead):
            expected[b], expected_weights[b] = paper_loop(*(x[b].tolist() for x in (q, k, v)))
    output, weights = reference.attention(q, k, v, return_weights=True)
    close(output, expected)
    close(weights, expected_weights)
    for mask in (None, np.ones((L, S), dtype=bool)):
        fused, beside, weights = module_both_ways(*tensors(q, k, v), mask=mask)
        close(fused, expected)
        close(beside, expected)
        close(weights, expected_weights)


@both_kernels
def test_a_query_that_may_attend_to_nothing_gets_zeros(d_v):
    q, k, v = inputs(2, d_v=d_v)
    mask = some_mask(L, S)
    output, weights = reference.attention(q, k, v, mask=mask, return_weights=True)
    fused, beside, module_weights = module_both_ways(*tensors(q, k, v), mask=mask)
    for found in (output, weights, fused, beside, module_weights):
        assert not found[:, 1].any()
        assert found[:, 0].any()


def test_masking_keys_is_leaving_them_out():
    q, k, v = inputs(2)
    kept = np.array([0, 2, 5])
    mask = np.isin(np.arange(S), kept)
    expected = reference.attention(q, k[:, kept], v[:, kept])
    close(reference.attention(q, k, v, mask=mask), expected)
    for output in module_both_ways(*tensors(q, k, v), mask=mask)[:2]:
        close(output, expected)


@both_kernels
def test_a_masked_value_must_still_be_finite(d_v):
    q, k, v = inputs(2, d_v=d_v)
    v[:, 3, 0] = np.nan
    mask = np.arange(S) != 3
    for output in (
        reference.attention(q, k, v, mask=mask),
        *module_both_ways(*tensors(q, k, v), mask=mask)[:2],
    ):
        output = np.asarray(output)
        assert np.isnan(output[..., 0]).all()  # 0 times NaN is NaN
        assert np.isfinite(output[..., 1:]).all()


@pytest.mark.parametrize("d_v", [2, 3])
def test_scores_around_a_thousand_pick_the_best_key(d_v):
    k = np.eye(3)
    q = 1000 * math.sqrt(3) * np.array([[0.0, 1, -1], [1, 0.5, 0], [-1, -2, -3]])  # the scores
    v = np.arange(3.0 * d_v).reshape(3, d_v)
    expected = v[[1, 0, 0]]
    for output in (reference.attention(q, k, v), *module_both_ways(*tensors(q, k, v))[:2]):
        close(output, expected)


def test_scores_beyond_float16_stay_finite_in_float16():
    q = np.array([[300.0, 0], [0, 300]], dtype=np.float16)
    k = 2 * q  # scores of 127279; float16 ends at 65504
    for v in (np.array([[1], [2]], np.float16), np.array([[1, 2], [3, 4]], np.float16)):
        for output in (reference.attention(q, k, v), *module_both_ways(*tensors(q, k, v))[:2]):
            close(output, v)


# Properties --------------------------------------------------------------------------------------


def module_attention(q, k, v, **options):
    return module.attention(*tensors(q, k, v), **options).numpy()


both = pytest.mark.parametrize("attention", [reference.attention, module_attention])


@both
@few
@given(seed=st.integers(0, 999))
def test_the_order_of_the_keys_does_not_matter(attention, seed):
    q, k, v = inputs(2, seed=seed)
    order = np.random.default_rng(seed).permutation(S)
    mask = some_mask(L, S, seed=seed)
    close(
        attention(q, k[:, order], v[:, order], mask=mask[:, order]), attention(q, k, v, mask=mask)
    )


@both
@few
@given(seed=st.integers(0, 999))
def test_adding_one_vector_to_all_keys_changes_nothing(attention, seed):
    q, k, v = inputs(2, seed=seed)
    shift = 3 * np.random.default_rng(seed + 1).standard_normal(D_K)
    close(attention(q, k + shift, v), attention(q, k, v))


@both
@few
@given(seed=st.integers(0, 999))
def test_self_attention_follows_a_permutation_of_its_tokens(attention, seed):
    x = np.random.default_rng(seed).standard_normal((2, S, D_K))
    order = np.random.default_rng(seed + 1).permutation(S)
    moved = x[:, order]
    close(attention(moved, moved, moved), attention(x, x, x)[:, order])


@both
@few
@given(seed=st.integers(0, 999))
def test_an_output_lies_in_the_convex_hull_of_the_values(attention, seed):
    q, k, v = inputs(2, seed=seed)
    directions = np.random.default_rng(seed + 1).standard_normal((D_V, 9))
    output, corners = attention(q, k, v) @ directions, v @ directions
    assert np.all(output <= corners.max(axis=1, keepdims=True) + 1e-12)
    assert np.all(output >= corners.min(axis=1, keepdims=True) - 1e-12)


@both
def test_a_sequence_does_not_see_the_rest_of_its_batch(attention):
    q, k, v = inputs(5)
    mask = some_mask(5, L, S)
    alone = [attention(q[b], k[b], v[b], mask=mask[b]) for b in range(5)]
    close(attention(q, k, v, mask=mask), np.stack(alone))


# Precision ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("d_v", [8, 24])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("seed", range(3))
def test_half_precision_within_twice_the_error_of_the_plain_formula(dtype, seed, d_v):
    q, k, v = (x.to(dtype) for x in tensors(*inputs(2, seed=seed, L=16, S=33, d_k=24, d_v=d_v)))
    mask = torch.from_numpy(masks.causal(16, 33))
    exact = F.scaled_dot_product_attention(q.double(), k.double(), v.double(), attn_mask=mask)
    scores = (q @ k.mT / math.sqrt(24)).masked_fill(~mask, -torch.inf)
    plain = torch.softmax(scores, dim=-1) @ v
    budget = 2 * (plain.double() - exact).abs().max()
    budget += torch.finfo(dtype).eps * exact.abs().max()

    outputs = list(module_both_ways(q, k, v, mask=mask)[:2])
    if dtype == torch.float16:
        arrays = (x.numpy() for x in (q, k, v))
        outputs.append(torch.from_numpy(reference.attention(*arrays, mask=mask.numpy())))
    for output in outputs:
        assert output.dtype == dtype
        assert (output.double() - exact).abs().max() <= budget


# Memory ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lead", [(), (1,), (1, 1)])
def test_the_fused_kernel_never_stores_the_weights(lead):
    L, S = 40, 90
    q, k, v = tensors(*inputs(*lead, L=L, S=S, d_v=D_K))
    fused = cost.largest_tensor_bytes(lambda: module.attention(q, k, v))
    assert 0 < fused < L * S * q.itemsize
    plain = cost.largest_tensor_bytes(lambda: module.attention(q, k, v, return_weights=True))
    assert plain == L * S * q.itemsize


# Gradients ---------------------------------------------------------------------------------------


def handed_to_the_kernel(monkeypatch, *arguments, **options):
    """Return what the module hands to PyTorch's kernel besides q, k and v, and its answer."""
    kernel, seen = F.scaled_dot_product_attention, {}

    def watched(q, k, v, **more):
        seen.update(more)
        return kernel(q, k, v, **more)

    with monkeypatch.context() as patch:
        patch.setattr(F, "scaled_dot_product_attention", watched)
        output = module.attention(*arguments, **options)
    return seen, output


@pytest.mark.parametrize("shape", [(5, 7), (7,), (1, 7), (2, 1, 1, 7), (3, 5, 7), (2, 3, 5, 7)])
def test_a_mask_reaches_the_kernel_as_it_came_not_once_for_each_head(monkeypatch, shape):
    q, k, v = torch.randn(2, 3, 5, 8), torch.randn(2, 3, 7, 8), torch.randn(2, 3, 7, 8)
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(1)) < 0.6
    seen, output = handed_to_the_kernel(monkeypatch, q, k, v, mask=mask)
    assert seen["attn_mask"].numel() == mask.numel()
    assert not seen["is_causal"]
    weighed, _ = module.attention(q, k, v, mask=mask, return_weights=True)
    torch.testing.assert_close(output, weighed)


@pytest.mark.parametrize("of", [np.asarray, masks.as_tensor])
@pytest.mark.parametrize("lead", [(), (3,), (2, 3), (2, 2, 3)])
def test_a_causal_square_is_left_to_the_kernel(monkeypatch, lead, of):
    q, k, v = torch.randn(3, *lead, 6, 8)
    seen, output = handed_to_the_kernel(monkeypatch, q, k, v, mask=of(masks.causal(6)))
    assert seen == {"attn_mask": None, "is_causal": True}
    weighed, _ = module.attention(q, k, v, mask=masks.causal(6), return_weights=True)
    torch.testing.assert_close(output, weighed)


@pytest.mark.parametrize(
    ("L", "S", "change"),
    [(4, 6, ()), (6, 4, ()), (6, 6, (5, 0)), (6, 6, (3, 4)), (6, 6, (0, 5)), (1, 1, ())],
)
def test_what_is_nearly_causal_is_not_taken_for_it(monkeypatch, L, S, change):
    q, k, v = torch.randn(L, 8), torch.randn(S, 8), torch.randn(S, 8)
    mask = masks.causal(L, S)
    if change:
        mask[change] = ~mask[change]
    seen, output = handed_to_the_kernel(monkeypatch, q, k, v, mask=mask)
    assert not seen["is_causal"]
    weighed, _ = module.attention(q, k, v, mask=mask, return_weights=True)
    torch.testing.assert_close(output, weighed)


@both_kernels
@pytest.mark.parametrize("lead", [(), (2,), (2, 1)])
@pytest.mark.parametrize("return_weights", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_gradcheck(masked, return_weights, lead, d_v):
    mask = torch.from_numpy(some_mask(L, S)) if masked else None

    def attention(q, k, v):
        return module.attention(q, k, v, mask=mask, return_weights=return_weights)

    arrays = tensors(*inputs(*lead, d_v=d_v), grad=True)
    results = attention(*arrays)
    assert all(x.requires_grad for x in (results if return_weights else (results,)))
    assert torch.autograd.gradcheck(attention, arrays)


@both_kernels
@pytest.mark.parametrize("return_weights", [False, True])
def test_gradcheck_without_keys(return_weights, d_v):
    q, k, v = tensors(*inputs(2, S=0, d_v=d_v), grad=True)

    def attention(q):
        return module.attention(q, k, v, return_weights=return_weights)

    assert torch.autograd.gradcheck(attention, (q,))
    output = attention(q)
    (grad_q,) = torch.autograd.grad((output[0] if return_weights else output).sum(), q)
    assert not grad_q.any()


@both_kernels
@pytest.mark.parametrize("return_weights", [False, True])
def test_the_gradient_of_an_empty_row_is_zero(return_weights, d_v):
    q, k, v = tensors(*inputs(2, d_v=d_v), grad=True)
    output = module.attention(q, k, v, mask=some_mask(L, S), return_weights=return_weights)
    output = output[0] if return_weights else output
    with torch.autograd.set_detect_anomaly(True):  # no NaN on the way either
        grad_q, grad_k, grad_v = torch.autograd.grad(output[:, 1].sum(), (q, k, v))
    assert not grad_q.any()
    assert not grad_k.any()
    assert not grad_v.any()


def backward_cases():
    yield "plain", (), None
    yield "batch", (2, 3), None
    yield "mask", (2,), some_mask(L, S)
    yield "mask per sequence", (2,), some_mask(2, L, S)
    yield "causal", (2,), masks.causal(L, S)


backward = pytest.mark.parametrize(
    ("lead", "mask"), [case[1:] for case in backward_cases()], ids=[c[0] for c in backward_cases()]
)


@backward
def test_backward_against_finite_differences(lead, mask):
    arrays = inputs(*lead)
    grad_output = np.random.default_rng(1).standard_normal((*lead, L, D_V))
    gradients = reference.backward(*arrays, grad_output, mask=mask)

    def loss(arrays):
        return np.sum(reference.attention(*arrays, mask=mask) * grad_output)

    step = 1e-5
    for n, gradient in enumerate(gradients):
        assert gradient.shape == arrays[n].shape
        for index in np.ndindex(gradient.shape):
            moved = []
            for sign in (1, -1):
                copies = [x.copy() for x in arrays]
                copies[n][index] += sign * step
                moved.append(loss(copies))
            slope = (moved[0] - moved[1]) / (2 * step)
            assert gradient[index] == pytest.approx(slope, rel=1e-6, abs=1e-8)


@backward
def test_backward_against_autograd(lead, mask):
    arrays = inputs(*lead)
    grad_output = np.random.default_rng(1).standard_normal((*lead, L, D_V))
    leaves = tensors(*arrays, grad=True)
    output = F.scaled_dot_product_attention(
        *leaves, attn_mask=None if mask is None else torch.from_numpy(mask)
    )
    expected = torch.autograd.grad(output, leaves, torch.from_numpy(grad_output))
    for found, wanted in zip(
        reference.backward(*arrays, grad_output, mask=mask), expected, strict=True
    ):
        close(found, wanted)


def test_backward_without_keys_or_queries():
    for L, S in [(4, 0), (0, 7)]:
        q, k, v = inputs(2, L=L, S=S)
        gradients = reference.backward(q, k, v, np.ones((2, L, D_V)))
        for x, gradient in zip((q, k, v), gradients, strict=True):
            close(gradient, np.zeros_like(x))


def test_the_jacobian_of_the_softmax():
    # With q = 1, d_k = 1 and v = I the output is softmax(k), and the gradient of k is a row of
    # the Jacobian.
    scores = np.array([0.3, -1.1, 0.8, 0.0])
    p = np.exp(scores) / np.exp(scores).sum()
    rows = [
        reference.backward(np.ones((1, 1)), scores[:, None], np.eye(4), row[None])[1][:, 0]
        for row in np.eye(4)
    ]
    close(np.array(rows), np.diag(p) - np.outer(p, p), 1e-15)


# Bad input ---------------------------------------------------------------------------------------

ONES = {"q": np.ones((2, L, D_K)), "k": np.ones((2, S, D_K)), "v": np.ones((2, S, D_V))}
GRAD = np.ones((2, L, D_V))

BAD_ARRAYS = [
    ({"q": np.ones(D_K)}, ValueError, r"q has shape \(5,\); it needs at least two dimensions"),
    ({"k": np.ones(D_K)}, ValueError, r"k has shape \(5,\); it needs at least two dimensions"),
    ({"v": np.ones(S)}, ValueError, r"v has shape \(7,\); it needs at least two dimensions"),
    (
        {"k": np.ones((2, S, D_K + 1))},
        ValueError,
        r"k has shape \(2, 7, 6\); its last dimension must equal that of q, 5",
    ),
    (
        {"q": np.ones((2, L, 0)), "k": np.ones((2, S, 0))},
        ValueError,
        r"q has shape \(2, 4, 0\); it needs at least one feature",
    ),
    (
        {"v": np.ones((2, S - 1, D_V))},
        ValueError,
        r"v has shape \(2, 6, 3\); it needs one value for each of the 7 keys, \(..., 7, d_v\)",
    ),
    (
        {"q": np.ones((3, L, D_K))},
        ValueError,
        r"q, k, v must broadcast: q has \(3, 4, 5\), k \(2, 7, 5\), v \(2, 7, 3\)",
    ),
    ({"v": np.ones((3, S, D_V))}, ValueError, r"q, k, v must broadcast.*v \(3, 7, 3\)"),
    ({"q": np.ones((2, L, D_K), int)}, TypeError, r"q has dtype .*int64; it needs a floating"),
    ({"k": np.ones((2, S, D_K), int)}, TypeError, r"k has dtype .*int64; it needs a floating"),
    ({"v": np.ones((2, S, D_V), bool)}, TypeError, r"v has dtype .*bool; it needs a floating"),
    ({"q": np.ones((2, L, D_K), complex)}, TypeError, r"q has dtype .*complex128"),
    (
        {"k": np.ones((2, S, D_K), np.float32)},
        TypeError,
        r"k has dtype .*float32; it must equal that of q, .*float64",
    ),
    (
        {"v": np.ones((2, S, D_V), np.float16)},
        TypeError,
        r"v has dtype .*float16; it must equal that of q, .*float64",
    ),
]
BAD_MASKS = [
    (np.ones((L, S)), TypeError, r"mask has dtype .*float64; it needs bool, True = may attend"),
    (np.ones((L, S), int), TypeError, r"mask has dtype .*int64; it needs bool"),
    (np.ones((S, L), bool), ValueError, r"mask has shape \(7, 4\); .* \(2, 4, 7\)"),
    (np.ones((3, 1, S), bool), ValueError, r"mask has shape \(3, 1, 7\); .* \(2, 4, 7\)"),
    (np.ones((5, 2, L, S), bool), ValueError, r"mask has shape \(5, 2, 4, 7\); .* \(2, 4, 7\)"),
]


@pytest.mark.parametrize(("mask", "error", "message"), BAD_MASKS)
def test_bad_masks_are_named(mask, error, message):
    with pytest.raises(error, match=message):
        reference.attention(**ONES, mask=mask)
    with pytest.raises(error, match=message):
        reference.backward(**ONES, grad_output=GRAD, mask=mask)
    as_tensors = {name: torch.from_numpy(x) for name, x in ONES.items()}
    for return_weights in (False, True):
        with pytest.raises(error, match=message):
            module.attention(**as_tensors, mask=mask, return_weights=return_weights)
        with pytest.raises(error, match=message):
            module.attention(
                **as_tensors, mask=torch.from_numpy(mask), return_weights=return_weights
            )


def test_a_list_is_no_mask():
    mask = np.ones((L, S), bool).tolist()
    with pytest.raises(TypeError, match="mask is a list; it needs a boolean array"):
        reference.attention(**ONES, mask=mask)
    with pytest.raises(TypeError, match="mask is a list; it needs a boolean array"):
        module.attention(*tensors(*ONES.values()), mask=mask)


def test_the_mask_fits_what_the_leading_dimensions_broadcast_to():
    q, k, v = np.ones((L, D_K)), np.ones((2, S, D_K)), np.ones((2, S, D_V))
    mask = np.ones((2, L, S), bool)
    assert reference.attention(q, k, v, mask=mask).shape == (2, L, D_V)
    assert module.attention(*tensors(q, k, v), mask=mask).shape == (2, L, D_V)


def test_reference_takes_lists_of_floats_but_not_of_integers():
    close(reference.attention([[1.0]], [[2.0]], [[3.0, 4.0]]), np.array([[3.0, 4.0]]))
    with pytest.raises(TypeError, match="q has dtype int64"):
        reference.attention([[1]], [[2.0]], [[3.0]])


@pytest.mark.parametrize("name", ["q", "k", "v"])
def test_module_takes_tensors_only(name):
    good = {name: torch.from_numpy(x) for name, x in ONES.items()}
    with pytest.raises(TypeError, match=f"{name} is a ndarray; it needs a Tensor"):
        module.attention(**good | {name: ONES[name]})
    with pytest.raises(TypeError, match=f"{name} is a list; it needs a Tensor"):
        module.attention(**good | {name: ONES[name].tolist()})


@pytest.mark.parametrize("attention", [reference.attention, module.attention])
def test_the_mask_is_keyword_only(attention):
    with pytest.raises(TypeError, match="positional"):
        attention(*ONES.values(), np.ones((L, S), bool))


def test_masked_softmax():
    (scores,) = tensors(np.random.default_rng(0).standard_normal((2, L, S)))
    assert torch.equal(module.masked_softmax(scores), torch.softmax(scores, dim=-1))
    mask = torch.from_numpy(some_mask(L, S))
    weights = module.masked_softmax(scores, mask=mask)
    exponentials = scores.exp() * mask
    totals = exponentials.sum(-1, keepdim=True)
    close(weights, exponentials / totals.where(totals > 0, 1))


def test_masked_softmax_leaves_a_masked_score_out_whatever_it_is():
    mask = torch.tensor([[True, False, True]])
    for masked in (0.0, 1e300, torch.inf, torch.nan):
        scores = torch.tensor([[-1e10, masked, -1e10]], dtype=torch.float64)
        weights = module.masked_softmax(scores, mask=mask)
        assert weights.tolist() == [[0.5, 0, 0.5]]


def test_masked_softmax_leaves_its_arguments_alone():
    scores, mask = torch.arange(12.0).reshape(3, 4), torch.from_numpy(masks.causal(3, 4))
    module.masked_softmax(scores, mask=mask)
    assert torch.equal(scores, torch.arange(12.0).reshape(3, 4))
    assert torch.equal(mask, torch.from_numpy(masks.causal(3, 4)))


# Shapes ------------------------------------------------------------------------------------------


def test_the_gradient_of_another_dtype_is_refused():
    q, k, v, grad = np.ones((2, 3)), np.ones((4, 3)), np.ones((4, 5)), np.ones((2, 5))
    with pytest.raises(TypeError, match=r"grad_output has dtype float32; .* float64"):
        reference.backward(q, k, v, grad.astype(np.float32))


def test_masked_softmax_takes_the_masks_of_the_book():
    weights = module.masked_softmax(torch.zeros(2, 3), mask=masks.causal(2, 3))
    assert weights.tolist() == [[0.5, 0.5, 0], pytest.approx([1 / 3] * 3)]


def test_a_mask_may_be_any_view():
    q, k, v = (np.random.default_rng(0).standard_normal((n, 3)) for n in (2, 4, 4))
    backwards = masks.causal(2, 4)[:, ::-1]
    ours = module.attention(*tensors(q, k, v), mask=backwards)
    np.testing.assert_allclose(ours, reference.attention(q, k, v, mask=backwards), rtol=1e-12)
