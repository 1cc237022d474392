"""Oracles: loops written from the papers, PyTorch's bilinear form, kernel and recurrent cells."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from witnesses import average_by_loop, close, dot, rooms, some_mask, tensors

from attention_book.alignment.local import module as torch_local
from attention_book.alignment.local import reference as local
from attention_book.decoders.bahdanau import reference as bahdanau
from attention_book.decoders.bahdanau.module import BahdanauDecoder
from attention_book.decoders.luong import reference as luong
from attention_book.decoders.luong.module import LuongDecoder
from attention_book.scores.additive import reference as additive
from attention_book.scores.location_based import module as torch_location
from attention_book.scores.location_based import reference as location
from attention_book.scores.multiplicative import module as torch_multiplicative
from attention_book.scores.multiplicative import reference as multiplicative

L, S, D_Q, D_K, D_V = 4, 7, 6, 5, 3
few = settings(deadline=None, max_examples=40)


def inputs(*lead, seed=0, L=L, S=S, d_q=D_Q, d_k=D_K, d_v=D_V):
    rng = np.random.default_rng(seed)
    shapes = ((*lead, L, d_q), (*lead, S, d_k), (*lead, S, d_v), (d_q, d_k))
    return tuple(rng.standard_normal(shape) for shape in shapes)


# The multiplicative score ------------------------------------------------------------------------


@rooms(multiplicative, torch_multiplicative, "attention")
def test_a_matrix_that_turns_the_query_by_hand(attention):
    # q W = (0, ln 3): the first key scores 0, the second ln 3.
    q, k = np.array([[1.0, 0.0]]), np.array([[5.0, 0.0], [0.0, 1.0]])
    W = np.array([[0.0, math.log(3)], [7.0, 7.0]])
    v = np.array([[8.0, 0.0], [0.0, 4.0]])
    close(attention(q, k, v, W=W), np.array([[2.0, 3.0]]), 1e-14)


@rooms(multiplicative, torch_multiplicative, "attention")
@pytest.mark.parametrize("masked", [False, True])
def test_multiplicative_against_a_loop_written_from_the_paper(attention, masked):
    q, k, v, W = inputs()
    mask = some_mask(L, S) if masked else None

    def strength(query, key):
        return math.exp(sum(query[a] * W[a, b] * key[b] for a in range(D_Q) for b in range(D_K)))

    expected, _ = average_by_loop(q.tolist(), k.tolist(), v.tolist(), strength, mask)
    close(attention(q, k, v, W=W, mask=mask), expected)


@few
@given(
    lead=st.lists(st.integers(1, 3), max_size=2),
    sizes=st.tuples(*[st.integers(1, 6)] * 5),
    seed=st.integers(0, 999),
)
def test_multiplicative_against_pytorchs_bilinear_form(lead, sizes, seed):
    L, S, d_q, d_k, d_v = sizes
    q, k, v, W = inputs(*lead, seed=seed, L=L, S=S, d_q=d_q, d_k=d_k, d_v=d_v)
    t_q, t_k, t_v, t_W = tensors(q, k, v, W)
    pairs_q = t_q[..., :, None, :].expand(*lead, L, S, d_q).contiguous()
    pairs_k = t_k[..., None, :, :].expand(*lead, L, S, d_k).contiguous()
    scores = F.bilinear(pairs_q, pairs_k, t_W[None])[..., 0]
    expected = torch.softmax(scores, dim=-1) @ t_v
    close(multiplicative.attention(q, k, v, W=W), expected)
    close(torch_multiplicative.attention(t_q, t_k, t_v, W=t_W), expected)


def test_the_module_is_the_function_with_its_matrix():
    torch.manual_seed(0)
    module = torch_multiplicative.MultiplicativeAttention(D_Q, D_K).double()
    q, k, _, _ = tensors(*inputs(2))
    mask = some_mask(L, S)
    W = module.W.detach().numpy()
    close(
        module(q, k, mask=mask),
        multiplicative.attention(q.numpy(), k.numpy(), k.numpy(), W=W, mask=mask),
    )
    close(module.weights(q, k, mask=mask) @ k, module(q, k, mask=mask))


@pytest.mark.parametrize("masked", [False, True])
def test_gradients_of_multiplicative_and_local(masked):
    q, k, v, W = tensors(*inputs(), grad=True)
    mask = some_mask(L, S) if masked else None
    centre = torch.tensor([0.3, 2.1, 5.6, 9.4], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda q, k, v, W: torch_multiplicative.attention(q, k, v, W=W, mask=mask), (q, k, v, W)
    )
    assert torch.autograd.gradcheck(
        lambda q, k, v, W, c: torch_local.attention(q, k, v, c, W=W, reach=2, mask=mask),
        (q, k, v, W, centre),
    )


def test_concat_is_the_additive_score_with_its_matrix_cut_in_two():
    """Luong's third score, v · tanh([q, k] W), with a matrix for the pair."""
    q, k, _, _ = inputs()
    rng = np.random.default_rng(5)
    W, w = rng.standard_normal((D_Q + D_K, 9)), rng.standard_normal(9)
    pairs = np.concatenate(
        [
            np.broadcast_to(q[:, None], (L, S, D_Q)),
            np.broadcast_to(k[None], (L, S, D_K)),
        ],
        axis=-1,
    )
    scores = torch.from_numpy(np.tanh(pairs @ W) @ w)
    found = additive.weights(q @ W[:D_Q], k @ W[D_Q:], w=w)
    close(found, torch.softmax(scores, dim=-1))


# Places instead of keys --------------------------------------------------------------------------


@rooms(location, torch_location, "attention")
@pytest.mark.parametrize("masked", [False, True])
def test_location_based_against_a_loop(attention, masked):
    q, _, v, _ = inputs()
    W = np.random.default_rng(3).standard_normal((D_Q, S))
    mask = some_mask(L, S) if masked else None
    columns = W.T.tolist()
    expected, _ = average_by_loop(
        q.tolist(), columns, v.tolist(), lambda a, b: math.exp(dot(a, b)), mask
    )
    close(attention(q, v, W=W, mask=mask), expected)


def local_by_loop(q, k, v, centre, W, reach, mask=None):
    """Equation 10: a softmax over the keys in the window alone, then the bell around the centre."""
    outputs = np.zeros((len(q), v.shape[1]))
    for i, place in enumerate(centre):
        near = [
            j for j in range(len(k)) if place - reach <= j <= place + reach
            and (mask is None or mask[i, j])
        ]  # fmt: skip
        strength = [math.exp(q[i] @ W @ k[j]) for j in near]
        sigma = reach / 2
        for j, s in zip(near, strength, strict=True):
            bell = math.exp(-((j - place) ** 2) / (2 * sigma**2))
            outputs[i] += s / math.fsum(strength) * bell * v[j]
    return outputs


@rooms(local, torch_local, "attention")
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("reach", [1, 2, 3])
def test_local_against_a_loop(attention, masked, reach):
    q, k, v, W = inputs()
    centre = np.array([0.0, 2.4, 5.5, 6.9])
    mask = some_mask(L, S) if masked else None
    expected = local_by_loop(q, k, v, centre, W, reach, mask)
    close(attention(q, k, v, centre, W=W, reach=reach, mask=mask), expected)


@rooms(local, torch_local, "attention")
def test_a_window_beyond_the_keys_gives_zeros(attention):
    q, k, v, W = inputs()
    assert not attention(q, k, v, np.array([-3.0, 20, -3, 9]), W=W, reach=2).any()


def test_the_centre_against_pytorch_and_by_hand():
    q, _, _, _ = inputs(2)
    rng = np.random.default_rng(4)
    W, w = rng.standard_normal((D_Q, 8)), rng.standard_normal(8)
    found = local.centre(q, W=W, w=w, length=7)
    expected = 7 * torch.sigmoid(torch.from_numpy(np.tanh(q @ W)) @ torch.from_numpy(w))
    close(found, expected)
    close(
        torch_local.centre(*tensors(q), W=torch.from_numpy(W), w=torch.from_numpy(w), length=7),
        expected,
    )
    close(local.centre(q, W=0 * W, w=w, length=7), np.full((2, L), 3.5), 1e-15)
    lengths = np.array([[7.0], [4.0]])
    close(local.centre(q, W=W, w=w, length=lengths), found * lengths / 7)


def test_local_m_is_a_band_mask():
    q, k, v, W = inputs(L=S)
    centre = np.arange(float(S))
    band = np.abs(np.subtract.outer(np.arange(S), np.arange(S))) <= 2
    assert np.array_equal(local.window(centre, S, reach=2), band)
    assert np.array_equal(torch_local.window(torch.from_numpy(centre), S, reach=2), band)
    expected = np.array(
        [multiplicative.attention(q[[i]], k[band[i]], v[band[i]], W=W)[0] for i in range(S)]
    )
    close(multiplicative.attention(q, k, v, W=W, mask=band), expected)


def test_the_bell_is_two_sigmas_wide():
    """At the edge of the window the factor is exp(-2)."""
    q, k, _, W = inputs()
    weights = local.weights(q, k, np.full(L, 3.0), W=0 * W, reach=2)
    close(weights[:, 1:6] * 5, np.tile(np.exp([-2, -0.5, 0, -0.5, -2]), (L, 1)))
    assert not weights[:, [0, 6]].any()


# Who asks ----------------------------------------------------------------------------------------

D_Y, D_H = 2, 6


def gru_cell(cell):
    """PyTorch's gated unit, written from the equations in its documentation."""
    W, U, b, c = (p.detach().numpy().T for p in cell.parameters())

    def step(x, h):
        of_input, of_state = np.split(x @ W + b, 3, -1), np.split(h @ U + c, 3, -1)
        reset, update = (
            1 / (1 + np.exp(-(x + u))) for x, u in zip(of_input[:2], of_state[:2], strict=True)
        )
        new = np.tanh(of_input[2] + reset * of_state[2])
        return (1 - update) * new + update * h

    return step


def told(seed=0, B=3):
    rng = np.random.default_rng(seed)
    y, memory, start = (rng.standard_normal(s) for s in ((B, L, D_Y), (B, S, D_K), (B, D_H)))
    return y, memory, start, np.arange(S) < np.array([[[S]], [[4]], [[1]]])


def agrees(decoder, expected, y, memory, start, mask):
    """A module gives the states and contexts of the reference, and its weights the contexts."""
    states, contexts = expected
    y, memory, start = tensors(y, memory, start)
    found = decoder(y, memory, start=start, mask=mask)
    close(found[0], states)
    close(found[1], contexts)
    close(decoder.weights(y, memory, start=start, mask=mask) @ memory, contexts)


@pytest.mark.parametrize("masked", [False, True])
def test_bahdanaus_decoder_against_the_reference_with_a_cell_of_our_own(masked):
    torch.manual_seed(0)
    decoder = BahdanauDecoder(D_Y, D_K, D_H).double()
    y, memory, start, mask = told()
    mask = mask if masked else None
    W_q, W_k, w = (
        p.detach().numpy()
        for p in (decoder.attend.W_q.weight.T, decoder.attend.W_k.weight.T, decoder.attend.w)
    )

    def attend(q, memory):
        return additive.attention(q @ W_q, memory @ W_k, memory, w=w, mask=mask)

    expected = bahdanau.decode(y, memory, start=start, cell=gru_cell(decoder.cell), attend=attend)
    agrees(decoder, expected, y, memory, start, mask)


@pytest.mark.parametrize("masked", [False, True])
def test_luongs_decoder_against_the_reference_with_a_cell_of_our_own(masked):
    torch.manual_seed(0)
    decoder = LuongDecoder(D_Y, D_K, D_H).double()
    y, memory, start, mask = told()
    mask = mask if masked else None
    single = torch.nn.GRUCell(D_Y, D_H).double()
    single.load_state_dict({k.removesuffix("_l0"): p for k, p in decoder.cell.state_dict().items()})
    W = decoder.attend.W.detach().numpy()

    def attend(q, memory):
        return multiplicative.attention(q, memory, memory, W=W, mask=mask)

    expected = luong.decode(y, memory, start=start, cell=gru_cell(single), attend=attend)
    agrees(decoder, expected, y, memory, start, mask)


@pytest.mark.parametrize("kind", [BahdanauDecoder, LuongDecoder])
def test_a_decoder_in_chunks_is_the_decoder_at_once(kind):
    torch.manual_seed(0)
    decoder = kind(D_Y, D_K, D_H).double()
    y, memory, start, _ = told()
    y, memory, state = tensors(y, memory, start)
    whole = decoder(y, memory, start=state)
    parts = []
    for chunk in y.split([1, 2, 1], dim=1):
        parts.append(decoder(chunk, memory, start=state))
        state = parts[-1][0][:, -1]
    for found, expected in zip(zip(*parts, strict=True), whole, strict=True):
        close(torch.cat(found, dim=1), expected)


def test_the_order_of_asking_and_stepping():
    """One step with a cell that counts: Bahdanau asks with the count before, Luong after."""
    y, memory = np.zeros((3, 1)), np.array([[10.0], [20.0], [30.0], [40.0]])

    def cell(x, state):
        return state + 1

    def attend(q, memory):
        return memory[q[..., 0].astype(int)]

    start = np.zeros(1)
    _, before = bahdanau.decode(y, memory, start=start, cell=cell, attend=attend)
    _, after = luong.decode(y, memory, start=start, cell=cell, attend=attend)
    assert before[:, 0].tolist() == [10, 20, 30]
    assert after[:, 0].tolist() == [20, 30, 40]


def test_what_bahdanau_reads_changes_the_state_and_what_luong_reads_does_not():
    y, memory, start, _ = told()

    def cell(x, state):
        return np.tanh(x.sum(-1, keepdims=True) + state)

    def attend(q, memory):
        return memory[..., :1, :] + 0 * q[..., :1]

    for decode, changes in ((bahdanau.decode, True), (luong.decode, False)):
        one, _ = decode(y, memory, start=start, cell=cell, attend=attend)
        two, _ = decode(y, memory + 1, start=start, cell=cell, attend=attend)
        assert (not np.allclose(one, two)) == changes


def test_attentional_states():
    rng = np.random.default_rng(2)
    states, contexts, W, U = (rng.standard_normal(s) for s in ((L, 6), (L, 5), (6, 9), (5, 9)))
    expected = torch.from_numpy(np.concatenate([contexts, states], -1)) @ torch.from_numpy(
        np.concatenate([U, W])
    )
    close(luong.attentional(states, contexts, W=W, U=U), expected.tanh())
