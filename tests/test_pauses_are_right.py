"""The right answers to the short questions, shown with the package and with PyTorch.

Not the text that says why, but the thing itself: programs run, inequalities hold at many places.
"""

import contextlib
import dataclasses
import itertools
import math
import queue
import re
import threading

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from attention_book import budget, cost, decoding, masks
from attention_book.alignment.local import reference as local
from attention_book.caches.grouped_query.module import GroupedQueryAttention
from attention_book.caches.kv_cache import model as caching
from attention_book.caches.kv_cache import reference as cache
from attention_book.caches.latent import reference as latents
from attention_book.caches.paged import reference as paged
from attention_book.caches.paged.blocks import Blocks, NoFreeBlock
from attention_book.checking.catalogue import all_chapters, all_pauses
from attention_book.decoders.bahdanau import reference as bahdanau
from attention_book.decoders.luong import reference as luong
from attention_book.exercises.encoders_at_work import corrupt
from attention_book.interpretation.induction import reference as induction
from attention_book.interpretation.norm_based import reference as norm_based
from attention_book.interpretation.rollout import reference as rollout
from attention_book.kernels.any_kernel import module as any_kernel
from attention_book.kernels.gaussian import reference as gaussian
from attention_book.layers.attention_only import reference as attention_only
from attention_book.layers.multi_head import module as torch_multi_head
from attention_book.layers.multi_head import reference as multi_head
from attention_book.memory.addressing import reference as addressing
from attention_book.memory.hops import reference as hops
from attention_book.pauses import alignment as on_alignment
from attention_book.pauses import attention_pooling as on_pooling
from attention_book.pauses import decoding as on_decoding
from attention_book.pauses import encoders_at_work as on_encoders
from attention_book.pauses import kernel_attention as on_kernels
from attention_book.pauses import multi_head as on_heads
from attention_book.pauses import pages_and_rings as on_pages
from attention_book.pauses import pointing_and_memory as on_pointing
from attention_book.pauses import positions as on_positions
from attention_book.pauses import scaled_dot_product as on_dot_products
from attention_book.pauses import tiles as on_tiles
from attention_book.pauses import transformer as on_transformer
from attention_book.pauses import what_attention_costs as on_costs
from attention_book.pauses import what_heads_learn as on_learning
from attention_book.pointing.pointer import reference as pointer
from attention_book.pooling.attention_pooling import module as torch_pooling
from attention_book.pooling.attention_pooling import reference as pooling
from attention_book.pooling.structured import reference as structured
from attention_book.positions.alibi import reference as alibi
from attention_book.positions.rope import reference as rope
from attention_book.positions.rope_scaling import reference as rope_scaling
from attention_book.positions.sinusoidal import reference as sinusoidal
from attention_book.retrieval.contrastive import reference as contrastive
from attention_book.retrieval.late_interaction import reference as late
from attention_book.scores.additive import reference as additive
from attention_book.scores.location_based import reference as location
from attention_book.scores.multiplicative import reference as multiplicative
from attention_book.scores.scaled_dot_product import module as torch_dot_product
from attention_book.scores.scaled_dot_product import reference as dot_product
from attention_book.softmax import softmax
from attention_book.tiles.flash import module as flash
from attention_book.tiles.online_softmax import reference as online
from attention_book.tiles.shared_prefix import module as shared_prefix
from attention_book.transformer.decoder import reference as decoder
from attention_book.transformer.encoder import reference as encoder
from attention_book.transformer.encoder.module import Encoder
from attention_book.transformer.feed_forward import reference as network
from attention_book.transformer.language_model import reference as language
from attention_book.transformer.norm import reference as norm


def normal(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def run(program, **names):
    """Run a program of a question, or one like it, and return its names."""
    names |= {"np": np, "math": math, "torch": torch}
    with np.errstate(all="ignore"):
        exec(program, names)
    return names


def mended(pause, line):
    """Return the program of a question with the wrong line written rightly."""
    lines = pause.program.splitlines()
    lines[pause.solve() - 1] = line
    return "\n".join(lines)


# Kernel regression -------------------------------------------------------------------------------


def test_read_twice():
    once, twice = on_kernels._at_eleven([1, 1, 1, 1]), on_kernels._at_eleven([1, 1, 2, 1])
    assert once < twice < 19
    assert on_kernels._at_eleven([50] * 4) == pytest.approx(once)


@pytest.mark.parametrize("gamma", [1e-3, 0.1, 0.5, 3.0])
def test_lonely_reading(gamma):
    weights = gaussian.weights(on_kernels._LONELY, on_kernels._LONELY, gamma=gamma)
    assert weights[9, 0] > weights[0, 9]


def test_missing_lengths():
    q, k = normal(0, (3, 4), (6, 4))
    unit_q, unit_k = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (q, k))
    for queries, keys, same in ((q, unit_k, True), (unit_q, k, False), (unit_q, unit_k, True)):
        wanted = gaussian.weights(queries, keys, gamma=0.7)
        assert np.allclose(softmax(1.4 * queries @ keys.T), wanted) == same


def test_by_column():
    q, k = normal(1, (4, 3), (6, 3))
    wanted = gaussian.weights(q, k, gamma=0.5)
    weights = run(on_kernels.by_column.program, q=q, k=k, gamma=0.5)["weights"]
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert (weights > 0).all()
    assert not np.allclose(weights, wanted)
    right = "scores = scores - scores.max(axis=1, keepdims=True)"
    program = mended(on_kernels.by_column, right)
    np.testing.assert_allclose(run(program, q=q, k=k, gamma=0.5)["weights"], wanted)


STEPS = {
    "a": "x = x - x.max(axis=1, keepdims=True)",
    "b": "x = -gamma * x",
    "c": "x = x / x.sum(axis=1, keepdims=True)",
    "d": "x = x.copy(); np.fill_diagonal(x, -np.inf)",
    "e": "x = np.exp(x)",
}


def test_steps_to_leave_out_has_one_right_order():
    points = np.array([[0.0], [1.0], [2.5], [100.0]])
    squared = (points - points.T) ** 2
    wanted = gaussian.weights(points, points, gamma=0.5, mask=~np.eye(4, dtype=bool))
    right = [
        "".join(order)
        for order in itertools.permutations(STEPS)
        if np.allclose(
            run("\n".join(STEPS[letter] for letter in order), x=squared, gamma=0.5)["x"], wanted
        )
    ]
    assert right == [on_kernels.steps_to_leave_out.solve()]
    assert on_kernels.steps_to_leave_out.choices.keys() == STEPS.keys()


def test_twice_the_contrast():
    greys, places = (torch.from_numpy(x) for x in normal(2, (30, 1), (30, 2)))

    def denoised(keys, values):
        return any_kernel.attention(
            keys, keys, values, kernel=lambda squared: torch.exp(-(squared - 0.1).clip(min=0))
        )

    assert torch.equal(denoised(places, 2 * greys), 2 * denoised(places, greys))
    assert not torch.allclose(denoised(2 * greys, 2 * greys), 2 * denoised(greys, greys))


def test_portions_of_keys():
    q, k, v = normal(3, (5, 4), (64, 4), (64, 2))
    whole = gaussian.attention(q, k, v, gamma=1.0)
    portions = list(zip(np.split(k, 8), np.split(v, 8), strict=True))
    answers = np.stack([gaussian.attention(q, *portion, gamma=1.0) for portion in portions])
    strength = np.stack(
        [np.exp(-gaussian.squared_distances(q, k)).sum(axis=1) for k, _ in portions]
    )
    assert not np.allclose(answers.mean(axis=0), whole)
    share = strength / strength.sum(axis=0)
    np.testing.assert_allclose((share[..., None] * answers).sum(axis=0), whole)


def test_beyond_the_data():
    weights, x = on_kernels._OF_THE_LINE, on_kernels._LINE
    assert weights @ x == pytest.approx(1.2)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() < 0
    root = np.exp(-((x - 1.2) ** 2) / (4 * 0.15**2))  # as the chapter fits it
    columns = np.stack([root, root * (x - 1.2)], axis=1)
    for y in (np.sin(x), x**2):
        fitted = np.linalg.lstsq(columns, root * y)[0][0]
        assert weights @ y == pytest.approx(fitted)


# Scaled dot-product attention --------------------------------------------------------------------


def test_longer_key():
    for seed in range(20):
        q, k = normal(seed, (1, 4), (5, 4))
        longer = k.copy()
        longer[0] *= 2
        grown = dot_product.weights(q, longer)[0, 0] - dot_product.weights(q, k)[0, 0]
        assert np.sign(grown) == np.sign(q[0] @ k[0])


@pytest.mark.parametrize(("turn_q", "turn_k", "seen"), [(0, 0, 0), (1, 0, 1), (0, 1, 3), (1, 1, 0)])
def test_two_turns(turn_q, turn_k, seen):
    matrices = (np.eye(2), on_dot_products._TURN)
    q, k = (on_dot_products._COMPASS @ matrices[turned] for turned in (turn_q, turn_k))
    assert dot_product.weights(q, k)[0].argmax() == seen


def test_twelve_zeros():
    q, k = np.zeros((1, 16)), np.zeros((2, 16))
    q[0, 0], k[0, 0], k[1, 1] = 2 * math.log(3), 1, 1
    found = dot_product.weights(q, k)[0, 0]
    assert on_dot_products.twelve_zeros.solve() == pytest.approx(found)
    assert dot_product.weights(q[:, :4], k[:, :4])[0, 0] == pytest.approx(0.75)


def test_own_score():
    (x,) = normal(4, (20000, 64))
    found = ((x * x).sum(axis=1) / math.sqrt(64)).mean()
    assert on_dot_products.own_score.solve() == pytest.approx(found, rel=0.01)


def test_equal_values():
    q, k, row, upstream = (torch.from_numpy(x) for x in normal(5, (3, 4), (5, 4), (2,), (3, 2)))
    tensors = [x.requires_grad_() for x in (q, k, row.expand(5, 2).clone())]
    (torch_dot_product.attention(*tensors) * upstream).sum().backward()
    sizes = [float(x.grad.abs().max()) for x in tensors]
    assert max(sizes[:2]) < 1e-14 < 0.01 < sizes[2]


def test_swapped_values():
    q, k, v = normal(6, (1, 4), (5, 4), (5, 2))
    other = v[[1, 0, 2, 3, 4]]
    assert not np.allclose(dot_product.attention(q, k, v), dot_product.attention(q, k, other))


def test_some_queries_fail():
    q, k, v = normal(7, (2, 6, 4), (2, 9, 4), (2, 9, 3))
    q[1, 2] = [2000.0, 0, 0, 0]
    k[1, :, 0] = -np.abs(k[1, :, 0]) - 1  # the scores of this row lie far below all others
    wanted = dot_product.attention(q, k, v)
    output = run(on_dot_products.some_queries_fail.program, q=q, k=k, v=v)["output"]
    failed = np.isnan(output).any(axis=-1)
    assert failed.sum() == 1
    np.testing.assert_allclose(output[~failed], wanted[~failed])
    right = "scores = scores - scores.max(axis=-1, keepdims=True)"
    program = mended(on_dot_products.some_queries_fail, right)
    np.testing.assert_allclose(run(program, q=q, k=k, v=v)["output"], wanted)


def test_twice_as_long():
    L, d = 1500, 1000
    assert 2 * L**2 * d == 3 * L * d**2  # what the question starts from


# Attention over a sequence -----------------------------------------------------------------------


@pytest.mark.parametrize("positions", [5, 20])
def test_twenty_positions(positions):
    (x,) = normal(8, (200000, positions))
    mean, answer = x.mean(axis=1), x[:, 0]
    left = 100 * (1 - np.corrcoef(mean, answer)[0, 1] ** 2)
    assert on_pooling._left(positions) == pytest.approx(left, abs=0.5)


def test_longer_than_trained():
    pause = on_pooling.longer_than_trained
    torch.manual_seed(0)
    score, layer = torch.nn.Linear(4, 1), torch.nn.Linear(4, 1)
    table = torch.randn(30, 4)
    names = {"embed": table.__getitem__, "score": score, "layer": layer}
    right = mended(pause, "context = context")
    for S in (5, 50):
        ids = torch.randint(30, (200, S))
        with torch.no_grad():
            wanted = torch_pooling.pool(table[ids], score.weight[0])
            found = run(pause.program, ids=ids, **names)["context"]
            assert torch.allclose(S * found, wanted, atol=1e-6)
            assert torch.allclose(run(right, ids=ids, **names)["context"], wanted, atol=1e-6)


def test_one_more_copy():
    (x, w) = normal(9, (4, 3), (3,))
    weights = pooling.weights(x, w)
    more = pooling.weights(np.vstack([x, x[:1]]), w)
    assert more[0] == pytest.approx(weights[0] / (1 + weights[0]))
    assert on_pooling.one_more_copy.solve() == pytest.approx(0.4 / 1.4)


def test_which_holds():
    x, w, c = normal(10, (5, 3), (3,), (3,))
    out = pooling.pool(x, w)
    assert not np.allclose(pooling.pool(2 * x, w), 2 * out)
    assert not np.allclose(pooling.pool(-x, w), -out)
    np.testing.assert_allclose(pooling.pool(x + c, w), out + c)


def test_constant_feature():
    x, w, upstream = (torch.from_numpy(a) for a in normal(11, (7, 5, 3), (3,), (7, 3)))
    x[:, :, 1] = torch.arange(7)[:, None]  # as good as a length: one number in a sequence
    w.requires_grad_()
    (torch_pooling.pool(x, w) * upstream).sum().backward()
    assert abs(w.grad[1]) < 1e-12 < 0.01 < w.grad[[0, 2]].abs().min()


@pytest.mark.parametrize(
    ("f", "matters"),
    [
        (np.tanh, True),
        (lambda z: 3 * z + 1, False),
        (lambda z: z, False),
        (lambda z: np.maximum(z, 0), True),
    ],
)
def test_instead_of_tanh(f, matters):
    q, k, w = normal(12, (2, 1, 200), (6, 200), (200,))
    one, other = softmax(f(q + k) @ w / 10)
    assert np.allclose(one, other) != matters


def test_shared_place():
    places = normal(13, (5, 4))[0]
    assert on_pooling._contexts(places) == 120
    assert on_pooling._contexts(0 * places) == 1
    assert on_pooling._contexts(on_pooling._shared()) == 60


def test_largest_weight():
    numbers, weights = on_pooling._NUMBERS[:, None], on_pooling._SHARES
    scores = np.log(weights)[:, None]
    whole = dot_product.attention(np.ones((1, 1)), scores, numbers)
    rest = dot_product.attention(np.ones((1, 1)), scores[1:], numbers[1:])
    np.testing.assert_allclose(whole, rest)


def multiply_adds(layer):
    with FlopCounterMode(display=False) as counter:
        layer()
    return counter.get_total_flops()


def test_short_text():
    n, d = 20, 512
    x, matrix = torch.zeros(n, d), torch.zeros(d, d)
    convolution = torch.nn.Conv1d(d, d, 3, padding="same", bias=False)

    def recurrent():
        state = torch.zeros(1, d)
        for step in x.split(1):
            state = torch.tanh(state @ matrix + step)

    layers = {
        "a": lambda: torch.softmax(x @ x.T, dim=-1) @ x,
        "b": recurrent,
        "c": lambda: torch.softmax(x[:1] @ x.T, dim=-1) @ x,
        "d": lambda: convolution(x.T[None]),
    }
    counted = {letter: multiply_adds(layer) for letter, layer in layers.items()}
    assert on_pooling.short_text.solve() == "".join(sorted(counted, key=counted.get))


# Aligning ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [16, 64])
def test_read_backwards(size):
    """A random network: the first word is told from the last state only if it was read last."""
    rng = np.random.default_rng(size)
    turn = np.linalg.qr(rng.standard_normal((size, size)))[0]
    words = rng.integers(8, size=(2000, 15))
    take_in = rng.standard_normal((8, size)) / 2
    right = {}
    for name, order in (("a", words), ("b", words[:, ::-1])):
        state = np.zeros((2000, size))
        for word in order.T:
            state = np.tanh(0.9 * state @ turn + take_in[word])
        linear = np.linalg.lstsq(state[:1000], np.eye(8)[words[:1000, 0]])[0]
        right[name] = np.mean((state[1000:] @ linear).argmax(axis=1) == words[1000:, 0])
    assert right["b"] > 0.99 > 0.3 > right["a"]


def test_how_many_scores():
    asked = []

    def attend(q, memory):
        scores = q @ memory.T
        asked.extend(scores.ravel())
        return softmax(scores) @ memory

    y, memory, start = normal(3, (4, 2), (9, 3), 3)
    bahdanau.decode(y, memory, start=start, cell=lambda x, s: s, attend=attend)
    assert len(asked) == on_alignment.how_many_scores.solve()


def test_what_reaches_the_state():
    y, memory, start = normal(4, (3, 3), (5, 3), 3)

    def cell(x, state):
        return np.tanh(x[..., :3] + x[..., 3:].sum() + state)

    differ = {}
    for letter, decode in (("a", bahdanau.decode), ("b", luong.decode)):
        queries = []
        for source in (memory, memory + 1):
            asked = []

            def attend(q, keys, asked=asked):
                asked.extend(q)
                return softmax(q @ keys.T) @ keys

            decode(y, source, start=start, cell=cell, attend=attend)
            queries.append(asked[2])
        differ[letter] = not np.allclose(*queries)
    assert [letter for letter in differ if differ[letter]] == [
        on_alignment.what_reaches_the_state.solve()
    ]


def test_rank_of_w():
    to_query, to_key = (torch.nn.Linear(512, 64, bias=False) for _ in range(2))
    learned = sum(p.numel() for linear in (to_query, to_key) for p in linear.parameters())
    assert learned == on_alignment.rank_of_w.solve()


def test_shuffled_source():
    q, v, W = normal(5, (1, 4), (5, 3), (4, 5))
    moved = [1, 0, 2, 3, 4]
    context = location.attention(q, v, W=W)
    assert not np.allclose(context, location.attention(q, v[moved], W=W))
    by_content = [multiplicative.attention(q, x, x, W=W[:, :3]) for x in (v, v[moved])]
    np.testing.assert_allclose(*by_content)


def test_row_sum():
    q, k = np.zeros((1, 3)), normal(6, (11, 3))[0]
    weights = local.weights(q, k, np.array([5.0]), W=np.eye(3), reach=2)
    assert weights.sum() == pytest.approx(on_alignment.row_sum.solve())


def test_wrong_values():
    memory, words, state, W_k, W_q, w = normal(7, (6, 4), (3, 2), 4, (4, 4), (4, 4), 4)
    contexts = []

    def cell(x, state):
        contexts.append(x[2:])
        return np.tanh(x[:4] + state)

    names = {"memory": memory, "words": words, "W_k": W_k, "W_q": W_q, "w": w, "cell": cell}
    run(on_alignment.wrong_values.program, state=state, softmax=softmax, **names)
    wrong, contexts[:] = list(contexts), []
    program = mended(on_alignment.wrong_values, "    context = alpha @ memory")
    run(program, state=state, softmax=softmax, **names)
    alpha = softmax(np.tanh(state @ W_q + memory @ W_k) @ w)
    np.testing.assert_allclose(contexts[0], alpha @ memory)
    assert not np.allclose(wrong[0], contexts[0])


# Pointing, copying, listening, remembering -------------------------------------------------------


def test_seven_numbers():
    q, k, w = normal(20, (1, 4), (5, 4), (4,))
    named = pointer.weights(q, k, np.array([0]), w=w)
    assert named.shape == (1, 5)  # one for each input, and nothing else to name


def test_left_over():
    q, w = np.zeros((2, 1)), np.array([10.0])
    k = np.arctanh(np.log([[5.0], [3.0], [2.0]]) / 10)
    found = pointer.weights(q, k, np.array([0, 1]), w=w)
    np.testing.assert_allclose(found, [[0.5, 0.3, 0.2], [0, 0.6, 0.4]], rtol=1e-12)
    assert on_pointing.left_over.solve() == pytest.approx(0.6)


def test_the_twice():
    assert on_pointing.the_twice.solve() == pytest.approx(0.25 * 0.4 + 0.75 * (0.1 + 0.3))


def test_sharper_content():
    q, key, w = normal(21, (1, 4), (4,), (4,))
    for size in (1, 10):
        found = additive.weights(q, np.tile(key, (3, 1)), w=size * w)
        np.testing.assert_allclose(found, 1 / 3)


def test_off_the_end():
    assert on_pointing.off_the_end.solve() == pytest.approx(0.5**4)


@pytest.mark.parametrize(
    ("gate", "shift", "slot"),
    [(1, [0, 0, 1], 2), (0, [0, 0, 1], 4), (1, [0, 1, 0], 1), (0, [0, 1, 0], 3), (1, [1, 0, 0], 0)],
)
def test_beside_the_key(gate, shift, slot):
    assert on_pointing._read(gate, shift) == slot
    if (gate, shift) == (1, [0, 0, 1]):
        assert on_pointing.beside_the_key.solve() == slot


def test_hops_at_fault():
    u, memory = normal(22, (4,), (2, 5, 4))
    names = {
        "u": u,
        "facts": memory,
        "embed_0": lambda facts: facts[0],
        "embed_1": lambda facts: facts[1],
    }
    wanted = memory[1] @ hops.hops(u[None], memory)[0]
    found = run(on_pointing.hops_at_fault.program, **names)["scores"]
    assert not np.allclose(found, wanted)
    program = mended(on_pointing.hops_at_fault, "u = u + weights @ values")
    np.testing.assert_allclose(run(program, **names)["scores"], wanted)


ADDRESS = {
    "a": lambda x: x**2.0 / (x**2.0).sum(),
    "b": lambda x: addressing.content(*on_address, 3.0),
    "c": lambda x: np.roll(x, -1) * 0.3 + x * 0.1 + np.roll(x, 1) * 0.6,
    "d": lambda x: 0.4 * x + 0.6 * LAST,
}
LAST = np.array([0.1, 0.5, 0.2, 0.1, 0.1])
on_address = normal(23, (4,), (5, 4))


def test_steps_of_an_address_have_one_right_order():
    wanted = addressing.address(
        *on_address, LAST, np.array([0.3, 0.1, 0.6]), strength=3.0, gate=0.4, sharpness=2.0
    )
    right = []
    for order in itertools.permutations(ADDRESS):
        x = LAST
        for letter in order:
            x = ADDRESS[letter](x)
        if np.allclose(x, wanted):
            right.append("".join(order))
    assert right == [on_pointing.steps_of_an_address.solve()]


# Many heads --------------------------------------------------------------------------------------


def test_five_from_two():
    weights = np.array([[0.6, 0.4]])
    pairs = np.array(list(itertools.product(range(10), repeat=2)), float)
    brought = (weights @ pairs[..., None])[:, 0, 0]
    assert on_heads.five_from_two.solve() == np.isclose(brought, 5).sum()


def test_words_and_patches():
    W = multi_head.new_layer(16, 8, rng=np.random.default_rng(0), d_kv=12)
    words, patches = normal(24, (7, 16), (196, 12))
    shape = multi_head.weights(words, patches, W).shape
    pause = on_heads.words_and_patches
    assert str(shape) in pause.choices[pause.solve()]


def test_way_through_the_layer():
    """The one order in which the steps run and give the layer's answer."""
    attend, x = torch_multi_head.MultiHeadAttention(12, 3), normal(25, (2, 4, 12))[0]
    x = torch.from_numpy(x).float()
    kv = attend.W_kv.split(attend.widths, dim=-1)

    def cut(values):
        return [y.view(2, 4, 3, 4) for y in values]

    steps = {
        "a": cut,
        "b": lambda values: [y @ W for y, W in zip(values, (attend.W_q, *kv), strict=True)],
        "c": lambda values: (values[0] @ values[1].mT / 2).softmax(dim=-1) @ values[2],
        "d": lambda values: [y.transpose(1, 2) for y in values],
        "e": lambda heads: heads.transpose(1, 2).flatten(-2) @ attend.W_o,
    }
    found = []
    for order in itertools.permutations("abcde"):
        values = [x, x, x]
        try:
            for letter in order:
                values = steps[letter](values)
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):
            continue
        fits = isinstance(values, torch.Tensor) and values.shape == x.shape
        if fits and torch.allclose(values, attend(x, x), atol=1e-6):
            found.append("".join(order))
    assert found == [on_heads.way_through_the_layer.solve()]


def test_source_out_of_order():
    W = multi_head.new_layer(6, 2, rng=np.random.default_rng(0))
    x, source = normal(26, (3, 6), (5, 6))
    before, after = (multi_head.multi_head(x, s, W) for s in (source, source[[4, 0, 3, 1, 2]]))
    np.testing.assert_allclose(after, before, rtol=1e-12)
    assert on_heads.source_out_of_order.solve() == "d"


def test_both_without_order():
    """Count over all pairs of contents and both guesses."""
    right = [
        guess == pair
        for pair in itertools.product(range(6), repeat=2)
        for guess in (pair, pair[::-1])
    ]
    assert on_heads.both_without_order.solve() == pytest.approx(np.mean(right))


def test_none_is_missed():
    """Two heads with one task, of which each suffices: none is missed alone."""
    found = np.array([[1.0, 0.0], [1.0, 0.0]])  # what each adds to two answers
    alone = [np.delete(found, h, axis=0).sum(axis=0).argmax() for h in (0, 1)]
    assert alone == [0, 0]
    assert not np.delete(found, [0, 1], axis=0).sum(axis=0).any()
    assert on_heads.none_is_missed.solve() == "b"


def test_line_that_joins():
    B, L, S, H, d = 2, 4, 5, 3, 2
    shapes = (B, L, 6), (B, S, 6), *[(6, 6)] * 4
    x, source, W_q, W_k, W_v, W_o = (torch.from_numpy(y) for y in normal(27, *shapes))
    names = {"x": x, "source": source, "W_q": W_q, "W_k": W_k, "W_v": W_v, "W_o": W_o}
    names |= {"B": B, "L": L, "S": S, "H": H, "d": d}
    attend = torch_multi_head.MultiHeadAttention(6, 3).double()
    with torch.no_grad():
        attend.W_q.copy_(W_q)
        attend.W_kv.copy_(torch.cat([W_k, W_v], dim=1))
        attend.W_o.copy_(W_o)
    wanted = attend(x, source).detach()
    pause = on_heads.line_that_joins
    assert not torch.allclose(run(pause.program, **names)["output"], wanted)
    program = mended(pause, "joined = (weights @ v).transpose(1, 2).reshape(B, L, H * d)")
    torch.testing.assert_close(run(program, **names)["output"], wanted)
    one = names | {"H": 1, "d": 6}
    torch.testing.assert_close(run(pause.program, **one)["output"], run(program, **one)["output"])


def test_megabytes_of_weights():
    attend, x = torch_multi_head.MultiHeadAttention(16, 16), torch.zeros(1, 512, 16)
    assert on_heads.megabytes_of_weights.solve() == attend.weights(x, x).nbytes / 1e6


# Encoders at work --------------------------------------------------------------------------------


def test_one_word_of_25():
    words = np.linalg.qr(np.random.default_rng(30).standard_normal((40, 25)))[0].T
    mean = words.mean(axis=0)
    cosines = words @ mean / np.linalg.norm(mean)
    assert on_encoders.one_word_of_25.solve() == pytest.approx(cosines[3])


def test_first_under_a_causal_mask():
    """What comes out at the first position, for texts of two lengths and contents."""
    torch.manual_seed(0)
    encode, cls = Encoder(8, 2, 16, num_layers=3), torch.randn(1, 8)
    outputs, shown = [], []
    for length, mask in itertools.product((4, 9), (masks.causal, None)):
        text = torch.cat([cls, torch.randn(length, 8)])
        mask = None if mask is None else torch.from_numpy(mask(length + 1))
        (outputs if mask is not None else shown).append(encode(text, mask=mask)[0])
    torch.testing.assert_close(*outputs)
    assert not torch.allclose(*shown)
    assert not torch.allclose(outputs[0], shown[0])
    assert on_encoders.first_under_a_causal_mask.solve() == "c"


def test_two_readers_at_one_place():
    A = np.zeros((2, 6))
    A[:, 3] = 1
    assert on_encoders.two_readers_at_one_place.solve() == structured.penalty(A)


def test_named_though_unchanged():
    """By the rule of exercise 3, on many tokens."""
    rng, n = np.random.default_rng(31), 1_000_000
    tokens = np.full(n, 5)
    seen, named = corrupt.solve(tokens, rng.random(n), rng.random(n), np.full(n, 6), 1)
    share = (named & (seen == tokens)).mean()
    assert on_encoders.named_though_unchanged.solve() == pytest.approx(400 * share, rel=0.03)


def test_a_copy_in_the_batch():
    q = normal(32, (3, 5))[0]
    k = q[[0, 1, 1]]  # text 2 is a copy of text 1
    losses = [
        contrastive.loss(q[1:2], k[[1, 0, 2]], temperature=t) for t in (0.3, 0.1, 0.03, 0.003)
    ]
    assert losses == sorted(losses, reverse=True)
    assert on_encoders.a_copy_in_the_batch.solve() == pytest.approx(losses[-1])


def test_a_late_search():
    """The one order in which each step has what it needs and the texts do not wait."""
    needs = {"a": {"e"}, "b": set(), "c": {"f"}, "d": set(), "e": {"b", "d"}, "f": {"a"}}
    found = [
        "".join(order)
        for order in itertools.permutations("abcdef")
        if all(needs[step] <= set(order[:place]) for place, step in enumerate(order))
        and order[0] == "b"  # before anybody asks
    ]
    assert found == [on_encoders.a_late_search.solve()]


def test_untrained_and_asked():
    words = {"remove": 0, "the": 1, "timer": 2}
    vectors = np.random.default_rng(33).standard_normal((3, 4000))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    def encoded(text):
        return vectors[[words[word] for word in text.replace(",", "").split()]]

    pause, asked = on_encoders.untrained_and_asked, encoded("remove the timer")
    scores = {c: late.score(asked, encoded(pause.choices[c])) for c in "abc"}
    assert max(scores, key=scores.get) == pause.solve()
    assert sorted(round(float(score)) for score in scores.values()) == [1, 1, 2]


def test_line_that_counts_padding():
    torch.manual_seed(0)
    encoder, pause = Encoder(8, 2, 16, num_layers=1), on_encoders.line_that_counts_padding
    tokens, question = torch.randn(2, 6, 8), torch.randn(8)
    short, long = torch.from_numpy(masks.padding([3, 6], 6)), torch.ones(2, 1, 3, dtype=torch.bool)
    names = {"encoder": encoder, "question": question}
    alone = run(pause.program, **names, tokens=tokens[:, :3], mask=long)["score"][0]
    beside = run(pause.program, **names, tokens=tokens, mask=short)["score"][0]
    torch.testing.assert_close(beside, alone / 2)
    program = mended(pause, "vector = x.sum(dim=1) / real.sum(dim=1)")
    torch.testing.assert_close(run(program, **names, tokens=tokens, mask=short)["score"][0], alone)


def test_passes_of_a_bi_encoder():
    class Counting(torch.nn.Identity):
        passes = 0

        def forward(self, x):
            self.passes += len(x)
            return x

    encode = Counting()
    questions, texts = torch.randn(20, 3, 4), torch.randn(500, 7, 4)
    scores = encode(questions).mean(dim=1) @ encode(texts).mean(dim=1).T
    assert scores.shape == (20, 500)
    assert encode.passes == on_encoders.passes_of_a_bi_encoder.solve()


# Positions ---------------------------------------------------------------------------------------


def test_what_bites_knows():
    x = normal(30, (3, 4))[0]
    here, there = x, x[::-1]
    for _ in range(10):
        here, there = (dot_product.attention(tokens, tokens, tokens) for tokens in (here, there))
    np.testing.assert_allclose(here[1], there[1])


def test_when_it_is_adding():
    x, p, W, other = normal(31, (5, 4), (5, 4), (4, 3), (4, 3))
    beside = np.concatenate([x, p], axis=1)
    np.testing.assert_allclose(beside @ np.concatenate([W, W]), (x + p) @ W)
    assert not np.allclose(beside @ np.concatenate([W, other]), (x + p) @ W)
    assert np.allclose(beside @ np.concatenate([W, 0 * W]), x @ W)


def test_four_apart():
    at = 10_000.0**0 * math.pi / 4 * np.array([2, 6])
    one, other = np.stack([np.sin(at), np.cos(at)], axis=1)
    assert one @ other == pytest.approx(on_positions.four_apart.solve())
    code = sinusoidal.encoding(np.array([2, 6]) * math.pi / 4, 2)
    assert code[0] @ code[1] == pytest.approx(-1)


ROPE_STEPS = {
    "a": lambda s: s | {"weights": softmax(s["scores"])},
    "b": lambda s: s | {"q": rope.rotate(s["q"], range(5)), "k": rope.rotate(s["k"], range(5))},
    "c": lambda s: s | {"output": s["weights"] @ s["v"]},
    "d": lambda s: s | {name: s["x"] @ s[f"W_{name}"] for name in "qkv"},
    "e": lambda s: s | {"scores": s["q"] @ s["k"].T / 2},
}


def test_steps_of_rope_have_one_right_order():
    x, W_q, W_k, W_v = normal(32, (5, 6), (6, 4), (6, 4), (6, 3))
    wanted = rope.attention(x @ W_q, x @ W_k, x @ W_v)
    right = []
    for order in itertools.permutations(ROPE_STEPS):
        state = {"x": x, "W_q": W_q, "W_k": W_k, "W_v": W_v}
        try:
            for letter in order:
                state = ROPE_STEPS[letter](state)
        except KeyError:
            continue
        if np.allclose(state["output"], wanted):
            right.append("".join(order))
    assert right == [on_positions.steps_of_rope.solve()]


def test_bucket_of_20():
    assert on_positions.bucket_of_20.solve() == 8 + math.floor(8 * math.log(20 / 8, 16)) == 10


def test_cache_at_fault():
    q, k, v = normal(33, (6, 4), (6, 4), (6, 3))
    wanted = rope.attention(q, k, v)[-1:]
    names = {"rotate": rope.rotate, "attention": dot_product.attention}
    names |= {"keys": k[:-1], "values": v[:-1], "q": q[-1:], "k": k[-1:], "v": v[-1:]}
    assert not np.allclose(run(on_positions.cache_at_fault.program, **names)["output"], wanted)
    program = mended(on_positions.cache_at_fault, "q = rotate(q, np.arange(S - n, S))")
    np.testing.assert_allclose(run(program, **names)["output"], wanted)
    names |= {"keys": k[:0], "values": v[:0], "q": q, "k": k, "v": v}
    whole = run(on_positions.cache_at_fault.program, **names)["output"]
    np.testing.assert_allclose(whole, rope.attention(q, k, v))


def test_padding_and_alibi():
    q, k, v = normal(34, (4, 4), (4, 4), (4, 3))
    alone, slope = alibi.attention(q, k, v, np.array(0.5)), np.array(0.5)
    q, k, v = (np.concatenate([np.ones((3, x.shape[1])), x]) for x in (q, k, v))
    mask = np.tile(np.arange(7) >= 3, (7, 1))
    np.testing.assert_allclose(alibi.attention(q, k, v, slope, mask=mask)[3:], alone)
    assert not np.allclose(alibi.attention(q, k, v, slope)[3:], alone)


def test_hotter():
    heat = rope_scaling.temperature(math.exp(10))
    q, k = normal(35, (3, 4), (5, 4))
    grown = (heat * q) @ (heat * k).T / (q @ k.T)
    np.testing.assert_allclose(grown, on_positions.hotter.solve())


# The whole Transformer ---------------------------------------------------------------------------


def test_parted_again():
    """Attention however sharp, a network and a norm: equal tokens stay equal, bit by bit."""
    (x,), W = normal(40, (5, 6)), encoder.new_block(6, 2, 9, rng=np.random.default_rng(0))
    x[3] = x[1]
    W["attend"]["W_q"] = 50 * W["attend"]["W_q"]
    for y in (
        multi_head.multi_head(x, x, W["attend"]),
        network.feed_forward(x, W["feed"]),
        norm.layer_norm(x, W["norm_1"]),
    ):
        np.testing.assert_array_equal(y[3], y[1])
        assert not np.allclose(y[2], y[1])
    assert on_transformer.parted_again.solve() == "d"


def test_through_a_language_model():
    """The one order in which the steps run and give the model's scores."""
    model = language.new_model(9, 6, 2, 8, num_layers=1, rng=np.random.default_rng(0))
    (W,), E, tokens = model["blocks"], model["embedding"], np.array([3, 1, 4, 1])

    def read(x):
        y = norm.layer_norm(x, W["norm_1"])
        return x + multi_head.multi_head(y, y, W["attend"], mask=np.tri(4, dtype=bool))

    steps = {
        "a": lambda x: x + network.feed_forward(norm.layer_norm(x, W["norm_2"]), W["feed"]),
        "b": lambda x: norm.layer_norm(x, model["norm"]),
        "c": read,
        "d": sinusoidal.add,
        "e": lambda x: math.sqrt(6) * E[x],
        "f": lambda x: x @ E.T,
    }

    def gives(order):
        x = tokens
        try:
            for letter in order:
                x = steps[letter](x)
        except (IndexError, TypeError, ValueError):
            return False
        return x.shape == (4, 9) and np.allclose(x, language.scores(tokens, model))

    right = ["".join(order) for order in itertools.permutations("abcdef") if gives(order)]
    assert right == [on_transformer.through_a_language_model.solve()]


def test_last_of_five():
    token = np.array([[0.0, 2, 4, 4, 10]])
    found = norm.layer_norm(token, norm.new_norm(5), eps=0.0)[0, -1]
    assert on_transformer.last_of_five.solve() == pytest.approx(found)
    assert ((token - token.mean()) ** 2).sum() == 56


def test_a_louder_stream():
    (x,), W = normal(41, (5, 6)), encoder.new_block(6, 2, 9, rng=np.random.default_rng(0))
    W["feed"]["W_2"][:] = 0
    soft, loud = (encoder.block(y, **W) - y for y in (x, 10 * x))
    np.testing.assert_allclose(loud, soft, rtol=1e-3, atol=1e-4)
    assert on_transformer.a_louder_stream.solve() == "b"


def test_the_same_rate_again():
    def rate(step):
        return 512**-0.5 * min(step**-0.5, step * 4000**-1.5)

    pause = on_transformer.the_same_rate_again
    assert "step 400?" in pause.task
    assert rate(pause.solve()) == pytest.approx(rate(400))
    assert not pause.check(398_000)


def test_line_of_a_decoder():
    W = decoder.new_block(6, 2, 9, rng=np.random.default_rng(0))
    x, source = normal(42, (5, 6), (5, 6))
    names = {f"norm_{n}": lambda y, n=n: norm.layer_norm(y, W[f"norm_{n}"]) for n in (1, 2, 3)}
    names |= {
        "attend": lambda a, b, mask: multi_head.multi_head(a, b, W["attend"], mask=mask),
        "cross": lambda a, b, mask: multi_head.multi_head(a, b, W["cross"], mask=mask),
        "feed": lambda y: network.feed_forward(y, W["feed"]),
        "causal": np.tri(5, dtype=bool),
        "real_source": np.arange(5)[None] < 4,
        "source": source,
        "x": x,
    }
    pause = on_transformer.line_of_a_decoder
    wanted = decoder.block(x, source, **W, mask=names["real_source"])
    assert not np.allclose(run(pause.program, **names)["x"], wanted)
    program = mended(pause, "x = x + cross(y, source, mask=real_source)")
    np.testing.assert_allclose(run(program, **names)["x"], wanted)


def test_when_attention_costs_as_much():
    n, d = on_transformer.when_attention_costs_as_much.solve(), 768

    def products(call):
        with FlopCounterMode(display=False) as counter:
            call()
        return counter.get_total_flops()

    q = torch.empty(n, d, device="meta")
    feed = torch.empty(d, 4 * d, device="meta")
    pairs = products(lambda: (q @ q.T) @ q)
    assert pairs == products(lambda: (q @ feed) @ feed.T)
    # two ways to 1536: half of the network, and the attention with its matrices
    q, square = torch.empty(n // 2, d, device="meta"), torch.empty(d, d, device="meta")
    pairs = products(lambda: (q @ q.T) @ q)
    assert pairs == products(lambda: q @ feed)
    both = pairs + 4 * products(lambda: q @ square)
    assert both == products(lambda: (q @ feed) @ feed.T)


def test_what_a_beam_of_two_finds():
    after = {None: [0.6, 0.4], 0: [0.55, 0.45], 1: [0.9, 0.1]}

    def ask(tokens):
        return np.log(after[tokens[-1]])

    found = {width: decoding.beam(ask, [None], width=width, steps=2)[0][1] for width in (1, 2)}
    assert on_transformer.what_a_beam_of_two_finds.solve() == pytest.approx(math.exp(found[2]))
    assert math.exp(found[1]) == pytest.approx(0.33)


# What heads learn --------------------------------------------------------------------------------


def written_streams(tokens, V):
    """The stream of the written model before layer 1 and before layer 2, and its two heads."""
    x, heads = induction.embedded(tokens, V), induction.attentions(V, len(tokens))
    mask = np.tri(len(tokens), dtype=bool)
    return x, x + multi_head.multi_head(x, x, heads[0], mask=mask), heads, mask


def test_where_it_looks():
    tokens = np.concatenate([[0], 1 + np.tile(np.arange(5), 2)])
    _, x, heads, mask = written_streams(tokens, 6)
    weights = multi_head.weights(x, x, heads[1], mask=mask)[0, 1:, 1:]  # without the start mark
    assert on_learning.where_it_looks.solve() == weights[8].argmax()


def test_which_composition():
    """Exchange layer 1 in one of the three at a time: only the values matter."""
    tokens = np.array([0, 1, 2, 3, 1])
    start, x, (_, second), mask = written_streams(tokens, 4)
    W = second | {"W_k": np.eye(17)[:4].T[None], "W_v": np.eye(17)[9:13].T[None]}
    whole = attention_only.parts(x, x, x, W, mask=mask)
    moved = [
        not np.allclose(attention_only.parts(*streams, W, mask=mask), whole)
        for streams in ((start, x, x), (x, start, x), (x, x, start))
    ]
    assert moved == [False, False, True]
    pause = on_learning.which_composition
    assert pause.choices[pause.solve()] == "through its values"


def test_the_fourth_margin():
    """The sums of the margins of two and two texts are equal, for these pairs alone."""
    at_places, pause = normal(36, (5, 4))[0], on_learning.the_fourth_margin
    margin = {
        text: sum(at_places[j]["abcx".index(letter)] for j, letter in enumerate(text))
        for text in ("abxca", "xbaca", "acxba", "xcaba")
    }
    assert margin["abxca"] + margin["xcaba"] == pytest.approx(margin["xbaca"] + margin["acxba"])
    assert margin["abxca"] + margin["xbaca"] != pytest.approx(margin["xcaba"] + margin["acxba"])
    assert margin["abxca"] + margin["acxba"] != pytest.approx(margin["xbaca"] + margin["xcaba"])
    given = dict(re.findall(r"(-?\d) on\s(\w{5})", pause.task))
    assert given == {"3": "abxca", "-4": "xbaca", "2": "xcaba"}
    assert -4 + pause.solve() == 3 + 2


INDUCTION_STEPS = {
    "a": lambda s: s | {"asked": s["notes"] == s["text"][3]},
    "b": lambda s: s | {"notes": np.array([0, s["seen"], 2, 3])},
    "c": lambda s: s | {"said": s["text"][s["asked"].argmax()]},
    "d": lambda s: s | {"seen": s["text"][0]},
}


def test_steps_of_induction_have_one_right_order():
    """The text is 1 2 3 1; a step that needs what is not there yet fails."""
    right = []
    for order in itertools.permutations(INDUCTION_STEPS):
        state = {"text": np.array([1, 2, 3, 1])}
        try:
            for letter in order:
                state = INDUCTION_STEPS[letter](state)
        except KeyError:
            continue
        if state["said"] == 2:
            right.append("".join(order))
    assert right == [on_learning.steps_of_induction.solve()]


def test_what_stays():
    weights = np.tile(np.eye(3)[[0, 0, 0]], (4, 1, 1, 1))
    assert on_learning.what_stays.solve() == rollout.rollout(weights)[2, 2]


def test_share_of_the_first():
    """One query whose two keys have the weights 0.9 and 0.1, and values of lengths 0.1 and 3."""
    W = {"W_q": np.ones((1, 1, 1)), "W_k": np.array([[[math.log(9)], [0.0]]])}
    W |= {"W_v": np.array([[[0.1], [3.0]]]), "W_o": np.ones((1, 1, 1))}
    norms = norm_based.norms(np.ones((1, 1)), np.eye(2), W)[0, 0]
    assert on_learning.share_of_the_first.solve() == pytest.approx(norms[0] / norms.sum())


def test_zero_and_mean():
    """A part that is the same in all texts: zeros change what follows, its mean does not."""
    part, rest = np.ones((6, 3)), normal(37, (6, 3))[0]
    np.testing.assert_allclose(rest + part.mean(axis=0), rest + part)
    assert not np.allclose(rest + 0 * part, rest + part)
    other = normal(38, (6, 3))[0]  # one that differs from text to text
    assert not np.allclose(rest + other.mean(axis=0), rest + other)
    assert on_learning.zero_and_mean.solve() == "b"


def test_what_rescaling_shows():
    scores, vectors, factors = normal(39, (5,), (5, 3), (5,))
    factors = np.exp(factors)
    weights, others = softmax(scores), softmax(scores - np.log(factors))
    answer, other = weights @ vectors, others @ (factors[:, None] * vectors)
    np.testing.assert_allclose(other / np.linalg.norm(other), answer / np.linalg.norm(answer))
    assert np.abs(weights - others).sum() > 0.2
    norms = weights * np.linalg.norm(vectors, axis=1)
    after = others * factors * np.linalg.norm(vectors, axis=1)
    np.testing.assert_allclose(after / after.sum(), norms / norms.sum())
    assert on_learning.what_rescaling_shows.solve() == "a"


def test_keys_at_most():
    n = on_learning.keys_at_most.solve()
    for keys, enough in ((n, True), (n + 1, False)):
        assert (softmax(3.0 * np.eye(keys)[0])[0] >= 0.5) == enough


def test_line_of_the_score():
    text = 1 + np.tile(np.arange(4), 2)
    weights = np.zeros((2, 8, 8))
    for i in range(4, 8):
        weights[0, i, i - 4] = 1  # a duplicate-token head
        weights[1, i, next(j for j in range(1, i) if text[j - 1] == text[i])] = 1
    names = {"weights": weights, "n": 8, "period": 4}
    assert run(on_learning.line_of_the_score.program, **names)["best"] == 0
    program = mended(on_learning.line_of_the_score, "j = i - period + 1")
    assert run(program, **names)["best"] == 1


# Tiles -------------------------------------------------------------------------------------------


def test_gigabytes_of_scores():
    """The scores of a shorter prompt, and as many times more as its square is larger."""
    q = torch.randn(8, 256, 4, dtype=torch.float16)
    size = cost.largest_tensor_bytes(lambda: q @ q.mT)
    assert on_tiles.gigabytes_of_scores.solve() == size * (32768 / 256) ** 2 / 1e9


def test_beside_the_output():
    """With the sum the whole follows; two parts that agree in all else have different wholes."""
    scores, v = np.array([1.0, 3, 0, 2, 2]), np.array([[5.0], [1], [2], [8], [4]])
    one = np.ones((1, 1))
    parts = [online.attend(one, scores[j][:, None], v[j]) for j in (slice(2), slice(2, 5))]
    sums = [np.exp(part[1]) for part in parts]
    whole = (sums[0] * parts[0][0] + sums[1] * parts[1][0]) / sum(sums)
    np.testing.assert_allclose(whole, softmax(scores) @ v[None])
    # two keys each, with the same largest score and the same output, and not the same sum
    first, second = (np.array(x)[:, None] for x in ([3.0, 3.0], [3.0, -9.0]))
    same = np.array([[5.0], [5.0]])
    a, b = (online.attend(one, keys, same) for keys in (first, second))
    np.testing.assert_allclose(a[0], b[0])
    rest = online.attend(one, np.array([[2.0]]), np.array([[1.0]]))
    assert abs(online.merge(*a, *rest)[0] - online.merge(*b, *rest)[0]).item() > 0.1
    assert on_tiles.beside_the_output.solve() == "c"


def test_key_in_two_parts():
    q, k, v = normal(50, (1, 3), (4, 3), (4, 2))
    parts = [online.attend(q, k[j], v[j]) for j in ([0, 1, 2], [2, 3])]
    twice = online.attend(q, k[[0, 1, 2, 2, 3]], v[[0, 1, 2, 2, 3]])
    for found, expected in zip(online.merge(*parts[0], *parts[1]), twice, strict=True):
        np.testing.assert_allclose(found, expected)
    assert on_tiles.key_in_two_parts.solve() == "b"


def test_factor_of_the_sum():
    scores = np.array([4.0, 3.2, 3.9])
    before, after = (np.exp(scores - level).sum() for level in (4, 7))
    assert on_tiles.factor_of_the_sum.solve() == pytest.approx(after / before)


def test_kept_for_the_way_back():
    """What autograd keeps that is neither an argument nor the output."""
    n = 60
    q, k, v = (torch.randn(1, n, 4, requires_grad=True) for _ in range(3))
    kept = []

    def note(x):
        kept.append(x)
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        output = flash.attention(q, k, v, rows=20, columns=20)
    known = {x.untyped_storage().data_ptr() for x in (q, k, v, output)}
    new = [x for x in kept if x.untyped_storage().data_ptr() not in known]
    assert sum(x.numel() for x in new) == n
    assert on_tiles.kept_for_the_way_back.solve() == 6000


TILE_STEPS = {
    "a": lambda s: s | {"higher": max(s["peak"], s["scores"].max())},
    "b": lambda s: s | {"scores": np.array([3.0, 1.0])},
    "c": lambda s: (
        s
        | {
            "factor": np.exp(s["peak"] - s["higher"]),
            "exponentials": np.exp(s["scores"] - s["higher"]),
        }
    ),
    "d": lambda s: s | {"answer": s["u"] / s["z"]},
    "e": lambda s: (
        s
        | {
            "z": s["factor"] * s["z"] + s["exponentials"].sum(),
            "u": s["factor"] * s["u"] + s["exponentials"] @ np.array([4.0, 8.0]),
        }
    ),
}


def test_steps_of_a_tile_have_one_right_order():
    """After keys with the scores 2 and 0 and the values 6 and 2."""
    z, right = 1 + np.exp(-2), []
    u = 6 + 2 * np.exp(-2)
    expected = softmax(np.array([2.0, 0, 3, 1])) @ np.array([6.0, 2, 4, 8])
    for order in itertools.permutations(TILE_STEPS):
        state = {"peak": 2.0, "z": z, "u": u}
        try:
            for letter in order:
                state = TILE_STEPS[letter](state)
        except KeyError:
            continue
        if np.isclose(state["answer"], expected):
            right.append("".join(order))
    assert right == [on_tiles.steps_of_a_tile.solve()]


def test_one_key_in_a_hundred():
    mask = np.random.default_rng(0).random((1024, 2048)) < 0.01
    read = mask.reshape(4, 256, 4, 512).any(axis=(1, 3))
    assert read.mean() > 0.99
    assert on_tiles.one_key_in_a_hundred.solve() == "b"


def test_line_that_does_not_shrink():
    scores, v = np.array([1.0, 0, 2, 4]), np.array([6.0, 2, 4, 8])

    def answer(program):
        names = {"exp": np.exp, "peak": -np.inf, "total": 0.0, "output": 0.0}
        for start in (0, 2):
            names |= {"tile": scores[start : start + 2], "values": v[start : start + 2]}
            names = run(program, **names)
        return names["output"] / names["total"]

    expected = softmax(scores) @ v
    assert abs(answer(on_tiles.line_that_does_not_shrink.program) - expected) > 0.1
    right = mended(on_tiles.line_that_does_not_shrink, "total = shrink * total + weights.sum()")
    assert answer(right) == pytest.approx(expected)


def test_times_fewer_tokens():
    """What the products read of keys and values, of one head with four features."""
    q, k = torch.randn(9, 1, 4), torch.randn(9, 20, 4)
    prefix = torch.randn(500, 4)
    read = []

    class Products(TorchDispatchMode):
        def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
            if operation in (torch.ops.aten.bmm.default, torch.ops.aten.mm.default):
                read.append(args[1].numel())
            return operation(*args, **(kwargs or {}))

    with Products():
        shared_prefix.attention(q, prefix, prefix, k, k)
    assert on_tiles.times_fewer_tokens.solve() == pytest.approx(2 * 4 * 9 * 520 / sum(read))


def test_half_a_block():
    empty = []
    for length in range(1, 17 * 40 + 1):
        blocks = Blocks(40, size=17)
        blocks.begin("a")
        blocks.extend("a", range(length))
        empty.append(17 * len(blocks.tables["a"]) - length)
    assert on_pages.half_a_block.solve() == pytest.approx(np.mean(empty))


def test_two_blocks_change_places():
    keys, values, q = normal(40, (4, 2, 3, 5), (4, 2, 3, 2), (2, 1, 5))
    right, swapped = (paged.attention(q, keys, values, t, 8) for t in ([2, 0, 3], [0, 2, 3]))
    np.testing.assert_allclose(swapped, right)
    two = np.repeat(q, 5, axis=1)  # several queries notice it
    right, swapped = (paged.attention(two, keys, values, t, 8) for t in ([2, 0, 3], [0, 2, 3]))
    assert not np.allclose(swapped, right)
    assert on_pages.two_blocks_change_places.solve() == "b"


def test_long_enough():
    n, F, W, w, H, d = on_pages.long_enough.solve(), 1e14, 5e10, 2, 7, 33
    x = torch.empty(H, 8, d, device="meta")
    with FlopCounterMode(display=False) as counter:
        (x @ x.mT) @ x
    operations = counter.get_total_flops() / 8**2  # for each pair, with d_k = d_v
    sent = H * 2 * d * w  # bytes a token
    assert operations * n**2 / F == pytest.approx(sent * n / W)


def test_samples_of_a_prompt():
    blocks = Blocks(50, size=16)
    blocks.begin(0)
    blocks.extend(0, range(40))
    for name in range(1, 8):
        blocks.fork(0, name)
    for name in range(8):
        blocks.extend(name, [name])
    assert on_pages.samples_of_a_prompt.solve() == 50 - len(blocks.free)


def test_which_test():
    """The fault itself, against the four kinds of requests."""

    class OldNames(Blocks):
        def _take(self):
            block = next(iter(self.free))
            self._use(block)
            return block

    def found(prompts, number):
        """Whether a block is ever found that holds something else by now."""
        blocks, holds = OldNames(number, 2), {}
        for name, prompt in enumerate(prompts):
            known = blocks.begin(name, prompt)
            for i, block in enumerate(blocks.tables[name]):
                if holds[block] != tuple(prompt[: 2 * i + 2]):
                    return True
            try:
                blocks.extend(name, prompt[known:])
            except NoFreeBlock:
                pass
            else:
                for i, block in enumerate(blocks.tables[name]):
                    holds[block] = tuple(prompt[: 2 * i + 2])
            blocks.end(name)
        return False

    many = [[first, *range(5)] for first in range(9)]
    assert not found([many[0]] * 2, 20)
    assert not found([[1, 2, 3, 4], [1, 2, 5, 6]], 20)
    assert found(many + many, 5)
    assert not found([list(range(40))], 5)
    assert on_pages.which_test.solve() == "c"


def test_whose_part():
    held = list(range(8))
    for _ in range(5):
        held = [held[rank - 1] for rank in range(8)]
    assert on_pages.whose_part.solve() == held[3]


class _Gone(Exception):
    """A rank that would wait for ever."""


def _ring_of_threads(program, ranks=4):
    """What each rank finds with a program, or None where it waits for nobody."""
    boxes = [queue.Queue() for _ in range(ranks)]
    results = [None] * ranks

    def compute(rank):
        class Arriving:
            def wait(self):
                try:
                    return boxes[rank].get(timeout=0.2)
                except queue.Empty:
                    raise _Gone from None

        def pass_on(part):
            boxes[(rank + 1) % ranks].put(part)
            return Arriving()

        names = {
            "part": {rank}, "rank": rank, "P": ranks, "found": set(), "q": None,
            "hidden": lambda source: source > rank, "pass_on": pass_on,
            "attend": lambda q, held: held, "merge": lambda found, held: found | held,
            "arriving": Arriving(),
        }  # fmt: skip
        with contextlib.suppress(_Gone):
            results[rank] = run(program, **names)["found"]

    threads = [threading.Thread(target=compute, args=(rank,)) for rank in range(ranks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_line_of_the_ring():
    assert None in _ring_of_threads(on_pages.line_of_the_ring.program)
    program = mended(on_pages.line_of_the_ring, "    if t + 1 < P:")
    assert _ring_of_threads(program) == [{0}, {0, 1}, {0, 1, 2}, {0, 1, 2, 3}]


def test_pairs_of_stripes():
    mine, theirs = range(1, 16, 4), range(3, 16, 4)
    assert on_pages.pairs_of_stripes.solve() == sum(j <= i for i in mine for j in theirs)


def test_every_name_here_is_a_question():
    names = {pause.name for chapter in all_chapters() for pause in all_pauses(chapter)}
    shown = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    shown -= {
        "every_name_here_is_a_question",
        "steps_to_leave_out_has_one_right_order",
        "steps_of_an_address_have_one_right_order",
        "steps_of_rope_have_one_right_order",
        "steps_of_induction_have_one_right_order",
        "steps_of_a_tile_have_one_right_order",
    }
    assert shown <= names


# Decoding ----------------------------------------------------------------------------------------


def test_computed_again():
    read = []

    def scores(tokens):
        read.append(len(tokens))
        return [1.0, 0.0]

    decoding.greedy(scores, [0] * 10, steps=5)
    assert on_decoding.computed_again.solve() == sum(read)
    model = small_writer()
    writer = caching.Writer(model.extend)
    decoding.greedy(writer, [0] * 10, steps=5)
    assert writer.computed == 14


def small_writer():
    torch.manual_seed(0)
    return caching.Model(7, 8, [GroupedQueryAttention(8, 4, 2) for _ in range(2)])


def test_an_encoder_reads_on():
    """The inputs of a layer are what its keys are made of."""
    rng = np.random.default_rng(0)
    blocks = [encoder.new_block(6, 2, 8, rng=rng) for _ in range(3)]
    x = rng.standard_normal((7, 6))

    def inputs(x, mask=None):
        found = []
        for block in blocks:
            found.append(x)
            x = encoder.block(x, **block, mask=mask)
        return found

    same = [
        np.allclose(after[:6], before)
        for after, before in zip(inputs(x), inputs(x[:6]), strict=True)
    ]
    assert same == [True, False, False]
    assert on_decoding.an_encoder_reads_on.solve() == "b"
    causal = zip(
        inputs(x, np.tri(7, dtype=bool)), inputs(x[:6], np.tri(6, dtype=bool)), strict=True
    )
    assert all(np.allclose(after[:6], before) for after, before in causal)


def test_operations_for_a_number():
    def counted(kept):
        layer = GroupedQueryAttention(64, 64, 8)
        with torch.no_grad():
            _, state = layer(torch.randn(kept - 1, 64))
            one = torch.randn(1, 64)
            with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
                layer(one, state=state)
        return counter.get_total_flops(), state["rows"].numel()

    (more, wide), (less, narrow) = counted(200), counted(100)
    assert on_decoding.operations_for_a_number.solve() == (more - less) / (wide - narrow)


def test_one_step_absorbed():
    W = latents.new_layer(6, 1, rng=np.random.default_rng(0), R=5, d_k=3, d_r=2, d_v=4)
    x = normal(3, (4, 6))[0]
    _, state = latents.latent(x[:3], W)
    expected, _ = latents.latent(x, W)
    omega = np.ones(1)
    q_r = rope.rotate(x[3:] @ W["W_qr"][0], np.array([3]), omega=omega)
    q = x[3:] @ W["W_q"][0]

    def appended(s):
        c = x[3:] @ W["W_dkv"]
        c = c / np.sqrt((c**2).mean() + 1e-5)
        new = np.hstack([rope.rotate(x[3:] @ W["W_kr"], np.array([3]), omega=omega), c])
        return s | {"rows": np.concatenate([state["rows"], new])}

    steps = {
        "b": appended,
        "d": lambda s: s | {"wide": np.hstack([q_r, q @ W["W_uk"][0].T])},
        "e": lambda s: s | {"weights": softmax(s["wide"] @ s["rows"].T / math.sqrt(5))},
        "c": lambda s: s | {"mean": s["weights"] @ s["rows"][:, 2:]},
        "a": lambda s: s | {"found": s["mean"] @ W["W_uv"][0]},
    }
    found = []
    for order in itertools.permutations(steps):
        if order[0] != "b":
            continue
        known = {}
        try:
            for name in order:
                known = steps[name](known)
        except KeyError:
            continue
        if np.allclose(known["found"] @ W["W_o"][0], expected[3:]):
            found.append("".join(order))
    assert found == [on_decoding.one_step_absorbed.solve()]


def test_turned_each_time():
    q, k, v = normal(4, (6, 4), (6, 4), (6, 4))

    def call(state, n):
        start = 0 if state is None else len(state[0])
        new = slice(start, start + n)
        keys = k[new] if state is None else np.concatenate([state[0], k[new]])
        values = v[: start + n]
        keys = rope.rotate(keys, np.arange(start + n))
        asks = rope.rotate(q[new], np.arange(start, start + n))
        mask = np.tri(n, start + n, start, dtype=bool)
        return dot_product.attention(asks, keys, values, mask=mask), (keys, values)

    whole = rope.attention(q, k, v, mask=np.tri(6, dtype=bool))
    once, state = call(None, 6)
    np.testing.assert_allclose(once, whole)  # a: right, also after a reset (b)
    assert state[0].size + state[1].size == k.size + v.size  # c: as many numbers
    first, state = call(None, 4)
    then, _ = call(state, 2)
    assert abs(np.concatenate([first, then]) - whole).max() > 0.01
    assert on_decoding.turned_each_time.solve() == "d"


def test_line_of_a_step():
    pause = on_decoding.line_of_a_step
    kept = tensors_of(5, (2, 3, 4), (2, 3, 4))
    q, k, v = tensors_of(6, (2, 2, 4), (2, 2, 4), (2, 2, 4))

    def run(program):
        names = {"torch": torch, "kept_keys": kept[0], "kept_values": kept[1], "d_k": 4}
        exec(program, names | (room := {"q": q, "k": k, "v": v}), room)
        return room["output"]

    keys, values = torch.cat([kept[0], k], 1), torch.cat([kept[1], v], 1)
    mask = torch.from_numpy(masks.causal(2, 5))
    right = torch.nn.functional.scaled_dot_product_attention(q, keys, values, attn_mask=mask)
    lines = pause.program.splitlines()
    assert not torch.allclose(run(pause.program), right)
    lines[pause.solve() - 1] = lines[pause.solve() - 1].replace("tril()", "tril(S - L)")
    torch.testing.assert_close(run("\n".join(lines)), right)


def tensors_of(seed, *shapes):
    return [torch.from_numpy(x) for x in normal(seed, *shapes)]


def test_rows_after_the_prompt():
    q, k, v = normal(7, (20, 4), (20, 4), (20, 4))
    _, state = cache.attend(q, k, v, window=6)
    assert on_decoding.rows_after_the_prompt.solve() == len(state["rows"])


def test_tokens_for_a_call():
    kept = [
        next((n for n, yes in enumerate(draws) if not yes), 4)
        for draws in itertools.product((True, False), repeat=4)
    ]
    assert on_decoding.tokens_for_a_call.solve() == 1 + np.mean(kept)


# What attention costs ----------------------------------------------------------------------------


def test_core_to_projections():
    d, n = 16, 8 * 16
    x, W = torch.randn(n, d), torch.randn(d, d)
    with FlopCounterMode(display=False) as counter:
        q, k, v = x @ W, x @ W, x @ W
        (v @ W).sum()
        projections = counter.get_total_flops()
        (q @ k.mT) @ v
    core = counter.get_total_flops() - projections
    assert on_costs.core_to_projections.solve() == core / projections


def test_same_for_every_batch():
    shape = budget.shape("Llama 3 8B")
    one, many = (budget.step(shape, 1000, batch=batch) for batch in (1, 32))
    found = {
        "a": (one.moved - one.cache, many.moved - many.cache),
        "b": (one.cache, many.cache),
        "c": [2 * batch * shape.parameters(active=True) for batch in (1, 32)],
        "d": [shape.seen(1000) * shape.for_each_seen() * batch for batch in (1, 32)],
    }
    same = [name for name, (before, after) in found.items() if before == after]
    assert same == [on_costs.same_for_every_batch.solve()]


def test_texts_to_the_ridge():
    shape = dataclasses.replace(budget.shape("LLaMA 7B"), groups=0)  # nothing is kept
    device = budget.Device("", 300.0, 1.0)
    found = on_costs.texts_to_the_ridge.solve()
    weights = shape.parameters(active=True)
    assert device.binds(2 * weights * (found - 1), weights) == "bytes"
    assert device.binds(2 * weights * found, weights) == "operations"


def test_by_intensity():
    def of_a_step(shape):
        return shape.for_each_seen() / (2 * (shape.R + shape.turned or 2 * shape.groups * 128))

    whole = budget.shape("LLaMA 7B")
    shared = dataclasses.replace(whole, groups=whole.heads // 8)
    found = {
        "a": 2 * 4096**3 / (2 * 3 * 4096**2),
        "b": of_a_step(whole),
        "c": of_a_step(budget.shape("DeepSeek-V3")),
        "d": of_a_step(shared),
    }
    assert "".join(sorted(found, key=found.get)) == on_costs.by_intensity.solve()
    assert len(set(found.values())) == 4


def test_line_of_the_fit(capsys):
    pause = on_costs.line_of_the_fit

    def run(program):
        names = {"np": np, "sizes": [1, 4, 16], "make": float, "seconds": lambda n: 3 * n**2}
        exec(program, names)
        return capsys.readouterr().out

    assert "to the 0.5" in run(pause.program)
    lines = pause.program.splitlines()
    lines[pause.solve() - 1] = "power = x @ y / (x @ x)"
    assert "to the 2.0" in run("\n".join(lines))


def test_what_a_kernel_saves():
    x = torch.randn(1, 1, 256, 16)
    calls = {
        "steps": lambda: (x @ x.mT / 4).softmax(dim=-1) @ x,
        "kernel": lambda: torch.nn.functional.scaled_dot_product_attention(x, x, x),
    }
    operations = {name: cost.operations(call) for name, call in calls.items()}
    moved = {name: cost.bytes_moved(call) for name, call in calls.items()}
    assert operations["kernel"] == pytest.approx(operations["steps"], rel=0.15)
    assert moved["kernel"] < moved["steps"] / 4
    torch.testing.assert_close(calls["steps"](), calls["kernel"]())
    assert on_costs.what_a_kernel_saves.solve() == "b"


def test_growth_with_windows():
    shape = dataclasses.replace(budget.shape("LLaMA 7B"), layers=30, windowed=24, window=1000)
    grown = shape.kept(9000) / shape.kept(1000)
    assert on_costs.growth_with_windows.solve() == pytest.approx(grown)


def test_weights_for_the_way_back():
    def kept(n):
        found = []
        x = torch.randn(n, 4, requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(
            lambda saved: found.append(saved.numel()) or saved, lambda saved: saved
        ):
            (x @ x.mT / 2).softmax(dim=-1) @ x
        return max(found)

    assert on_costs.weights_for_the_way_back.solve() == kept(96) / kept(32)
