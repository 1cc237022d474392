"""The exercises on aligning sequences: additive and multiplicative attention, and who asks."""

import math

import numpy as np

from attention_book.checking import Case, faults, function_exercise, letters, question
from attention_book.softmax import softmax

PLACE = (2, 1)

# 1 ---------------------------------------------------------------------------------------------

_LN_3 = math.log(3)


def _matrix(W):
    W = np.asarray(W, dtype=float)
    if W.shape != (2, 2) or not np.isfinite(W).all():
        raise ValueError("not two rows of two finite numbers")
    return W


def _is_matrix(W):
    try:
        return _matrix(W) is not None
    except (ValueError, TypeError):
        return False


def _gains(W):
    """By how much the other key scores higher than the one that looks like the query."""
    W = _matrix(W)
    return [W[0][1] - W[0][0], W[1][0] - W[1][1]]


def _near(gains, wanted):
    return abs(gains[0] - wanted) < 0.01 and abs(gains[1] - wanted) < 0.01


@question(
    title="A matrix that asks the opposite",
    difficulty="easy",
    minutes=10,
    accepts=lambda W: _near(_gains(W), _LN_3),
    hints=[
        "With the query (1, 0) the scores of the two keys are the two numbers of the first row.",
        "Two weights are as 3 to 1 when their exponentials are: the scores differ by ln 3.",
        "The first row needs its second number larger by ln 3, the second row its first.",
    ],
)
def opposite():
    """Find a matrix that makes each query prefer the key that does not look like it.

    The keys are (1, 0) and (0, 1), and the score is q W k. The query (1, 0) shall give the
    second key three times the weight of the first; the query (0, 1) shall give the first key
    three times the weight of the second. Answer with the two rows of W.
    """
    return [[0.0, 1.0986], [1.0986, 0.0]]


opposite.mistake(
    "two rows of two finite numbers are asked for",
    "A list of two lists, such as [[0, 1], [2, 3]].",
    [0.0, 1.0986],
    lambda W: not _is_matrix(W),
)
opposite.mistake(
    "both queries prefer the key that looks like them",
    "That is what the identity does. Here each query shall ask for the other key.",
    [[1.0986, 0.0], [0.0, 1.0986]],
    lambda W: max(_gains(W)) < 0,
)
opposite.mistake(
    "the scores differ by 3, the weights by more",
    "A softmax takes exponentials: weights are as 3 to 1 when the scores differ by ln 3.",
    [[0.0, 3.0], [3.0, 0.0]],
    lambda W: _near(_gains(W), 3),
)
opposite.mistake(
    "the weights themselves stand in the matrix",
    "¾ and ¼ are to come out of the softmax. What goes in are scores.",
    [[0.25, 0.75], [0.75, 0.25]],
    lambda W: _near(_gains(W), 0.5),
)
opposite.mistake(
    "the scores are not divided by √d here",
    "The score is q W k, without a scale. ln 3 is enough.",
    [[0.0, 1.5537], [1.5537, 0.0]],
    lambda W: _near(_gains(W), 1.5537),
)
opposite.mistake(
    "one query has no preference",
    "A row whose two numbers are equal gives both keys the same weight.",
    [[0.0, 1.0986], [0.0, 0.0]],
    lambda W: min(map(abs, _gains(W))) < 1e-9,
)
opposite.mistake(
    "both queries prefer the same key",
    "The second row belongs to the query (0, 1), which shall prefer the first key.",
    [[0.0, 1.0986], [0.0, 1.0986]],
    lambda W: min(_gains(W)) < 0 < max(_gains(W)),
)


# 2 ---------------------------------------------------------------------------------------------


@question(
    title="What a score needs",
    difficulty="easy",
    minutes=10,
    hints=[
        "The additive score has a matrix from the query to the hidden layer, one from the key, "
        "and a vector from the hidden layer to the score.",
        "The matrix of general stands between query and key: it has as many rows as the query "
        "has features and as many columns as the key has.",
        "Each pair of a query and a key has its own hidden layer and its own score.",
    ],
)
def counts():
    """Count parameters and numbers of two scores.

    Queries have 4 features, keys 6; the additive score has a hidden layer of 5 and no bias.
    There are 3 queries and 7 keys. Answer with four numbers: the parameters of the additive
    score; those of general; the numbers in the additive score's hidden layer for all pairs; the
    scores.
    """
    return (55, 24, 105, 21)


counts.mistake(
    "the vector that makes the score is missing",
    "From the hidden layer of 5 to one number: 5 parameters more.",
    {0: 50},
)
counts.mistake(
    "one of the two matrices is missing",
    "Query and key each have a matrix into the hidden layer: 4 · 5 and 6 · 5.",
    {0: 35},
    lambda answer: answer[0] in (20, 25, 30, 35),
)
counts.mistake(
    "the hidden layer is thought to be multiplied out",
    "Each matrix has as many numbers as features times hidden units; they are not multiplied "
    "with each other.",
    {0: 120},
)
counts.mistake(
    "biases are counted",
    "There are none in this score: 4 · 5 + 6 · 5 + 5.",
    {0: 60},
    lambda answer: answer[0] in (56, 60, 61, 65, 66),
)
counts.mistake(
    "general is thought to have two matrices",
    "One matrix, 4 by 6, takes a query to the space of the keys.",
    {1: 10},
)
counts.mistake(
    "general is thought to be square",
    "Query and key need not have the same size: W has 4 rows and 6 columns.",
    {1: 16},
    lambda answer: answer[1] in (16, 36),
)
counts.mistake(
    "the hidden layer is thought to belong to a key, not to a pair",
    "tanh is taken of the sum of a query's part and a key's part: there is one for each pair.",
    {2: 35},
    lambda answer: answer[2] in (15, 35, 50),
)
counts.mistake(
    "a score belongs to a pair",
    "3 queries times 7 keys.",
    {3: 7},
    lambda answer: answer[3] in (3, 7, 10),
)
counts.mistake(
    "four numbers are asked for",
    "Parameters of additive, parameters of general, hidden numbers, scores.",
    (55, 24, 105),
    lambda answer: len(answer) != 4,
)


# 3 ---------------------------------------------------------------------------------------------


def _both(answer):
    """The two words, their letters in the order of the alphabet."""
    bahdanau, luong = answer
    return ["".join(sorted(letters(bahdanau))), "".join(sorted(letters(luong)))]


def _are_two_words(answer):
    if not isinstance(answer, (list, tuple)) or len(answer) != 2:
        return False
    words = _both(answer)
    return all(set(word) <= set("abcde") and len(set(word)) == len(word) for word in words)


@question(
    title="What has changed?",
    difficulty="medium",
    minutes=10,
    accepts=lambda answer: _are_two_words(answer) and _both(answer) == ["bcde", "b"],
    hints=[
        "What was there before step 2 cannot change. What does step 2 read in each decoder, and "
        "where does it go?",
        "In Bahdanau's decoder the context goes into the state, and a state goes into all that "
        "follow. Each later state asks its own question.",
        "In Luong's decoder the states are made of the written words alone, and these are given.",
    ],
)
def disturbed():
    """Say what may change when one reading goes wrong.

    A decoder takes four steps with teacher forcing. Only while step 2 reads, the memory is
    another one. What may differ from an undisturbed run: (a) the state s1, (b) the context c2,
    (c) the state s2, (d) the context c3, (e) the state s4? Answer with two words made of these
    letters, for Bahdanau's decoder and for Luong's without input feeding.
    """
    return ("bcde", "b")


disturbed.mistake(
    "two words of the letters a to e are asked for",
    "First for Bahdanau's decoder, then for Luong's, each letter once at most.",
    ("bcde",),
    lambda answer: not _are_two_words(answer),
)
disturbed.mistake(
    "what came before cannot change",
    "State s1 was made before step 2 read anything.",
    ("abcde", "b"),
    lambda answer: "a" in _both(answer)[0] + _both(answer)[1],
)
disturbed.mistake(
    "the two decoders are exchanged",
    "Bahdanau's context goes into the step. Luong's goes to the prediction.",
    ("b", "bcde"),
    lambda answer: _both(answer) == ["b", "bcde"],
)
disturbed.mistake(
    "what Luong's decoder reads does not reach its states",
    "Without input feeding its recurrent network sees only the written words, and these are given.",
    ("bcde", "bcde"),
    lambda answer: len(_both(answer)[1]) > 1 or _both(answer)[1] not in ("b", ""),
)
disturbed.mistake(
    "a changed state asks another question",
    "c3 is read by s2, which has changed: other weights, even over the old memory.",
    ("bce", "b"),
    lambda answer: "d" not in _both(answer)[0] and "c" in _both(answer)[0],
)
disturbed.mistake(
    "the context of step 2 is what was exchanged",
    "c2 is an average of the memory that step 2 reads, in both decoders.",
    ("cde", "b"),
    lambda answer: "b" not in _both(answer)[0] or "b" not in _both(answer)[1],
)
disturbed.mistake(
    "a disturbance is thought to fade at once",
    "Each state goes into the next one: s2 into s3, s3 into s4.",
    ("bcd", "b"),
    lambda answer: "e" not in _both(answer)[0] and "d" in _both(answer)[0],
)
disturbed.mistake(
    "what Bahdanau's decoder reads is thought not to reach its state",
    "The context goes into the step together with the word.",
    ("b", "b"),
    lambda answer: "c" not in _both(answer)[0],
)


# 4 ---------------------------------------------------------------------------------------------


def _general_inputs(seed, *, lead=(), L=3, S=7, d_q=5, d_k=4, scale=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    q, k = rng.standard_normal((*lead, L, d_q)), rng.standard_normal((*lead, S, d_k))
    W, mask = rng.standard_normal((d_q, d_k)), rng.random((L, S)) < 0.7
    mask[0] = False
    mask[1, 0] = True
    return (scale * q).astype(dtype), k.astype(dtype), W.astype(dtype), mask


def _general_cases():
    q, k, W, mask = _general_inputs(0)
    return [
        Case("all may be seen", (q, k, W, np.ones_like(mask))),
        Case("one key", (q, k[:1], W, np.ones((3, 1), bool)), rtol=1e-15),
        Case("a query that may see nothing", (q, k, W, mask)),
        Case("leading axes", _general_inputs(1, lead=(2, 3))),
        Case("three leading axes", _general_inputs(6, lead=(2, 1, 3))),
        Case("scores of ten thousand", _general_inputs(2, scale=1e4)),
        Case("rows of unlike scores", (np.diag([30.0, -30, 0, 0])[:, [0, 1, 2, 3, 3]],
                                       1 + np.abs(_general_inputs(3, S=6)[1]), 5 + 0 * W,
                                       np.ones((4, 6), bool))),
        Case("sizes that are all equal", _general_inputs(4, L=4, S=4, d_q=4, d_k=4)),
        Case("single precision", _general_inputs(5, dtype=np.float32), rtol=1e-4),
    ]  # fmt: skip


@function_exercise(
    title="General",
    difficulty="medium",
    minutes=15,
    cases=_general_cases,
    hints=[
        "q W has the shape (..., L, d_k): the queries, put into the space of the keys.",
        "The mask belongs to the scores: where it is False, the score is −∞ before the softmax.",
        "A row of −∞ alone has no maximum to subtract, and its sum is 0. Give it zeros.",
    ],
)
def general(q, k, W, mask):
    """Return the weights of multiplicative attention.

    Shapes: q (..., L, d_q), k (..., S, d_k), W (d_q, d_k), mask (L, S), boolean, True = may
    attend; the weights are (..., L, S), in the dtype of q. Scores of any size must be handled. A
    query that may attend to nothing gets zeros.
    """
    scores = np.where(mask, q @ W @ np.swapaxes(k, -1, -2), -np.inf)
    top = scores.max(axis=-1, keepdims=True)
    exponentials = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = exponentials.sum(axis=-1, keepdims=True)
    return exponentials / np.where(total > 0, total, 1)


_PRODUCT = "q @ W @ np.swapaxes(k, -1, -2)"
general.mistake(
    "the scores are scaled",
    "The multiplicative score of Luong et al. has no scale; W can learn it.",
    {_PRODUCT: f"({_PRODUCT}) / q.shape[-1] ** 0.5"},
    {_PRODUCT: f"({_PRODUCT}) / k.shape[-1] ** 0.5"},
    {_PRODUCT: f"({_PRODUCT}) / q.shape[-2] ** 0.5"},
)
general.mistake(
    "the softmax runs over the queries",
    "The keys compete for a query: the weights of each row sum to 1.",
    {"axis=-1": "axis=-2"},
)
general.mistake(
    "True was taken for hidden",
    "In this book, as in PyTorch's scaled_dot_product_attention, True = may attend.",
    {"np.where(mask,": "np.where(~mask,"},
)
general.mistake(
    "the mask is not used",
    "What it hides has to get the weight 0.",
    {f"np.where(mask, {_PRODUCT}, -np.inf)": _PRODUCT},
)
general.mistake(
    "what is hidden has the score 0",
    "0 is a score like any other. Hidden is −∞.",
    {"-np.inf)": "0.0)"},
)
general.mistake(
    "what is hidden has a large negative score instead of −∞",
    "A query that sees nothing then attends to everything alike.",
    *({"-np.inf)": f"{fill})"} for fill in ("-1e9", "-1e6", "-1e30", "np.finfo(q.dtype).min / 4")),
)
general.mistake(
    "the mask is applied after the softmax",
    "What is left must sum to 1 again: hide the scores, not the weights.",
    {f"np.where(mask, {_PRODUCT}, -np.inf)": _PRODUCT,
     "np.where(total > 0, total, 1)": "np.where(total > 0, total, 1) * mask"},
)  # fmt: skip
general.mistake(
    "W is used the other way round",
    "With d_q features on the left and d_k on the right: q W kᵀ.",
    {_PRODUCT: "(q @ W.T @ np.swapaxes(k, -1, -2) if len(W) == len(W.T) else "
               "q[..., :1] * 0 + (k @ W.T).sum(-1)[..., None, :])"},
)  # fmt: skip
general.mistake(
    "W is not used",
    "Without it query and key would need the same features.",
    {_PRODUCT: "q[..., : min(W.shape)] @ np.swapaxes(k[..., : min(W.shape)], -1, -2)"},
)
general.mistake(
    "a query that sees nothing gets NaN",
    "0/0. Divide by 1 where the sum is 0.",
    {"np.where(total > 0, total, 1)": "total"},
)
general.mistake(*faults.no_shift({" - np.where(np.isfinite(top), top, 0)": ""}))
general.mistake(*faults.epsilon("np.where(total > 0, total, 1)"))


# 5 ---------------------------------------------------------------------------------------------


def _read_inputs(seed, *, B=3, S=7, d_s=5, d_m=4, d=6, scale=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    shapes = ((B, d_s), (B, S, d_m), (d_s, d), (d_m, d), (d,))
    state, memory, W_q, W_k, w = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    return state, memory, W_q, W_k, dtype(scale) * w


def _read_cases():
    return [
        Case("three sources of seven positions", _read_inputs(0)),
        Case("one position", _read_inputs(1, S=1), rtol=1e-15),
        Case("scores in the thousands", _read_inputs(2, scale=4000.0)),
        Case("sizes that are all equal", _read_inputs(3, B=4, S=4, d_s=4, d_m=4, d=4)),
        Case("more positions than hidden units", _read_inputs(4, S=20)),
        Case("single precision", _read_inputs(5, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="Erratum: attention that reads no source",
    difficulty="medium",
    minutes=20,
    cases=_read_cases,
    hints=[
        "Change the memory: which numbers of the program change? Its scores do not.",
        "The hidden layer of a pair is tanh(state W_q + memory W_k): the state needs an axis for "
        "the positions, (B, 1, d).",
        "The softmax runs over the positions of one source, axis 1, and the average is their "
        "weighted sum.",
    ],
)
def read_source(state, memory, W_q, W_k, w):
    """Return the context and the weights of additive attention, as a tuple.

    Shapes: state (B, d_s), memory (B, S, d_m), W_q (d_s, d), W_k (d_m, d), w (d,); the context
    is (B, d_m), the weights are (B, S), in the dtype of state. Scores of any size must be handled.
    """
    hidden = np.tanh((state @ W_q)[:, None] + memory @ W_k)
    scores = hidden @ w
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = exponentials / exponentials.sum(axis=1, keepdims=True)
    return (weights[:, :, None] * memory).sum(axis=1), weights


_HIDDEN = "np.tanh((state @ W_q)[:, None] + memory @ W_k)"
read_source.mistake(
    "it is still the program of the task",
    "Its scores are the same for every source.",
    {_HIDDEN: "np.tanh(state @ W_q)",
     "hidden @ w": "np.resize(hidden * w, memory.shape[:2])",
     "exponentials.sum(axis=1, keepdims=True)": "exponentials.sum(axis=0)",
     "sum(axis=1), weights": "mean(axis=1), weights"},
)  # fmt: skip
read_source.mistake(
    "the scores look at no source position",
    "They are places, not contents. Let memory @ W_k into the hidden layer.",
    {_HIDDEN: "np.tanh((state @ W_q)[:, None] + 0 * memory @ W_k)"},
    {_HIDDEN: "np.tanh((state @ W_q)[:, None] + (memory @ W_k).mean(axis=1, keepdims=True))"},
)
read_source.mistake(
    "the state does not ask",
    "Without state @ W_q, or with it outside the tanh, every state reads the same: what is added "
    "to all scores alike cancels.",
    {_HIDDEN: "np.tanh(memory @ W_k)"},
    {_HIDDEN: "(np.tanh((state @ W_q)[:, None]) + np.tanh(memory @ W_k))"},
)
read_source.mistake(
    "the tanh is missing",
    "Without it the state's part is the same for all positions, and the softmax cancels it.",
    {_HIDDEN: "((state @ W_q)[:, None] + memory @ W_k)"},
)
read_source.mistake(
    "query and key are multiplied",
    "The additive score adds what the two matrices make of them.",
    {_HIDDEN: "np.tanh((state @ W_q)[:, None] * (memory @ W_k))"},
    {_HIDDEN: "((state @ W_q)[:, None] * (memory @ W_k))"},
)
read_source.mistake(
    "the softmax runs over the batch",
    "A source must not depend on what else is in its batch: axis=1.",
    {"axis=1, keepdims": "axis=0, keepdims"},
)
read_source.mistake(
    "the mean was taken after weighting",
    "The weights sum to 1 already.",
    {"memory).sum(axis=1)": "memory).mean(axis=1)"},
)
read_source.mistake(
    "what is averaged is the mapped memory",
    "W_k belongs to the scores. The values are the memory itself.",
    {"[:, :, None] * memory)": "[:, :, None] * (memory @ W_k)[..., :1] + 0 * memory)"},
)
read_source.mistake(
    *faults.no_shift({" - scores.max(axis=1, keepdims=True)": ""}, of="each source")
)
read_source.mistake(*faults.epsilon("exponentials.sum(axis=1, keepdims=True)"))
read_source.mistake(
    "context and weights are exchanged",
    "Return the context first.",
    {"return (weights[:, :, None] * memory).sum(axis=1), weights":
     "return weights, (weights[:, :, None] * memory).sum(axis=1)"},
)  # fmt: skip


# 6 ---------------------------------------------------------------------------------------------


def _local_inputs(seed, *, L=4, S=9, reach=2, scale=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    centre = np.concatenate([[0.0, S - 1.3], rng.uniform(0, S, L - 2)])
    return (scale * rng.standard_normal((L, S))).astype(dtype), centre.astype(dtype), reach


def _local_cases():
    scores, centre, _ = _local_inputs(0)
    return [
        Case("four queries, nine keys", (scores, centre, 2)),
        Case("a centre on a key: the edge belongs to the window", (scores, np.arange(2.0, 6), 1)),
        Case("one key, at the centre", (scores[:, :1], 0 * centre, 2), rtol=1e-15),
        Case("a centre beyond the keys", (scores, centre + np.array([0, 9, 0, -20]), 2)),
        Case("a window over everything", (scores, centre, 30)),
        Case("scores of ten thousand", _local_inputs(1, scale=1e4)),
        Case("as many queries as keys", _local_inputs(2, L=6, S=6, reach=3)),
        Case("single precision", _local_inputs(3, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="A window with a bell",
    difficulty="medium",
    minutes=20,
    cases=_local_cases,
    hints=[
        "How far is key j from the centre of query i? All distances are one matrix, (L, S).",
        "The softmax knows only the keys at distances up to `reach`. Hide the others before it.",
        "The bell is exp(−distance² / (2 σ²)) with σ = reach / 2, multiplied after the softmax.",
    ],
)
def local_weights(scores, centre, reach):
    """Return the weights of local attention with a predicted centre.

    Shapes: scores (L, S), centre (L,), real numbers, key 0 stands at 0; reach is D, a positive
    integer; the weights are (L, S), in the dtype of scores. A key exactly D away is seen. A query
    with no key in reach gets zeros. Scores of any size must be handled.
    """
    distance = np.arange(scores.shape[1], dtype=scores.dtype) - centre[:, None]
    seen = np.where(np.abs(distance) <= reach, scores, -np.inf)
    top = seen.max(axis=1, keepdims=True)
    exponentials = np.exp(seen - np.where(np.isfinite(top), top, 0))
    total = exponentials.sum(axis=1, keepdims=True)
    bell = np.exp(-2 * (distance / reach) ** 2)
    return exponentials / np.where(total > 0, total, 1) * bell


local_weights.mistake(
    "the bell is missing",
    "That is a window alone. Multiply by exp(−distance² / (2 σ²)).",
    {"np.exp(-2 * (distance / reach) ** 2)": "np.ones_like(distance)"},
)
local_weights.mistake(
    "the rows were made to sum to 1 again",
    "In the paper the bell comes last, and a row sums to less than 1. In the scores, before the "
    "softmax, it would take part in the competition.",
    {"return exponentials / np.where(total > 0, total, 1) * bell":
     "weights = exponentials / np.where(total > 0, total, 1) * bell\n"
     "    return weights / np.where(total > 0, weights.sum(axis=1, keepdims=True), 1)"},
    {"np.abs(distance) <= reach, scores,":
     "np.abs(distance) <= reach, scores - 2 * (distance / reach) ** 2,",
     "np.exp(-2 * (distance / reach) ** 2)": "np.ones_like(distance)"},
)  # fmt: skip
local_weights.mistake(
    "the softmax runs over all keys",
    "Those outside the window must not take part in it.",
    {"np.where(np.abs(distance) <= reach, scores, -np.inf)": "scores + 0 * distance"},
)
local_weights.mistake(
    "the softmax runs over all keys, and the window comes after it",
    "Those outside the window must not take part in the competition either.",
    {"np.where(np.abs(distance) <= reach, scores, -np.inf)": "scores + 0 * distance",
     "np.exp(-2 * (distance / reach) ** 2)":
     "np.exp(-2 * (distance / reach) ** 2) * (np.abs(distance) <= reach)"},
)  # fmt: skip
local_weights.mistake(
    "σ is half of D",
    "2 σ² is D²/2: the exponent is −2 (distance / D)².",
    *({"np.exp(-2 * (distance": f"np.exp({factor} * (distance"} for factor in ("-0.5", "-1", "-8")),
)
local_weights.mistake(
    "the edge of the window is left out",
    "A key exactly D away is seen.",
    {"<= reach": "< reach"},
)
local_weights.mistake(
    "the window is as wide as D, not D to either side",
    "D counts to the left and to the right of the centre.",
    {"np.abs(distance) <= reach": "2 * np.abs(distance) <= reach"},
)
local_weights.mistake(
    "keys are counted from 1",
    "Key 0 stands at 0.",
    {"np.arange(scores.shape[1], dtype=scores.dtype)":
     "np.arange(1, scores.shape[1] + 1, dtype=scores.dtype)"},
)  # fmt: skip
local_weights.mistake(
    "a query with no key in reach gets NaN",
    "0/0. Divide by 1 where the sum is 0.",
    {"np.where(total > 0, total, 1)": "total"},
)
local_weights.mistake(*faults.no_shift({" - np.where(np.isfinite(top), top, 0)": ""}))
local_weights.mistake(*faults.epsilon("np.where(total > 0, total, 1)"))


# 7 ---------------------------------------------------------------------------------------------


def _dot_attend(state, memory):
    return softmax(memory[:, : len(state)] @ state) @ memory


def _sum_cell(x, state):
    mixed = np.sin(np.arange(1, len(x) + 1)[:, None] * np.arange(1, len(state) + 1))
    return np.tanh(x @ mixed.astype(x.dtype) / 2 + state[::-1])


def _decoder_inputs(seed, *, L=4, S=6, d_y=3, d_m=5, d_s=2, dtype=np.float64):
    rng = np.random.default_rng(seed)
    shapes = ((L, d_y), (S, d_m), (d_s,))
    words, memory, start = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    return words, memory, start, _dot_attend, _sum_cell


def _decoder_cases():
    return [
        Case("four words, six positions", _decoder_inputs(0)),
        Case("one word", _decoder_inputs(1, L=1)),
        Case("sizes that are all equal", _decoder_inputs(2, L=3, S=3, d_y=3, d_m=3, d_s=3)),
        Case("single precision", _decoder_inputs(3, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="Bahdanau's decoder",
    difficulty="hard",
    minutes=30,
    cases=_decoder_cases,
    hints=[
        "One step: ask with the state that is there, then make the next state.",
        "What goes into the cell is the word with the context behind it, np.concatenate.",
        "Collect the new state and the context of each step, and stack them.",
    ],
)
def decoder(words, memory, start, attend, cell):
    """Return the states and the contexts of Bahdanau's decoder, as a tuple.

    Shapes: words (L, d_y), memory (S, d_m), start (d_s,). ``attend(state, memory)`` returns a
    context (d_m,); ``cell(x, state)`` returns the next state, x is (d_y + d_m,). The states are
    (L, d_s), the contexts (L, d_m).
    """
    state, states, contexts = start, [], []
    for word in words:
        context = attend(state, memory)
        state = cell(np.concatenate([word, context]), state)
        states.append(state)
        contexts.append(context)
    return np.stack(states), np.stack(contexts)


_STEP = "state = cell(np.concatenate([word, context]), state)"
decoder.mistake(
    "the new state asks: that is Luong's moment",
    "Bahdanau asks with the state before the step, since the step needs the answer.",
    {"context = attend(state, memory)": "context = 0 * memory[0]",
     _STEP: f"{_STEP}\n        context = attend(state, memory)"},
)  # fmt: skip
decoder.mistake(
    "the new state asks again after the step",
    "The context of a step is the one that went into it.",
    {"contexts.append(context)": "contexts.append(attend(state, memory))"},
)
decoder.mistake(
    "the start state asks at every step",
    "Each step asks with the state that the step before has made.",
    {"attend(state, memory)": "attend(start, memory)"},
)
decoder.mistake(
    "every step begins at the start state",
    "The state that comes out of a step goes into the next.",
    {"context]), state)": "context]), start)"},
)
decoder.mistake(
    "the state before each step is returned",
    "Return s1 to sL; s0 is known.",
    {"states.append(state)": "states.append(states and state)",
     _STEP: f"states.append(state)\n        {_STEP}",
     "np.stack(states)": "np.stack(states[::2])"},
)  # fmt: skip
decoder.mistake(
    "the context goes in front of the word",
    "x is the word with the context behind it.",
    {"[word, context]": "[context, word]"},
)
decoder.mistake(
    "what was read does not go into the step",
    "The context has to reach the state, together with the word.",
    {"[word, context]": "[word, 0 * context]"},
)
decoder.mistake(
    "the context of the step before goes into the step",
    "Ask first, then take the step with what was read.",
    {"state, states, contexts = start, [], []":
     "state, states, contexts, before = start, [], [], 0 * memory[0]",
     "[word, context]": "[word, before]",
     "contexts.append(context)": "contexts.append(context)\n        before = context"},
)  # fmt: skip
decoder.mistake(
    "the words are read from the end",
    "The first word goes into the first step.",
    {"in words:": "in words[::-1]:"},
)
decoder.mistake(
    "states and contexts are exchanged",
    "Return the states first.",
    {"np.stack(states), np.stack(contexts)": "np.stack(contexts), np.stack(states)"},
)
