"""Oracles: finite differences, autograd, PyTorch's multi-head layer with one head, plain loops."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from witnesses import average_by_loop, beside, close, dot, some_mask, tensors

from attention_book import masks
from attention_book.finite_differences import numerical_gradient
from attention_book.layers.dense_network import reference as dense_network
from attention_book.layers.residual_stack import module as torch_stack
from attention_book.layers.residual_stack import reference as residual_stack
from attention_book.layers.self_attention import module as torch_layer
from attention_book.layers.self_attention import reference as one_layer

reference = SimpleNamespace(
    network=dense_network.network,
    network_backward=dense_network.network_backward,
    new_network=dense_network.new_network,
    self_attention=beside(one_layer.self_attention, one_layer.weights),
    self_attention_backward=one_layer.self_attention_backward,
    new_layer=one_layer.new_layer,
    stack=residual_stack.stack,
    stack_backward=residual_stack.stack_backward,
    numerical_gradient=numerical_gradient,
)
module = SimpleNamespace(
    self_attention=beside(torch_layer.self_attention, torch_layer.weights),
    SelfAttention=torch_layer.SelfAttention,
    Stack=torch_stack.Stack,
)

N_TOKENS, D_MODEL, D_K, D_V = 5, 6, 4, 3
MATRICES = ("W_q", "W_k", "W_v", "W_o")
few = settings(deadline=None, max_examples=30)


def layer(seed=0, d_model=D_MODEL, d_k=D_K, d_v=D_V, dtype=np.float64):
    W = reference.new_layer(d_model, d_k, d_v=d_v, rng=np.random.default_rng(seed))
    return {name: array.astype(dtype) for name, array in W.items()}


def layers(count, seed=0, **sizes):
    return [layer(seed + number, **sizes) for number in range(count)]


def tokens(*lead, seed=1, n=N_TOKENS, d=D_MODEL, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal((2, *lead, n, d)).astype(dtype))


def dense(seed=0, N=4, d_in=7, d_hidden=10, d_out=5):
    rng = np.random.default_rng(seed)
    p = reference.new_network(d_in, d_hidden, d_out, rng=rng)
    p = p | {"b_1": rng.standard_normal(d_hidden), "b_2": rng.standard_normal(d_out)}
    return p, rng.standard_normal((N, d_in)), rng.standard_normal((N, d_out))


def twin(parameters):
    """The layer in PyTorch with the parameters of a reference layer."""
    d_model, d_k = parameters["W_q"].shape
    made = module.SelfAttention(d_model, d_k, d_v=parameters["W_v"].shape[1])
    made = made.to(torch.from_numpy(parameters["W_q"]).dtype)
    made.load_state_dict({name: torch.from_numpy(parameters[name]) for name in MATRICES})
    return made


def twins(many, d_model=D_MODEL):
    made = module.Stack(d_model, D_K, num_layers=len(many), d_v=D_V).double()
    for layer_in_torch, parameters in zip(made.layers, many, strict=True):
        layer_in_torch.load_state_dict(
            {name: torch.from_numpy(parameters[name]) for name in MATRICES}
        )
    return made


def by_module(x, parameters, *, mask=None, return_weights=False):
    layer, x = twin(parameters), torch.from_numpy(x)
    output = layer(x, mask=mask).detach().numpy()
    return (output, layer.weights(x, mask=mask).detach().numpy()) if return_weights else output


def stack_by_module(x, many, *, mask=None):
    return twins(many)(torch.from_numpy(x), mask=mask).detach().numpy()


both = pytest.mark.parametrize("attend", [reference.self_attention, by_module])
both_stacks = pytest.mark.parametrize("stack", [reference.stack, stack_by_module])


def attend_by_loop(x, W, mask=None):
    """One sequence, in Python floats."""

    def product(rows, matrix):
        return [[dot(row, column) for column in zip(*matrix, strict=True)] for row in rows]

    W = {name: array.tolist() for name, array in W.items()}
    q, k, v = (product(x.tolist(), W[name]) for name in MATRICES[:3])
    output, weights = average_by_loop(
        q, k, v, lambda a, b: math.exp(dot(a, b) / math.sqrt(len(a))), mask
    )
    return np.array(product(output.tolist(), W["W_o"])), weights


# Against independent oracles ---------------------------------------------------------------------


@both
@pytest.mark.parametrize("masked", [False, True])
def test_self_attention_against_a_loop(attend, masked):
    x, _ = tokens()
    mask = some_mask(N_TOKENS, N_TOKENS) if masked else None
    output, weights = attend(x, layer(), mask=mask, return_weights=True)
    expected, expected_weights = attend_by_loop(x, layer(), mask)
    close(output, expected)
    close(weights, expected_weights)
    close(attend(x, layer(), mask=mask), expected)


@pytest.mark.parametrize("masked", [False, True])
def test_self_attention_against_multi_head_attention_with_one_head(masked):
    x, upstream = tokens(2)
    W = layer(d_k=D_MODEL, d_v=D_MODEL)
    mask = np.tri(N_TOKENS, dtype=bool) if masked else None
    theirs = torch.nn.MultiheadAttention(D_MODEL, 1, bias=False, batch_first=True).double()
    with torch.no_grad():
        stacked = np.concatenate([W[name].T for name in MATRICES[:3]])
        theirs.in_proj_weight.copy_(torch.from_numpy(stacked))
        theirs.out_proj.weight.copy_(torch.from_numpy(W["W_o"].T))
    blocked = None if mask is None else torch.from_numpy(~mask)  # there True = blocked
    t_x = torch.from_numpy(x).requires_grad_()
    expected, expected_weights = theirs(t_x, t_x, t_x, attn_mask=blocked)
    (expected * torch.from_numpy(upstream)).sum().backward()
    for attend in (reference.self_attention, by_module):
        output, weights = attend(x, W, mask=mask, return_weights=True)
        close(output, expected)
        close(weights, expected_weights)
    grad_x, gradients = reference.self_attention_backward(x, W, upstream, mask=mask)
    close(grad_x, t_x.grad)
    stacked = np.concatenate([gradients[name].T for name in MATRICES[:3]])
    close(stacked, theirs.in_proj_weight.grad)
    close(gradients["W_o"].T, theirs.out_proj.weight.grad)


@few
@given(
    lead=st.lists(st.integers(1, 3), max_size=2),
    sizes=st.tuples(*[st.integers(1, 5)] * 4),
    count=st.integers(0, 3),
    masked=st.booleans(),
    seed=st.integers(0, 999),
)
def test_reference_and_module_agree_in_outputs_and_gradients(lead, sizes, count, masked, seed):
    n, d_model, d_k, d_v = sizes
    x, upstream = tokens(*lead, seed=seed, n=n, d=d_model)
    many = layers(count, seed, d_model=d_model, d_k=d_k, d_v=d_v)
    mask = np.random.default_rng(seed).random((*lead, n, n)) < 0.6 if masked else None
    made = module.Stack(d_model, d_k, num_layers=count, d_v=d_v).double()
    for layer_in_torch, parameters in zip(made.layers, many, strict=True):
        layer_in_torch.load_state_dict(
            {name: torch.from_numpy(parameters[name]) for name in MATRICES}
        )
    t_x = torch.from_numpy(x).requires_grad_()
    output = made(t_x, mask=mask)
    (output * torch.from_numpy(upstream)).sum().backward()
    close(reference.stack(x, many, mask=mask), output)
    grad_x, gradients = reference.stack_backward(x, many, upstream, mask=mask)
    close(grad_x, t_x.grad)
    assert len(gradients) == count
    for found, layer_in_torch in zip(gradients, made.layers, strict=True):
        assert list(found) == list(MATRICES)
        for name in MATRICES:
            close(found[name], getattr(layer_in_torch, name).grad)


def test_network_against_autograd():
    p, x, upstream = dense()
    t = dict(zip(p, tensors(*p.values(), grad=True), strict=True))
    y = torch.tanh(torch.from_numpy(x) @ t["W_1"] + t["b_1"]) @ t["W_2"] + t["b_2"]
    (y * torch.from_numpy(upstream)).sum().backward()
    close(reference.network(x, p), y)
    gradients = reference.network_backward(x, p, upstream)
    assert list(gradients) == ["W_1", "b_1", "W_2", "b_2"]
    for name in p:
        close(gradients[name], t[name].grad)


def test_network_by_hand():
    # z = ln 3 / 2, h = 1/2, y = 2; the loss is (y - 1)² / 2.
    p = {"W_1": [[math.log(3) / 4]], "b_1": [0.0], "W_2": [[4.0]], "b_2": [0.0]}
    p, x = {name: np.array(value) for name, value in p.items()}, np.array([[2.0]])
    y = reference.network(x, p)
    close(y, np.array([[2.0]]))
    gradients = reference.network_backward(x, p, y - 1)
    for name, value in {"W_1": 6.0, "b_1": 3.0, "W_2": 0.5, "b_2": 1.0}.items():
        close(gradients[name], np.full(p[name].shape, value))


def test_self_attention_by_hand():
    r = math.log(3)
    W = {"W_q": r, "W_k": 1.0, "W_v": 4.0, "W_o": 1.0}
    W = {name: np.array([[value]]) for name, value in W.items()}
    x, upstream = np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]])
    output, weights = reference.self_attention(x, W, return_weights=True)
    close(weights, np.array([[0.75, 0.25], [0.5, 0.5]]))
    close(output, np.array([[3.0], [2.0]]))
    grad_x, gradients = reference.self_attention_backward(x, W, upstream)
    close(grad_x, np.array([[3 + 1.5 * r], [1 - 0.75 * r]]))
    for name, value in {"W_q": 0.75, "W_k": 0.75 * r, "W_v": 0.75, "W_o": 3.0}.items():
        close(gradients[name], np.array([[value]]))


# Finite differences ------------------------------------------------------------------------------


def relative(a, b):
    return np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b))


@pytest.mark.parametrize("sizes", [(4, 7, 10, 5), (4, 10, 10, 5), (1, 7, 10, 5), (5, 7, 10, 5)])
def test_network_backward_against_finite_differences(sizes):
    N, d_in, d_hidden, d_out = sizes
    p, x, t = dense(N=N, d_in=d_in, d_hidden=d_hidden, d_out=d_out)
    gradients = reference.network_backward(x, p, reference.network(x, p) - t)
    for name in p:

        def loss(array, name=name):
            return ((reference.network(x, p | {name: array}) - t) ** 2).sum() / 2

        assert relative(gradients[name], reference.numerical_gradient(loss, p[name])) < 1e-8


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_stack_backward_against_finite_differences(count, masked):
    x, upstream = tokens(2)
    many = layers(count)
    mask = some_mask(N_TOKENS, N_TOKENS) if masked else None
    grad_x, gradients = reference.stack_backward(x, many, upstream, mask=mask)

    def loss(x, many):
        return (reference.stack(x, many, mask=mask) * upstream).sum()

    assert relative(grad_x, reference.numerical_gradient(lambda a: loss(a, many), x)) < 1e-8
    for number in range(count):
        for name in MATRICES:

            def changed(array, number=number, name=name):
                other = [dict(parameters) for parameters in many]
                other[number][name] = array
                return loss(x, other)

            numerical = reference.numerical_gradient(changed, many[number][name])
            assert relative(gradients[number][name], numerical) < 1e-8


def test_gradients_of_a_saturated_row():
    """One score is far above the others: hardly any gradient is left, and none is NaN."""
    x, upstream = tokens()
    x[0] *= 1e4
    grad_x, gradients = reference.self_attention_backward(x, layer(), upstream)
    made, t_x = twin(layer()), torch.from_numpy(x).requires_grad_()
    (made(t_x) * torch.from_numpy(upstream)).sum().backward()
    close(grad_x, t_x.grad, 1e-9)
    for name in MATRICES:
        close(gradients[name], getattr(made, name).grad, 1e-8)
        assert np.isfinite(gradients[name]).all()


@pytest.mark.parametrize("masked", [False, True])
def test_gradcheck_of_the_module(masked):
    made, (x, _) = twins(layers(2)), tokens(2)
    mask = some_mask(N_TOKENS, N_TOKENS) if masked else None
    assert torch.autograd.gradcheck(lambda x: made(x, mask=mask), tensors(x, grad=True))


def test_numerical_gradient_of_a_polynomial():
    x = np.array([[1.0, -2.0, 0.5], [3.0, 0.0, -1.0]])
    before = x.copy()
    found = reference.numerical_gradient(lambda a: (a**3).sum() + a[0, 0] * a[1, 2], x)
    expected = 3 * x**2
    expected[0, 0] += x[1, 2]
    expected[1, 2] += x[0, 0]
    close(found, expected, 1e-8)
    np.testing.assert_array_equal(x, before)


def test_numerical_gradient_is_two_sided_and_takes_the_step():
    # (x + ε)³ - (x - ε)³ = 6x²ε + 2ε³
    x = np.array([1.5])
    for step in (0.1, 0.5):
        found = reference.numerical_gradient(lambda a: (a**3).sum(), x, step=step)
        close(found, 3 * x**2 + step**2, 1e-12)


def test_numerical_gradient_of_a_function_that_changes_its_argument():
    def f(a):
        a *= 2
        return a.sum()

    close(reference.numerical_gradient(f, np.ones((2, 2))), np.full((2, 2), 2.0), 1e-8)


def test_numerical_gradient_divides_by_the_distance_that_is_stored():
    x = np.array([1e10, -3e9, 1.0])  # neighbours of 1e10 are 2e-6 apart
    close(reference.numerical_gradient(lambda a: a[0], x), np.array([1.0, 0, 0]), 0)
    close(reference.numerical_gradient(np.sum, x[:1], step=1e-6), np.ones(1), 0)


@pytest.mark.parametrize(
    "kind", [float, np.float32, np.array, torch.tensor, lambda s: np.array([s])]
)
def test_numerical_gradient_takes_any_kind_of_number(kind):
    found = reference.numerical_gradient(lambda a: kind(3 * a.sum()), np.ones(2), step=0.5)
    close(found, np.full(2, 3.0), 0)


# Limit cases -------------------------------------------------------------------------------------


@both
def test_limit_case_one_token_is_a_linear_map(attend):
    x, _ = tokens(3, n=1)
    W = layer()
    close(attend(x, W), x @ W["W_v"] @ W["W_o"])
    loud = W | {"W_q": 1e4 * W["W_q"]}
    close(attend(x, loud), x @ W["W_v"] @ W["W_o"])


@both
@pytest.mark.parametrize("name", ["W_q", "W_k"])
def test_limit_case_no_question_is_the_mean(attend, name):
    x, _ = tokens(3)
    W = layer()
    mean = x.mean(axis=1, keepdims=True) @ W["W_v"] @ W["W_o"]
    output, weights = attend(x, W | {name: 0 * W[name]}, return_weights=True)
    close(output, np.broadcast_to(mean, x.shape))
    close(weights, np.full((3, N_TOKENS, N_TOKENS), 1 / N_TOKENS))


@both_stacks
def test_limit_case_no_layers_or_silent_layers_are_the_identity(stack):
    x, upstream = tokens(2)
    silent = [W | {"W_o": 0 * W["W_o"]} for W in layers(2)]
    for many in ([], silent):
        close(stack(x, many), x, 0)
        grad_x, gradients = reference.stack_backward(x, many, upstream)
        close(grad_x, upstream, 0)
        assert len(gradients) == len(many)
    assert reference.stack(x, []) is not x
    assert reference.stack_backward(x, [], upstream)[0] is not upstream


@both_stacks
def test_limit_case_one_layer_is_the_layer_and_its_input(stack):
    x, _ = tokens(2)
    close(stack(x, layers(1)), x + reference.self_attention(x, layer()))


# Properties --------------------------------------------------------------------------------------


@both_stacks
@few
@given(seed=st.integers(0, 999), count=st.integers(1, 3))
def test_tokens_that_change_places_take_their_outputs_along(stack, seed, count):
    x, _ = tokens(2, seed=seed)
    order = np.random.default_rng(seed).permutation(N_TOKENS)
    close(stack(x[:, order], layers(count)), stack(x, layers(count))[:, order])


@both_stacks
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_future_does_not_leak_through_any_number_of_layers(stack, count):
    x, _ = tokens(2)
    mask = masks.causal(N_TOKENS)
    before = stack(x, layers(count), mask=mask)
    for j in range(1, N_TOKENS):
        changed = x.copy()
        changed[:, j:] += 1
        after = stack(changed, layers(count), mask=mask)
        np.testing.assert_array_equal(after[:, :j], before[:, :j])
        assert (after[:, j:] != before[:, j:]).any(axis=(0, 2)).all()


@both
def test_a_token_that_may_see_nothing_gets_zeros_and_its_gradient_is_finite(attend):
    x, upstream = tokens(2)
    mask = some_mask(N_TOKENS, N_TOKENS)
    mask[:, 2] = False  # and token 2 is shown to nobody
    output, weights = attend(x, layer(), mask=mask, return_weights=True)
    assert not output[:, 1].any()
    assert not weights[:, 1].any()
    assert not weights[..., 2].any()
    close(weights.sum(-1)[:, [0, 2, 3, 4]], np.ones((2, 4)))
    only_1 = np.zeros_like(upstream)
    only_1[:, 1] = upstream[:, 1]
    grad_x, gradients = reference.self_attention_backward(x, layer(), only_1, mask=mask)
    for gradient in (grad_x, *gradients.values()):
        assert not gradient.any()


@both
def test_sequences_do_not_see_each_other_and_share_their_parameters(attend):
    x, upstream = tokens(3)
    close(attend(x, layer()), np.stack([attend(x[b], layer()) for b in range(3)]))
    _, gradients = reference.self_attention_backward(x, layer(), upstream)
    for name in MATRICES:
        each = [
            reference.self_attention_backward(x[b], layer(), upstream[b])[1][name] for b in range(3)
        ]
        close(gradients[name], sum(each))


@both
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_dtype_is_kept_and_nothing_is_changed(attend, dtype):
    x, upstream = tokens(2, dtype=dtype)
    W = layer(dtype=dtype)
    before = [array.copy() for array in (x, upstream, *W.values())]
    output, weights = attend(x, W, return_weights=True)
    assert output.dtype == weights.dtype == dtype
    assert reference.stack(x, [W]).dtype == dtype
    grad_x, gradients = reference.self_attention_backward(x, W, upstream)
    assert {gradient.dtype for gradient in (grad_x, *gradients.values())} == {np.dtype(dtype)}
    grad_x, gradients = reference.stack_backward(x, [W, W], upstream)
    assert {a.dtype for g in gradients for a in (grad_x, *g.values())} == {np.dtype(dtype)}
    for array, copy in zip((x, upstream, *W.values()), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_half_precision_is_computed_in_single():
    x, upstream = tokens(2, dtype=np.float16)
    W = layer(dtype=np.float16)
    wide = {name: array.astype(np.float32) for name, array in W.items()}
    expected = reference.self_attention(x.astype(np.float32), wide).astype(np.float16)
    close(reference.self_attention(x, W), expected, 0)
    large = {name: 100 * array for name, array in W.items()}  # scores beyond float16
    assert np.isfinite(reference.self_attention(x, large | {"W_o": W["W_o"]})).all()
    grad_x, _ = reference.self_attention_backward(x, W, upstream)
    wide_x, _ = reference.self_attention_backward(
        x.astype(np.float32), wide, upstream.astype(np.float32)
    )
    close(grad_x, wide_x.astype(np.float16), 0)


def test_half_precision_is_computed_in_single_by_the_module():
    x, _ = tokens(2, dtype=np.float16)
    W = layer(dtype=np.float16)
    wide = {name: array.astype(np.float32) for name, array in W.items()}
    expected = by_module(x.astype(np.float32), wide).astype(np.float16)
    close(by_module(x, W), expected, 0)
    close(by_module(x, W, return_weights=True)[0], expected, 1e-3)
    loud = np.array([[100.0] * 8, [99.0] * 8], np.float16)
    W = layer(d_model=8, d_k=2, dtype=np.float16)
    W = W | {name: np.full((8, 2), 100, np.float16) for name in ("W_q", "W_k")}
    close(by_module(loud, W), reference.self_attention(loud, W), 1e-3)
    assert np.isfinite(by_module(loud, W)).all()


def test_bias_gradients_of_many_examples_in_half_precision():
    p, x, _ = dense(N=5000)
    p = {name: array.astype(np.float16) for name, array in p.items()}
    x, upstream = x.astype(np.float16), np.ones((5000, 5), np.float16)
    found = reference.network_backward(x, p, upstream)
    wide = {name: array.astype(np.float32) for name, array in p.items()}
    expected = reference.network_backward(x.astype("f4"), wide, upstream.astype("f4"))
    assert (found["b_2"] == 5000).all()
    for name in p:
        close(found[name], expected[name].astype(np.float16), 0)
    close(reference.network(x, p), reference.network(x.astype("f4"), wide).astype("f2"), 0)


def test_bfloat16_in_the_module():
    made = module.Stack(D_MODEL, D_K, num_layers=2).bfloat16()
    assert made(torch.randn(2, 5, D_MODEL).bfloat16()).dtype == torch.bfloat16


@both
def test_scores_of_ten_thousand_stay_finite(attend):
    x, upstream = tokens()
    loud = layer() | {"W_q": 1e5 * layer()["W_q"]}
    output, weights = attend(x, loud, return_weights=True)
    best = (x @ loud["W_q"] @ (x @ loud["W_k"]).T).argmax(axis=1)
    close(output, (x @ loud["W_v"] @ loud["W_o"])[best], 1e-9)
    close(weights, np.eye(N_TOKENS)[best], 1e-9)
    grad_x, gradients = reference.self_attention_backward(x, loud, upstream)
    assert all(np.isfinite(g).all() for g in (grad_x, *gradients.values()))


def test_the_network_changes_nothing():
    p, x, upstream = dense()
    before = {name: array.copy() for name, array in (p | {"x": x, "u": upstream}).items()}
    reference.network(x, p)
    reference.network_backward(x, p, upstream)
    for name, array in (p | {"x": x, "u": upstream}).items():
        np.testing.assert_array_equal(array, before[name])
    single = {name: array.astype(np.float32) for name, array in p.items()}
    x, upstream = x.astype(np.float32), upstream.astype(np.float32)
    found = reference.network_backward(x, single, upstream)
    assert {a.dtype for a in (reference.network(x, single), *found.values())} == {np.dtype("f4")}


# The start, and the number of parameters ---------------------------------------------------------


def test_new_parameters_have_their_shapes_and_keep_the_variance():
    rng = np.random.default_rng(0)
    p = reference.new_network(400, 300, 200, rng=rng)
    assert {name: a.shape for name, a in p.items()} == {
        "W_1": (400, 300), "b_1": (300,), "W_2": (300, 200), "b_2": (200,),
    }  # fmt: skip
    assert not p["b_1"].any()
    assert not p["b_2"].any()
    assert abs(p["W_1"].std() * 20 - 1) < 0.02
    assert abs(p["W_2"].std() * math.sqrt(300) - 1) < 0.02
    wide = reference.new_network(400, 300, 200, rng=rng, spread=3.0)
    assert abs(wide["W_1"].std() * 20 - 3) < 0.06
    assert abs(wide["W_2"].std() * math.sqrt(300) - 3) < 0.06
    W = reference.new_layer(400, 300, d_v=200, rng=rng)
    assert {name: a.shape for name, a in W.items()} == {
        "W_q": (400, 300), "W_k": (400, 300), "W_v": (400, 200), "W_o": (200, 400),
    }  # fmt: skip
    torch.manual_seed(0)
    made = {
        name: p.detach().numpy()
        for name, p in module.SelfAttention(400, 300, d_v=200).named_parameters()
    }
    for parameters in (W, made):
        for name, fan_in in zip(MATRICES, (400, 400, 400, 200), strict=True):
            assert abs(parameters[name].std() * math.sqrt(fan_in) - 1) < 0.02
            assert parameters[name].shape == W[name].shape
    assert reference.new_layer(5, 3, rng=rng)["W_v"].shape == (5, 3)
    assert module.SelfAttention(5, 3).W_v.shape == (5, 3)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_number_of_parameters_grows_with_the_number_of_layers(count):
    made = module.Stack(D_MODEL, D_K, num_layers=count, d_v=D_V)
    assert sum(p.numel() for p in made.parameters()) == 84 * count
    matrices = [W for one in made.layers for W in one.parameters()]
    assert len({W.data_ptr() for W in matrices}) == 4 * count  # no two layers share


# Bad input ---------------------------------------------------------------------------------------

X, W = np.ones((2, 5, 6)), layer()


NONE = module.Stack(6, 4, num_layers=0)


@pytest.mark.parametrize(
    ("x", "mask", "error", "message"),
    [
        (np.ones(6), None, ValueError, r"x has shape \(6,\)"),
        (np.ones((5, 6), int), None, TypeError, r"x has dtype (torch\.)?int64"),
        (np.ones((5, 6)), "junk", TypeError, "mask is a str"),
        (np.ones((5, 6)), np.ones((5, 4), bool), ValueError, r"mask has shape \(5, 4\)"),
    ],
)
def test_a_bad_input_is_named_also_without_layers(x, mask, error, message):
    for call in (
        lambda: reference.stack(x, [], mask=mask),
        lambda: reference.stack_backward(x, [], np.ones((5, 6)), mask=mask),
        lambda: NONE(torch.from_numpy(x), mask=mask),
    ):
        with pytest.raises(error, match=message):
            call()


def test_the_stack_names_what_is_no_tensor_and_what_has_another_width():
    for made in (NONE, module.Stack(6, 4, num_layers=2)):
        with pytest.raises(TypeError, match="x is a str; it needs a Tensor"):
            made("tokens")
        with pytest.raises(ValueError, match=r"x has shape \(5, 7\); it needs \(\.\.\., n, 6\)"):
            made(torch.ones(5, 7))


def test_layers_may_be_anything_to_go_through():
    x, upstream = tokens()
    close(reference.stack(x, iter(layers(3))), reference.stack(x, layers(3)), 0)
    grad_x, gradients = reference.stack_backward(x, iter(layers(3)), upstream)
    expected_x, expected = reference.stack_backward(x, tuple(layers(3)), upstream)
    close(grad_x, expected_x, 0)
    for found, wanted in zip(gradients, expected, strict=True):
        for name in MATRICES:
            close(found[name], wanted[name], 0)
    for call in (
        lambda: reference.stack(x, None),
        lambda: reference.stack_backward(x, None, upstream),
    ):
        with pytest.raises(TypeError, match="layers is a NoneType; it needs a sequence"):
            call()
    with pytest.raises(ValueError, match="parameters has str; it needs a dictionary"):
        reference.stack(x, layer())


def test_parameters_that_are_no_dictionary_are_named():
    for call in (
        lambda: reference.self_attention(X, list(W.values())),
        lambda: reference.network(np.ones((2, 3)), None),
    ):
        with pytest.raises(ValueError, match=r"parameters has (list|NoneType); it needs a dict"):
            call()
    missing = {name: W[name] for name in ("W_q", "W_k", "W_v")}
    with pytest.raises(ValueError, match=r"parameters has \['W_q', 'W_k', 'W_v'\]; it needs"):
        reference.self_attention(X, missing)


def test_a_bad_numerical_gradient_is_named():
    for x in (np.ones(3, int), np.ones(3, np.float32)):
        with pytest.raises(TypeError, match=f"x has dtype {x.dtype}; it needs"):
            reference.numerical_gradient(np.sum, x)
    for step in (0, -1e-5, 1e-20):
        with pytest.raises(ValueError, match=f"step is .*{step}; it must be above 0 and move 1.0"):
            reference.numerical_gradient(np.sum, np.ones(3), step=step)
    for step in (math.nan, math.inf):
        with pytest.raises(ValueError, match=f"step is {step}; it needs to be finite"):
            reference.numerical_gradient(np.sum, np.ones(3), step=step)
    for x in (1e300, math.inf, math.nan):
        with pytest.raises(ValueError, match="step is 1e-05; it must be above 0 and move"):
            reference.numerical_gradient(np.sum, np.full(3, x))
    for value in (np.ones(3), None, "1.0", 1j, [], torch.ones(2)):
        with pytest.raises(ValueError, match=r"function returned .*; it needs one real number"):
            reference.numerical_gradient(lambda a, value=value: value, np.ones(3))


@pytest.mark.parametrize("size", [0, -1, 2.5, True])
@pytest.mark.parametrize("place", range(3))
def test_bad_sizes_are_named(size, place):
    rng = np.random.default_rng(0)
    whole = size in (0, -1)
    error, verb = (ValueError, "must be at least 1") if whole else (TypeError, "needs an integer")
    names = ("d_in", "d_hidden", "d_out")
    sizes = [size if number == place else 2 for number in range(3)]
    with pytest.raises(error, match=f"{names[place]} is {size}.*{verb}"):
        reference.new_network(*sizes, rng=rng)
    d_model, d_k, d_v = sizes
    name = ("d_model", "d_k", "d_v")[place]
    with pytest.raises(error, match=f"{name} is {size}.*{verb}"):
        reference.new_layer(d_model, d_k, d_v=d_v, rng=rng)
    with pytest.raises(error, match=f"{name} is {size}.*{verb}"):
        module.SelfAttention(d_model, d_k, d_v=d_v)
    with pytest.raises(error, match=f"{name} is {size}.*{verb}"):
        module.Stack(d_model, d_k, num_layers=0, d_v=d_v)


@pytest.mark.parametrize("spread", [-1.0, math.nan, math.inf])
def test_a_bad_spread_is_named(spread):
    with pytest.raises(
        ValueError, match=f"spread is {spread:g}; it needs to be finite and at least 0"
    ):
        reference.new_network(2, 3, 4, rng=np.random.default_rng(0), spread=spread)


def test_a_bad_number_of_layers_is_named():
    with pytest.raises(ValueError, match="num_layers is -1; it must be at least 0"):
        module.Stack(6, 4, num_layers=-1)
    with pytest.raises(TypeError, match=r"num_layers is 1\.5; it needs an integer"):
        module.Stack(6, 4, num_layers=1.5)


def test_the_layer_works_under_weight_norm():
    made, (x, _) = twin(layer()), tokens()
    plain = made(torch.from_numpy(x))
    torch.nn.utils.parametrizations.weight_norm(made, "W_q")
    close(made(torch.from_numpy(x)), plain.detach())


def test_what_is_no_array_is_keyword_only():
    mask = np.ones((5, 5), bool)
    for call in (
        lambda: reference.self_attention(X, W, mask),
        lambda: reference.self_attention_backward(X, W, X, mask),
        lambda: reference.stack(X, [W], mask),
        lambda: reference.stack_backward(X, [W], X, mask),
        lambda: reference.numerical_gradient(np.sum, np.ones(3), 1e-5),
        lambda: module.SelfAttention(6, 4)(torch.ones(5, 6), mask),
        lambda: module.SelfAttention(6, 4, 3),
        lambda: module.Stack(6, 4, 1),
        lambda: module.Stack(6, 4, num_layers=1)(torch.ones(5, 6), mask),
    ):
        with pytest.raises(TypeError, match="positional"):
            call()
