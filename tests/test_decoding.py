"""Oracles: PyTorch's attention with `enable_gqa` and `causal_lower_right`, loops, enumeration."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.nn.attention.bias import causal_lower_right
from torch.utils.flop_counter import FlopCounterMode
from witnesses import average_by_loop, close, dot, tensors

from attention_book import cost, decoding, masks
from attention_book.caches.grouped_query import reference as grouped
from attention_book.caches.grouped_query.module import GroupedQueryAttention
from attention_book.caches.kv_cache import model as models
from attention_book.caches.kv_cache import module as torch_cache
from attention_book.caches.kv_cache import reference as cache
from attention_book.caches.kv_cache.module import KVCache
from attention_book.caches.latent import reference as latent
from attention_book.caches.latent.module import LatentAttention
from attention_book.layers.multi_head.reference import multi_head
from attention_book.transformer.language_model.module import LanguageModel

B, H, N, K, V = 2, 3, 9, 6, 5
PIECES = [[N], [1] * N, [5, 1, 1, 2], [1, 8], [2, 2, 2, 3], [8, 1]]
OMEGA = np.array([0.9, 0.31, 0.02])


def normal(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def in_numpy(q, k, v, **options):
    output, state = cache.attend(q, k, v, **options)
    return output, state


def in_torch(q, k, v, real=None, omega=None, **options):
    real = None if real is None else torch.from_numpy(real)
    omega = None if omega is None else torch.from_numpy(omega)
    output, state = torch_cache.attend(*tensors(q, k, v), real=real, omega=omega, **options)
    return output.numpy(), state


both = pytest.mark.parametrize("attend", [in_numpy, in_torch], ids=["numpy", "torch"])
pieces = pytest.mark.parametrize("sizes", PIECES, ids=str)


def in_pieces(function, arrays, sizes, real=None, **options):
    """Outputs of pieces, one after the other, and the last state."""
    outputs, state, start = [], None, 0
    for size in sizes:
        piece = slice(start, start + size)
        own = {} if real is None else {"real": real[..., piece]}
        output, state = function(*(x[..., piece, :] for x in arrays), state=state, **own, **options)
        outputs.append(output)
        start += size
    return np.concatenate(outputs, axis=-2), state


# A cache of keys and values ----------------------------------------------------------------------


@both
@pytest.mark.parametrize("window", [None, 3])
def test_against_a_loop_over_positions(attend, window):
    q, k, v = normal((N, K), (N, K), (N, V))
    expected = []
    for t in range(N):
        first = 0 if window is None else max(0, t + 1 - window)
        row, _ = average_by_loop(
            [q[t].tolist()],
            k[first : t + 1].tolist(),
            v[first : t + 1].tolist(),
            lambda a, b: math.exp(dot(a, b) / math.sqrt(K)),
        )
        expected.append(row[0])
    close(in_pieces(attend, (q, k, v), [1] * N, window=window)[0], np.array(expected))


@both
@pieces
def test_against_pytorchs_causal_attention(attend, sizes):
    arrays = normal((B, H, N, K), (B, H, N, K), (B, H, N, V))
    whole = F.scaled_dot_product_attention(*tensors(*arrays), is_causal=True)
    close(in_pieces(attend, arrays, sizes)[0], whole)


@both
def test_against_pytorchs_alignment_at_the_end(attend):
    q, k, v = normal((B, H, N, K), (B, H, N, K), (B, H, N, V))
    _, state = attend(q[..., :6, :], k[..., :6, :], v[..., :6, :])
    found, _ = attend(q[..., 6:, :], k[..., 6:, :], v[..., 6:, :], state=state)
    late = F.scaled_dot_product_attention(
        *tensors(q[..., 6:, :], k, v), attn_mask=causal_lower_right(3, N)
    )
    close(found, late)
    early = F.scaled_dot_product_attention(*tensors(q[..., 6:, :], k, v), is_causal=True)
    assert abs(found - early.numpy()).max() > 0.1


@both
@pieces
@pytest.mark.parametrize("window", [1, 2, 4, N, 20])
def test_a_window_in_any_pieces(attend, sizes, window):
    """Also for a prompt that is longer than the window."""
    arrays = normal((B, H, N, K), (B, H, N, K), (B, H, N, V))
    mask = torch.from_numpy(masks.window(N, size=window))
    whole = F.scaled_dot_product_attention(*tensors(*arrays), attn_mask=mask)
    found, state = in_pieces(attend, arrays, sizes, window=window)
    close(found, whole)
    assert state["rows"].shape == (B, H, min(N, window - 1), K + V)
    assert int(state["length"]) == N


@both
@pieces
def test_positions_go_on(attend, sizes):
    """Against complex numbers: pair m of the token at i is turned by the angle ω_m i."""
    q, k, v = normal((N, K), (N, K), (N, V))
    turn = np.exp(1j * np.arange(N)[:, None] * OMEGA)
    a, b = ((x[:, 0::2] + 1j * x[:, 1::2]) * turn for x in (q, k))
    scores = np.where(masks.causal(N), (a @ b.conj().T).real / math.sqrt(K), -np.inf)
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    close(in_pieces(attend, (q, k, v), sizes, omega=OMEGA)[0], weights @ v)


REAL = np.ones((3, 1, N), bool)
REAL[0, 0, :4] = False  # padding on the left
REAL[1, 0, 6] = False  # one sequence of the batch had nothing to say
REAL[2, 0, 7:] = False  # padding on the right


@both
@pieces
@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("omega", [None, OMEGA])
def test_a_batch_of_unequal_lengths(attend, sizes, window, omega):
    """Each sequence gets what it gets alone, whatever stands in the padding; padding gets 0."""
    q, k, v = normal((3, H, N, K), (3, H, N, K), (3, H, N, V))
    k[~np.broadcast_to(REAL, k.shape[:-1])] = 1e4
    options = {"window": window, "omega": omega}
    found, state = in_pieces(attend, (q, k, v), sizes, REAL, **options)
    for b in range(3):
        real = REAL[b, 0]
        alone, _ = attend(*(x[b][:, real] for x in (q, k, v)), **options)
        close(found[b][:, real], alone)
        assert not found[b][:, ~real].any()
    assert np.asarray(state["length"]).ravel().tolist() == [5, 8, 7]


@both
def test_a_window_drops_what_no_sequence_of_the_batch_sees(attend):
    real = np.ones((2, 12), bool)
    real[0, 2:] = False  # this one stopped early, and still sees its first two tokens
    arrays = normal((2, 12, K), (2, 12, K), (2, 12, V))
    _, state = in_pieces(attend, arrays, [4] * 3, real, window=3)
    assert state["rows"].shape[-2] == 12
    _, state = in_pieces(attend, [x[1:] for x in arrays], [4] * 3, real[1:], window=3)
    assert state["rows"].shape[-2] == 2


def test_a_window_holds_on_to_no_memory_of_a_long_prompt():
    q, k, v = tensors(*normal((300, K), (300, K), (300, V)))
    _, state = torch_cache.attend(q, k, v, window=4)
    assert state["rows"].untyped_storage().nbytes() == 3 * (K + V) * 8


@both
def test_a_state_may_be_used_twice(attend):
    """Two ways to go on from one beginning: neither touches what the other reads."""
    q, k, v = normal((N, K), (N, K), (N, V))
    _, state = attend(q[:5], k[:5], v[:5])
    before = {name: np.asarray(x).copy() for name, x in state.items()}
    one, _ = attend(q[5:], k[5:], v[5:], state=state)
    attend(-q[5:], 2 * k[5:], v[5:] + 1, state=state)
    again, _ = attend(q[5:], k[5:], v[5:], state=state)
    np.testing.assert_array_equal(one, again)
    for name, x in before.items():
        np.testing.assert_array_equal(x, np.asarray(state[name]))


@pieces
def test_a_module_forgets_when_it_is_told(sizes):
    q, k, v = tensors(*normal((B, N, K), (B, N, K), (B, N, V)))
    keep = KVCache(window=4)
    mask = torch.from_numpy(masks.window(N, size=4))
    whole = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    for _ in range(2):
        keep.reset()
        parts = [keep(*x) for x in zip(*(y.split(sizes, -2) for y in (q, k, v)), strict=True)]
        close(torch.cat(parts, -2), whole)
    stale = keep(q, k, v)
    assert (stale - whole).abs().max() > 0.1


@both
def test_no_tokens_and_one_token(attend):
    q, k, v = normal((0, K), (0, K), (0, V))
    output, state = attend(q, k, v)
    assert output.shape == (0, V)
    one = normal((1, K), (1, K), (1, V))
    close(attend(*one, state=state)[0], one[2])
    close(attend(*one, window=1)[0], one[2])


@both
@pytest.mark.parametrize("scale", [200.0, -1e4])
def test_scores_far_outside_the_usual(attend, scale):
    q, k, v = normal((N, K), (N, K), (N, V))
    whole = F.scaled_dot_product_attention(*tensors(scale * q, k, v), is_causal=True)
    close(in_pieces(attend, (scale * q, k, v), [3, 1, 5])[0], whole)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_kept_in_half_precision(dtype):
    q, k, v = (x.to(dtype) for x in tensors(*normal((N, K), (N, K), (N, V))))
    output, state = torch_cache.attend(q[:4], k[:4], v[:4])
    output, state = torch_cache.attend(q[4:], k[4:], v[4:], state=state)
    assert output.dtype == state["rows"].dtype == dtype
    exact = F.scaled_dot_product_attention(q.double(), k.double(), v.double(), is_causal=True)
    assert (output - exact[4:]).abs().max() < 8 * torch.finfo(dtype).eps


def test_gradients_go_back_through_a_state():
    inputs = [x.requires_grad_() for x in tensors(*normal((4, K), (4, K), (4, V)))]
    real = torch.tensor([False, True, True, True])
    omega = torch.from_numpy(OMEGA)

    def outputs(q, k, v):
        first, state = torch_cache.attend(q[:2], k[:2], v[:2], real=real[:2], omega=omega)
        second, _ = torch_cache.attend(q[2:], k[2:], v[2:], state=state, window=2, omega=omega)
        return torch.cat([first, second])

    assert torch.autograd.gradcheck(outputs, inputs)


@both
def test_a_state_of_another_size_is_named(attend):
    q, k, v = normal((B, N, K), (B, N, K), (B, N, V))
    _, state = attend(q, k, v)
    with pytest.raises(ValueError, match=r"state has rows \(2, 9, 11\); it needs \('S', 11\)"):
        attend(q[0], k[0], v[0], state=state)
    with pytest.raises(ValueError, match=r"state has rows \(2, 9, 11\); it needs \(2, 'S', 10\)"):
        attend(q, k, v[..., 1:], state=state)


def test_keys_are_kept_as_they_were_turned():
    rows, state = cache.append(np.ones((2, 4)), omega=np.array([math.pi / 2]))
    np.testing.assert_allclose(rows, [[1, 1, 1, 1], [-1, 1, 1, 1]], atol=1e-12)
    more, state = cache.append(np.ones((1, 4)), state=state, omega=np.array([math.pi / 2]))
    np.testing.assert_allclose(more, [[-1, -1, 1, 1]], atol=1e-12)
    np.testing.assert_allclose(state["rows"][:2], rows)


@pytest.mark.parametrize("room", [cache, torch_cache])
def test_what_is_visible_by_hand(room):
    positions = np.array([-1, 0, 1, -1, 2])
    given = positions if room is cache else torch.from_numpy(positions)
    seen = np.asarray(room.visible(given, 3)).astype(int)
    assert seen.tolist() == [[0, 1, 1, 0, 0], [0, 0, 0, 0, 0], [0, 1, 1, 0, 1]]
    seen = np.asarray(room.visible(given, 1, window=2)).astype(int)
    assert seen.tolist() == [[0, 0, 1, 0, 1]]


# Groups of heads ---------------------------------------------------------------------------------

D, HEADS, GROUPS = 24, 6, 2


def layer(groups=GROUPS, seed=0, d_model=D, heads=HEADS):
    torch.manual_seed(seed)
    return GroupedQueryAttention(d_model, heads, groups).double()


def as_numpy(attend):
    return {name: x.detach().numpy() for name, x in attend.matrices().items()}


def halves_of(attend):
    return attend.omega.numpy()


def with_enable_gqa(attend, x, mask=None):
    """PyTorch's kernel for groups, with complex numbers for the positions."""
    d = D // attend.heads
    q, kv = (y.unflatten(-1, (-1, d)).transpose(-3, -2) for y in (x @ attend.W_q, x @ attend.W_kv))
    k, v = kv.split(attend.groups, dim=-3)
    angle = torch.arange(x.shape[-2])[:, None] * attend.omega
    turn = torch.polar(torch.ones_like(angle), angle)

    def turned(y):
        pairs = torch.view_as_complex(y.unflatten(-1, (-1, 2)).contiguous())
        return torch.view_as_real(pairs * turn).flatten(-2)

    found = F.scaled_dot_product_attention(
        turned(q), turned(k), v, attn_mask=mask, is_causal=mask is None, enable_gqa=True
    )
    return found.transpose(-3, -2).flatten(-2) @ attend.W_o


@pieces
@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_groups_against_enable_gqa(groups, sizes):
    attend, (x,) = layer(groups), tensors(*normal((B, N, D)))
    expected, state, parts = with_enable_gqa(attend, x), None, []
    for piece in x.split(sizes, dim=1):
        output, state = attend(piece, state=state)
        parts.append(output)
    close(torch.cat(parts, 1), expected)
    assert state["rows"].shape == (B, groups, N, 2 * D // HEADS)


@pieces
def test_groups_in_numpy_are_those_in_torch(sizes):
    attend, (x,) = layer(3), normal((3, N, D))
    real = REAL[:, 0]
    expected, _ = attend(torch.from_numpy(x), real=torch.from_numpy(real))
    found, state = in_pieces(
        lambda y, **given: grouped.grouped_query(
            y, as_numpy(attend), omega=halves_of(attend), **given
        ),
        [x],
        sizes,
        real,
    )
    close(found[real], expected[torch.from_numpy(real)])
    assert state["rows"].shape == (3, 3, 1, N, 8)


def test_groups_against_einsum():
    W = grouped.new_layer(D, 3, 2, rng=np.random.default_rng(0), d_k=5, d_v=4)
    (x,) = normal((B, N, D))
    scores = np.einsum("bic,gmcd,bje,ged->bgmij", x, W["W_q"], x, W["W_k"]) / math.sqrt(5)
    scores = np.where(masks.causal(N), scores, -np.inf)
    weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    expected = np.einsum("bgmij,bje,ged,gmdc->bic", weights, x, W["W_v"], W["W_o"])
    close(grouped.grouped_query(x, W)[0], expected)


def test_a_window_of_groups():
    W = grouped.new_layer(D, 2, 1, rng=np.random.default_rng(0), d_k=5, d_v=4)
    (x,) = normal((N, D))
    alone = {"W_q": W["W_q"][:, 0], "W_k": W["W_k"], "W_v": W["W_v"], "W_o": W["W_o"][:, 0]}
    expected = multi_head(x, x, alone, mask=masks.window(N, size=3))
    close(grouped.grouped_query(x, W, window=3)[0], expected)


def test_heads_joined_by_their_means():
    """By a loop: head h reads group h // (H / G), whose key is the mean of those of its heads."""
    W = grouped.new_layer(D, 6, 1, rng=np.random.default_rng(0), d_k=5, d_v=4)
    (x,) = normal((N, D))
    total = 0
    for h in range(6):
        friends = [3 * (h // 3) + n for n in range(3)]
        k = sum(x @ W["W_k"][n] for n in friends) / 3
        v = sum(x @ W["W_v"][n] for n in friends) / 3
        scores = np.where(masks.causal(N), x @ W["W_q"][h, 0] @ k.T / math.sqrt(5), -np.inf)
        weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        total = total + weights @ v @ W["W_o"][h, 0]
    close(grouped.grouped_query(x, grouped.pooled(W, groups=2))[0], total)


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_the_module_joins_as_the_reference(groups):
    attend = layer(6)
    expected = grouped.pooled(as_numpy(attend), groups=groups)
    fewer = attend.pooled(groups=groups)
    for name, W in as_numpy(fewer).items():
        close(W, expected[name])
    assert fewer.W_q.data_ptr() != attend.W_q.data_ptr()


def test_groups_and_heads_that_do_not_divide():
    with pytest.raises(ValueError, match="groups is 4; it must divide heads, 6"):
        GroupedQueryAttention(D, 6, 4)
    with pytest.raises(ValueError, match="d_model is 25; it needs a multiple of heads, 6"):
        GroupedQueryAttention(25, 6, 2)
    with pytest.raises(ValueError, match="groups is 4; it must divide 6"):
        layer(6).pooled(groups=4)
    with pytest.raises(ValueError, match="groups is 4; it must divide the groups that there are"):
        grouped.pooled(as_numpy(layer(6)), groups=4)


def test_repeat_is_not_repeat_interleave():
    """The wrong order of copies gives another answer: the test above can fail."""
    attend, (x,) = layer(2), tensors(*normal((N, D)))
    q = (x @ attend.W_q).unflatten(-1, (6, -1)).transpose(0, 1)
    k, v = (x @ attend.W_kv).unflatten(-1, (4, -1)).transpose(0, 1).chunk(2)
    one, other = (
        F.scaled_dot_product_attention(q, copies(k), copies(v), is_causal=True)
        for copies in (lambda y: y.repeat(3, 1, 1), lambda y: y.repeat_interleave(3, 0))
    )
    assert (one - other).abs().max() > 0.1


def masks_that_the_kernel_gets(function):
    """The masks of each call of PyTorch's attention: their shape, "causal", or None."""
    found, kernel = [], F.scaled_dot_product_attention

    def watched(q, k, v, attn_mask=None, is_causal=False, **options):
        found.append("causal" if is_causal else attn_mask if attn_mask is None else attn_mask.shape)
        return kernel(q, k, v, attn_mask=attn_mask, is_causal=is_causal, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(F, "scaled_dot_product_attention", watched)
        function()
    return found


def layers_of_all_kinds():
    return {
        "groups": layer(2),
        "multi-head": layer(6),
        "multi-query": layer(1),
        "latents": of_torch(),
        "absorbed": of_torch().absorbed,
    }


@pytest.mark.parametrize("kind", ["groups", "multi-head", "multi-query", "latents"])
@torch.no_grad()
def test_a_mask_is_made_only_where_something_is_hidden(kind):
    attend, (x,) = layers_of_all_kinds()[kind], tensors(*normal((B, N, D)))
    _, state = attend(x)
    one = x[:, :1]
    real = torch.tensor([[True] * N, [False] * 4 + [True] * 5])
    _, padded = attend(x, real=real)
    assert masks_that_the_kernel_gets(lambda: attend(x)) == ["causal"]
    assert masks_that_the_kernel_gets(lambda: attend(one, state=state)) == [None]
    assert masks_that_the_kernel_gets(lambda: attend(one)) == [None]
    (few,) = masks_that_the_kernel_gets(lambda: attend(x[:, :3], state=state))
    assert few.numel() == 3 * (N + 3)  # not once for each head, nor for each sequence
    (hidden,) = masks_that_the_kernel_gets(lambda: attend(one, state=padded))
    assert hidden.numel() == B * (N + 1)
    (both,) = masks_that_the_kernel_gets(lambda: attend(x, real=real))
    assert both.numel() == B * N * N


@torch.no_grad()
def test_one_token_needs_no_mask_in_the_other_forms():
    attend, (x,) = of_torch().absorbed, tensors(*normal((B, N, D)))
    _, state = attend(x)
    assert masks_that_the_kernel_gets(lambda: attend(x[:, :1], state=state)) == [None]
    q, k, v = tensors(*normal((H, N, K), (H, N, K), (H, N, V)))
    new = [y[:, :1] for y in (q, k, v)]
    for window in (None, 4):
        _, state = torch_cache.attend(q, k, v, window=window)
        options = {"state": state, "window": window}
        assert masks_that_the_kernel_gets(lambda o=options: torch_cache.attend(*new, **o)) == [None]
    assert masks_that_the_kernel_gets(lambda: torch_cache.attend(q, k, v)) == ["causal"]


@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("lead", [(), (2,)])
def test_a_prompt_is_read_without_a_matrix_of_weights(groups, lead):
    """Neither forward nor back: one matrix of n by n numbers in single precision is 4 MiB."""
    n, attend = 1024, GroupedQueryAttention(16, 8, groups)
    x = torch.randn(*lead, n, 16)
    largest = cost.largest_tensor_bytes(lambda: attend(x))
    assert largest <= n * n  # the mask, a byte for each pair
    read = cost.peak_allocation(lambda: attend(x))
    trained = cost.peak_allocation(lambda: attend(x)[0].sum().backward())
    assert read < 4 * n * n
    assert trained < 4 * n * n


@pytest.mark.parametrize("groups", [1, 2, 8])
@torch.no_grad()
def test_a_step_copies_no_key_for_the_heads_of_a_group(groups):
    attend = GroupedQueryAttention(64, 8, groups)
    _, state = attend(torch.randn(999, 64))
    one = torch.randn(1, 64)
    rows = 1000 * groups * 16 * 4
    assert cost.largest_tensor_bytes(lambda: attend(one, state=state)) == max(rows, 4 * 64 * 64)


def test_gradients_of_groups():
    attend = layer(2, d_model=6, heads=6)
    (x,) = tensors(*normal((3, 6)))
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda y: attend(y)[0], x)
    attend(x)[0].square().sum().backward()
    assert all(p.grad.abs().max() > 0 for p in attend.parameters() if p is not attend.W_q)


# Latents -----------------------------------------------------------------------------------------


def of_latents(d_r=4, seed=0, heads=3, R=7, d_k=5, d_v=4):
    W = latent.new_layer(D, heads, rng=np.random.default_rng(seed), R=R, d_k=d_k, d_r=d_r, d_v=d_v)
    return W | {"gain": np.random.default_rng(1).uniform(0.5, 2, R)}


def latent_by_loop(x, W):
    """Appendix C of the paper, token by token and head by head, with complex numbers."""
    d_r, d_k, outputs = W["W_kr"].shape[1], W["W_uk"].shape[2], []
    omega = 10000.0 ** (-np.arange(0, d_r - 1, 2) / d_r)

    def turned(y, i):
        pairs = (y[0 : 2 * len(omega) : 2] + 1j * y[1 : 2 * len(omega) : 2]) * np.exp(
            1j * omega * i
        )
        return np.concatenate([pairs.real, pairs.imag, y[2 * len(omega) :]])

    c = x @ W["W_dkv"]
    c = c / np.sqrt((c**2).mean(axis=1, keepdims=True) + 1e-5) * W["gain"]
    for i in range(len(x)):
        output = np.zeros(x.shape[1])
        for h in range(len(W["W_q"])):
            scores = [
                x[i] @ W["W_q"][h] @ (c[j] @ W["W_uk"][h])
                + turned(x[i] @ W["W_qr"][h], i) @ turned(x[j] @ W["W_kr"], j)
                for j in range(i + 1)
            ]
            weights = np.exp(np.array(scores) / math.sqrt(d_r + d_k))
            values = c[: i + 1] @ W["W_uv"][h]
            output += weights / weights.sum() @ values @ W["W_o"][h]
        outputs.append(output)
    return np.array(outputs)


forms = pytest.mark.parametrize("form", [latent.latent, latent.absorbed])


@forms
@pieces
@pytest.mark.parametrize("d_r", [4, 3, 1])
def test_latents_against_a_loop(form, sizes, d_r):
    (x,), W = normal((N, D)), of_latents(d_r)
    found, state = in_pieces(lambda y, **given: form(y, W, **given), [x], sizes)
    close(found, latent_by_loop(x, W))
    assert state["rows"].shape == (N, d_r + 7)


@pytest.mark.parametrize("scale", [1.0, 30.0, 1e3])
@pytest.mark.parametrize("seed", range(5))
def test_absorbed_is_plain(seed, scale):
    """To 1e-10 of the largest number, for queries and keys of any size, with padding."""
    (x,), W = normal((3, N, D), seed=seed), of_latents(seed=seed)
    W |= {"W_q": scale * W["W_q"]}
    real = REAL[:, 0]
    plain, _ = latent.latent(x, W, real=real)
    for sizes in PIECES:
        found, _ = in_pieces(lambda y, **given: latent.absorbed(y, W, **given), [x], sizes, real)
        assert abs(found - plain).max() <= 1e-10 * abs(plain).max()
    assert not plain[~real].any()
    for b in range(3):
        close(plain[b, real[b]], latent.latent(x[b, real[b]], W)[0])


def of_torch(heads=3, R=7, d_r=4, d_k=5):
    torch.manual_seed(0)
    attend = LatentAttention(D, heads, R, d_r, d_k=d_k).double()
    with torch.no_grad():
        attend.gain.uniform_(0.5, 2)
    return attend


@pytest.mark.parametrize("d_r", [4, 3])
@pytest.mark.parametrize("form", ["forward", "absorbed"])
@pieces
def test_latents_in_torch_are_those_in_numpy(form, sizes, d_r):
    attend, (x,) = of_torch(d_r=d_r), normal((3, N, D))
    real = REAL[:, 0]
    expected, _ = latent.latent(x, as_numpy(attend), real=real)
    state, parts, start = None, [], 0
    for size in sizes:
        piece = slice(start, start + size)
        output, state = getattr(attend, form)(
            torch.from_numpy(x[:, piece]), state=state, real=torch.from_numpy(real[:, piece])
        )
        parts.append(output)
        start += size
    close(torch.cat(parts, 1), expected)
    alone, _ = getattr(attend, form)(torch.from_numpy(x[1]))
    close(alone, latent.latent(x[1], as_numpy(attend))[0])


def test_absorbed_makes_no_key_of_any_token():
    """The largest tensor is what was kept; the plain form makes keys of all heads."""
    attend = LatentAttention(16, 8, 12, 4, d_k=16)
    with torch.no_grad():
        _, state = attend(torch.randn(499, 16))
        one = torch.randn(1, 16)
        plain = cost.largest_tensor_bytes(lambda: attend(one, state=state))
        short = cost.largest_tensor_bytes(lambda: attend.absorbed(one, state=state))
    assert short == 500 * (12 + 4) * 4
    assert plain == 500 * 8 * (2 * 16) * 4


def test_gradients_of_latents():
    attend, (x,) = of_torch(heads=2, R=3, d_r=2, d_k=2), tensors(*normal((3, D)))
    x.requires_grad_()
    for form in (attend, attend.absorbed):
        assert torch.autograd.gradcheck(lambda y, form=form: form(y)[0], x)
    gradients = []
    for form in (attend, attend.absorbed):
        loss = form(x)[0].square().sum()
        gradients.append(torch.autograd.grad(loss, list(attend.parameters())))
    for one, other in zip(*gradients, strict=True):
        close(one, other)
        assert one.abs().max() > 0


def test_a_latent_layer_whose_heads_do_not_divide():
    with pytest.raises(ValueError, match="d_model is 24; it needs a multiple of heads, 5, or a"):
        LatentAttention(24, 5, 6, 2)


# What it costs -----------------------------------------------------------------------------------


def flops(function):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()


def test_products_of_one_step_of_latents():
    """Per kept token and head: plain 2 (2 d_k R) for making and 2 (d_r + 2 d_k) for reading."""
    d, H, R, d_r, d_k = 32, 4, 16, 8, 12
    attend = LatentAttention(d, H, R, d_r, d_k=d_k)

    def step(form, kept):
        with torch.no_grad():
            _, state = attend(torch.randn(kept - 1, d))
        one = torch.randn(1, d)
        return flops(lambda: getattr(attend, form)(one, state=state))

    plain = (step("forward", 200) - step("forward", 100)) / 100
    short = (step("absorbed", 200) - step("absorbed", 100)) / 100
    assert plain == 2 * H * (2 * d_k * R + d_r + 2 * d_k)
    assert short == 2 * H * (d_r + 2 * R)


@pytest.mark.parametrize("kind", ["groups", "latents"])
def test_numbers_that_are_kept(kind):
    attend = layer(2) if kind == "groups" else of_torch()
    _, state = attend(torch.randn(N, D, dtype=torch.float64))
    per_token = 2 * GROUPS * (D // HEADS) if kind == "groups" else 4 + 7
    assert state["rows"].numel() == N * per_token
    assert models.floats([state, state]) == 2 * N * per_token


# A model that writes -----------------------------------------------------------------------------


def small(kind="groups"):
    torch.manual_seed(0)
    if kind == "latents":
        layers = [LatentAttention(12, 3, 5, 2) for _ in range(2)]
        return models.Model(17, 20, layers, decode="absorbed").double()
    return models.Model(17, 20, [GroupedQueryAttention(12, 3, 1) for _ in range(2)]).double()


@pytest.mark.parametrize("kind", ["groups", "latents"])
@pieces
@torch.no_grad()
def test_a_model_in_pieces(kind, sizes):
    model, tokens = small(kind), torch.randint(17, (B, N), generator=torch.Generator())
    whole, state, parts = model(tokens), None, []
    for piece in tokens.split(sizes, dim=1):
        scores, state = model.extend(piece, state=state)
        parts.append(scores)
    close(torch.cat(parts, 1), whole)


@torch.no_grad()
def test_a_model_reads_a_batch_with_padding():
    model = small()
    tokens = torch.randint(17, (3, N), generator=torch.Generator())
    real = torch.from_numpy(REAL[:, 0])
    found, _ = model.extend(tokens, real=real)
    for b in range(3):
        close(found[b, real[b]], model(tokens[b, real[b]]))


@pieces
@torch.no_grad()
def test_the_language_model_of_the_transformer_in_pieces(sizes):
    torch.manual_seed(0)
    model = LanguageModel(17, 12, 3, 20, num_layers=2).double()
    tokens, state, parts = torch.randint(17, (N,)), None, []
    for piece in tokens.split(sizes):
        scores, state = models.extend(model, piece, state=state)
        parts.append(scores)
    close(torch.cat(parts), model(tokens))


@pytest.mark.parametrize("kind", ["groups", "latents"])
def test_a_writer_computes_what_is_new(kind):
    model = small(kind)

    def again(tokens):
        with torch.no_grad():
            return model(torch.tensor(tokens))[-1].numpy()

    writer = models.Writer(model.extend)
    text = decoding.greedy(writer, [3, 1, 4], steps=20)
    assert text == decoding.greedy(again, [3, 1, 4], steps=20)
    assert (writer.computed, writer.calls) == (3 + 19, 20)
    for tokens in ([3, 1, 4, 1, 5], [3, 1], [9, 2], [9, 2, 6, 5, 3], [9, 2, 6, 5, 3]):
        close(writer(tokens), again(tokens))
    with torch.no_grad():
        close(writer.all([9, 2, 6]), model(torch.tensor([9, 2, 6])))


def test_what_is_cut_off_is_forgotten():
    model = small()
    with torch.no_grad():
        _, state = model.extend(torch.tensor([1, 2, 3, 4]))
        found, _ = model.extend(torch.tensor([5]), state=models.cut(state, 2))
        close(found[-1], model(torch.tensor([1, 2, 5]))[-1])


# A draft that is checked -------------------------------------------------------------------------


class Scripted(np.random.Generator):
    """Draws what a script says, and multiplies the probabilities; then 0, as long as it can be."""

    def __init__(self, script):
        super().__init__(np.random.PCG64(0))
        self.script, self.taken, self.chance = script, [], 1.0

    def choice(self, n, p):
        p = np.asarray(p)
        at = len(self.taken)
        drawn = self.script[at] if at < len(self.script) else 0
        self.taken.append((drawn, n))
        self.chance *= p[drawn]
        return drawn


def distribution(write):
    """The probability of every text: each way that the draws can go is tried once."""
    found, script = {}, []
    while script is not None:
        rng = Scripted(script)
        try:
            text = tuple(write(rng))
            found[text] = found.get(text, 0) + rng.chance
        except (ZeroDivisionError, FloatingPointError):  # no chance to get there
            assert rng.chance == 0
        taken = rng.taken
        while taken and taken[-1][0] == taken[-1][1] - 1:
            taken.pop()
        script = [d for d, _ in taken[:-1]] + [taken[-1][0] + 1] if taken else None
    return found


def two_models(seed, V=3):
    """Scores that depend on the last two tokens, as a large model and as a draft."""
    target, draft = normal((V, V, V), (V, V, V), seed=seed)

    def rows(table):
        def scores(tokens):
            padded = [0, *tokens]
            return np.array([table[a, b] for a, b in itertools.pairwise(padded)])

        return scores

    return rows(target), rows(draft)


@pytest.mark.parametrize("ahead", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"temperature": 0.5}, {"top_k": 2}], ids=str)
def test_the_distribution_of_the_text_is_that_of_the_target(ahead, options):
    target, draft = two_models(ahead)
    expected = distribution(
        lambda rng: decoding.sample(lambda t: target(t)[-1], [1], steps=3, rng=rng, **options)
    )
    with np.errstate(divide="raise", invalid="raise"):
        found = distribution(
            lambda rng: decoding.speculative(
                target, lambda t: draft(t)[-1], [1], steps=3, ahead=ahead, rng=rng, **options
            )[0]
        )
    assert sum(found.values()) == pytest.approx(1)
    for text in expected.keys() | found.keys():
        assert found.get(text, 0) == pytest.approx(expected.get(text, 0), abs=1e-12)


@pytest.mark.parametrize("ahead", [1, 2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_the_text_of_the_likeliest_is_that_of_greedy(ahead, seed):
    target, draft = two_models(seed, V=6)
    text, calls = decoding.speculative(
        target, lambda t: draft(t)[-1], [1, 2], steps=20, ahead=ahead,
        rng=np.random.default_rng(0), top_k=1,
    )  # fmt: skip
    assert text == decoding.greedy(lambda t: target(t)[-1], [1, 2], steps=20)
    assert math.ceil(20 / (ahead + 1)) <= calls <= 20


@pytest.mark.parametrize(("steps", "ahead"), [(12, 3), (12, 5), (7, 2), (1, 4), (0, 2)])
def test_calls_of_a_perfect_and_of_a_hopeless_draft(steps, ahead):
    target, _ = two_models(0)
    rng = np.random.default_rng(0)
    best = decoding.speculative(
        target, lambda t: target(t)[-1], [1], steps=steps, ahead=ahead, rng=rng
    )
    assert best[1] == math.ceil(steps / (ahead + 1))
    assert len(best[0]) == 1 + steps
    worst = decoding.speculative(
        target, lambda t: -target(t)[-1], [1], steps=steps, ahead=ahead, rng=rng, top_k=1
    )
    assert worst[1] == steps


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ahead": 0}, "ahead is 0; it must be at least 1"),
        ({"steps": -1}, "steps is -1; it must be at least 0"),
        ({"rng": 0}, "rng is a int; it needs a numpy.random.Generator"),
        ({"start": []}, "start is empty"),
        ({"temperature": 0}, "temperature is 0"),
    ],
)
def test_what_a_draft_needs(given, said):
    target, draft = two_models(0)
    good = {"start": [1], "steps": 3, "ahead": 2, "rng": np.random.default_rng(0)}
    with pytest.raises((TypeError, ValueError), match=said):
        decoding.speculative(target, lambda t: draft(t)[-1], **(good | given))
