"""Oracles: PyTorch's own layer and function with copied weights, loops, the paper's two forms."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from witnesses import average_by_loop, close, dot, some_mask, tensors

from attention_book import cost, masks
from attention_book.layers.multi_head import module, reference
from attention_book.layers.multi_head.module import MultiHeadAttention

B, H, L, S, D, KV, K, V = 2, 3, 4, 7, 12, 10, 5, 6
few = settings(deadline=None, max_examples=30)


def normal(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def layer(seed=0, d_model=D, heads=H, d_kv=KV, d_k=K, d_v=V):
    rng = np.random.default_rng(seed)
    return reference.new_layer(d_model, heads, rng=rng, d_kv=d_kv, d_k=d_k, d_v=d_v)


def made(W):
    """The module with the matrices of the reference."""
    heads, d_model, d_k = W["W_q"].shape
    _, d_kv, d_v = W["W_v"].shape
    attend = MultiHeadAttention(d_model, heads, d_kv=d_kv, d_k=d_k, d_v=d_v).double()
    with torch.no_grad():
        for name, matrix in attend.matrices().items():
            matrix.copy_(torch.from_numpy(W[name]))
    return attend


def in_torch(function, W, mask):
    attend = made(W)
    call = attend if function == "multi_head" else attend.weights
    return lambda x, source: call(*tensors(x, source), mask=mask).detach().numpy()


def in_numpy(function, W, mask):
    return lambda x, source: getattr(reference, function)(x, source, W, mask=mask)


both = pytest.mark.parametrize("room", [in_numpy, in_torch], ids=["numpy", "torch"])


# Oracles -----------------------------------------------------------------------------------------


def by_loop(x, source, W, mask=None):
    """Section 3.2.2 of the paper in Python floats: each head, then all side by side times W_o."""
    joined, rows = [], []
    for W_q, W_k, W_v in zip(W["W_q"], W["W_k"], W["W_v"], strict=True):
        q, k, v = (x @ W_q).tolist(), (source @ W_k).tolist(), (source @ W_v).tolist()
        scale = math.sqrt(len(q[0]))
        output, weights = average_by_loop(
            q, k, v, lambda a, b, s=scale: math.exp(dot(a, b) / s), mask
        )
        joined.append(output)
        rows.append(weights)
    return np.concatenate(joined, axis=1) @ W["W_o"].reshape(-1, x.shape[1]), np.array(rows)


@both
@pytest.mark.parametrize("masked", [False, True])
def test_against_a_loop_over_heads(room, masked):
    (x, source), W = normal((L, D), (S, KV)), layer()
    mask = some_mask(L, S) if masked else None
    output, weights = by_loop(x, source, W, mask)
    close(room("multi_head", W, mask)(x, source), output)
    close(room("weights", W, mask)(x, source), weights)


@both
def test_against_einsum(room):
    """Each letter is an axis: nothing is split, joined or transposed."""
    (x, source), W = normal((B, L, D), (B, S, KV)), layer()
    scores = np.einsum("bim,hmd,bjn,hnd->bhij", x, W["W_q"], source, W["W_k"]) / math.sqrt(K)
    weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    output = np.einsum("bhij,bjn,hne,hem->bim", weights, source, W["W_v"], W["W_o"])
    close(room("weights", W, None)(x, source), weights)
    close(room("multi_head", W, None)(x, source), output)


def pytorchs(W, d_kv):
    """PyTorch's layer, with the matrices of the reference copied into it."""
    theirs = torch.nn.MultiheadAttention(
        D, H, bias=False, batch_first=True, kdim=d_kv, vdim=d_kv
    ).double()
    joined = [torch.from_numpy(np.concatenate(W[n], axis=1).T) for n in ("W_q", "W_k", "W_v")]
    with torch.no_grad():
        if d_kv == D:
            theirs.in_proj_weight.copy_(torch.cat(joined))
        else:
            for name, matrix in zip("qkv", joined, strict=True):
                getattr(theirs, f"{name}_proj_weight").copy_(matrix)
        theirs.out_proj.weight.copy_(torch.from_numpy(np.concatenate(W["W_o"], axis=0).T))
    return theirs


@both
@pytest.mark.parametrize("kind", ["none", "causal", "pairs", "padding"])
@pytest.mark.parametrize("d_kv", [D, KV])
def test_against_pytorchs_layer(room, kind, d_kv):
    (x, source), W = normal((B, L, D), (B, S, d_kv)), layer(d_kv=d_kv, d_k=D // H, d_v=D // H)
    mask, blocked = None, {}
    if kind == "causal":
        mask = masks.causal(L, S)
    elif kind == "pairs":
        mask = some_mask(L, S) | np.eye(L, S, dtype=bool)
    elif kind == "padding":
        mask = masks.padding([3, S], S)
        blocked = {"key_padding_mask": ~torch.from_numpy(mask[:, 0])}
    if kind in ("causal", "pairs"):
        blocked = {"attn_mask": ~torch.from_numpy(mask)}
    output, weights = pytorchs(W, d_kv)(
        *tensors(x, source, source), average_attn_weights=False, **blocked
    )
    close(room("multi_head", W, mask)(x, source), output)
    close(room("weights", W, mask)(x, source), weights)


@both
def test_against_pytorchs_function(room):
    """With a mask for each sample: there it needs an entry for each head."""
    (x,), W = normal((B, L, D)), layer(d_kv=D, d_k=D // H, d_v=D // H)
    mask = some_mask(B, L, L, seed=3) | np.eye(L, dtype=bool)
    theirs, (x_t,) = pytorchs(W, D), tensors(x.swapaxes(0, 1))
    output, _ = F.multi_head_attention_forward(
        x_t, x_t, x_t, D, H, theirs.in_proj_weight, None, None, None, False, 0.0,
        theirs.out_proj.weight, None, need_weights=False,
        attn_mask=~torch.from_numpy(mask).repeat_interleave(H, dim=0),
    )  # fmt: skip
    close(room("multi_head", W, mask)(x, x), output.transpose(0, 1))


@both
def test_two_heads_by_hand(room):
    # one feature a head: weights (3/4, 1/4) and (1/4, 3/4), values 4 and 8, so 5 and 7
    x, ln3 = np.eye(2), math.log(3)
    W = {
        "W_q": np.ones((2, 2, 1)),
        "W_k": np.array([[[ln3], [0]], [[0], [ln3]]]),
        "W_v": np.array([[[4.0], [8]], [[4], [8]]]),
        "W_o": np.array([[[1.0, 1]], [[0, 2]]]),
    }
    close(room("weights", W, None)(x, x), np.array([[[3, 1]] * 2, [[1, 3]] * 2]) / 4)
    close(room("multi_head", W, None)(x, x), np.array([[5.0, 19], [5, 19]]))


# What the heads are ------------------------------------------------------------------------------


@both
def test_the_output_is_the_sum_of_what_each_head_brings_alone(room):
    (x, source), W = normal((B, L, D), (B, S, KV)), layer()
    alone = [
        room("multi_head", {n: m[h : h + 1] for n, m in W.items()}, None)(x, source)
        for h in range(H)
    ]
    close(room("multi_head", W, None)(x, source), sum(alone))


@both
def test_the_order_of_the_heads_does_not_matter(room):
    (x, source), W = normal((B, L, D), (B, S, KV)), layer()
    other = {name: matrix[[2, 0, 1]] for name, matrix in W.items()}
    close(room("multi_head", other, None)(x, source), room("multi_head", W, None)(x, source))


@both
@few
@given(seed=st.integers(0, 999))
def test_equivariant_in_what_asks_and_invariant_in_what_is_read(room, seed):
    rng = np.random.default_rng(seed)
    (x, source, own), W = normal((L, D), (S, KV), (S, D), seed=seed), layer(seed)
    rows, keys = rng.permutation(L), rng.permutation(S)
    attend = room("multi_head", W, None)
    close(attend(x[rows], source[keys]), attend(x, source)[rows])
    itself = room("multi_head", layer(seed, d_kv=D), None)
    close(itself(own[keys], own[keys]), itself(own, own)[keys])


@both
def test_a_samples_answer_does_not_depend_on_the_others(room):
    (x, source), W = normal((B, L, D), (B, S, KV)), layer()
    attend, changed = room("multi_head", W, None), [x.copy(), source.copy()]
    for array in changed:
        array[1] += 1
    before, after = attend(x, source), attend(*changed)
    close(after[0], before[0], 0)
    assert np.abs(after[1] - before[1]).min() > 0


@both
def test_a_heads_scores_have_the_rank_of_its_keys(room):
    """With at least d_k + 1 tokens the logarithms of the weights, centred, have rank d_k."""
    (x, source), W = normal((20, D), (20, KV)), layer()
    for weights in room("weights", W, None)(x, source):
        scores = np.log(weights)
        scores = scores - scores.mean(axis=1, keepdims=True)
        assert np.linalg.matrix_rank(scores, tol=1e-9) == K


def test_heads_are_views():
    attend = MultiHeadAttention(D, H, d_kv=KV, d_k=K, d_v=V)
    homes = {p.untyped_storage().data_ptr() for p in attend.parameters()}
    assert {m.untyped_storage().data_ptr() for m in attend.matrices().values()} == homes
    W = attend.matrices()
    joined = torch.cat([*W["W_k"], *W["W_v"]], dim=1)  # keys before values, head by head
    assert torch.equal(joined, attend.W_kv)
    assert torch.equal(torch.cat([*W["W_q"]], dim=1), attend.W_q)
    assert torch.equal(torch.cat([*W["W_o"]]), attend.W_o)
    x = torch.randn(B, L, D)
    split = module.split_heads(x, heads=H)
    assert split.shape == (B, H, L, D // H)
    assert split.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    assert torch.equal(module.merge_heads(split), x)
    for h in range(H):
        assert torch.equal(split[:, h], x[..., h * D // H : (h + 1) * D // H])


@pytest.mark.parametrize("heads", [1, 2, 4, 8])
def test_more_heads_make_no_more_parameters_and_products(heads):
    """But as many more exponentials: a head has a softmax of its own."""
    x, attend = torch.randn(1, 32, 16), MultiHeadAttention(16, heads)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as products:
        attend(x, x)
    assert products.get_total_flops() == 2 * (4 * 32 * 16 * 16 + 2 * 32 * 32 * 16)
    assert sum(p.numel() for p in attend.parameters()) == 4 * 16 * 16
    assert attend.weights(x, x).numel() == heads * 32 * 32


def test_no_weights_are_stored_unless_asked_for():
    attend, x = MultiHeadAttention(16, 4), torch.randn(1, 256, 16)
    numbers = 256 * 2 * 16  # keys and values side by side
    with torch.no_grad():
        assert cost.largest_tensor_bytes(lambda: attend(x, x)) == 4 * numbers
        stored = cost.largest_tensor_bytes(lambda: attend.weights(x, x))
    assert stored == 4 * 4 * 256 * 256


# The module --------------------------------------------------------------------------------------


def test_gradients():
    torch.manual_seed(0)
    attend = MultiHeadAttention(6, 2, d_kv=4, d_k=3, d_v=2).double()
    inputs = (
        torch.randn(2, 3, 6, dtype=torch.float64, requires_grad=True),
        torch.randn(2, 5, 4, dtype=torch.float64, requires_grad=True),
        *attend.parameters(),
    )
    names = [name for name, _ in attend.named_parameters()]
    for mask in (None, some_mask(3, 5), some_mask(2, 3, 5)):

        def call(x, source, *parameters, mask=mask):
            given = dict(zip(names, parameters, strict=True))
            return torch.func.functional_call(attend, given, (x, source), {"mask": mask})

        assert torch.autograd.gradcheck(call, inputs)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_stays_within_its_budget(dtype):
    torch.manual_seed(0)
    x, exact = torch.randn(B, L, D, dtype=torch.float64), MultiHeadAttention(D, H).double()
    theirs = F.scaled_dot_product_attention
    given = MultiHeadAttention(D, H).to(dtype)
    given.load_state_dict(exact.state_dict())
    wanted = exact(x, x)
    y = x.to(dtype)
    q = (y @ given.W_q).view(B, L, H, -1).transpose(1, 2)
    k, v = (
        z.reshape(B, L, H, -1).transpose(1, 2) for z in (y @ given.W_kv).split(given.widths, dim=-1)
    )
    plain = theirs(q, k, v).transpose(1, 2).reshape(B, L, D) @ given.W_o
    ours = given(y, y)
    assert ours.dtype == dtype
    budget = 2 * (plain.double() - wanted).abs().max() + 4e-3 * wanted.abs().max()
    assert (ours.double() - wanted).abs().max() <= budget


def test_the_start_has_the_variance_of_its_inputs():
    torch.manual_seed(0)
    attend, x = MultiHeadAttention(256, 8, d_kv=192), torch.randn(512, 256)
    for y in (x @ attend.W_q, torch.randn(512, 192) @ attend.W_kv, x @ attend.W_o):
        assert abs(y.var().item() - 1) < 0.05
    W = reference.new_layer(256, 8, rng=np.random.default_rng(0), d_kv=192)
    assert {name: w.shape for name, w in W.items()} == {
        "W_q": (8, 256, 32), "W_k": (8, 192, 32), "W_v": (8, 192, 32), "W_o": (8, 32, 256),
    }  # fmt: skip
    for name, fan_in in (("W_q", 256), ("W_k", 192), ("W_v", 192), ("W_o", 256)):
        assert abs(W[name].std() * math.sqrt(fan_in) - 1) < 0.05


@pytest.mark.parametrize("make", [MultiHeadAttention, reference.new_layer])
def test_heads_that_do_not_divide(make):
    more = {} if make is MultiHeadAttention else {"rng": np.random.default_rng(0)}
    with pytest.raises(ValueError, match="d_model is 10; it needs a multiple of heads, 4, or a"):
        make(10, 4, **more)
    assert make(10, 4, d_k=3, **more) is not None
    with pytest.raises(ValueError, match="heads is 5; it must divide d, 12"):
        module.split_heads(torch.ones(2, 12), heads=5)


def test_a_mask_with_an_axis_for_heads_is_refused():
    (x, source), W = normal((B, L, D), (B, S, KV)), layer()
    mask = masks.padding([3, S], S)[:, None]
    with pytest.raises(ValueError, match=r"mask has shape \(2, 1, 1, 7\)"):
        made(W)(*tensors(x, source), mask=mask)
    with pytest.raises(ValueError, match=r"mask has shape \(2, 1, 1, 7\)"):
        reference.multi_head(x, source, W, mask=mask)


@both
def test_one_source_for_a_batch_of_questions(room):
    (x, source), W = normal((B, L, D), (S, KV)), layer()
    attend = room("multi_head", W, None)
    close(attend(x, source), np.stack([attend(one, source) for one in x]))


@both
@pytest.mark.parametrize("sizes", list(itertools.product((0, 1), (0, 1))))
def test_no_and_one_token(room, sizes):
    W, (x, source) = layer(), normal((sizes[0], D), (sizes[1], KV))
    output = room("multi_head", W, None)(x, source)
    assert output.shape == (sizes[0], D)
    wanted = (source @ W["W_v"] @ W["W_o"]).sum(axis=0) if sizes[1] else np.zeros((1, D))
    close(output, np.repeat(wanted, sizes[0], axis=0))
