"""Oracles: loops written from the paper, the concatenated form in torch, PyTorch's own kernel."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from witnesses import average_by_loop, beside, close, dot, some_mask, tensors

from attention_book import masks
from attention_book.exercises.attention_pooling import cures
from attention_book.figures import attention_pooling as figures
from attention_book.pooling.attention_pooling import module as pooling_module
from attention_book.pooling.attention_pooling import reference as pooling
from attention_book.scores.additive import module as additive_module
from attention_book.scores.additive import reference as additive
from attention_book.scores.scaled_dot_product import reference as dot_product

reference = SimpleNamespace(
    attention=beside(additive.attention, additive.weights),
    pool=beside(pooling.pool, pooling.weights),
)
module = SimpleNamespace(
    attention=beside(additive_module.attention, additive_module.weights),
    pool=beside(pooling_module.pool, pooling_module.weights),
    AdditiveAttention=additive_module.AdditiveAttention,
)
scaled_dot_product = SimpleNamespace(attention=beside(dot_product.attention, dot_product.weights))

L, S, D_K, D_V = 4, 7, 5, 3
few = settings(deadline=None, max_examples=40)
CONTRACT = {"attention": {"w": np.array([0.8, -1.1, 0.4, 1.7, -0.3, 0.9, -0.6, 1.2])}}


def inputs(*lead, seed=0, L=L, S=S, d_k=D_K, d_v=D_V, dtype=np.float64):
    rng = np.random.default_rng(seed)
    shapes = ((*lead, L, d_k), (*lead, S, d_k), (*lead, S, d_v), (d_k,))
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)


def paper_loop(q, k, v, w, mask=None):
    """Equations 5 and 6 and the alignment model of A.1.2, for one sequence."""

    def strength(query, key):
        hidden = [math.tanh(a + b) for a, b in zip(query, key, strict=True)]
        return math.exp(dot(hidden, w.tolist()))

    return average_by_loop(q, k, v, strength, mask)


def pool_loop(x, w, mask=None):
    """One query, whose strength is that of the learned vector."""
    rows = None if mask is None else [mask]
    output, weights = average_by_loop(
        [w.tolist()], x, x, lambda query, row: math.exp(dot(query, row)), rows
    )
    return output[0], weights[0]


def module_attention(q, k, v, *, w, **options):
    q, k, v, w = tensors(q, k, v, w)
    result = module.attention(q, k, v, w=w, **options)
    return tuple(map(torch.Tensor.numpy, result)) if isinstance(result, tuple) else result.numpy()


def module_pool(x, w, **options):
    result = module.pool(*tensors(x, w), **options)
    return tuple(map(torch.Tensor.numpy, result)) if isinstance(result, tuple) else result.numpy()


both = pytest.mark.parametrize("attention", [reference.attention, module_attention])
both_pools = pytest.mark.parametrize("pool", [reference.pool, module_pool])


# Against independent oracles ---------------------------------------------------------------------


@both_pools
def test_two_positions_by_hand(pool):
    # Scores ln 3 and 0, so the weights are 3/4 and 1/4.
    x = np.array([[1.0, 4.0], [0.0, 8.0]])
    context, weights = pool(x, np.array([math.log(3), 0.0]), return_weights=True)
    close(weights, np.array([0.75, 0.25]), 1e-15)
    close(context, np.array([0.75, 5.0]), 1e-14)


@both
def test_two_keys_by_hand(attention):
    # tanh(ln 3 / 2) = 1/2: hidden units 1/2 and -1/2, scores 1/2 ln 3 and -1/2 ln 3. For the
    # second query they are 0 and -4/5, since tanh(-ln 3) = (1/9 - 1) / (1/9 + 1).
    r = math.log(3)
    q, k = np.array([[r / 2], [0.0]]), np.array([[0.0], [-r]])
    v = np.array([[4.0, 0.0], [0.0, 8.0]])
    output, weights = attention(q, k, v, w=np.array([r]), return_weights=True)
    second = 3**0.8 / (3**0.8 + 1)
    close(weights, np.array([[0.75, 0.25], [second, 1 - second]]), 1e-15)
    close(output, np.array([[3.0, 2.0], [4 * second, 8 * (1 - second)]]), 1e-14)


@both
@pytest.mark.parametrize("masked", [False, True])
def test_attention_against_a_loop_written_from_the_paper(attention, masked):
    q, k, v, w = inputs()
    mask = some_mask(L, S) if masked else None
    output, weights = attention(q, k, v, w=w, mask=mask, return_weights=True)
    expected, expected_weights = paper_loop(q.tolist(), k.tolist(), v.tolist(), w, mask)
    close(output, expected)
    close(weights, expected_weights)
    close(attention(q, k, v, w=w, mask=mask), expected)


@both_pools
@pytest.mark.parametrize("masked", [False, True])
def test_pool_against_a_loop(pool, masked):
    _, x, _, w = inputs()
    mask = np.arange(S) % 3 > 0 if masked else None
    context, weights = pool(x, w, mask=mask, return_weights=True)
    expected, expected_weights = pool_loop(x.tolist(), w, mask)
    close(context, expected)
    close(weights, expected_weights)
    close(pool(x, w, mask=mask), expected)


@few
@given(
    lead=st.lists(st.integers(1, 3), max_size=3),
    sizes=st.tuples(*[st.integers(1, 6)] * 4),
    masked=st.booleans(),
    seed=st.integers(0, 999),
)
def test_both_against_the_concatenated_form(lead, sizes, masked, seed):
    """One linear layer over each pair [query, key], as torch would apply it."""
    L, S, d_k, d_v = sizes
    q, k, v, w = inputs(*lead, seed=seed, L=L, S=S, d_k=d_k, d_v=d_v)
    mask = np.random.default_rng(seed).random((*lead, L, S)) < 0.6 if masked else None

    t_q, t_k, t_v, t_w = tensors(q, k, v, w)
    pairs = torch.cat(
        [
            t_q[..., :, None, :].expand(*lead, L, S, d_k),
            t_k[..., None, :, :].expand(*lead, L, S, d_k),
        ],
        dim=-1,
    )
    matrix = torch.cat([torch.eye(d_k), torch.eye(d_k)], dim=1).double()
    scores = (F.linear(pairs, matrix).tanh() * t_w).sum(-1)
    # as an additive mask, PyTorch's kernel takes any scores: with zero queries they are all
    bias = scores if mask is None else scores.masked_fill(~torch.from_numpy(mask), -torch.inf)
    expected = F.scaled_dot_product_attention(0 * t_q, t_k, t_v, attn_mask=bias)
    if mask is not None:
        expected = expected.masked_fill(torch.from_numpy(~mask.any(-1, keepdims=True)), 0)

    for attention in (reference.attention, module_attention):
        output, weights = attention(q, k, v, w=w, mask=mask, return_weights=True)
        close(output, expected)
        close(weights @ v, expected)


@both_pools
@few
@given(
    lead=st.lists(st.integers(1, 3), max_size=3),
    S=st.integers(1, 6),
    d=st.integers(1, 6),
    masked=st.booleans(),
    seed=st.integers(0, 999),
)
def test_pool_is_attention_of_one_query(pool, lead, S, d, masked, seed):
    _, x, _, w = inputs(*lead, seed=seed, S=S, d_k=d)
    mask = np.random.default_rng(seed).random((*lead, 1, S)) < 0.6 if masked else None
    t_x, t_w = tensors(x, w)
    expected = F.scaled_dot_product_attention(
        t_w.expand(*lead, 1, d), t_x, t_x, scale=1.0,
        attn_mask=None if mask is None else torch.from_numpy(mask),
    )[..., 0, :]  # fmt: skip
    context, weights = pool(x, w, mask=mask, return_weights=True)
    close(context, expected)
    close((weights[..., None] * x).sum(-2), expected)
    close(pool(x, w, mask=mask), expected)


def test_the_layer_is_the_function_with_its_matrices():
    torch.manual_seed(0)
    layer = module.AdditiveAttention(3, 5, 6).double()
    assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == {
        "w": (6,),
        "W_q.weight": (6, 3),
        "W_k.weight": (6, 5),
    }
    x, memory = torch.randn(2, L, 3).double(), torch.randn(2, S, 5).double()
    mask = masks.padding([7, 4], S)
    output, weights = layer(x, memory, mask=mask), layer.weights(x, memory, mask=mask)
    q, k = (a.detach().numpy() for a in (layer.W_q(x), layer.W_k(memory)))
    w = layer.w.detach().numpy()
    for b in range(2):
        expected = paper_loop(
            q[b].tolist(), k[b].tolist(), memory[b].tolist(), w, mask[b].repeat(L, axis=0)
        )
        close(output[b], expected[0])
        close(weights[b], expected[1])
    close(layer(x, memory, mask=mask), output)
    assert torch.autograd.gradcheck(layer, (x.requires_grad_(), memory.requires_grad_()))


def test_the_layer_starts_with_scores_of_the_order_of_one():
    torch.manual_seed(0)
    w = torch.cat([module.AdditiveAttention(1, 1, 400).w.detach() for _ in range(50)])
    assert abs(w.std().item() * 20 - 1) < 0.05


@pytest.mark.parametrize(("q_lead", "k_lead"), [((2, 3), (2, 1)), ((), (2,)), ((2,), ())])
def test_leading_dimensions_broadcast(q_lead, k_lead):
    q, (_, k, v, w) = inputs(*q_lead)[0], inputs(*k_lead)
    lead = np.broadcast_shapes(q_lead, k_lead)
    full = [np.broadcast_to(x, (*lead, *x.shape[-2:])).copy() for x in (q, k, v)]
    mask = np.random.default_rng(0).random((*lead, L, S)) < 0.7
    for attention in (reference.attention, module_attention):
        expected = attention(*full, w=w, mask=mask, return_weights=True)
        for found, wanted in zip(
            attention(q, k, v, w=w, mask=mask, return_weights=True), expected, strict=True
        ):
            close(found, wanted)


@both
def test_causal_is_aligned_at_the_end(attention):
    q, k, v, w = inputs(2)
    mask = masks.causal(L, S)
    expected = [paper_loop(*(x[b].tolist() for x in (q, k, v)), w, mask)[0] for b in range(2)]
    close(attention(q, k, v, w=w, mask=mask), np.stack(expected))


# Limit cases -------------------------------------------------------------------------------------


@few
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 999))
def test_limit_case_w_0_is_the_mean(L, S, seed):
    q, k, v, w = inputs(2, seed=seed, L=L, S=S)
    mean = np.broadcast_to(v.mean(axis=-2, keepdims=True), (2, L, D_V))
    for attention in (reference.attention, module_attention):
        output, weights = attention(q, k, v, w=0 * w, return_weights=True)
        close(output, mean)
        close(weights, np.full((2, L, S), 1 / S))
    for pool in (reference.pool, module_pool):
        context, weights = pool(k, 0 * w, return_weights=True)
        close(context, k.mean(axis=-2))
        close(weights, np.full((2, S), 1 / S))


@both_pools
def test_limit_case_one_position_returns_itself(pool):
    _, x, _, w = inputs(2, S=1)
    context, weights = pool(x, 1e4 * w, return_weights=True)
    close(context, x[:, 0], 1e-15)
    close(weights, np.ones((2, 1)), 0)


@both
def test_limit_case_one_key_returns_its_value(attention):
    q, k, v, w = inputs(2, S=1)
    close(attention(q, k, v, w=w), np.broadcast_to(v, (2, L, D_V)), 1e-15)


@both
@pytest.mark.parametrize("size", [1e-2, 1e-3, 1e-4])
def test_limit_case_small_arguments_are_pooling(attention, size):
    """tanh(z) = z + O(z³): the query cancels, with an error of second order."""
    q, k, _, w = inputs(2)
    output, weights = attention(size * q, size * k, k, w=w / size, return_weights=True)
    pooled, shares = reference.pool(k, w, return_weights=True)
    assert np.abs(weights - shares[:, None]).max() < 20 * size**2
    assert np.abs(output - pooled[:, None]).max() < 50 * size**2
    assert np.abs(weights - shares[:, None]).max() > 1e-3 * size**2


@both
def test_limit_case_saturated_hidden_units_are_signs(attention):
    q, k, v, w = inputs(2)
    signs = np.sign(q[:, :, None] + k[:, None]) @ w
    expected = np.exp(signs) / np.exp(signs).sum(-1, keepdims=True) @ v
    close(attention(1e9 * q, 1e9 * k, v, w=w), expected)


def test_limit_case_pooling_is_dot_product_attention():
    _, x, _, w = inputs(2)
    query = np.broadcast_to(math.sqrt(D_K) * w, (2, 1, D_K))
    close(reference.pool(x, w), scaled_dot_product.attention(query, x, x)[:, 0])


# Properties --------------------------------------------------------------------------------------


@both_pools
@few
@given(seed=st.integers(0, 999))
def test_pooling_does_not_see_the_order(pool, seed):
    _, x, _, w = inputs(2, seed=seed)
    order = np.random.default_rng(seed).permutation(S)
    close(pool(x[:, order], w), pool(x, w))


@both
@few
@given(seed=st.integers(0, 999))
def test_the_order_of_the_keys_does_not_matter(attention, seed):
    q, k, v, w = inputs(2, seed=seed)
    order = np.random.default_rng(seed).permutation(S)
    mask = some_mask(L, S, seed=seed)
    close(
        attention(q, k[:, order], v[:, order], w=w, mask=mask[:, order]),
        attention(q, k, v, w=w, mask=mask),
    )


@both
@few
@given(seed=st.integers(0, 999))
def test_turning_all_signs_changes_nothing(attention, seed):
    """tanh is odd: -q, -k and -w give the same scores."""
    q, k, v, w = inputs(2, seed=seed)
    close(attention(-q, -k, v, w=-w), attention(q, k, v, w=w))


@both
def test_what_moves_from_queries_to_keys_changes_nothing(attention):
    q, k, v, w = inputs(2)
    shift = np.linspace(-1, 2, D_K)
    close(attention(q + shift, k - shift, v, w=w), attention(q, k, v, w=w))


@both_pools
def test_sequences_do_not_see_each_other(pool):
    _, x, _, w = inputs(3)
    close(pool(x, w), np.stack([pool(x[b], w) for b in range(3)]))


@both_pools
def test_masking_positions_is_leaving_them_out(pool):
    _, x, _, w = inputs(2)
    kept = np.array([0, 2, 5])
    mask = np.isin(np.arange(S), kept)
    close(pool(x, w, mask=mask), pool(x[:, kept], w))


@both_pools
def test_padding_of_the_book_fits_and_an_empty_sequence_gives_zeros(pool):
    _, x, _, w = inputs(3)
    context, weights = pool(x, w, mask=masks.padding([7, 4, 0], S), return_weights=True)
    close(context[1], pool(x[1, :4], w))
    assert not weights[1, 4:].any()
    assert not weights[2].any()
    assert not context[2].any()
    close(weights.sum(-1), np.array([1.0, 1.0, 0.0]))


@both_pools
def test_no_position_gives_zeros(pool):
    context, weights = pool(np.ones((2, 0, 3)), np.ones(3), return_weights=True)
    close(context, np.zeros((2, 3)))
    assert weights.shape == (2, 0)


@both_pools
def test_scores_of_ten_thousand_pick_the_best_position(pool):
    x = np.array([[0.5, 1.0], [1.0, -2.0], [-1.0, 3.0]])
    context, weights = pool(x, np.array([1e4, 0.0]), return_weights=True)
    close(context, x[1])
    close(weights, np.array([0.0, 1.0, 0.0]))


@both
def test_large_w_picks_the_best_key(attention):
    q, k, v, w = inputs(2)
    best = (np.tanh(q[:, :, None] + k[:, None]) @ w).argmax(axis=-1)
    close(attention(q, k, v, w=1e6 * w), np.stack([v[b, best[b]] for b in range(2)]))


@both_pools
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_pool_keeps_the_dtype_and_computes_half_in_single(pool, dtype):
    _, x, _, w = inputs(2, dtype=dtype)
    mine = x.copy(), w.copy()
    context, weights = pool(x, w, return_weights=True)
    assert context.dtype == weights.dtype == dtype
    assert pool(x, w).dtype == dtype
    assert pool(x, w.astype(np.float64)).dtype == dtype
    np.testing.assert_array_equal(x, mine[0])
    np.testing.assert_array_equal(w, mine[1])
    computing = np.promote_types(dtype, np.float32)
    wide = pool(x.astype(computing), w.astype(computing), return_weights=True)
    for found, wanted in zip((context, weights), wide, strict=True):
        close(found, wanted.astype(dtype), 0)
    large = pool(np.full((2, 3), 300, dtype), np.full(3, 300, dtype))  # scores beyond float16
    close(large, np.full(3, 300, dtype), np.finfo(dtype).eps)


def test_module_pool_in_bfloat16():
    x, w = torch.randn(2, S, D_K).bfloat16(), torch.randn(D_K).bfloat16()
    for result in (module.pool(x, w), *module.pool(x, w, return_weights=True)):
        assert result.dtype == torch.bfloat16


@both
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_half_precision_is_computed_in_single(attention, dtype):
    q, k, v, w = inputs(2, dtype=dtype)
    output, weights = attention(q, k, v, w=w, return_weights=True)
    wide = [x.astype(np.float32) for x in (q, k, v)]
    expected = attention(*wide, w=w.astype(np.float32), return_weights=True)
    for found, wanted in zip((output, weights), expected, strict=True):
        close(found, wanted.astype(dtype), 0)


# Gradients ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("return_weights", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_gradcheck(masked, return_weights):
    mask = some_mask(L, S) if masked else None

    def attention(q, k, v, w):
        return module.attention(q, k, v, w=w, mask=mask, return_weights=return_weights)

    def pool(x, w):
        padding = masks.padding([4, 0], S) if masked else None
        return module.pool(x, w, mask=padding, return_weights=return_weights)

    assert torch.autograd.gradcheck(attention, tensors(*inputs(2), grad=True))
    _, x, _, w = inputs(2)
    assert torch.autograd.gradcheck(pool, tensors(x, w, grad=True))


def test_the_gradient_of_the_scorer_is_a_weighted_covariance():
    _, x, _, w = inputs()
    context, weights = pool_loop(x.tolist(), w)
    covariance = np.cov(x.T, aweights=weights, ddof=0)
    t_x, t_w = tensors(x, w, grad=True)
    jacobian = torch.autograd.functional.jacobian(lambda w: module.pool(t_x.detach(), w), t_w)
    close(jacobian, covariance)
    assert np.linalg.eigvalsh(covariance).min() > 0
    single = torch.autograd.functional.jacobian(lambda w: module.pool(t_x.detach()[:1], w), t_w)
    close(single, np.zeros((D_K, D_K)), 1e-15)
    assert context.shape == (D_K,)


def test_a_softmax_over_one_entry_has_no_gradient():
    """What article 001 programs: the scorer's gradient is 0, whatever the loss."""
    torch.manual_seed(0)
    x = torch.randn(2, 5, 3)
    scorer, head = torch.nn.Linear(3, 1), torch.nn.Linear(3, 1)
    for dim, learns in ((-1, False), (1, True)):
        scorer.zero_grad()
        weights = torch.softmax(scorer(x), dim=dim)
        assert bool((weights == 1).all()) is not learns
        (head((weights * x).sum(1)) ** 2).sum().backward()
        assert bool(scorer.weight.grad.abs().max() > 1e-3) is learns
        assert scorer.bias.grad.abs().max() < 1e-5


# Bad input ---------------------------------------------------------------------------------------

ONES = {"q": np.ones((2, L, D_K)), "k": np.ones((2, S, D_K)), "v": np.ones((2, S, D_V))}


def test_a_bad_mask_is_named():
    x, w = np.ones((2, S, D_K)), np.ones(D_K)
    for mask, error, message in (
        (np.ones((2, 1, S)), TypeError, r"mask has dtype .*float64; it needs bool"),
        (np.ones((3, S), bool), ValueError, r"mask has shape \(3, 7\); .* \(2, 1, 7\)"),
        (np.ones((2, S, 1), bool), ValueError, r"mask has shape \(2, 7, 1\); .* \(2, 1, 7\)"),
    ):
        with pytest.raises(error, match=message):
            reference.pool(x, w, mask=mask)
        with pytest.raises(error, match=message):
            module.pool(*tensors(x, w), mask=mask)
    with pytest.raises(ValueError, match=r"mask has shape \(7, 4\); .* \(2, 4, 7\)"):
        module.attention(*tensors(*ONES.values()), w=torch.ones(D_K), mask=np.ones((S, L), bool))


def test_reference_takes_lists_of_floats():
    close(reference.pool([[1.0, 4.0]], [0.5, 0.5]), np.array([1.0, 4.0]))
    close(reference.attention([[1.0]], [[2.0]], [[3.0, 4.0]], w=[1.0]), np.array([[3.0, 4.0]]))


def test_what_is_no_array_argument_is_keyword_only():
    with pytest.raises(TypeError, match="positional"):
        reference.pool(np.ones((2, 3)), np.ones(3), np.ones((1, 2), bool))
    with pytest.raises(TypeError, match="positional"):
        module.pool(torch.ones(2, 3), torch.ones(3), np.ones((1, 2), bool))
    with pytest.raises(TypeError, match="positional"):
        reference.attention(*ONES.values(), np.ones(D_K))


def test_a_figure_shows_what_was_read_over_the_answers_and_where_the_two_agree():
    answers, read = np.array([0.5, -2.0, 1.0]), {"half": np.ones(3), "whole": np.arange(3.0)}
    figure = figures.read_off(read, answers, title="t", xlabel="answer", ylabel="read")
    assert [ax.get_title() for ax in figure.axes] == ["half", "whole"]
    for ax, numbers in zip(figure.axes, read.values(), strict=True):
        np.testing.assert_array_equal(ax.collections[0].get_offsets(), np.c_[answers, numbers])
        np.testing.assert_array_equal(*ax.lines[0].get_data())
        assert ax.get_xlim() == ax.get_ylim() == (-2.2, 1.2)
    assert figure.png(dark=True) != figure.png()


# Exercises ---------------------------------------------------------------------------------------


def test_every_wrong_matching_of_cures_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTENTION_BOOK_PROGRESS", str(tmp_path / "progress.json"))
    verdicts = [cures.check("".join(letters)) for letters in itertools.permutations("abcdef")]
    assert sum(map(bool, verdicts)) == 1
    assert all(verdict or verdict.mistake for verdict in verdicts)
