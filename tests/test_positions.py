"""Oracles: complex numbers, loops written from the papers, whole numbers, PyTorch's own."""

import cmath
import itertools
import math

import numpy as np
import pytest
import torch
from witnesses import average_by_loop, close, dot, rooms, some_mask, tensors

from attention_book import masks
from attention_book.positions.alibi import module as torch_alibi
from attention_book.positions.alibi import reference as alibi
from attention_book.positions.learned import module as torch_learned
from attention_book.positions.learned import reference as learned
from attention_book.positions.rope import module as torch_rope
from attention_book.positions.rope import reference as rope
from attention_book.positions.rope_scaling import module as torch_scaling
from attention_book.positions.rope_scaling import reference as scaling
from attention_book.positions.shaw import module as torch_shaw
from attention_book.positions.shaw import reference as shaw
from attention_book.positions.sinusoidal import module as torch_sinusoidal
from attention_book.positions.sinusoidal import reference as sinusoidal
from attention_book.positions.t5_bias import module as torch_t5
from attention_book.positions.t5_bias import reference as t5
from attention_book.positions.transformer_xl import module as torch_xl
from attention_book.positions.transformer_xl import reference as xl
from attention_book.scores.scaled_dot_product import reference as plain

L, S, D, D_V = 4, 7, 6, 5


def normal(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def attended(q, k, v, score, mask=None):
    """The average of the values in plain Python; score(i, j) has the positions, aligned."""
    allowed = np.ones((len(q), len(k)), bool) if mask is None else mask
    places = range(len(k) - len(q), len(k))
    rows = average_by_loop(
        list(places), list(range(len(k))), v.tolist(), lambda i, j: math.exp(score(i, j)),
        allowed.tolist(),
    )  # fmt: skip
    return np.array(rows[0]), np.array(rows[1])


def vector(q, i):
    """The query at a position, aligned at the end of S keys."""
    return q[i - (S - len(q))].tolist()


# Sinusoidal --------------------------------------------------------------------------------------

both_codes = rooms(sinusoidal, torch_sinusoidal, "encoding")


@both_codes
@pytest.mark.parametrize(("d", "base"), [(6, 10_000), (7, 100), (2, 10_000), (1, 3)])
def test_encoding_against_the_paper_entry_by_entry(encoding, d, base):
    positions = np.array([0, 1, 2, 17, 500])
    expected = [
        [(math.cos if f % 2 else math.sin)(i / base ** ((f - f % 2) / d)) for f in range(d)]
        for i in positions.tolist()
    ]
    close(encoding(positions, d, base=base), np.array(expected))


@both_codes
def test_two_codes_have_a_dot_product_of_their_distance_alone(encoding):
    code = encoding(np.arange(60), 8)
    product = code @ code.T
    for distance in range(60):
        close(np.diag(product, distance), np.full(60 - distance, product[0, distance]))
    omega = [10_000 ** (-2 * m / 8) for m in range(4)]
    close(product[0], np.array([math.fsum(math.cos(w * n) for w in omega) for n in range(60)]))


def test_a_shift_is_one_matrix_for_all_positions():
    code, delta = sinusoidal.encoding(np.arange(50), 6), 7
    turn = np.zeros((6, 6))
    for m, w in enumerate(sinusoidal.frequencies(6)):
        c, s = math.cos(delta * w), math.sin(delta * w)
        turn[2 * m : 2 * m + 2, 2 * m : 2 * m + 2] = [[c, -s], [s, c]]
    close(code[:-delta] @ turn, code[delta:])


def test_add_takes_positions_for_each_sequence():
    (x,) = normal((2, 3, L, D))
    positions = np.array([[0, 1, 2, 3], [5, 0, 9, 9]])[:, None]
    found = sinusoidal.add(x, positions=positions)
    for b in range(2):
        close(found[b], x[b] + sinusoidal.encoding(positions[b, 0], D))
    (t,) = tensors(x)
    close(torch_sinusoidal.add(t, positions=torch.from_numpy(positions)).numpy(), found)
    close(torch_sinusoidal.add(t).numpy(), x + sinusoidal.encoding(np.arange(L), D))


# Learned -----------------------------------------------------------------------------------------


def test_learned_positions_are_an_embedding():
    x, table = normal((2, L, D), (9, D))
    embedding = torch.nn.Embedding.from_pretrained(torch.from_numpy(table))
    positions = np.array([[8, 0, 3, 3], [1, 2, 3, 4]])
    expected = x + embedding(torch.from_numpy(positions)).numpy()
    close(learned.add(x, table, positions=positions), expected)
    given = {"positions": torch.from_numpy(positions)}
    close(torch_learned.add(*tensors(x, table), **given).numpy(), expected)
    close(learned.add(x, table), x + table[:L])
    made = torch_learned.LearnedPositions(9, D).double()
    made.table.data = torch.from_numpy(table)
    close(made(*tensors(x), **given).detach().numpy(), expected)


@rooms(learned, torch_learned, "add")
@pytest.mark.parametrize("wrong", [-1, 9, 2.5])
def test_a_position_without_a_row_is_refused(add, wrong):
    x, table = normal((L, D), (9, D))
    with pytest.raises(
        ValueError, match=rf"positions has {wrong:g}; the table has rows for 0 to 8"
    ):
        add(x, table, positions=np.array([0, 1, wrong, 2]))


@rooms(learned, torch_learned, "add")
def test_a_text_longer_than_the_table_is_refused(add):
    x, table = normal((10, D), (9, D))
    with pytest.raises(ValueError, match="positions has 9; the table has rows for 0 to 8"):
        add(x, table)


# Shaw --------------------------------------------------------------------------------------------

both_shaw = rooms(shaw, torch_shaw, "attention")


@both_shaw
@pytest.mark.parametrize("clip", [0, 1, 2, 9])
@pytest.mark.parametrize("masked", [False, True])
def test_shaw_against_the_two_equations(attention, clip, masked):
    q, k, v, a, b = normal((L, D), (S, D), (S, D_V), (2 * clip + 1, D), (2 * clip + 1, D_V))
    mask = some_mask(L, S) if masked else None

    def row(i, j):
        return max(-clip, min(clip, j - i)) + clip

    def score(i, j):
        key = [x + y for x, y in zip(k[j].tolist(), a[row(i, j)].tolist(), strict=True)]
        return dot(vector(q, i), key) / math.sqrt(D)

    output, alpha = attended(q, k, v, score, mask)
    close(attention(q, k, v, a, mask=mask), output)
    extra = [sum(alpha[n, j] * b[row(S - L + n, j)] for j in range(S)) for n in range(L)]
    close(attention(q, k, v, a, values=b, mask=mask), output + np.array(extra))


@both_shaw
def test_shaw_for_more_queries_than_keys(attention):
    q, k, v, a = normal((9, D), (3, D), (3, D_V), (5, D))
    more = np.concatenate([np.zeros((6, D)), k])
    wide = np.concatenate([np.zeros((6, D_V)), v])
    mask = np.arange(9) >= 6
    close(attention(q, k, v, a), attention(q, more, wide, a, mask=np.tile(mask, (9, 1))))


@both_shaw
def test_an_even_number_of_distances_is_refused(attention):
    q, k, v, keys = normal((L, D), (S, D), (S, D_V), (4, D))
    with pytest.raises(ValueError, match="keys has 4 rows; it needs an odd number"):
        attention(q, k, v, keys)


# T5 ----------------------------------------------------------------------------------------------

both_buckets = rooms(t5, torch_t5, "buckets")


def bucket_in_whole_numbers(distance, N, most):
    """Half of the buckets for one distance each; bucket n + k begins at n (most/n)^(k/(N - n))."""
    exact = N // 2
    if distance < exact or N == 1:
        return min(distance, N - 1)
    far = N - exact
    k = 0
    while k < far - 1 and distance**far * exact ** (k + 1) >= exact**far * most ** (k + 1):
        k += 1
    return exact + k


@both_buckets
@pytest.mark.parametrize(("N", "most"), [(32, 128), (16, 128), (8, 20), (6, 11), (2, 30), (1, 9)])
def test_buckets_of_a_decoder(buckets, N, most):
    relative = np.arange(-300, 20)
    expected = [bucket_in_whole_numbers(max(-r, 0), N, most) for r in relative.tolist()]
    found = buckets(relative, N, max_distance=most, bidirectional=False)
    assert np.array_equal(found, expected)


@both_buckets
@pytest.mark.parametrize(("N", "most"), [(32, 128), (16, 100), (10, 20), (7, 20), (2, 30)])
def test_buckets_of_an_encoder(buckets, N, most):
    relative = np.arange(-300, 301)
    expected = [
        bucket_in_whole_numbers(abs(r), N // 2, most) + (N // 2 if r > 0 else 0)
        for r in relative.tolist()
    ]
    assert np.array_equal(buckets(relative, N, max_distance=most), expected)


@both_buckets
def test_the_published_buckets(buckets):
    """32 buckets up to 128, in both directions: what T5 has."""
    found = buckets(np.array([0, -1, -7, -8, -11, -12, -15, -16, -128, -999, 1, 8, 999]), 32)
    assert found.tolist() == [0, 1, 7, 8, 8, 9, 9, 10, 15, 15, 17, 24, 31]


@both_buckets
def test_buckets_that_cannot_be_are_refused(buckets):
    with pytest.raises(ValueError, match="N is 1; both directions need at least 2"):
        buckets(np.arange(3), 1)
    with pytest.raises(ValueError, match="max_distance is 8; it must be above 8"):
        buckets(np.arange(3), 32, max_distance=8)


@rooms(t5, torch_t5, "attention")
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_t5_against_a_loop(attention, bidirectional, masked):
    q, k, v, table = normal((L, D), (S, D), (S, D_V), 8)
    mask = some_mask(L, S) if masked else None

    def score(i, j):
        half = 4 if bidirectional else 8
        distance = abs(j - i) if bidirectional else max(i - j, 0)
        bucket = bucket_in_whole_numbers(distance, half, 5) + half * (bidirectional and j > i)
        return dot(vector(q, i), k[j].tolist()) + table[bucket]

    expected, _ = attended(q, k, v, score, mask)
    options = {"max_distance": 5, "bidirectional": bidirectional, "mask": mask}
    close(attention(q, k, v, table, **options), expected)


def test_each_head_has_its_row_of_the_table():
    q, k, v, table = normal((2, 3, L, D), (2, 3, S, D), (2, 3, S, D_V), (3, 8))
    found = t5.attention(q, k, v, table, max_distance=9)
    for h in range(3):
        one = t5.attention(q[:, h], k[:, h], v[:, h], table[h], max_distance=9)
        close(found[:, h], one)
    close(torch_t5.attention(*tensors(q, k, v, table), max_distance=9).numpy(), found)


@rooms(t5, torch_t5, "attention")
def test_a_bias_that_no_query_sees_may_be_nan(attention):
    """As that of later keys in a model that is causal."""
    q, k, v, table = normal((L, D), (L, D), (L, D_V), 8)
    spoilt = table.copy()
    spoilt[5:] = math.nan  # keys ahead of the query
    mask = masks.causal(L)
    found = attention(q, k, v, spoilt, max_distance=5, mask=mask)
    close(found, attention(q, k, v, table, max_distance=5, mask=mask))


# Transformer-XL ----------------------------------------------------------------------------------


@rooms(xl, torch_xl, "attention")
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("base", [10_000, 7])
def test_transformer_xl_with_an_explicit_look_up(attention, masked, base):
    q, k, v, W, u, w = normal((L, D), (S, D), (S, D_V), (4, D), D, D)
    mask = some_mask(L, S) if masked else None

    def score(i, j):
        angles = [(i - j) / base ** (f / 4) for f in (0, 2)]
        r = np.array([x for a in angles for x in (math.sin(a), math.cos(a))]) @ W
        terms = dot(vector(q, i), k[j]), dot(vector(q, i), r), dot(u, k[j]), dot(w, r)
        return math.fsum(terms) / math.sqrt(D)

    expected, _ = attended(q, k, v, score, mask)
    close(attention(q, k, v, W, u=u, w=w, base=base, mask=mask), expected)


@pytest.mark.parametrize(("queries", "keys"), [(4, 7), (1, 5), (5, 5), (6, 2), (3, 1)])
def test_the_shift_looks_up_each_distance(queries, keys):
    distances = torch.arange(keys - 1, -queries, -1).double()
    found = torch_xl.shift(distances.expand(queries, -1))[:, :keys]
    for i, j in itertools.product(range(queries), range(keys)):
        assert found[i, j] == keys - queries + i - j


def test_heads_have_their_own_matrix_and_biases():
    q, k, v, W, u, w = normal((2, 3, L, D), (2, 3, S, D), (2, 3, S, D_V), (3, 4, D), (3, D), (3, D))
    found = xl.attention(q, k, v, W, u=u, w=w)
    for h in range(3):
        close(found[:, h], xl.attention(q[:, h], k[:, h], v[:, h], W[h], u=u[h], w=w[h]))
    u, w = tensors(u, w)
    close(torch_xl.attention(*tensors(q, k, v, W), u=u, w=w).numpy(), found)


# RoPE --------------------------------------------------------------------------------------------

both_pairings = pytest.mark.parametrize("name", ["rotate", "rotate_halves"])


def by_complex_numbers(x, positions, omega, name):
    """Each pair is a complex number, multiplied by exp(i ω position)."""
    R = len(omega)
    turned = x.copy()
    for n, row in enumerate(x):
        for m, w in enumerate(omega):
            a, b = (2 * m, 2 * m + 1) if name == "rotate" else (m, m + R)
            z = complex(row[a], row[b]) * cmath.exp(1j * w * positions[n])
            turned[n, a], turned[n, b] = z.real, z.imag
    return turned


@both_pairings
@pytest.mark.parametrize("base", [10_000, 50])
@pytest.mark.parametrize("positions", [range(L), (5, 6, 7, 8), (100_000, 3, 0, 3), (-2, 0.5, 7, 1)])
def test_rope_against_complex_numbers(name, base, positions):
    (x,) = normal((L, D))
    omega = [base ** (-2 * m / D) for m in range(D // 2)]
    expected = by_complex_numbers(x, list(positions), omega, name)
    given = sinusoidal.frequencies(D, base=base)
    close(getattr(rope, name)(x, list(positions), omega=given), expected)
    (t,) = tensors(x)
    omega = torch_sinusoidal.frequencies(D, base=base)
    found = getattr(torch_rope, name)(t, list(positions), omega=omega)
    close(found.numpy(), expected)


@both_pairings
@pytest.mark.parametrize("R", [0, 1, 2, 3])
def test_partial_rotation_leaves_the_rest(name, R):
    (x,) = normal((L, D + 1))
    omega = np.array([1.0, 0.3, 0.01])[:R]
    expected = by_complex_numbers(x, range(L), omega, name)
    assert np.array_equal(expected[:, 2 * R :], x[:, 2 * R :])
    close(getattr(rope, name)(x, np.arange(L), omega=omega), expected)
    found = getattr(torch_rope, name)(*tensors(x), range(L), omega=torch.from_numpy(omega))
    close(found.numpy(), expected)


@pytest.mark.parametrize("room", [rope, torch_rope], ids=["numpy", "torch"])
@both_pairings
def test_by_default_all_pairs_turn_with_base_10_000(name, room):
    for d in (6, 7):
        (x,) = normal((L, d))
        omega = [10_000 ** (-2 * m / d) for m in range(d // 2)]
        given = x if room is rope else tensors(x)[0]
        found = np.asarray(getattr(room, name)(given, range(L)))
        close(found, by_complex_numbers(x, range(L), omega, name))


@pytest.mark.parametrize("room", [rope, torch_rope], ids=["numpy", "torch"])
@both_pairings
def test_more_frequencies_than_pairs_are_refused(name, room):
    x, omega = normal((L, D), 4)
    if room is torch_rope:
        x, omega = tensors(x, omega)
    with pytest.raises(ValueError, match="omega has 4 frequencies; x has 3 pairs"):
        getattr(room, name)(x, range(L), omega=omega)


@rooms(rope, torch_rope, "attention")
@pytest.mark.parametrize("masked", [False, True])
def test_rope_attention_against_a_loop(attention, masked):
    q, k, v = normal((L, D), (S, D), (S, D_V))
    mask = some_mask(L, S) if masked else None
    omega = [10_000 ** (-2 * m / D) for m in range(3)]

    def score(i, j):
        a, b = (
            by_complex_numbers(np.array([x]), [n], omega, "rotate")[0]
            for x, n in ((vector(q, i), i), (k[j], j))
        )
        return dot(a, b) / math.sqrt(D)

    expected, _ = attended(q, k, v, score, mask)
    close(attention(q, k, v, mask=mask), expected)


@rooms(rope, torch_rope, "attention")
def test_rope_for_more_queries_than_keys(attention):
    q, k, v = normal((9, D), (3, D), (3, D_V))
    found = attention(q, k, v)
    expected = plain.attention(rope.rotate(q, range(-6, 3)), rope.rotate(k, range(3)), v)
    close(found, expected)


@both_pairings
def test_rope_scores_depend_on_the_distance_and_lengths_stay(name):
    q, k = normal((5, D), (5, D))
    turn, places = getattr(rope, name), np.arange(5)
    scores = turn(q, places) @ turn(k, places).T
    close(turn(q, places + 900) @ turn(k, places + 900).T, scores)
    close(np.linalg.norm(turn(q, places), axis=1), np.linalg.norm(q, axis=1))


def test_absolute_positions_change_with_a_shift():
    q, k = normal((5, D), (5, D))
    places = np.arange(5)
    one, other = (
        sinusoidal.add(q, positions=p) @ sinusoidal.add(k, positions=p).T
        for p in (places, places + 900)
    )
    assert abs(one - other).max() > 0.5


def test_rope_at_far_positions_in_single_precision():
    q, k = normal((1, D), (1, D))
    exact = rope.rotate(q, [100_007]) @ rope.rotate(k, [100_000]).T
    q, k = (x.float() for x in tensors(q, k))
    found = torch_rope.rotate(q, [100_007]) @ torch_rope.rotate(k, [100_000]).T
    assert abs(found.item() - exact.item()) < 1e-5


def test_positions_of_each_sequence():
    (x,) = normal((2, 3, L, D))
    positions = np.array([[0, 1, 2, 3], [0, 0, 0, 1]])[:, None]
    found = torch_rope.rotate(*tensors(x), torch.from_numpy(positions)).numpy()
    for b in range(2):
        close(found[b], rope.rotate(x[b], positions[b, 0]))


# Scaling -----------------------------------------------------------------------------------------


@rooms(scaling, torch_scaling, "interpolation")
def test_interpolation_divides_the_positions(interpolation):
    (x,) = normal((L, D))
    omega = np.asarray(interpolation(D, factor=4, base=500))
    close(omega, np.array([500 ** (-2 * m / D) / 4 for m in range(D // 2)]))
    turned = rope.rotate(x, np.arange(L) / 4, omega=sinusoidal.frequencies(D, base=500))
    close(rope.rotate(x, np.arange(L), omega=omega), turned)


@rooms(scaling, torch_scaling, "ntk")
@pytest.mark.parametrize("d", [4, 6, 7, 64])
def test_ntk_slows_the_last_pair_by_the_factor(ntk, d):
    omega = np.asarray(ntk(d, factor=8, base=500))
    base = 500 * 8 ** (d / (d - 2))
    close(omega, np.array([base ** (-2 * m / d) for m in range(len(omega))]))
    assert omega[0] == 1
    if d % 2 == 0:
        assert omega[-1] == pytest.approx(500 ** -((d - 2) / d) / 8)


def yarn_from_the_paper(d, s, trained, base, alpha, beta):
    """Wavelengths λ, then r = T/λ, then γ(r), then h(θ) = (1 - γ) θ/s + γ θ."""
    found = []
    for m in range(-(-d // 2)):
        wavelength = 2 * math.pi * base ** (2 * m / d)
        r = trained / wavelength
        gamma = 0 if r < alpha else 1 if r > beta else (r - alpha) / (beta - alpha)
        theta = 2 * math.pi / wavelength
        found.append((1 - gamma) * theta / s + gamma * theta)
    return np.array(found)


@rooms(scaling, torch_scaling, "yarn")
@pytest.mark.parametrize(("d", "s", "trained"), [(16, 4, 64), (64, 16, 2048), (128, 2.5, 4096)])
@pytest.mark.parametrize(("slow", "fast", "base"), [(1, 32, 10_000), (2, 8, 500)])
def test_yarn_against_the_equations(yarn, d, s, trained, slow, fast, base):
    found = yarn(d, factor=s, trained=trained, base=base, slow=slow, fast=fast)
    close(np.asarray(found), yarn_from_the_paper(d, s, trained, base, slow, fast))


@rooms(scaling, torch_scaling, "yarn_released")
@pytest.mark.parametrize(("d", "s", "trained"), [(16, 4, 64), (64, 16, 2048), (128, 2.5, 4096)])
def test_the_released_ramp_pair_by_pair(yarn_released, d, s, trained):
    """Pairs up to `first` keep their frequency, from `last` on it is divided; straight between."""
    found = np.asarray(yarn_released(d, factor=s, trained=trained))
    turns = [trained * 10_000 ** (-2 * m / d) / (2 * math.pi) for m in np.arange(0, d, 0.001)]
    first = max(math.floor(0.001 * sum(t >= 32 for t in turns)), 0)
    last = math.ceil(0.001 * sum(t >= 1 for t in turns) - 0.001)
    for m, omega in enumerate(found):
        share = min(max((m - first) / (last - first), 0), 1)
        theta = 10_000 ** (-2 * m / d)
        assert omega == pytest.approx((1 - share) * theta + share * theta / s, rel=1e-9)


def test_the_two_ramps_agree_at_their_ends_only():
    paper, program = (f(128, factor=4, trained=4096) for f in (scaling.yarn, scaling.yarn_released))
    assert paper[0] == program[0] == 1
    assert paper[-1] == pytest.approx(program[-1])
    assert (program / paper).max() > 1.5


@pytest.mark.parametrize("room", [scaling, torch_scaling], ids=["numpy", "torch"])
def test_temperature(room):
    assert room.temperature(1) == 1
    assert room.temperature(4) == pytest.approx(0.1 * math.log(4) + 1)


def test_the_temperature_is_squared_in_the_scores():
    q, k = normal((2, D), (3, D))
    heat = scaling.temperature(16)
    close(rope.weights(heat * q, heat * k), rope.weights(heat**2 * q, k))


# ALiBi -------------------------------------------------------------------------------------------

both_slopes = rooms(alibi, torch_alibi, "slopes")


@both_slopes
def test_the_slopes_of_the_paper(slopes):
    close(np.asarray(slopes(8), float), 0.5 ** np.arange(1, 9))
    close(np.asarray(slopes(16), float)[::2], 2.0 ** -np.arange(0.5, 8, 1), 1e-6)
    close(np.asarray(slopes(1), float), np.array([2.0**-8]))


@both_slopes
def test_the_slopes_of_twelve_heads(slopes):
    expected = [2.0**-n for n in range(1, 9)] + [2.0**-n for n in (0.5, 1.5, 2.5, 3.5)]
    close(np.asarray(slopes(12), float), np.array(expected), 1e-6)


@rooms(alibi, torch_alibi, "attention")
@pytest.mark.parametrize("masked", [False, True])
def test_alibi_against_a_loop(attention, masked):
    q, k, v = normal((L, D), (S, D), (S, D_V))
    mask = some_mask(L, S) if masked else None

    def score(i, j):
        return dot(vector(q, i), k[j].tolist()) / math.sqrt(D) - 0.3 * abs(i - j)

    expected, _ = attended(q, k, v, score, mask)
    close(attention(q, k, v, np.array(0.3), mask=mask), expected)


def test_alibi_added_by_the_place_of_the_key_is_the_same():
    """As Bloom does it: a row of scores may be raised by any number."""
    q, k, v = normal((S, D), (S, D), (S, D_V))
    mask = torch.from_numpy(masks.causal(S))
    bias = torch.where(mask, 0.25 * torch.arange(S, dtype=torch.float64), -torch.inf)
    expected = torch.softmax(torch.from_numpy(q @ k.T / math.sqrt(D)) + bias, -1).numpy() @ v
    close(alibi.attention(q, k, v, np.array(0.25), mask=masks.causal(S)), expected)


def test_each_head_has_its_slope():
    q, k, v = normal((2, 3, L, D), (2, 3, S, D), (2, 3, S, D_V))
    slopes = alibi.slopes(3)
    found = alibi.attention(q, k, v, slopes)
    for h in range(3):
        close(found[:, h], alibi.attention(q[:, h], k[:, h], v[:, h], slopes[h]))
    close(torch_alibi.attention(*tensors(q, k, v, slopes)).numpy(), found)


# What all of them share --------------------------------------------------------------------------


def relative_ones(n=S):
    """Calls that see positions only through distances, in PyTorch, with made-up parameters."""
    keys, table, W, u, w = tensors(*normal((5, D), 8, (4, D), D, D, seed=3))
    return {
        "rope": torch_rope.attention,
        "alibi": lambda q, k, v, **o: torch_alibi.attention(q, k, v, torch.tensor(0.3), **o),
        "shaw": lambda q, k, v, **o: torch_shaw.attention(q, k, v, keys, **o),
        "t5": lambda q, k, v, **o: torch_t5.attention(q, k, v, table, max_distance=9, **o),
        "xl": lambda q, k, v, **o: torch_xl.attention(q, k, v, W, u=u, w=w, **o),
    }


each_relative = pytest.mark.parametrize("name", relative_ones())


@each_relative
def test_gradients(name):
    attend, mask = relative_ones()[name], torch.from_numpy(some_mask(L, S))
    inputs = tensors(*normal((L, D), (S, D), (S, D_V)), grad=True)
    assert torch.autograd.gradcheck(lambda *x: attend(*x, mask=mask), inputs)


def test_gradients_of_what_is_learned():
    q, k, v = tensors(*normal((L, D), (S, D), (S, D_V)))
    keys, values = tensors(*normal((3, D), (3, D_V), seed=1), grad=True)
    table, W, u, w = tensors(*normal(8, (4, D), D, D, seed=2), grad=True)
    check = torch.autograd.gradcheck
    assert check(lambda a, b: torch_shaw.attention(q, k, v, a, values=b), (keys, values))
    assert check(lambda t: torch_t5.attention(q, k, v, t, max_distance=9), (table,))
    assert check(lambda W, u, w: torch_xl.attention(q, k, v, W, u=u, w=w), (W, u, w))
    x, rows = tensors(*normal((L, D), (9, D), seed=4), grad=True)
    assert check(torch_learned.add, (x, rows))


@each_relative
def test_left_padding_changes_nothing_behind_a_mask(name):
    attend = relative_ones()[name]
    q, k, v = tensors(*normal((S, D), (S, D), (S, D_V)))
    seen = torch.from_numpy(masks.causal(S))
    alone = attend(q, k, v, mask=seen)
    padded = [torch.cat([torch.ones(3, x.shape[1]).double(), x]) for x in (q, k, v)]
    mask = torch.from_numpy(masks.causal(S + 3)) & (torch.arange(S + 3) >= 3)
    close(attend(*padded, mask=mask)[3:].numpy(), alone.numpy())


@each_relative
@pytest.mark.parametrize("sizes", [[1] * S, [3, 1, 3], [5, 2]])
def test_with_a_cache_in_any_chunks(name, sizes):
    attend = relative_ones()[name]
    q, k, v = tensors(*normal((2, S, D), (2, S, D), (2, S, D_V)))
    whole = attend(q, k, v, mask=torch.from_numpy(masks.causal(S)))
    start = 0
    for size in sizes:
        end = start + size
        mask = torch.from_numpy(masks.causal(size, end))
        part = attend(q[:, start:end], k[:, :end], v[:, :end], mask=mask)
        close(part.numpy(), whole[:, start:end].numpy())
        start = end


@each_relative
def test_two_words_that_change_places_are_told_apart(name):
    attend = relative_ones()[name]
    x = tensors(*normal((3, D)))[0]
    order = [2, 1, 0]
    here, there = attend(x, x, x), attend(x[order], x[order], x[order])
    if name in ("alibi", "t5"):
        order = [1, 0, 2]
        there = attend(x[order], x[order], x[order])
    assert abs(there[order] - here).max() > 1e-3
