"""Oracles: dictionaries of pairs, all paths through the layers, loops, hooks in PyTorch's layer."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from witnesses import close, rooms, some_mask, tensors

from attention_book import cost, masks
from attention_book.interpretation.induction import module as torch_induction
from attention_book.interpretation.induction import reference as induction
from attention_book.interpretation.norm_based import module as torch_norms
from attention_book.interpretation.norm_based import reference as norm_based
from attention_book.interpretation.rollout import module as torch_rollout
from attention_book.interpretation.rollout import reference as rollout
from attention_book.layers.attention_only import reference as attention_only
from attention_book.layers.attention_only.module import AttentionOnly
from attention_book.layers.multi_head import reference as multi_head

B, N, H, n, D, K, V, P = 2, 3, 4, 5, 12, 7, 11, 9
few = settings(deadline=None, max_examples=40)


def normal(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def layers(count=N, heads=H, seed=0):
    rng = np.random.default_rng(seed)
    return [multi_head.new_layer(D, heads, rng=rng, d_k=K, d_v=6) for _ in range(count)]


def softmaxes(*shape, seed=0, masked=True):
    """Random rows that sum to 1; with a mask, row 1 is empty, as is what lies ahead."""
    weights = np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1])
    if masked:
        weights = np.tril(weights)
        weights /= weights.sum(axis=-1, keepdims=True)
        weights[..., 1, :] = 0
    return weights


# The attention-only Transformer ------------------------------------------------------------------


def pytorchs(W):
    """PyTorch's layer with the matrices of one layer."""
    heads, d_k = len(W["W_q"]), W["W_q"].shape[2]
    theirs = torch.nn.MultiheadAttention(D, heads, bias=False, batch_first=True).double()
    assert heads * d_k == D
    joined = [np.concatenate(W[name], axis=1).T for name in ("W_q", "W_k", "W_v")]
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.from_numpy(np.concatenate(joined)))
        theirs.out_proj.weight.copy_(torch.from_numpy(np.concatenate(W["W_o"]).T))
    return theirs


def model(V=V, length=P, layers=2, heads=3, d_k=None, seed=0):
    torch.manual_seed(seed)
    return AttentionOnly(V, length, D, layers, heads, d_k=d_k).double()


def matrices_of(made):
    return [
        {name: matrix.detach().numpy() for name, matrix in attend.matrices().items()}
        for attend in made.attentions
    ]


def test_the_stack_against_pytorchs_layers():
    rng = np.random.default_rng(0)
    attentions = [multi_head.new_layer(D, 3, rng=rng) for _ in range(N)]
    (x,) = normal((B, n, D))
    (state,) = tensors(x)
    blocked = ~torch.ones(n, n, dtype=torch.bool).tril()
    for W in attentions:
        state = state + pytorchs(W)(state, state, state, attn_mask=blocked)[0]
    close(attention_only.stack(x, attentions, mask=masks.causal(n)), state)


def test_the_module_against_pytorchs_layers():
    made = model(d_k=4)
    tokens = torch.randint(V, (B, n), generator=torch.Generator().manual_seed(0))
    state = made.tokens[tokens] + made.positions[:n]
    blocked, found = ~torch.ones(n, n, dtype=torch.bool).tril(), []
    for W in matrices_of(made):
        added, weights = pytorchs(W)(
            state, state, state, attn_mask=blocked, average_attn_weights=False
        )
        state = state + added
        found.append(weights)
    close(made(tokens), state @ made.readout)
    close(made.all_weights(tokens), torch.stack(found, dim=1))


def test_the_module_is_the_stack_between_its_two_tables():
    made = model(layers=3, heads=H, d_k=5)
    tokens = torch.randint(V, (B, n), generator=torch.Generator().manual_seed(0))
    x = made.start(tokens).detach().numpy()
    close(x, (made.tokens[tokens] + made.positions[:n]).detach().numpy())
    state = attention_only.stack(x, matrices_of(made), mask=masks.causal(n))
    close(made(tokens), state @ made.readout.detach().numpy())


def test_a_model_without_layers_is_a_table_of_pairs():
    made = model(layers=0)
    with torch.no_grad():
        made.positions.zero_()
    tokens = torch.tensor([3, 7, 3])
    close(made(tokens), (made.tokens @ made.readout)[tokens])


@pytest.mark.parametrize("masked", [False, True])
def test_parts_are_what_each_head_brings_alone_from_three_streams(masked):
    asking, keys, values = normal((B, n, D), (B, 7, D), (B, 7, D))
    (W,) = layers(1)
    mask = some_mask(B, n, 7) if masked else None
    found = attention_only.parts(asking, keys, values, W, mask=mask)
    assert found.shape == (B, H, n, D)
    for b, h, i in itertools.product(range(B), range(H), range(n)):
        q = asking[b, i] @ W["W_q"][h]
        strengths = np.array([math.exp(q @ (k @ W["W_k"][h]) / math.sqrt(K)) for k in keys[b]])
        if masked:
            strengths = strengths * mask[b, i]
        total = strengths.sum() or 1.0
        written = [v @ W["W_v"][h] @ W["W_o"][h] for v in values[b]]
        close(found[b, h, i], sum(s / total * w for s, w in zip(strengths, written, strict=True)))


def test_parts_of_one_stream_add_up_to_the_layer():
    (x,), (W,) = normal((B, n, D)), layers(1)
    mask = masks.causal(n)
    close(
        attention_only.parts(x, x, x, W, mask=mask).sum(axis=1),
        multi_head.multi_head(x, x, W, mask=mask),
    )


def test_parts_of_the_module():
    made = model(heads=H, d_k=5)
    streams = normal((B, n, D), (B, n, D), (B, n, D))
    for layer, W in enumerate(matrices_of(made)):
        wanted = attention_only.parts(*streams, W, mask=masks.causal(n))
        close(made.parts(layer, *tensors(*streams)), wanted)


def test_gradients_of_the_module():
    made = model(V=4, length=4, heads=2)
    names = [name for name, _ in made.named_parameters()]
    tokens = torch.tensor([[0, 3, 1], [2, 2, 0]])

    def call(*parameters):
        given = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(made, given, (tokens,))

    assert torch.autograd.gradcheck(call, tuple(made.parameters()))


def test_no_future_in_the_module():
    made = model()
    tokens = torch.randint(V, (B, n), generator=torch.Generator().manual_seed(0))
    before = made(tokens)
    for i in range(n - 1):
        changed = tokens.clone()
        changed[:, i + 1 :] = (changed[:, i + 1 :] + 1) % V
        after = made(changed)
        assert torch.equal(before[:, : i + 1], after[:, : i + 1])
        assert (before != after)[:, i + 1 :].any()


@pytest.mark.parametrize(
    ("tokens", "says"),
    [
        ([0, 11], "tokens has 11; the model has tokens 0 to 10"),
        ([-1, 0], "tokens has -1; the model has tokens 0 to 10"),
        ([0.5, 1.0], "tokens has 0.5; the model has tokens 0 to 10"),
        ([0] * 10, "tokens has 10 positions; the model has 9"),
    ],
)
def test_tokens_that_the_model_does_not_have(tokens, says):
    with pytest.raises(ValueError, match=says):
        model()(torch.tensor(tokens))
    with pytest.raises(ValueError, match=says):
        model().all_weights(torch.tensor(tokens))


def test_without_layers_a_copy_comes_back():
    (x,) = normal((n, D))
    found = attention_only.stack(x, [])
    close(found, x)
    assert not np.shares_memory(found, x)


def test_attentions_that_are_no_sequence():
    with pytest.raises(TypeError, match="attentions is a int; it needs a sequence"):
        attention_only.stack(np.ones((2, 3)), 5)


# Induction ---------------------------------------------------------------------------------------


def followers(text, V):
    """For each place of a text, what has followed its token so far, counted in a dictionary."""
    seen, rows = {}, []
    for i, token in enumerate(text):
        if i > 0:
            seen.setdefault(text[i - 1], []).append(token)
        after = seen.get(token, [])
        rows.append([after.count(t) / len(after) if after else 0.0 for t in range(V)])
    return np.array(rows)


@few
@given(text=st.lists(st.integers(1, 5), max_size=14))
def test_the_written_model_counts_pairs(text):
    text = [0, *text]
    found = induction.continuation(np.array(text), 6)
    # after the start mark stands one token, and the start mark never comes again
    close(found[1:], followers(text, 6)[1:])
    assert not found[0].any()


def test_the_written_model_on_a_batch():
    texts = np.random.default_rng(0).integers(1, V, (B, 3, 13))
    texts[..., 0] = 0
    found = induction.continuation(texts, V)
    for b, c in np.ndindex(B, 3):
        close(found[b, c, 1:], followers(texts[b, c].tolist(), V)[1:])


def test_without_its_start_mark_the_first_token_is_thought_to_follow_itself():
    """The query of position 0 sees itself alone: why a text begins with a start mark."""
    found = induction.continuation(np.array([1, 2, 1]), 3)
    close(found[2], np.array([0, 0.5, 0.5]))


def test_the_two_heads_look_where_they_are_said_to():
    text = np.array([0, 1, 2, 3, 4, 1, 2])
    x, mask = induction.embedded(text, 5), masks.causal(7)
    first, second = induction.attentions(5, 7)
    weights = multi_head.weights(x, x, first, mask=mask)
    close(weights[0], np.eye(7)[[0, 0, 1, 2, 3, 4, 5]], 1e-15)
    x = x + multi_head.multi_head(x, x, first, mask=mask)
    close(x[:, 5 + 7 : 5 + 7 + 5], np.eye(5)[[0, 0, 1, 2, 3, 4, 1]], 1e-15)
    weights = multi_head.weights(x, x, second, mask=mask)
    close(weights[0], np.eye(7)[[0, 0, 0, 0, 0, 2, 3]], 1e-15)


def test_tokens_that_the_written_model_does_not_have():
    for text, at in (([0, 6], "6"), ([0, -1], "-1"), ([0, 1.5], "1.5")):
        with pytest.raises(ValueError, match=f"tokens has {at}; there are tokens 0 to 5"):
            induction.continuation(np.array(text), 6)


def repeated(period, length, copies=40, seed=0):
    """Texts that repeat with a period, and the place that an induction head looks at."""
    rng = np.random.default_rng(seed)
    texts = np.stack([rng.permutation(20)[:period] for _ in range(copies)])
    return np.tile(texts, (1, -(-length // period)))[:, :length]


both_previous = rooms(induction, torch_induction, "previous_token_score")
both_induction = rooms(induction, torch_induction, "induction_score")


@both_previous
def test_the_previous_token_score(previous_token_score):
    weights = softmaxes(B, H, n, n)
    wanted = [[np.mean([w[i][i - 1] for i in range(1, n)]) for w in some] for some in weights]
    close(previous_token_score(weights), np.array(wanted))
    assert previous_token_score(np.eye(n, k=-1)) == 1


@both_induction
@pytest.mark.parametrize(("period", "length"), [(1, 4), (3, 7), (4, 8), (5, 13)])
def test_the_induction_score_finds_the_token_after_the_match(induction_score, period, length):
    """The target is looked for in the text: the token after the last match of its own token."""
    (text,) = repeated(period, length, copies=1)
    weights = softmaxes(B, length, length, masked=False)
    found = []
    for i in range(period, length):
        target = max(j for j in range(1, i + 1) if text[j - 1] == text[i] and j <= i)
        found.append(weights[:, i, target])
    close(induction_score(weights, period=period), np.mean(found, axis=0))


def test_the_written_model_has_full_scores():
    text = np.concatenate([[0], 1 + np.tile(np.arange(6), 2)])
    x, mask = induction.embedded(text, 7), masks.causal(13)
    first, second = induction.attentions(7, 13)
    weights = multi_head.weights(x, x, first, mask=mask)
    assert induction.previous_token_score(weights) == pytest.approx(1)
    x = x + multi_head.multi_head(x, x, first, mask=mask)
    weights = multi_head.weights(x, x, second, mask=mask)[:, 1:, 1:]
    assert induction.induction_score(weights, period=6) == pytest.approx(1)
    off_by_one = weights[0, np.arange(6, 12), np.arange(6, 12) - 6].mean()
    assert off_by_one < 1e-9


@both_previous
def test_too_few_positions_for_a_previous_token(previous_token_score):
    with pytest.raises(ValueError, match="weights has 1 positions; it needs more than 1"):
        previous_token_score(np.ones((1, 1)))


@both_induction
def test_too_few_positions_for_a_repeat(induction_score):
    with pytest.raises(ValueError, match="weights has 4 positions; it needs more than 4"):
        induction_score(softmaxes(4, 4), period=4)


# Rollout -----------------------------------------------------------------------------------------

both_rollouts = rooms(rollout, torch_rollout, "rollout")


def over_all_paths(weights, kept):
    """The sum over all ways from a token's end back to a token's start, a step for each layer."""
    count, heads, n, _ = weights.shape
    result = np.zeros((n, n))
    for way in itertools.product(range(n), repeat=count + 1):
        share = 1.0
        for layer, (i, j) in enumerate(itertools.pairwise(way)):
            row = [sum(w[i][k] for w in weights[count - 1 - layer]) / heads for k in range(n)]
            entry = (1 - kept) * row[j] + kept * (i == j)
            total = (1 - kept) * math.fsum(row) + kept
            share *= entry / total if total else 0.0
        result[way[0], way[-1]] += share
    return result


@both_rollouts
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("masked", [False, True])
def test_rollout_is_a_sum_over_all_paths(rollout, kept, masked):
    weights = softmaxes(N, 2, 4, 4, masked=masked)
    close(rollout(weights, kept=kept), over_all_paths(weights, kept))


@both_rollouts
def test_rollout_of_a_batch_and_of_no_layer(rollout):
    weights = softmaxes(B, N, H, n, n)
    close(rollout(weights), np.stack([rollout(one) for one in weights]))
    close(rollout(weights[:, :0]), np.stack([np.eye(n)] * B))


@both_rollouts
def test_rollout_of_equal_layers_is_a_power(rollout):
    (one,) = softmaxes(1, n, n, masked=False)
    weights = np.broadcast_to(one, (4, 2, n, n)).copy()
    close(rollout(weights), np.linalg.matrix_power((one + np.eye(n)) / 2, 4))


@both_rollouts
def test_rollout_keeps_sums_and_the_past(rollout):
    weights = softmaxes(N, H, n, n)
    found = rollout(weights)
    close(found.sum(axis=-1), np.ones(n))
    assert not np.triu(found, 1).any()
    close(found[1], np.eye(n)[1])  # what sees nothing keeps itself
    assert (found >= 0).all()


@both_rollouts
def test_without_a_residual_an_empty_row_stays_empty(rollout):
    assert not rollout(softmaxes(N, H, n, n), kept=0.0)[1].any()


@both_rollouts
def test_kept_is_a_share(rollout):
    with pytest.raises(ValueError, match=r"kept is 1.5; it needs a share between 0 and 1"):
        rollout(softmaxes(N, H, n, n), kept=1.5)


def test_gradients_of_rollout():
    (weights,) = tensors(softmaxes(2, 2, 3, 3), grad=True)
    assert torch.autograd.gradcheck(torch_rollout.rollout, (weights,))


# Norms -------------------------------------------------------------------------------------------


def norms_in_torch(x, source, W, mask=None):
    W = {name: torch.from_numpy(matrix) for name, matrix in W.items()}
    return torch_norms.norms(*tensors(x, source), W, mask=mask).numpy()


both_norms = pytest.mark.parametrize(
    "norms",
    [lambda x, s, W, mask=None: norm_based.norms(x, s, W, mask=mask), norms_in_torch],
    ids=["numpy", "torch"],
)


@both_norms
@pytest.mark.parametrize("masked", [False, True])
def test_norms_by_loops(norms, masked):
    (x, source), mask = normal((n, D), (7, 10)), some_mask(n, 7) if masked else None
    W = multi_head.new_layer(D, H, rng=np.random.default_rng(0), d_kv=10, d_k=K, d_v=6)
    wanted = np.zeros((H, n, 7))
    for h, i in np.ndindex(H, n):
        q = (x[i] @ W["W_q"][h]).tolist()
        row = []
        for j in range(7):
            k = (source[j] @ W["W_k"][h]).tolist()
            score = math.fsum(a * b for a, b in zip(q, k, strict=True)) / math.sqrt(K)
            row.append(math.exp(score) if mask is None or mask[i, j] else 0.0)
        for j in range(7):
            vector = source[j] @ W["W_v"][h] @ W["W_o"][h]
            share = row[j] / (math.fsum(row) or 1.0)
            wanted[h, i, j] = math.hypot(*(share * vector))
    close(norms(x, source, W, mask), wanted)


@both_norms
def test_norms_of_what_pytorchs_layer_adds_with_one_key_at_a_time(norms):
    """Zero all values but one: what comes out is the vector of that key."""
    rng = np.random.default_rng(1)
    (x,), W = normal((B, n, D)), multi_head.new_layer(D, 3, rng=rng)
    found = norms(x, x, W)
    for h, j in np.ndindex(3, n):
        W_v = np.zeros_like(W["W_v"])
        W_v[h] = W["W_v"][h]
        theirs = pytorchs(W | {"W_v": W_v})
        only = np.zeros_like(x)
        only[:, j] = x[:, j]
        output, _ = theirs(*tensors(x, x, only))
        close(found[:, h, :, j], np.linalg.norm(output.detach().numpy(), axis=-1))


@both_norms
def test_norms_with_a_mask_for_each_sample(norms):
    x, source = normal((H, n, D), (H, 7, D))  # as many samples as heads
    (W,), mask = layers(1), some_mask(H, n, 7)
    one_by_one = [norms(*both, W, m) for *both, m in zip(x, source, mask, strict=True)]
    close(norms(x, source, W, mask), np.stack(one_by_one))


@both_norms
def test_scaling_a_value_scales_its_norms_and_no_weight(norms):
    (x, source) = normal((n, D), (7, D))
    W = multi_head.new_layer(D, 1, rng=np.random.default_rng(2), d_k=3)
    unseen = np.linalg.svd(W["W_k"][0].T)[2][-1]  # a direction that no key sees
    moved = source + np.outer(np.arange(7.0), unseen)
    weights = multi_head.weights(x, source, W)
    close(multi_head.weights(x, moved, W), weights)
    lengths = np.linalg.norm(moved @ W["W_v"][0] @ W["W_o"][0], axis=1)
    close(norms(x, moved, W), weights * lengths)
    assert np.abs(norms(x, moved, W) - norms(x, source, W)).max() > 0.1


def test_gradients_of_norms():
    W = {name: torch.from_numpy(m) for name, m in layers(1, heads=2)[0].items()}
    x, source = tensors(*normal((3, D), (4, D)), grad=True)
    for mask in (None, some_mask(3, 4)):
        assert torch.autograd.gradcheck(
            lambda x, s, mask=mask: torch_norms.norms(x, s, W, mask=mask), (x, source)
        )


def test_no_vector_is_stored_for_a_pair():
    W = {name: torch.from_numpy(m) for name, m in layers(1, heads=2)[0].items()}
    (x,) = tensors(*normal((64, D)))
    assert cost.largest_tensor_bytes(lambda: torch_norms.norms(x, x, W)) == 8 * 2 * 64 * 64
