"""Oracles: a loop over floats, scikit-learn's neighbours and kernels, PyTorch's own attention."""

import math
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.special
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import KNeighborsRegressor, RadiusNeighborsRegressor
from witnesses import average_by_loop, beside, close, dot, some_mask, tensors

from attention_book import masks
from attention_book.figures import kernel_attention as figures
from attention_book.kernels.any_kernel import module as any_module
from attention_book.kernels.any_kernel import reference as any_kernel
from attention_book.kernels.gaussian import module as gaussian_module
from attention_book.kernels.gaussian import reference as gaussian
from attention_book.scores.scaled_dot_product import module as dot_product_module
from attention_book.scores.scaled_dot_product import reference as dot_product

reference = SimpleNamespace(
    attention=beside(gaussian.attention, gaussian.weights),
    regress=beside(any_kernel.attention, any_kernel.weights),
    gamma_derivative=gaussian.gamma_derivative,
    as_dot_product=gaussian.as_dot_product,
    gaussian=any_kernel.gaussian,
    epanechnikov=any_kernel.epanechnikov,
    boxcar=any_kernel.boxcar,
)
module = SimpleNamespace(
    attention=beside(gaussian_module.attention, gaussian_module.weights),
    regress=beside(any_module.attention, any_module.weights),
)

L, S, D_K, D_V = 4, 7, 5, 3
GAMMA = 0.3
few = settings(deadline=None, max_examples=40)


def cauchy(squared):
    """A kernel that reaches every key, in NumPy and in PyTorch."""
    return 1 / (1 + squared)


CONTRACT = {
    "attention": {"gamma": 0.05},
    "gamma_derivative": {"gamma": 0.05},
    "regress": {"kernel": cauchy},
}


def inputs(*lead, seed=0, L=L, S=S, d_k=D_K, d_v=D_V, dtype=np.float64):
    rng = np.random.default_rng(seed)
    shapes = ((*lead, L, d_k), (*lead, S, d_k), (*lead, S, d_v))
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)


def loop(q, k, v, kernel, mask=None):
    """The weighted average of 1964 for one sequence; the kernel is one of squared distance."""

    def strength(query, key):
        difference = [a - b for a, b in zip(query, key, strict=True)]
        return kernel(dot(difference, difference))

    return average_by_loop(q, k, v, strength, mask)


def module_attention(q, k, v, **options):
    return numpy(module.attention(*tensors(q, k, v), **options))


def module_regress(q, k, v, **options):
    return numpy(module.regress(*tensors(q, k, v), **options))


def numpy(result):
    if isinstance(result, tuple):
        return tuple(map(numpy, result))
    return result.detach().numpy()


both = pytest.mark.parametrize("attention", [reference.attention, module_attention])
both_regress = pytest.mark.parametrize("regress", [reference.regress, module_regress])


# Against independent oracles ---------------------------------------------------------------------


@both
def test_three_points_by_hand(attention):
    # The kernel 2^(-distance²) has gamma = ln 2: its first row is (1, 1/2, 1/16).
    x = np.array([[0.0], [1.0], [2.0]])
    rows = [[16, 8, 1], [8, 16, 8], [1, 8, 16]]
    expected = np.array([[float(Fraction(a, sum(row))) for a in row] for row in rows])
    output, weights = attention(x, x, x, gamma=math.log(2), return_weights=True)
    close(weights, expected, 1e-15)
    close(output, np.array([[0.4], [1.0], [1.6]]), 1e-15)


@both
def test_three_points_each_left_out(attention):
    x = np.array([[0.0], [1.0], [2.0]])
    output, weights = attention(
        x, x, x, gamma=math.log(2), mask=~np.eye(3, dtype=bool), return_weights=True
    )
    close(weights, np.array([[0, 8, 1], [4.5, 0, 4.5], [1, 8, 0]]) / 9, 1e-15)
    close(output, np.array([[10 / 9], [1.0], [8 / 9]]), 1e-15)


@both
@pytest.mark.parametrize("masked", [False, True])
def test_gaussian_against_a_loop(attention, masked):
    q, k, v = inputs()
    mask = some_mask(L, S) if masked else None
    found = attention(q, k, v, gamma=GAMMA, mask=mask, return_weights=True)
    expected = loop(q.tolist(), k.tolist(), v.tolist(), lambda d: math.exp(-GAMMA * d), mask)
    for ours, theirs in zip(found, expected, strict=True):
        close(ours, theirs)


@both
def test_gaussian_against_scikit_learn(attention):
    q, k, v = inputs()
    kernel = rbf_kernel(q, k, gamma=GAMMA)
    close(attention(q, k, v, gamma=GAMMA), kernel @ v / kernel.sum(axis=1, keepdims=True))


KERNELS = [
    (reference.gaussian, lambda d: math.exp(-d / 2)),
    (reference.epanechnikov, lambda d: max(0.0, 1 - d)),
    (reference.boxcar, lambda d: 1.0 if d <= 1 else 0.0),
]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("kernel", "by_hand"), KERNELS)
def test_kernels_against_a_loop(kernel, by_hand, masked):
    q, k, v = (x / 2.5 if n < 2 else x for n, x in enumerate(inputs()))  # the bandwidth is 2.5
    mask = some_mask(L, S) if masked else None
    found = reference.regress(q, k, v, kernel=kernel, mask=mask, return_weights=True)
    expected = loop(q.tolist(), k.tolist(), v.tolist(), by_hand, mask)
    assert 0 < np.count_nonzero(expected[1]) < L * S or kernel is reference.gaussian
    for ours, theirs in zip(found, expected, strict=True):
        close(ours, theirs)

    def in_torch(squared):
        return torch.from_numpy(np.asarray(kernel(squared.numpy())))

    found = module_regress(q, k, v, kernel=in_torch, mask=mask, return_weights=True)
    for ours, theirs in zip(found, expected, strict=True):
        close(ours, theirs)


def test_boxcar_against_scikit_learn():
    q, k, v = inputs(d_k=2)
    expected = RadiusNeighborsRegressor(radius=1.3).fit(k, v).predict(q)
    seen = ~np.isnan(expected).any(axis=1)
    found = reference.regress(q / 1.3, k / 1.3, v, kernel=reference.boxcar)
    assert seen.any()
    close(found[seen], expected[seen])
    assert not found[~seen].any()


def test_the_kernels_at_their_edges():
    squared = np.array([0.0, 0.25, 1.0, 1.0000001, 4.0])
    close(reference.boxcar(squared), np.array([1.0, 1, 1, 0, 0]))
    close(reference.epanechnikov(squared), np.array([1.0, 0.75, 0, 0, 0]))
    close(reference.gaussian(squared), np.exp([0, -0.125, -0.5, -0.50000005, -2]))


@few
@given(
    lead=st.lists(st.integers(1, 3), max_size=3),
    sizes=st.tuples(*[st.integers(1, 6)] * 4),
    masked=st.booleans(),
    gamma=st.floats(0, 3),
    seed=st.integers(0, 999),
)
def test_reference_and_module_agree_with_scipy(lead, sizes, masked, gamma, seed):
    L, S, d_k, d_v = sizes
    q, k, v = inputs(*lead, seed=seed, L=L, S=S, d_k=d_k, d_v=d_v)
    mask = np.random.default_rng(seed).random((*lead, L, S)) < 0.6 if masked else None
    expected = np.zeros((*lead, L, d_v))
    for b in np.ndindex(*lead):
        scores = -gamma * cdist(q[b], k[b], "sqeuclidean")
        if masked:
            scores[~mask[b]] = -np.inf
        some = np.isfinite(scores).any(axis=1)
        expected[b][some] = scipy.special.softmax(scores[some], axis=1) @ v[b]
    close(reference.attention(q, k, v, gamma=gamma, mask=mask), expected)
    close(module_attention(q, k, v, gamma=gamma, mask=mask), expected)


@pytest.mark.parametrize(
    ("q_lead", "k_lead", "v_lead"),
    [((2, 3), (2, 1), (2, 3)), ((), (2,), (2,)), ((2,), (), ()), ((2,), (2,), ()), ((), (), (2,))],
)
def test_leading_dimensions_broadcast(q_lead, k_lead, v_lead):
    (q, _, _), (_, k, _), (_, _, v) = inputs(*q_lead), inputs(*k_lead), inputs(*v_lead)
    lead = np.broadcast_shapes(q_lead, k_lead, v_lead)
    full = [np.broadcast_to(x, (*lead, *x.shape[-2:])).copy() for x in (q, k, v)]
    mask = some_mask(*lead, L, S)
    options = {"mask": mask, "return_weights": True}
    for function, own in (
        (reference.attention, {"gamma": GAMMA}),
        (reference.regress, {"kernel": cauchy}),
        (module_attention, {"gamma": GAMMA}),
        (module_regress, {"kernel": cauchy}),
    ):
        expected = function(*full, **own, **options)
        output, weights = function(q, k, v, **own, **options)
        close(output, expected[0])
        close(np.broadcast_to(weights, expected[1].shape), expected[1])


@both
@pytest.mark.parametrize("shape", [(), (1,), (L, 1), (1, S), (L, S), (3, 1, 1), (2, 1, L, 1)])
def test_gamma_may_be_an_array(attention, shape):
    q, k, v = inputs(2, 3)
    gamma = np.random.default_rng(3).random(shape) + 0.1
    full = np.broadcast_to(gamma, (2, 3, L, S))
    expected = np.zeros((2, 3, L, D_V))
    for b in np.ndindex(2, 3):
        scores = -full[b] * cdist(q[b], k[b], "sqeuclidean")
        expected[b] = scipy.special.softmax(scores, axis=1) @ v[b]
    close(attention(q, k, v, gamma=gamma), expected)


@both
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_gamma_does_not_change_the_dtype(attention, dtype):
    q, k, v = inputs(dtype=dtype)
    expected = attention(q, k, v, gamma=GAMMA)
    for gamma in (np.float64(GAMMA), np.full((L, 1), GAMMA)):
        close(attention(q, k, v, gamma=gamma), expected, 1e-3 if dtype == np.float16 else 1e-6)
    exact = reference.attention(*(x.astype(float) for x in (q, k, v)), gamma=GAMMA)
    close(expected.astype(float), exact, 2e-3 if dtype == np.float16 else 1e-6)


# Limit and edge cases ----------------------------------------------------------------------------


@few
@given(L=st.integers(1, 6), S=st.integers(1, 6), d_k=st.integers(1, 6), seed=st.integers(0, 999))
def test_limit_case_equally_long_keys_are_scaled_dot_product_attention(L, S, d_k, seed):
    q, k, v = inputs(2, seed=seed, L=L, S=S, d_k=d_k)
    k = 1.7 * k / np.linalg.norm(k, axis=-1, keepdims=True)
    gamma = 1 / (2 * math.sqrt(d_k))
    expected = F.scaled_dot_product_attention(*tensors(q, k, v))
    close(reference.attention(q, k, v, gamma=gamma), expected)
    close(module_attention(q, k, v, gamma=gamma), expected)


@few
@given(gamma=st.floats(0, 2), d_k=st.integers(1, 6), seed=st.integers(0, 999))
def test_limit_case_any_keys_are_dot_products_with_one_more_feature(gamma, d_k, seed):
    q, k, v = inputs(2, seed=seed, d_k=d_k)
    mask = some_mask(L, S, seed=seed)
    expected = reference.attention(q, k, v, gamma=gamma, mask=mask)
    new_q, new_k = reference.as_dot_product(q, k, gamma=gamma)
    assert new_q.shape == (2, L, d_k + 1)
    assert new_k.shape == (2, S, d_k + 1)
    close(dot_product.attention(new_q, new_k, v, mask=mask), expected)
    close(dot_product_module.attention(*tensors(new_q, new_k, v), mask=mask), expected)


def test_as_dot_product_keeps_the_dtype():
    q, k, _ = inputs(dtype=np.float32)
    assert {x.dtype for x in reference.as_dot_product(q, k, gamma=0.5)} == {np.dtype(np.float32)}


@both
def test_limit_case_gamma_zero_is_the_mean(attention):
    q, k, v = inputs(2)
    output, weights = attention(q, k, v, gamma=0, return_weights=True)
    close(weights, np.full((2, L, S), 1 / S))
    close(output, np.broadcast_to(v.mean(axis=-2, keepdims=True), (2, L, D_V)))


@both
def test_limit_case_large_gamma_is_the_nearest_neighbour(attention):
    q, k, v = inputs()
    nearest = KNeighborsRegressor(n_neighbors=1).fit(k, v)
    close(attention(q, k, v, gamma=1e6), nearest.predict(q))
    itself = attention(k, k, v, gamma=1e6)
    close(itself, v)


@both
def test_every_query_is_near_enough(attention):
    # exp(-distance²) underflows at a distance of 28; the nearest key still answers.
    k, v = np.array([[0.0], [1.0], [5.0]]), np.array([[1.0], [2.0], [3.0]])
    q = np.array([[1e3], [-1e3], [1e6]])
    close(attention(q, k, v, gamma=1.0), np.array([[3.0], [1.0], [3.0]]))
    assert not reference.regress(q, k, v, kernel=reference.gaussian).any()


@both
@pytest.mark.parametrize("S", [3, 60])  # PyTorch changes its way of computing at 26 points
def test_neighbours_far_from_the_origin_keep_their_digits(attention, S):
    # Near 4 million, where the squares of years are, float32 knows only quarters.
    years = np.linspace(1999.3, 2000.4, S, dtype=np.float32)[:, None]
    v = np.linspace(0, 1, S, dtype=np.float32)[:, None]
    exact = years.astype(float)
    expected = attention(exact - 2000, exact - 2000, v.astype(float), gamma=2.0)
    close(attention(years, years, v, gamma=2.0), expected.astype(np.float32), 1e-6)


@both_regress
def test_a_query_without_a_key_in_reach_gets_zeros(regress):
    k, v = np.array([[0.0], [0.5]]), np.array([[1.0], [3.0]])

    def box(squared):
        return squared <= 1

    output, weights = regress(np.array([[9.0], [0.2]]), k, v, kernel=box, return_weights=True)
    close(output, np.array([[0.0], [2.0]]))
    close(weights, np.array([[0.0, 0.0], [0.5, 0.5]]))


@pytest.mark.parametrize("lead", [(), (2,)])
@pytest.mark.parametrize(("L", "S"), [(1, 7), (0, 7), (4, 0), (0, 0)])
def test_one_query_no_query_no_key(L, S, lead):
    q, k, v = inputs(*lead, L=L, S=S)
    for mask in (None, np.ones((L, S), dtype=bool)):
        for function, own in (
            (reference.attention, {"gamma": GAMMA}),
            (reference.regress, {"kernel": cauchy}),
            (module_attention, {"gamma": GAMMA}),
            (module_regress, {"kernel": cauchy}),
        ):
            output, weights = function(q, k, v, mask=mask, return_weights=True, **own)
            assert output.shape == (*lead, L, D_V)
            assert weights.shape == (*lead, L, S)
            assert S or not output.any()
        assert reference.gamma_derivative(q, k, v, gamma=1, mask=mask).shape == (*lead, L, D_V)


@both
def test_causal_is_aligned_at_the_end(attention):
    q, k, v = inputs()
    found = attention(q, k, v, gamma=GAMMA, mask=masks.causal(L, S))
    for i in range(L):
        seen = slice(0, i + S - L + 1)
        close(found[i : i + 1], attention(q[i : i + 1], k[seen], v[seen], gamma=GAMMA))


# Properties --------------------------------------------------------------------------------------


@both
@few
@given(seed=st.integers(0, 999))
def test_moving_and_turning_everything_changes_nothing(attention, seed):
    q, k, v = inputs(2, seed=seed)
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.standard_normal((D_K, D_K)))
    shift = rng.standard_normal(D_K)
    expected = attention(q, k, v, gamma=GAMMA)
    close(attention(q @ turn + shift, k @ turn + shift, v, gamma=GAMMA), expected)
    close(attention(2 * q, 2 * k, v, gamma=GAMMA / 4), expected)


@both
@few
@given(seed=st.integers(0, 999))
def test_copies_of_all_data_and_the_order_of_the_keys_change_nothing(attention, seed):
    q, k, v = inputs(2, seed=seed)
    order = np.random.default_rng(seed).permutation(S)
    expected = attention(q, k, v, gamma=GAMMA)
    close(attention(q, k[:, order], v[:, order], gamma=GAMMA), expected)
    twice = [np.concatenate([x, x], axis=1) for x in (k, v)]
    close(attention(q, *twice, gamma=GAMMA), expected)


@both
@few
@given(seed=st.integers(0, 999), gamma=st.floats(0, 50))
def test_an_output_lies_in_the_convex_hull_of_the_values(attention, seed, gamma):
    q, k, v = inputs(2, seed=seed)
    directions = np.random.default_rng(seed + 1).standard_normal((D_V, 9))
    output, corners = attention(q, k, v, gamma=gamma) @ directions, v @ directions
    assert np.all(output <= corners.max(axis=1, keepdims=True) + 1e-12)
    assert np.all(output >= corners.min(axis=1, keepdims=True) - 1e-12)


@both
def test_the_matrix_before_the_division_is_symmetric_and_after_it_is_not(attention):
    _, x, _ = inputs()
    _, weights = attention(x, x, x, gamma=GAMMA, return_weights=True)
    total = np.exp(-GAMMA * cdist(x, x, "sqeuclidean")).sum(axis=1, keepdims=True)
    close(weights * total, (weights * total).T)
    assert np.abs(weights - weights.T).max() > 0.01
    assert (weights.argmax(axis=1) == np.arange(S)).all()


@few
@given(seed=st.integers(0, 999), gamma=st.floats(0.01, 0.2))
def test_leaving_one_out_is_dividing_the_residual(seed, gamma):
    _, k, v = inputs(seed=seed)
    output, weights = reference.attention(k, k, v, gamma=gamma, return_weights=True)
    others = reference.attention(k, k, v, gamma=gamma, mask=~np.eye(S, dtype=bool))
    close(v - others, (v - output) / (1 - np.diagonal(weights)[:, None]), 1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("seed", range(3))
def test_half_precision_within_twice_the_error_of_the_plain_formula(dtype, seed):
    q, k, v = (x.to(dtype) for x in tensors(*inputs(2, seed=seed, L=16, S=33, d_k=12)))
    exact = module.attention(q.double(), k.double(), v.double(), gamma=0.1)
    squared = (q[:, :, None] - k[:, None]).square().sum(-1)
    plain = torch.softmax(-0.1 * squared, dim=-1) @ v
    budget = 2 * (plain.double() - exact).abs().max()
    budget += torch.finfo(dtype).eps * exact.abs().max()
    output = module.attention(q, k, v, gamma=0.1)
    assert output.dtype == dtype
    assert (output.double() - exact).abs().max() <= budget


# Gradients ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("lead", [(), (2,), (2, 1)])
@pytest.mark.parametrize("return_weights", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_gradcheck(masked, return_weights, lead):
    mask = torch.from_numpy(some_mask(L, S)) if masked else None
    gamma = torch.tensor(GAMMA, dtype=torch.float64, requires_grad=True)

    def attention(q, k, v, gamma):
        return module.attention(q, k, v, gamma=gamma, mask=mask, return_weights=return_weights)

    def regress(q, k, v, gamma):
        def kernel(squared):
            return 1 / (1 + gamma * squared)

        return module.regress(q, k, v, kernel=kernel, mask=mask, return_weights=return_weights)

    arguments = (*tensors(*inputs(*lead), grad=True), gamma)
    assert torch.autograd.gradcheck(attention, arguments)
    assert torch.autograd.gradcheck(regress, arguments)


@pytest.mark.parametrize("shape", [(2, 1, 1), (L, 1), (L, S)])
def test_gradients_reach_a_gamma_for_each_head_query_or_pair(shape):
    q, k, v = tensors(*inputs(3, 2))
    gamma = (torch.rand(shape, dtype=torch.float64) + 0.2).requires_grad_()
    assert torch.autograd.gradcheck(lambda g: module.attention(q, k, v, gamma=g), (gamma,))


def test_gradcheck_where_query_and_key_are_one_tensor():
    x = torch.randn(S, D_K, dtype=torch.float64, requires_grad=True)
    others = ~torch.eye(S, dtype=torch.bool)
    for mask in (None, others):
        attend = lambda x, mask=mask: module.attention(x, x, x, gamma=GAMMA, mask=mask)  # noqa: E731
        gradient = torch.autograd.grad(attend(x).square().sum(), x)[0]
        assert gradient.isfinite().all()
        step = 1e-6 * torch.randn(S, D_K, dtype=torch.float64)
        with torch.no_grad():
            change = attend(x + step).square().sum() - attend(x - step).square().sum()
        assert float(change / 2) == pytest.approx(float((gradient * step).sum()), rel=1e-6)


@pytest.mark.parametrize("function", ["attention", "regress"])
def test_the_gradient_of_an_empty_row_is_zero(function):
    q, k, v = tensors(*inputs(2), grad=True)
    options = CONTRACT[function] | {"mask": some_mask(L, S)}
    output = getattr(module, function)(q, k, v, **options)
    for gradient in torch.autograd.grad(output[:, 1].sum(), (q, k, v)):
        assert not gradient.any()


@pytest.mark.parametrize(
    ("lead", "mask", "gamma"),
    [
        ((), None, GAMMA),
        ((2, 3), None, GAMMA),
        ((2,), some_mask(L, S), GAMMA),
        ((2,), some_mask(2, L, S), GAMMA),
        ((2,), masks.causal(L, S), 0.0),
        ((), None, np.array([[0.1], [0.3], [0.0], [1.2]])),
    ],
)
def test_gamma_derivative_against_finite_differences_and_autograd(lead, mask, gamma):
    q, k, v = inputs(*lead)
    step = 1e-5
    between = reference.gamma_derivative(q, k, v, gamma=gamma + step, mask=mask)
    ahead = reference.attention(q, k, v, gamma=gamma + 2 * step, mask=mask)
    behind = reference.attention(q, k, v, gamma=gamma, mask=mask)
    np.testing.assert_allclose(between, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-7)

    found = reference.gamma_derivative(q, k, v, gamma=gamma, mask=mask)
    upstream = np.random.default_rng(1).standard_normal(found.shape)
    leaf = torch.tensor(gamma, dtype=torch.float64, requires_grad=True)
    output = module.attention(*tensors(q, k, v), gamma=leaf, mask=mask)
    (gradient,) = torch.autograd.grad((output * torch.from_numpy(upstream)).sum(), leaf)
    expected = (found * upstream).sum(axis=-1, keepdims=True)
    expected = expected if np.ndim(gamma) else expected.sum()
    close(np.asarray(expected), gradient.numpy(), 1e-11)


# Bad input ---------------------------------------------------------------------------------------

ONES = {"q": np.ones((2, L, D_K)), "k": np.ones((2, S, D_K)), "v": np.ones((2, S, D_V))}


@pytest.mark.parametrize(
    ("gamma", "message"),
    [
        (-0.5, "gamma is -0.5; it needs to be finite in float64 and at least 0"),
        (math.nan, "gamma is nan; it needs to be finite"),
        (math.inf, "gamma is inf; it needs to be finite"),
        (np.array([[1.0]] * (L - 1) + [[-1.0]]), "gamma is -1.*; it needs to be finite"),
        (np.ones(S + 1), r"gamma has shape \(8,\); it must broadcast to \(2, 4, 7\)"),
        (np.ones((3, 1, 1)), r"gamma has shape \(3, 1, 1\); it must broadcast to \(2, 4, 7\)"),
        (np.ones((5, 2, 1, 1)), r"gamma has shape \(5, 2, 1, 1\); it must broadcast to"),
    ],
)
def test_a_bad_gamma_is_named(gamma, message):
    for function in (reference.attention, reference.gamma_derivative, module_attention):
        with pytest.raises(ValueError, match=message):
            function(**ONES, gamma=gamma)


@both_regress
@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (lambda d: d.sum(-1), r"kernel returned shape \(2, 4\); it needs \(2, 4, 7\)"),
        (lambda d: -1 - d, "kernel returned numbers that are negative or not finite"),
        (lambda d: 1 / (0 * d), "kernel returned numbers that are negative or not finite"),
        (lambda d: d * math.nan, "kernel returned numbers that are negative or not finite"),
    ],
)
def test_a_bad_kernel_is_named(regress, kernel, message):
    with np.errstate(divide="ignore"), pytest.raises(ValueError, match=message):
        regress(**ONES, kernel=kernel)


def test_reference_takes_lists_of_floats():
    close(reference.attention([[1.0]], [[2.0]], [[3.0, 4.0]], gamma=1), np.array([[3.0, 4.0]]))


# Figures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [None, 2.5])
def test_a_figure_of_fits_marks_the_place_asked_about(asked):
    x = np.array([[1.0], [2.0], [3.0]])
    answers = {"same": x, "twice": 2 * x, "none": 0 * x}
    figure = figures.fits(x, x, x, answers, title="t", asked=asked)
    joined = [line.get_xydata().tolist() for line in figure.axes[0].lines[3:]]
    assert joined == ([] if asked is None else [[[2.5, 0], [2.5, 5]]])
