"""Oracles: loops in Python floats, torch's own losses and kernels, the walk taken step by step."""

import inspect
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from witnesses import average_by_loop, close, dot, rooms, tensors

from attention_book import docstrings, masks
from attention_book.finite_differences import numerical_gradient
from attention_book.pooling.lexrank import module as torch_lexrank
from attention_book.pooling.lexrank import reference as lexrank
from attention_book.pooling.structured import module as torch_readers
from attention_book.pooling.structured import reference as readers
from attention_book.retrieval.contrastive import module as torch_contrastive
from attention_book.retrieval.contrastive import reference as contrastive
from attention_book.retrieval.late_interaction import module as torch_late
from attention_book.retrieval.late_interaction import reference as late

B, L, S, D, HIDDEN, R = 2, 3, 7, 5, 6, 4
few = settings(deadline=None, max_examples=30)


def normal(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def padding(*lengths):
    return masks.padding(lengths, S)


# Several readers ---------------------------------------------------------------------------------


def readers_by_loop(x, W_1, W_2, seen):
    """The weights of Lin et al. (2017), equation 6, and the averages, for one sequence."""
    hidden = [[math.tanh(dot(token, column)) for column in W_1.T] for token in x]
    return average_by_loop(
        W_2.T.tolist(), hidden, x.tolist(), lambda a, b: math.exp(dot(a, b)), [seen] * W_2.shape[1]
    )


@rooms(readers, torch_readers, "pool")
@pytest.mark.parametrize("lengths", [(S, S), (3, S), (1, 5)])
def test_readers_against_loops(pool, lengths):
    x, W_1, W_2 = normal((B, S, D), (D, HIDDEN), (HIDDEN, R))
    mask = padding(*lengths)
    found = pool(x, W_1, W_2, mask=mask)
    for b in range(B):
        output, _ = readers_by_loop(x[b], W_1, W_2, mask[b, 0])
        close(found[b], output)


@rooms(readers, torch_readers, "weights")
def test_weights_of_readers_against_loops(weights):
    x, W_1, W_2 = normal((B, S, D), (D, HIDDEN), (HIDDEN, R), seed=1)
    mask = padding(4, S)
    found = weights(x, W_1, W_2, mask=mask)
    assert found.shape == (B, R, S)
    for b in range(B):
        close(found[b], readers_by_loop(x[b], W_1, W_2, mask[b, 0])[1])
    assert not found[0, :, 4:].any()


def test_readers_against_pytorchs_kernel():
    x, W_1, W_2 = normal((B, S, D), (D, HIDDEN), (HIDDEN, R), seed=2)
    x_t, W_1_t, W_2_t = tensors(x, W_1, W_2)
    queries = W_2_t.T.expand(B, R, HIDDEN)
    theirs = F.scaled_dot_product_attention(queries, torch.tanh(x_t @ W_1_t), x_t, scale=1.0)
    close(readers.pool(x, W_1, W_2), theirs)


@rooms(readers, torch_readers, "penalty")
def test_the_penalty_against_a_sum_over_pairs(penalty):
    A = np.random.default_rng(3).dirichlet(np.ones(S), (B, R))
    for b in range(B):
        wanted = math.fsum(
            (dot(A[b, r], A[b, s]) - (r == s)) ** 2 for r in range(R) for s in range(R)
        )
        close(np.asarray(penalty(A))[b], np.float64(wanted))


@rooms(readers, torch_readers, "penalty")
def test_the_penalty_is_zero_for_readers_that_look_at_one_place_each(penalty):
    apart, together = np.eye(S)[[2, 0, 5]], np.eye(S)[[2, 0, 0]]
    assert penalty(apart) == 0
    assert penalty(together) == pytest.approx(2)
    uniform = np.full((1, S), 1 / S)
    assert penalty(uniform) == pytest.approx((1 / S - 1) ** 2)


@few
@given(seed=st.integers(0, 999))
def test_the_penalty_is_above_zero_for_all_other_weights(seed):
    A = np.random.default_rng(seed).dirichlet(np.ones(S), R)
    assert readers.penalty(A) > 1e-3


# LexRank -----------------------------------------------------------------------------------------


def walked(x, jump, seen, steps=2000):
    """The walk of Erkan and Radev (2004), step by step, in Python floats."""
    places = [i for i in range(len(x)) if seen[i]]
    length = [math.sqrt(dot(a, a)) for a in x]
    alike = {
        (i, j): max(0.0, dot(x[i], x[j]) / (length[i] * length[j])) for i in places for j in places
    }
    share = dict.fromkeys(places, 1 / len(places))
    for _ in range(steps):
        step = dict.fromkeys(places, jump / len(places))
        for i in places:
            total = math.fsum(alike[i, j] for j in places)
            for j in places:
                step[j] += (1 - jump) * share[i] * alike[i, j] / total
        share = step
    return np.array([share.get(i, 0.0) for i in range(len(x))])


@rooms(lexrank, torch_lexrank, "weights")
@pytest.mark.parametrize("jump", [0.15, 0.5, 1.0])
def test_lexrank_against_the_walk(weights, jump):
    (x,) = normal((B, S, D), seed=4)
    mask = padding(S, 4)
    found = weights(x, jump=jump, mask=mask)
    for b in range(B):
        close(found[b], walked(x[b].tolist(), jump, mask[b, 0]), 1e-10)


@rooms(lexrank, torch_lexrank, "weights")
def test_lexrank_is_the_eigenvector_of_its_matrix(weights):
    x = np.random.default_rng(5).random((S, D))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    alike = unit @ unit.T
    matrix = 0.15 / S + 0.85 * (alike / alike.sum(axis=1, keepdims=True)).T
    values, vectors = np.linalg.eig(matrix)
    largest = vectors[:, values.real.argmax()].real
    close(weights(x), largest / largest.sum(), 1e-10)


@rooms(lexrank, torch_lexrank, "weights")
def test_a_sentence_that_all_resemble_weighs_most(weights):
    spokes = np.eye(4)
    x = np.concatenate([spokes, spokes.sum(axis=0, keepdims=True)])
    assert weights(x).argmax() == 4
    close(weights(x)[:4], np.full(4, weights(x)[0]))


@rooms(lexrank, torch_lexrank, "weights")
def test_a_sentence_without_any_words_is_left_by_a_jump(weights):
    x = np.array([[1.0, 0], [1, 1], [0, 0]])
    shares = weights(x)
    close(shares.sum(), np.float64(1))
    close(shares[2], np.float64(0.05 / (1 - 0.85 / 3)))  # nobody steps there, all may jump there
    close(shares[0], shares[1])


@pytest.mark.parametrize("room", [lexrank, torch_lexrank])
@pytest.mark.parametrize("jump", [0.0, 1.5])
def test_a_jump_that_is_no_probability_of_one(room, jump):
    (x,) = normal((S, D))
    x = torch.from_numpy(x) if room is torch_lexrank else x
    for function in (room.weights, room.pool):
        with pytest.raises(ValueError, match=f"jump is {jump}; it needs a number above 0 and at"):
            function(x, jump=jump)


# Late interaction --------------------------------------------------------------------------------


def best_by_loop(q, k, seen):
    return math.fsum(
        max((dot(a, b) for b, real in zip(k, seen, strict=True) if real), default=0.0) for a in q
    )


@rooms(late, torch_late, "score")
@pytest.mark.parametrize("lengths", [(S, S), (3, 1), (0, 5)])
def test_late_interaction_against_loops(score, lengths):
    q, k = normal((B, L, D), (B, S, D), seed=6)
    k -= 2 * q.mean(axis=1, keepdims=True)  # so that some best products are negative
    mask = padding(*lengths)
    found = score(q, k, mask=mask)
    for b in range(B):
        close(np.asarray(found)[b], np.float64(best_by_loop(q[b], k[b], mask[b, 0])))


@rooms(late, torch_late, "score_all")
def test_all_questions_with_all_texts(score_all):
    q, k = normal((4, L, D), (B, S, D), seed=7)
    found = score_all(q, k, mask=padding(2, S))
    assert found.shape == (4, B)
    for n in range(4):
        for m, length in enumerate((2, S)):
            wanted = best_by_loop(q[n], k[m, :length], [True] * length)
            close(found[n, m], np.float64(wanted))


@rooms(late, torch_late, "score")
def test_on_the_sphere_the_best_is_the_nearest(score):
    q, k = normal((L, D), (S, D), seed=8)
    q, k = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (q, k))
    distance = torch.cdist(*tensors(q, k), compute_mode="donot_use_mm_for_euclid_dist")
    nearest = distance.min(dim=1).values
    close(np.asarray(score(q, k)), (1 - nearest.square() / 2).sum().numpy(), 1e-10)


@rooms(late, torch_late, "score")
def test_zeros_are_enough_for_the_question_and_not_for_the_text(score):
    q, k = normal((L, D), (S, D), seed=9)
    k = -np.abs(k) * np.sign(q.mean(axis=0))
    alone = score(q[:1], k)
    longer = np.concatenate([q[:1], np.zeros((2, D))])
    close(np.asarray(score(longer, k)), np.asarray(alone))
    q = np.abs(q) * np.sign(normal((L, D), seed=9)[0].mean(axis=0))
    with_zeros = np.concatenate([k, np.zeros((1, D))])
    assert score(q, k) < score(q, with_zeros) == 0


@rooms(late, torch_late, "score")
def test_words_that_are_alike_or_not_are_counted(score):
    """With one-hot vectors: how many words of the question the text has."""
    question, text = np.eye(9)[[1, 4, 4, 8]], np.eye(9)[[4, 0, 1, 1, 3]]
    assert score(question, text) == 3


@rooms(late, torch_late, "soft_score")
@pytest.mark.parametrize("sharpness", [0.0, 0.7, 3.0])
def test_the_soft_score_against_loops(soft_score, sharpness):
    q, k = normal((B, L, D), (B, S, D), seed=10)
    mask = padding(S, 4)
    found = soft_score(q, k, sharpness=sharpness, mask=mask)
    for b in range(B):
        output, _ = average_by_loop(
            q[b].tolist(), k[b].tolist(), k[b].tolist(),
            lambda a, c: math.exp(sharpness * dot(a, c)), [mask[b, 0]] * L,
        )  # fmt: skip
        close(np.asarray(found)[b], np.float64((q[b] * output).sum()))


@rooms(late, torch_late, "soft_score")
def test_between_the_product_of_means_and_the_best(soft_score):
    q, k = normal((L, D), (S, D), seed=11)
    close(np.asarray(soft_score(q, k, sharpness=0.0)), L * q.mean(axis=0) @ k.mean(axis=0))
    close(np.asarray(soft_score(q, k, sharpness=1e4)), late.score(q, k))
    grid = [float(soft_score(q, k, sharpness=s)) for s in (0.0, 0.5, 1.0, 4.0, 50.0)]
    assert grid == sorted(grid)
    assert grid[-1] <= late.score(q, k) + 1e-12


# The contrastive loss ----------------------------------------------------------------------------


def cosine(a, b):
    return dot(a, b) / math.sqrt(dot(a, a) * dot(b, b))


def contrastive_by_loop(q, k, temperature, others):
    """Karpukhin et al. (2020), equation 2, for each question, and their mean."""
    losses = []
    for i, a in enumerate(q):
        own = math.exp(cosine(a, k[i]) / temperature)
        rest = (
            math.exp(cosine(a, b) / temperature) for j, b in enumerate(k) if j != i and others[i][j]
        )
        losses.append(-math.log(own / (own + math.fsum(rest))))
    return math.fsum(losses) / len(losses)


@rooms(contrastive, torch_contrastive, "loss")
@pytest.mark.parametrize("temperature", [0.1, 1.0, 3.0])
def test_the_loss_against_loops(loss, temperature):
    q, k = normal((B, L, D), (B, S, D), seed=12)
    others = np.random.default_rng(12).random((B, L, S)) < 0.6
    everyone = loss(q, k, temperature=temperature)
    some = loss(q, k, temperature=temperature, others=others)
    for b in range(B):
        wanted = contrastive_by_loop(q[b], k[b], temperature, np.ones((L, S)))
        close(np.asarray(everyone)[b], np.float64(wanted))
        wanted = contrastive_by_loop(q[b], k[b], temperature, others[b])
        close(np.asarray(some)[b], np.float64(wanted))


@rooms(contrastive, torch_contrastive, "loss")
def test_the_loss_against_pytorchs_cross_entropy(loss):
    q, k = normal((L, D), (S, D), seed=13)
    q_t, k_t = tensors(q, k)
    scores = F.cosine_similarity(q_t[:, None], k_t, dim=-1) / 0.05
    theirs = F.cross_entropy(scores, torch.arange(L))
    close(np.asarray(loss(q, k, temperature=0.05)), theirs.numpy())


@rooms(contrastive, torch_contrastive, "weights")
def test_the_weights_against_loops(weights):
    q, k = normal((L, D), (S, D), seed=14)
    wanted = np.array([[math.exp(cosine(a, b) / 0.3) for b in k] for a in q])
    close(weights(q, k, temperature=0.3), wanted / wanted.sum(axis=1, keepdims=True))


@rooms(contrastive, torch_contrastive, "loss")
def test_the_length_of_a_vector_does_not_matter(loss):
    q, k = normal((L, D), (S, D), seed=15)
    scaled = loss(q * [[1], [7], [0.1]], 3 * k, temperature=0.2)
    close(np.asarray(scaled), np.asarray(loss(q, k, temperature=0.2)))


@rooms(contrastive, torch_contrastive, "loss")
def test_a_copy_of_the_right_text_costs_ln_2_unless_it_does_not_count(loss):
    q, k = np.eye(L, D), np.eye(L, D)[[0, 1, 1]]
    q[2] = q[1]
    counted = loss(q, k, temperature=1e-3)
    close(np.asarray(counted), np.float64(2 * math.log(2) / 3), 1e-9)
    others = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 1]], dtype=bool)
    assert abs(loss(q, k, temperature=1e-3, others=others)) < 1e-12


@rooms(contrastive, torch_contrastive, "loss")
def test_the_loss_at_a_tiny_temperature_stays_finite(loss):
    q, k = normal((L, D), (L, D), seed=16)
    assert np.isfinite(loss(q, k, temperature=1e-8))


def test_a_text_pulls_by_what_its_weight_lacks_and_pushes_by_its_weight():
    """∂loss/∂cos_ij = (p_ij - δ_ij) / (questions · temperature), by finite differences."""
    q, k = normal((L, D), (S, D), seed=17)
    found = numerical_gradient(lambda q: contrastive.loss(q, k, temperature=0.4), q)
    p = contrastive.weights(q, k, temperature=0.4)
    wanted = np.zeros((L, D))
    for i in range(L):
        length = math.sqrt(dot(q[i], q[i]))
        for j in range(S):
            unit = k[j] / math.sqrt(dot(k[j], k[j]))
            of_cosine = (unit - cosine(q[i], k[j]) * q[i] / length) / length
            wanted[i] += (p[i, j] - (i == j)) / (L * 0.4) * of_cosine
    np.testing.assert_allclose(found, wanted, atol=1e-8)
    q_t, k_t = tensors(q, k, grad=True)
    torch_contrastive.loss(q_t, k_t, temperature=0.4).backward()
    np.testing.assert_allclose(q_t.grad.numpy(), wanted, atol=1e-12)


@pytest.mark.parametrize("room", [contrastive, torch_contrastive])
def test_a_temperature_of_zero_and_too_few_texts(room):
    q, k = normal((L, D), (S, D))
    if room is torch_contrastive:
        q, k = tensors(q, k)
    for function in (room.loss, room.weights):
        with pytest.raises(ValueError, match="temperature is 0; it needs a number above 0"):
            function(q, k, temperature=0.0)
    with pytest.raises(ValueError, match=f"k has 2 texts; it needs one for each of the {L} "):
        room.loss(q, k[:2], temperature=1.0)


# Gradients ---------------------------------------------------------------------------------------


def test_gradients():
    x, W_1, W_2, q, k = tensors(
        *normal((B, 4, D), (D, 3), (3, 2), (B, L, D), (B, 4, D), seed=18), grad=True
    )
    mask = torch.from_numpy(masks.padding([2, 4], 4))
    others = torch.from_numpy(np.random.default_rng(18).random((L, 4)) < 0.5)
    check = torch.autograd.gradcheck
    for m in (None, mask):
        assert check(lambda *a, m=m: torch_readers.pool(*a, mask=m), (x, W_1, W_2))
        assert check(lambda x, m=m: torch_lexrank.pool(x, mask=m), (x,))
        assert check(lambda *a, m=m: torch_late.score(*a, mask=m), (q, k))
        assert check(lambda *a, m=m: torch_late.soft_score(*a, sharpness=2.0, mask=m), (q, k))
    assert check(lambda A: torch_readers.penalty(A), (x,))
    for some in (None, others):
        assert check(
            lambda *a, o=some: torch_contrastive.loss(*a, temperature=0.5, others=o), (q, k)
        )
    assert check(lambda *a: torch_contrastive.weights(*a, temperature=0.5), (q, k))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_stays_within_its_budget(dtype):
    q, k = (x / 2 for x in tensors(*normal((L, D), (S, D), seed=19)))
    pairs = [
        (torch_late.score, lambda q, k: (q @ k.mT).amax(dim=-1).sum()),
        (
            lambda q, k: torch_contrastive.loss(q, k, temperature=0.5),
            lambda q, k: F.cross_entropy(
                F.normalize(q, dim=1) @ F.normalize(k, dim=1).mT / 0.5, torch.arange(L)
            ),
        ),
    ]
    for ours, plain in pairs:
        wanted = ours(q, k)
        found, theirs = ours(q.to(dtype), k.to(dtype)), plain(q.to(dtype), k.to(dtype))
        assert found.dtype == dtype
        budget = 2 * (theirs.double() - wanted).abs() + 1e-2 * wanted.abs()
        assert (found.double() - wanted).abs() <= budget


# The docstrings ----------------------------------------------------------------------------------


def test_the_docstrings_are_many_and_no_two_begin_alike():
    found = docstrings.load()
    assert len(found) > 1500
    assert {d.package for d in found} == set(docstrings.LIBRARY)
    firsts = [tuple(docstrings.words(d.sentences[0])) for d in found]
    assert len(set(firsts)) == len(firsts)
    assert all(len(words) >= 3 for words in firsts)


def test_a_docstring_is_that_of_the_object():
    found = next(d for d in docstrings.load() if d.package == "statistics" and d.name == "fmean")
    import statistics

    assert found.text == inspect.getdoc(statistics.fmean)
    assert found.sentences[0] in found.text


def test_a_package_that_is_not_there():
    with pytest.raises(ValueError, match="packages has 'nothing', which Python's library does not"):
        docstrings.load(("nothing",))


def test_sentences_leave_out_examples_and_lists():
    text = """Return the mean of data.  It is fast and exact.

    >>> mean([1, 2, 3])
    2

    - a list of things
    - that is no sentence

    Raises an error. If data
    is empty, it says so."""
    found = docstrings.Docstring("a", "b", inspect.cleandoc(text)).sentences
    assert found == [
        "Return the mean of data.",
        "It is fast and exact.",
        "Raises an error.",
        "If data is empty, it says so.",
    ]


def test_words_become_numbers_and_are_padded_or_cut():
    texts = ["The file is read.", "The size of a file, a file!", "Nothing."]
    numbers = docstrings.vocabulary(texts)
    assert numbers == {"file": 3, "the": 4}
    found, lengths = docstrings.encode(texts, numbers, length=5)
    assert found.tolist() == [[4, 3, 1, 1, 0], [4, 1, 1, 1, 3], [1, 0, 0, 0, 0]]
    assert lengths.tolist() == [4, 5, 1]
    assert docstrings.vocabulary(texts, least=1).keys() >= {"a", "nothing", "size"}
    empty, none = docstrings.encode([], numbers, length=5)
    assert empty.shape == (0, 5)
    assert none.shape == (0,)
