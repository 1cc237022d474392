"""Oracles: loops written from the papers, all permutations, all ways to read, NumPy and SciPy."""

import itertools
import math

import numpy as np
import pytest
import scipy.ndimage
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Categorical, MixtureSameFamily
from witnesses import average_by_loop, close, dot, rooms, some_mask, tensors

from attention_book import masks
from attention_book.alignment.location_sensitive import module as torch_location
from attention_book.alignment.location_sensitive import reference as location
from attention_book.alignment.monotonic import module as torch_monotonic
from attention_book.alignment.monotonic import reference as monotonic
from attention_book.memory.addressing import module as torch_addressing
from attention_book.memory.addressing import reference as addressing
from attention_book.memory.hops import module as torch_hops
from attention_book.memory.hops import reference as hops
from attention_book.pointing.copying import module as torch_copying
from attention_book.pointing.copying import reference as copying
from attention_book.pointing.pointer import module as torch_pointer
from attention_book.pointing.pointer import reference as pointer

L, S, D, V = 4, 7, 5, 9
few = settings(deadline=None, max_examples=30)


def normal(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def shares(*shape, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1])


# The pointer network -----------------------------------------------------------------------------


def pointer_loop(q, k, w, pointed, mask=None):
    """Section 2.3 of the paper, position by position, without those that were used."""
    rows, used = [], set()
    for i, query in enumerate(q):
        allowed = [j not in used and (mask is None or mask[i][j]) for j in range(len(k))]
        _, row = average_by_loop(
            [query],
            k,
            k,
            lambda a, b: math.exp(dot([math.tanh(x + y) for x, y in zip(a, b, strict=True)], w)),
            [allowed],
        )
        rows.append(row[0])
        used.add(pointed[i])
    return np.array(rows)


both_pointers = rooms(pointer, torch_pointer, "weights")


@both_pointers
@pytest.mark.parametrize("masked", [False, True])
def test_pointer_against_a_loop(weights, masked):
    q, k, w = normal((L, D), (S, D), D)
    pointed = np.array([5, 0, 3, 6])
    mask = some_mask(L, S) if masked else None
    expected = pointer_loop(q.tolist(), k.tolist(), w.tolist(), pointed.tolist(), mask)
    close(weights(q, k, pointed, w=w, mask=mask), expected)


@both_pointers
def test_the_probabilities_of_all_orders_sum_to_1(weights):
    """The chain rule: to point at each position once is one of S! answers."""
    q, k, w = normal((4, D), (4, D), D)
    orders = np.array(list(itertools.permutations(range(4))))
    points = weights(q, k, orders, w=w)
    each = np.take_along_axis(points, orders[..., None], axis=-1).prod(axis=(-1, -2))
    assert len(each) == 24
    assert (each > 0).all()
    assert abs(each.sum() - 1) < 1e-12


@both_pointers
def test_the_last_step_has_no_choice(weights):
    q, k, w = normal((4, D), (4, D), D)
    points = weights(q, k, np.array([2, 0, 3, 1]), w=w)
    close(points[-1], np.eye(4)[1], 0)


@both_pointers
def test_one_step_too_many_gets_zeros(weights):
    q, k, w = normal((3, D), (2, D), D)
    assert not weights(q, k, np.array([1, 0, 1]), w=w)[2].any()


@both_pointers
def test_the_last_pointed_position_is_not_looked_at(weights):
    q, k, w = normal((3, D), (S, D), D)
    close(*(weights(q, k, np.array([1, 4, last]), w=w) for last in (0, 5)), 0)


@both_pointers
@few
@given(seed=st.integers(0, 999))
def test_pointers_follow_their_positions(weights, seed):
    """Reorder the inputs, and the weights are reordered: it points at things, not at places."""
    q, k, w = normal((L, D), (S, D), D, seed=seed)
    rng = np.random.default_rng(seed)
    order, pointed = rng.permutation(S), rng.permutation(S)[:L]
    there = np.argsort(order)[pointed]
    close(weights(q, k[order], there, w=w), weights(q, k, pointed, w=w)[:, order])


@rooms(pointer, torch_pointer, "unused")
def test_unused(unused):
    found = unused(np.array([[2, 0, 2], [9, -1, 1]]), 3)
    assert found.tolist() == [
        [[True, True, True], [True, True, False], [False, True, False]],
        [[True] * 3] * 3,
    ]


# Copying -----------------------------------------------------------------------------------------

both_copies = rooms(copying, torch_copying, "copy")
both_mixtures = rooms(copying, torch_copying, "mixture")


@both_copies
def test_copying_by_hand(copy):
    # the word 2 stands at positions 0 and 3: 0.4 + 0.3
    weights, tokens = np.array([[0.4, 0.1, 0.2, 0.3]]), np.array([2, 0, 3, 2])
    close(copy(weights, tokens, 5), np.array([[0.1, 0.0, 0.7, 0.2, 0.0]]), 1e-15)


@both_copies
@few
@given(seed=st.integers(0, 999), size=st.integers(1, 12))
def test_copying_against_bincount(copy, seed, size):
    weights = shares(L, S, seed=seed)
    tokens = np.random.default_rng(seed).integers(0, size, S)
    expected = [np.bincount(tokens, row, minlength=size) for row in weights]
    close(copy(weights, tokens, size), np.array(expected))


@both_mixtures
def test_mixture_against_a_loop(mixture):
    """Equation 9 of the paper, word by word."""
    generated, weights, p_gen = shares(L, V), shares(L, S, seed=1), np.array([0.0, 0.3, 0.7, 1.0])
    tokens = np.array([8, 2, 2, 0, 8, 8, 5])
    expected = np.zeros((L, V))
    for i, word in itertools.product(range(L), range(V)):
        copied = math.fsum(weights[i, j] for j in range(S) if tokens[j] == word)
        expected[i, word] = p_gen[i] * generated[i, word] + (1 - p_gen[i]) * copied
    close(mixture(generated, weights, tokens, p_gen), expected)


@both_mixtures
def test_mixture_against_the_log_probabilities_of_torch(mixture):
    generated, weights, p_gen = shares(L, V), shares(L, S, seed=1), np.linspace(0.1, 0.9, L)
    tokens = np.array([8, 2, 2, 0, 8, 8, 5])
    t_generated, t_weights, t_p = tensors(generated, weights, p_gen)
    copies = t_weights @ F.one_hot(torch.from_numpy(tokens), V).double()
    mixed = MixtureSameFamily(
        Categorical(torch.stack([t_p, 1 - t_p], dim=-1)),
        Categorical(torch.stack([t_generated, copies], dim=-2)),
    )
    words = torch.tensor([2, 0, 8, 1])
    found = mixture(generated, weights, tokens, p_gen)
    close(np.log(found[np.arange(L), words]), mixed.log_prob(words))


@both_mixtures
@few
@given(seed=st.integers(0, 999))
def test_a_mixture_is_a_distribution(mixture, seed):
    generated, weights = shares(2, L, V, seed=seed), shares(2, L, S, seed=seed + 1)
    rng = np.random.default_rng(seed)
    found = mixture(generated, weights, rng.integers(0, V, (2, S)), rng.random((2, L)))
    close(found.sum(axis=-1), np.ones((2, L)))
    assert (found >= 0).all()


@both_copies
def test_a_word_outside_the_vocabulary_is_refused(copy):
    weights = shares(L, S)
    for tokens in (np.array([0, 1, 2, 3, 4, 5, 9]), np.array([0, -1, 2, 3, 4, 5, 6])):
        with pytest.raises(ValueError, match="tokens has a number outside 0 to 8"):
            copy(weights, tokens, 9)


@both_copies
def test_leading_dimensions_broadcast(copy):
    weights, tokens = shares(3, 1, L, S), np.random.default_rng(0).integers(0, V, (2, S))
    found = copy(weights, tokens, V)
    assert found.shape == (3, 2, L, V)
    close(found[2, 1], copy(weights[2, 0], tokens[1], V))


def test_scatter_loses_what_scatter_add_keeps():
    weights, tokens = torch.tensor([[0.4, 0.1, 0.2, 0.3]]), torch.tensor([[2, 0, 3, 2]])
    lost = torch.zeros(1, 5).scatter(-1, tokens, weights)
    assert lost.sum() < 0.75
    close(torch_copying.copy(weights, tokens[0], 5).sum(), torch.tensor(1.0), 1e-6)


# Location-sensitive attention --------------------------------------------------------------------

both_locations = rooms(location, torch_location, "weights")
both_features = rooms(location, torch_location, "location_features")


@both_features
@pytest.mark.parametrize("width", [1, 3, 5, 9])
def test_location_features_against_numpy_and_scipy(location_features, width):
    previous, (filters,) = shares(S), normal((2, width))
    found = location_features(previous, filters)
    padded = np.pad(previous, S + width)
    whole = [np.convolve(padded, f[::-1], mode="same")[S + width : -(S + width)] for f in filters]
    close(found, np.array(whole).T)
    other = [scipy.ndimage.correlate1d(previous, f, mode="constant") for f in filters]
    close(found, np.array(other).T)


@both_features
def test_an_even_filter_is_refused(location_features):
    with pytest.raises(ValueError, match="filters has the even width 4"):
        location_features(shares(S), np.ones((2, 4)))


@both_locations
@pytest.mark.parametrize("masked", [False, True])
def test_location_sensitive_against_a_loop(weights, masked):
    q, k, filters, U, w = normal(D, (S, D), (2, 3), (2, D), D)
    previous = shares(S)
    mask = np.array([True, True, False, True, True, True, False]) if masked else None
    before = previous if mask is None else previous * mask
    scores = []
    for j in range(S):
        features = [
            sum(filters[r, m] * before[j + m - 1] for m in range(3) if 0 <= j + m - 1 < S)
            for r in range(2)
        ]
        hidden = [math.tanh(q[d] + k[j, d] + dot(features, U[:, d].tolist())) for d in range(D)]
        seen = mask is None or mask[j]
        scores.append(math.exp(dot(hidden, w.tolist())) if seen else 0.0)
    expected = np.array(scores) / math.fsum(scores)
    found = weights(q, k, previous, filters=filters, U=U, w=w, mask=mask)
    close(found, expected)


@both_locations
def test_padding_does_not_reach_the_recording_through_the_filters(weights):
    """A padded row gets the weights of the row without its padding, whatever stood there."""
    q, k, filters, U, w = normal(D, (S, D), (2, 5), (2, D), D)
    previous, given_ = shares(S), {"filters": filters, "U": U, "w": w}
    short = weights(q, k[:4], previous[:4], **given_)
    padded = weights(q, k, previous, mask=masks.padding(4, S)[0], **given_)
    close(padded[:4], short)
    assert not padded[4:].any()


@both_locations
def test_keys_that_are_alike_differ_by_their_place_only(weights):
    q, key, U, w = normal(D, D, (1, D), D)
    k, filters = np.tile(key, (S, 1)), np.array([[1.0, 0.0, 0.0]])
    same = weights(q, k, np.eye(S)[2], filters=0 * filters, U=U, w=w)
    close(same, np.full(S, 1 / S))
    moved = weights(q, k, np.eye(S)[2], filters=filters, U=U, w=w)
    assert np.ptp(np.delete(moved, 3)) < 1e-15
    assert abs(moved[3] - moved[0]) > 0.01


# Monotonic attention -----------------------------------------------------------------------------

both_alignments = rooms(monotonic, torch_monotonic, "alignment")
both_choices = rooms(monotonic, torch_monotonic, "choose")


def all_ways(p):
    """The sum over all ways to read: where each step stops, or that it runs off the end."""
    L, S = p.shape
    alpha = np.zeros((L, S))
    for stops in itertools.product(range(S + 1), repeat=L):
        chance, at = 1.0, 0
        for i, stop in enumerate(stops):
            if stop < at:
                chance = 0.0
                break
            chance *= math.prod(1 - p[i, j] for j in range(at, stop))
            chance *= p[i, stop] if stop < S else 1.0
            at = stop
        for i, stop in enumerate(stops):
            if stop < S:
                alpha[i, stop] += chance
    return alpha


@both_alignments
@pytest.mark.parametrize("seed", range(3))
def test_alignment_against_all_ways_to_read(alignment, seed):
    p = np.random.default_rng(seed).random((3, 5))
    close(alignment(p), all_ways(p))


@both_alignments
def test_alignment_against_the_quotient_of_the_paper(alignment):
    p = np.random.default_rng(0).uniform(0.1, 0.9, (L, S))
    before, expected = np.eye(S)[0], []
    for row in p:
        stays = np.cumprod(np.append(1, 1 - row[:-1]))
        before = row * stays * np.cumsum(before / stays)
        expected.append(before)
    close(alignment(p), np.array(expected))


def test_alignment_is_the_mean_of_many_readers():
    rng = np.random.default_rng(0)
    p = rng.random((3, 4))
    draws = (rng.random((100_000, 3, 4)) < p).astype(float)
    difference = monotonic.choose(draws).mean(axis=0) - monotonic.alignment(p)
    assert np.abs(difference).max() < 0.01


@both_alignments
@few
@given(seed=st.integers(0, 999), S=st.integers(1, 20))
def test_a_row_sums_to_at_most_1_and_to_less_than_the_one_before(alignment, seed, S):
    p = np.random.default_rng(seed).random((2, L, S))
    sums = alignment(p).sum(axis=-1)
    assert (np.diff(sums, axis=-1) <= 1e-12).all()
    assert (sums <= 1 + 1e-12).all()
    p[..., -1] = 1  # nobody runs off the end
    close(alignment(p).sum(axis=-1), np.ones((2, L)))


@both_alignments
def test_a_step_may_stay_where_the_last_one_stopped(alignment):
    p = np.zeros((3, 4))
    p[:, 2] = 1
    close(alignment(p), np.tile(np.eye(4)[2], (3, 1)), 0)


@both_alignments
def test_tiny_and_certain_probabilities_stay_finite(alignment):
    """Where the cumulative product of the paper underflows."""
    p = np.full((2, 400), 0.9)
    p[:, 300] = 1.0
    p[0, :300] = 1 - 1e-12
    found = alignment(p)
    assert np.isfinite(found).all()
    assert found[0].sum() == pytest.approx(1, abs=1e-12)


@both_choices
def test_choose_by_hand(choose):
    p = np.array([[0.2, 0.7, 0.9, 0.1], [0.9, 0.4, 0.5, 0.6], [0.9, 0.9, 0.1, 0.2], [1, 1, 1, 1]])
    wanted = np.zeros((4, 4))
    wanted[0, 1] = wanted[1, 2] = 1
    close(choose(p), wanted, 0)


@both_choices
@few
@given(seed=st.integers(0, 999))
def test_choose_against_a_scan(choose, seed):
    p = np.random.default_rng(seed).random((L, S))
    at, expected = 0, np.zeros((L, S))
    for i in range(L):
        found = [j for j in range(at, S) if p[i, j] >= 0.5]
        at = found[0] if found else S
        if found:
            expected[i, at] = 1
    close(choose(p), expected, 0)


@pytest.mark.parametrize("bad", [-0.1, 1.1, np.nan])
def test_what_is_no_probability_is_refused(bad):
    p = np.full((L, S), 0.5)
    p[1, 2] = bad
    for room in (monotonic, torch_monotonic):
        given_ = p if room is monotonic else torch.from_numpy(p)
        for function in (room.alignment, room.choose):
            with pytest.raises(ValueError, match="p has a number outside 0 to 1"):
                function(given_)


# Hops --------------------------------------------------------------------------------------------

both_hops = rooms(hops, torch_hops, "hops")


@both_hops
@pytest.mark.parametrize("masked", [False, True])
def test_hops_against_a_loop(hops, masked):
    u, memory = normal((L, D), (3, S, D))
    mask = some_mask(L, S) if masked else None
    expected = u
    for n in range(2):
        found, _ = average_by_loop(
            expected.tolist(),
            memory[n].tolist(),
            memory[n + 1].tolist(),
            lambda a, b: math.exp(dot(a, b)),
            mask,
        )
        expected = expected + found
    close(hops(u, memory, mask=mask), expected)


@both_hops
def test_one_hop_is_the_kernel_with_the_scale_1(hops):
    u, memory = normal((2, L, D), (2, 2, S, D))
    t_u, t_memory = tensors(u, memory)
    found = F.scaled_dot_product_attention(t_u, t_memory[:, 0], t_memory[:, 1], scale=1.0)
    close(hops(u, memory), t_u + found)


@both_hops
def test_two_hops_are_one_after_the_other(hops):
    u, memory = normal((L, D), (3, S, D))
    close(hops(hops(u, memory[:2]), memory[1:]), hops(u, memory))


@both_hops
def test_no_hop_returns_the_question(hops):
    u, memory = normal((L, D), (1, S, D))
    close(hops(u, memory), u, 0)


# Addressing --------------------------------------------------------------------------------------

both_contents = rooms(addressing, torch_addressing, "content")
both_addresses = rooms(addressing, torch_addressing, "address")


def address_loop(key, memory, previous, shift, beta, gate, gamma):
    """Equations 5 to 9 of the paper."""

    def cosine(a, b):
        return dot(a, b) / math.sqrt(dot(a, a) * dot(b, b))

    n, half = len(memory), len(shift) // 2
    strengths = [math.exp(beta * cosine(key, slot)) for slot in memory]
    content = [x / math.fsum(strengths) for x in strengths]
    mixed = [gate * c + (1 - gate) * p for c, p in zip(content, previous, strict=True)]
    moved = [
        math.fsum(mixed[j] * shift[(i - j + half) % n] for j in range(n)
                  if (i - j + half) % n < len(shift))
        for i in range(n)
    ]  # fmt: skip
    sharp = [x**gamma for x in moved]
    return np.array([x / math.fsum(sharp) for x in sharp])


@both_addresses
@pytest.mark.parametrize("seed", range(4))
def test_address_against_a_loop(address, seed):
    key, memory = normal(D, (S, D), seed=seed)
    previous, shift = shares(S, seed=seed), shares(5, seed=seed + 1)
    found = address(key, memory, previous, shift, strength=2.5, gate=0.3, sharpness=1.7)
    lists = (x.tolist() for x in (key, memory, previous, shift))
    close(found, address_loop(*lists, 2.5, 0.3, 1.7))


@both_addresses
@pytest.mark.parametrize("shift", [[0, 0, 1], [1, 0, 0], [0.1, 0.2, 0.3, 0.0, 0.4]])
def test_the_shift_against_scipy_on_a_ring(address, shift):
    key, memory = normal(D, (S, D))
    previous, shift = shares(S), np.array(shift, float)
    expected = scipy.ndimage.convolve1d(previous, shift, mode="wrap")
    close(address(key, memory, previous, shift, gate=0.0), expected)


@both_contents
def test_content_against_the_cosine_of_torch(content):
    key, memory = normal((2, D), (2, S, D))
    t_key, t_memory = tensors(key, memory)
    cosine = F.cosine_similarity(t_key[:, None], t_memory, dim=-1)
    close(content(key, memory, 3.0), torch.softmax(3 * cosine, dim=-1))
    close(content(7 * key, memory / 9, 3.0), content(key, memory, 3.0))


@both_contents
def test_an_empty_slot_has_the_cosine_0(content):
    memory = np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0]])
    scores = np.exp([2.0, 0.0, -2.0])
    close(content(np.array([3.0, 0.0]), memory, 2.0), scores / scores.sum())


@both_addresses
@pytest.mark.parametrize(
    ("options", "shift"),
    [({"gate": 1.2}, [0, 1, 0]), ({"gate": 0.0}, [-0.5, 1, 0.5])],
)
def test_what_is_no_share_is_refused(address, options, shift):
    key, memory = normal(D, (S, D))
    previous = np.eye(S)[2]
    with pytest.raises(ValueError, match="previous, gate or shift is no share"):
        address(key, memory, previous, np.array(shift, float), **options)


@both_addresses
def test_an_even_shift_is_refused(address):
    key, memory = normal(D, (S, D))
    with pytest.raises(ValueError, match="shift has the even width 2"):
        address(key, memory, shares(S), np.array([0.5, 0.5]))


@both_addresses
def test_a_sharpness_of_a_thousand_picks_the_largest(address):
    key, memory = normal(D, (S, D))
    previous = shares(S)
    found = address(key, memory, previous, np.array([0.0, 1.0, 0.0]), gate=0.0, sharpness=1e5)
    close(found, np.eye(S)[previous.argmax()])


# Gradients ---------------------------------------------------------------------------------------


def checked(function, *arrays):
    inputs = tensors(*arrays, grad=True)
    return torch.autograd.gradcheck(function, inputs)


def test_gradients_of_pointing_and_copying():
    q, k, w = normal((L, D), (S, D), D)
    pointed, tokens = torch.tensor([5, 0, 3, 6]), torch.tensor([8, 2, 2, 0, 8, 8, 5])
    mask = torch.from_numpy(some_mask(L, S))
    assert checked(lambda q, k, w: torch_pointer.weights(q, k, pointed, w=w, mask=mask), q, k, w)
    assert checked(
        lambda g, a, p: torch_copying.mixture(g, a, tokens, p),
        shares(L, V),
        shares(L, S),
        np.linspace(0.1, 0.9, L),
    )


def test_gradients_of_listening():
    q, k, filters, U, w = normal(D, (S, D), (2, 3), (2, D), D)
    mask = torch.arange(S) < 5

    def weights(q, k, previous, filters, U, w):
        return torch_location.weights(q, k, previous, filters=filters, U=U, w=w, mask=mask)

    assert checked(weights, q, k, shares(S), filters, U, w)
    p = np.random.default_rng(0).uniform(0.1, 0.9, (3, S))
    assert checked(torch_monotonic.alignment, p)
    inside = torch.from_numpy(p)
    inside[1, 2], inside[0, 4] = 1.0, 0.0
    (gradient,) = torch.autograd.grad(
        torch_monotonic.alignment(inside.requires_grad_()).square().sum(), inside
    )
    assert gradient.isfinite().all()


def test_gradients_of_remembering():
    u, memory, key, slots = normal((L, D), (3, S, D), D, (S, D))
    assert checked(torch_hops.hops, u, memory)
    previous, shift = shares(S), shares(3)

    def address(key, slots, previous, shift, strength, gate, sharpness):
        return torch_addressing.address(
            key, slots, previous, shift, strength=strength, gate=gate, sharpness=sharpness
        )

    numbers = (np.array(2.0), np.array(0.4), np.array(1.6))
    assert checked(address, key, slots, previous, shift, *numbers)
