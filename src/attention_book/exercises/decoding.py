"""The exercises on decoding with a cache."""

import math

import numpy as np

from attention_book.checking import Case, faults, function_exercise, question
from attention_book.softmax import softmax

PLACE = (4, 1)

# 1 ---------------------------------------------------------------------------------------------


@question(
    title="What a cache weighs",
    difficulty="easy",
    minutes=5,
    rtol=1e-6,
    hints=[
        "A layer keeps a key and a value for each of the 8 groups: 2 · 8 · 128 numbers a token.",
        "Times 40 layers, times two bytes.",
        "With a latent a layer keeps 512 + 64 numbers, for all heads together.",
    ],
)
def bytes_kept():
    """Count the bytes of a cache.

    A model has 40 layers, 32 query heads of size 128 in 8 groups, and keeps its cache in half
    precision, two bytes a number. Answer with three numbers: the bytes that one token takes in
    all layers, the GiB (2³⁰ bytes) of 4 texts of 8192 tokens, and the bytes of a token if each
    layer kept a latent of 512 and a turned key of 64 instead.
    """
    return (163840, 5.0, 46080)


bytes_kept.mistake(
    "a key head for each query head",
    "The cache has a row for each of the 8 groups. The 32 query heads are never kept.",
    {0: 655360, 1: 20.0},
)
bytes_kept.mistake(
    "the values were left out",
    "A key and a value are kept: 2 · 8 · 128 numbers.",
    {0: 81920, 1: 2.5},
)
bytes_kept.mistake(
    "one layer was counted",
    "Each of the 40 layers has a cache of its own.",
    {0: 4096, 1: 0.125, 2: 1152},
    lambda answer: answer[0] == 4096 or answer[2] == 1152,
)
bytes_kept.mistake(
    "numbers were counted, not bytes",
    "Half precision has two bytes a number.",
    {0: 81920, 1: 2.5, 2: 23040},
)
bytes_kept.mistake(
    "one text was counted",
    "There are 4 texts, and each has a cache of its own.",
    {1: 1.25},
)
bytes_kept.mistake(
    "the GiB are thousands of millions of bytes",
    "A GiB has 2³⁰ bytes.",
    {1: 5.36870912},
)
bytes_kept.mistake(
    "the second number is not in GiB",
    "A GiB has 2³⁰ bytes: 1024 MiB.",
    {1: 5120},
    lambda answer: answer[0] == 163840 and answer[1] in (5120, 5 * 2**30, 5 * 2**20),
)
bytes_kept.mistake(
    "a latent is kept for each group or head",
    "All heads of a layer make their keys and values from one latent.",
    {2: 368640},
    lambda answer: answer[0] == 163840 and answer[2] in (368640, 1474560),
)
bytes_kept.mistake(
    "the latent is kept twice",
    "Keys and values are made from one latent: 512 + 64 numbers a layer.",
    {2: 92160},
    lambda answer: answer[2] in (92160, 87040),
)
bytes_kept.mistake(
    "the turned key was left out",
    "It cannot be made from the latent, so it is kept beside it.",
    {2: 40960},
)


# 2 ---------------------------------------------------------------------------------------------


@question(
    title="A step by hand",
    difficulty="easy",
    minutes=10,
    rtol=0.002,
    hints=[
        "The scores are 0, ln 2 and ln 5. Their exponentials are 1, 2 and 5.",
        "With a window of 2 the query sees itself and the newest kept row.",
        "The token after it sees itself, too. How many rows are left for the state?",
    ],
)
def step_by_hand():
    """Compute one step with a cache by hand.

    Kept are the keys 0 and ln 2 of size 1, with the values 8 and 4. The new token has the query
    1, the key ln 5 and the value 6. Answer with three numbers: the output; the output with a
    window of 2; and how many rows the state with this window keeps for the token after it.
    """
    return (5.75, 38 / 7, 1)


step_by_hand.mistake(
    "the new token does not see itself",
    "Its key and its value are appended first; its window begins with itself.",
    {0: 16 / 3, 1: 4.0},
    lambda answer: abs(answer[0] - 16 / 3) < 0.01,
)
step_by_hand.mistake(
    "the window counts the rows beside the new one",
    "A window of 2 is the token itself and one before it.",
    {1: 5.75},
    lambda answer: abs(answer[0] - 5.75) < 0.02 and abs(answer[1] - 5.75) < 0.02,
)
step_by_hand.mistake(
    "the window is the new token alone",
    "A window of 2 is the token itself and one before it.",
    {1: 6.0},
)
step_by_hand.mistake(
    "the state keeps nothing",
    "The next token sees itself and one row before it, which has to be there.",
    {2: 0},
)
step_by_hand.mistake(
    "the state keeps as many rows as the window has",
    "The next token brings a row of its own: one kept row and itself are two.",
    {2: 2},
)
step_by_hand.mistake(
    "the state keeps everything",
    "What the window hides from all later tokens is dropped.",
    {2: 3},
)
step_by_hand.mistake(
    "the values are averaged without weights",
    "The weights are 1/8, 2/8 and 5/8.",
    {0: 6.0, 1: 5.0},
)
step_by_hand.mistake(
    "the weights are the scores",
    "Take the exponentials: 1, 2 and 5.",
    {0: 5.398, 1: 5.398},
)
step_by_hand.mistake(
    "the weights of the window do not sum to 1",
    "With the oldest row hidden the sum is 2 + 5.",
    {1: 4.75},
)


# 3 ---------------------------------------------------------------------------------------------

_SCALED_AGAIN = "((w := softmax({0}) * {1}) / w.sum(axis=-1, keepdims=True))"
_NOT_SHIFTED = "((w := np.exp({0}) * {1}) / w.sum(axis=-1, keepdims=True))"


def _step_inputs(seed, n=3, m=5, d_k=4, d_v=2, dtype=np.float64, size=1.0):
    rng = np.random.default_rng(seed)
    shapes = (n, d_k), (n, d_k), (n, d_v), (m, d_k), (m, d_v)
    q, *others = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    return q * dtype(size), *others


def _step_hidden():
    """The later a key, the larger its score: from -30 000 to 30 000."""
    rng = np.random.default_rng(6)
    q, k, v, keys, values = (
        rng.standard_normal(s) for s in ((3, 2), (3, 2), (3, 4), (1, 2), (1, 4))
    )
    q, k, keys = 0.1 * q, 0.1 * k, 0.1 * keys
    q[:, 0], k[:, 0], keys[:, 0] = 3e4 * 2**0.5, [-0.99999, 0.0, 1.0], -1.0
    return q, k, v, keys, values


def _step_cases():
    return [
        Case("three new tokens after five", _step_inputs(0)),
        Case("one new token", _step_inputs(1, n=1, m=6)),
        Case("nothing is kept yet", _step_inputs(2, n=4, m=0)),
        Case("more new than kept", _step_inputs(3, n=6, m=2, d_k=3, d_v=5)),
        Case("scores in the thousands", _step_inputs(4, size=3000.0)),
        Case("what is hidden scores far more than what is seen", _step_hidden()),
        Case("single precision", _step_inputs(5, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="Any number of tokens",
    difficulty="medium",
    minutes=20,
    cases=_step_cases,
    hints=[
        "First append the new keys after the kept ones, and the values.",
        "New token i stands at place m + i of all, and sees the places up to its own.",
        "np.tri(n, m + n, m, dtype=bool) is the mask: row i has m + i + 1 times True.",
    ],
)
def step(q, k, v, keys, values):
    """Return the outputs of new tokens, and the keys and values of all, in the dtype of q.

    Shapes: q and k (n, d_k), v (n, d_v) of the new tokens; keys (m, d_k), values (m, d_v) of
    those before them. Returns outputs (n, d_v), keys (m + n, d_k), values (m + n, d_v).
    """
    keys, values = np.concatenate([keys, k]), np.concatenate([values, v])
    mask = np.tri(len(q), len(keys), len(keys) - len(q), dtype=bool)
    scores = q @ keys.T / math.sqrt(q.shape[1])
    return softmax(scores, mask=mask) @ values, keys, values


_MASK = "np.tri(len(q), len(keys), len(keys) - len(q), dtype=bool)"

step.mistake(
    "the mask is aligned at the first key",
    "Token i of the new ones stands at place m + i. Aligned at the first key it sees the oldest "
    "rows only.",
    {_MASK: "np.tri(len(q), len(keys), dtype=bool)"},
)
step.mistake(
    "there is no mask",
    "One new token may see everything; several may not see each other's future.",
    {", mask=mask": ""},
)
step.mistake(
    "the new tokens do not see themselves",
    "Token i sees the places up to m + i, its own among them.",
    {_MASK: "np.tri(len(q), len(keys), len(keys) - len(q) - 1, dtype=bool)"},
)
step.mistake(
    "the new tokens see one place too far",
    "The diagonal of np.tri is m: row i has m + i + 1 times True.",
    {_MASK: "np.tri(len(q), len(keys), len(keys) - len(q) + 1, dtype=bool)"},
)
step.mistake(
    "the new rows are put before the kept ones",
    "The order of the rows is that of the text: the mask counts on it.",
    {
        "np.concatenate([keys, k])": "np.concatenate([k, keys])",
        "np.concatenate([values, v])": "np.concatenate([v, values])",
    },
)
step.mistake(
    "the values are not appended",
    "A row is a key and a value.",
    {"np.concatenate([values, v])": "np.concatenate([values, 0 * v])"},
)
step.mistake(
    "the old state is returned",
    "The next call needs the new rows, too.",
    lambda q, k, v, keys, values: (step.solve(q, k, v, keys, values)[0], keys, values),
)
step.mistake(
    "there is no scale",
    "Divide the scores by √d_k.",
    {" / math.sqrt(q.shape[1])": ""},
)
step.mistake(
    "the new tokens see only what was kept",
    "Their own rows are appended first: token i sees the places up to m + i.",
    {_MASK: f"{_MASK} & (np.arange(len(keys)) < len(keys) - len(q))"},
)
step.mistake(
    "the new tokens see only each other",
    "They see what was kept, too: that is what the cache is for.",
    {_MASK: f"{_MASK} & (np.arange(len(keys)) >= len(keys) - len(q))"},
)
step.mistake(
    "the mask comes after the softmax",
    "Hide the scores, not the weights: what is hidden has taken its part of the sum by then, and "
    "may have taken all.",
    {"softmax(scores, mask=mask)": "(softmax(scores) * mask)"},
    {"softmax(scores, mask=mask)": _SCALED_AGAIN.format("scores", "mask")},
)
step.mistake(
    "what is hidden has a finite score",
    "A hidden key gets the weight 0 whatever the others score: its score is -inf.",
    {"softmax(scores, mask=mask)": "softmax(scores * mask)"},
    {"softmax(scores, mask=mask)": "softmax(np.where(mask, scores, -1e4))"},
    {"softmax(scores, mask=mask)": "softmax(scores - 1e4 * ~mask)"},
)
step.mistake(
    "the mask is turned round",
    "True says that a key may be seen.",
    {"mask=mask": "mask=~mask"},
)
step.mistake(
    *faults.no_shift({"softmax(scores, mask=mask)": _NOT_SHIFTED.format("scores", "mask")})
)
step.mistake(
    *faults.double(
        {"math.sqrt(q.shape[1])": "np.sqrt(q.shape[1])"},
        hint="Leave the dtype as it came. np.sqrt of a whole number is a double, math.sqrt is not.",
    )
)


# 4 ---------------------------------------------------------------------------------------------


def _grouped_inputs(seed, H=6, G=2, L=3, S=5, d_k=4, d_v=2, dtype=np.float64, size=1.0):
    rng = np.random.default_rng(seed)
    shapes = (H, L, d_k), (G, S, d_k), (G, S, d_v)
    q, k, v = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    return q * dtype(size), k, v


def _grouped_hidden():
    """The later a key, the larger its score: from -30 000 to 30 000."""
    q, k, v = _grouped_inputs(7, L=3, S=4, d_k=2, size=0.1)
    k = 0.1 * k
    q[..., 0], k[..., 0] = 3e4 * 2**0.5, [-1.0, -0.99999, 0.0, 1.0]
    return q, k, v


def _grouped_cases():
    return [
        Case("six heads in two groups", _grouped_inputs(0)),
        Case("four heads in two groups, as many queries as keys", _grouped_inputs(1, H=4, L=5)),
        Case("one group", _grouped_inputs(2, G=1)),
        Case("a group for each head", _grouped_inputs(3, H=3, G=3)),
        Case("one query", _grouped_inputs(4, L=1, S=7)),
        Case("scores in the thousands", _grouped_inputs(5, size=3000.0)),
        Case("what is hidden scores far more than what is seen", _grouped_hidden()),
        Case("single precision", _grouped_inputs(6, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="Heads in groups",
    difficulty="medium",
    minutes=20,
    cases=_grouped_cases,
    hints=[
        "Head h reads group h // (H // G): the first H / G heads read group 0.",
        "np.repeat(k, H // G, axis=0) puts the copies of each key head one after the other.",
        "The last of L queries stands at the last of S keys: np.tri(L, S, S - L, dtype=bool).",
    ],
)
def grouped_attention(q, k, v):
    """Return causal grouped-query attention, (H, L, d_v), in the dtype of q.

    Shapes: q (H, L, d_k), k (G, S, d_k), v (G, S, d_v); G divides H, and the last query stands
    at the last key.
    """
    members, L, S = len(q) // len(k), q.shape[1], k.shape[1]
    k, v = np.repeat(k, members, axis=0), np.repeat(v, members, axis=0)
    scores = q @ k.swapaxes(1, 2) / math.sqrt(q.shape[2])
    mask = np.tri(L, S, S - L, dtype=bool)
    return softmax(scores, mask=mask) @ v


_K, _V = "np.repeat(k, members, axis=0)", "np.repeat(v, members, axis=0)"

grouped_attention.mistake(
    "the groups are dealt out to the heads in turn",
    "The first H / G heads read group 0. np.tile puts the copies in another order, in the same "
    "shape.",
    {_K: "np.tile(k, (members, 1, 1))", _V: "np.tile(v, (members, 1, 1))"},
)
grouped_attention.mistake(
    "keys and values are of different groups",
    "Copy both in the same order.",
    {_V: "np.tile(v, (members, 1, 1))"},
)
grouped_attention.mistake(
    "all heads read the first group",
    "That is multi-query attention. Head h reads group h // (H // G).",
    {_K: "np.repeat(k[:1], len(q), axis=0)", _V: "np.repeat(v[:1], len(q), axis=0)"},
)
grouped_attention.mistake(
    "the keys of all groups are averaged",
    "That is what is done once to the matrices of a trained model, not to the keys of each token.",
    {
        _K: "np.repeat(k.mean(axis=0, keepdims=True), len(q), axis=0)",
        _V: "np.repeat(v.mean(axis=0, keepdims=True), len(q), axis=0)",
    },
)
grouped_attention.mistake(
    "the mask is aligned at the first key",
    "The last query stands at the last key: shift the diagonal by S - L.",
    {"np.tri(L, S, S - L, dtype=bool)": "np.tri(L, S, dtype=bool)"},
)
grouped_attention.mistake(
    "there is no mask",
    "A query sees the keys up to its own place.",
    {", mask=mask": ""},
)
grouped_attention.mistake(
    "the scale is the root of the number of keys",
    "A score is a sum of d_k products, so divide by √d_k.",
    {"math.sqrt(q.shape[2])": "math.sqrt(k.shape[1])"},
)
grouped_attention.mistake(
    "there is no scale",
    "Divide the scores by √d_k.",
    {" / math.sqrt(q.shape[2])": ""},
)
grouped_attention.mistake(
    "the number of groups is taken for the size of a group",
    "A group has H // G heads, so head h reads group h // (H // G).",
    {
        _K: "k[np.arange(len(q)) // len(k) % len(k)]",
        _V: "v[np.arange(len(q)) // len(k) % len(k)]",
    },
)
grouped_attention.mistake(
    "a query does not see its own place",
    "The last of L queries stands at the last of S keys, and sees it.",
    {"np.tri(L, S, S - L, dtype=bool)": "np.tri(L, S, S - L - 1, dtype=bool)"},
)
_MEAN = "np.repeat(q.reshape(len(q) // members, members, L, -1).mean(axis=1), members, axis=0)"

grouped_attention.mistake(
    "the heads of a group ask one question",
    "Heads share keys and values. Each has its own queries, and its own weights.",
    {"scores = q @": f"q = {_MEAN}\n    scores = q @"},
    {"scores = q @": "q = np.repeat(q[::members], members, axis=0)\n    scores = q @"},
)
grouped_attention.mistake(
    "the mask comes after the softmax",
    "Hide the scores, not the weights: what is hidden has taken its part of the sum by then, and "
    "may have taken all.",
    {"softmax(scores, mask=mask)": "(softmax(scores) * mask)"},
    {"softmax(scores, mask=mask)": _SCALED_AGAIN.format("scores", "mask")},
)
grouped_attention.mistake(
    "what is hidden has a finite score",
    "A hidden key gets the weight 0 whatever the others score: its score is -inf.",
    {"softmax(scores, mask=mask)": "softmax(scores * mask)"},
    {"softmax(scores, mask=mask)": "softmax(np.where(mask, scores, -1e4))"},
    {"softmax(scores, mask=mask)": "softmax(scores - 1e4 * ~mask)"},
)
grouped_attention.mistake(
    "the mask is turned round",
    "True says that a key may be seen.",
    {"mask=mask": "mask=~mask"},
)
grouped_attention.mistake(
    *faults.no_shift({"softmax(scores, mask=mask)": _NOT_SHIFTED.format("scores", "mask")})
)
grouped_attention.mistake(
    *faults.double(
        {"math.sqrt(q.shape[2])": "np.sqrt(q.shape[2])"},
        hint="Leave the dtype as it came. np.sqrt of a whole number is a double, math.sqrt is not.",
    )
)


# 5 ---------------------------------------------------------------------------------------------


def _wide_inputs(seed, L=3, d_k=5, d_r=2, R=7, dtype=np.float64):
    rng = np.random.default_rng(seed)
    shapes = (L, d_k), (L, d_r), (R, d_k)
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)


def _wide_cases():
    return [
        Case("a latent of seven", _wide_inputs(0)),
        Case("a latent as wide as a key", _wide_inputs(1, d_k=4, R=4, d_r=4)),
        Case("a latent that is shorter", _wide_inputs(2, d_k=6, R=3)),
        Case("one query", _wide_inputs(3, L=1, d_r=6)),
        Case("single precision", _wide_inputs(4, dtype=np.float32), rtol=1e-5),
    ]


@function_exercise(
    title="The wide query",
    difficulty="hard",
    minutes=20,
    cases=_wide_cases,
    hints=[
        "The key would be c W_uk. Write q · (c W_uk) with the transpose, and move the brackets.",
        "q W_ukᵀ has R numbers, and its product with the latent is the score of the unturned part.",
        "The rows have the turned key first. The scale is that of the key as it would be.",
    ],
)
def wide_query(q, q_r, W_uk):
    """Return queries (L, d_r + R) whose products with the kept rows are the scores.

    They have the dtype of q.

    Shapes: q (L, d_k), q_r (L, d_r), W_uk (R, d_k). A row is the turned key, d_r numbers, then
    the latent, R numbers. The scores are divided by the root of d_k + d_r.
    """
    scale = math.sqrt(q.shape[1] + q_r.shape[1])
    return np.concatenate([q_r, q @ W_uk.T], axis=1) / scale


wide_query.mistake(
    "the scale is that of the wide row",
    "The rows are d_r + R wide, the key as it would be d_r + d_k. The score is the same as in the "
    "plain form.",
    {"q.shape[1] + q_r.shape[1]": "W_uk.shape[0] + q_r.shape[1]"},
)
wide_query.mistake(
    "the turned part is left out of the scale",
    "The score sums d_k + d_r products.",
    {"q.shape[1] + q_r.shape[1]": "q.shape[1]"},
)
wide_query.mistake(
    "there is no scale",
    "Divide by the root of d_k + d_r.",
    {" / scale": ""},
)
wide_query.mistake(
    "the latent stands first",
    "A row is the turned key, then the latent.",
    {"[q_r, q @ W_uk.T]": "[q @ W_uk.T, q_r]"},
)
wide_query.mistake(
    "only the unturned part is divided",
    "The scale divides the whole score.",
    {
        "np.concatenate([q_r, q @ W_uk.T], axis=1) / scale": "np.concatenate("
        "[q_r, q @ W_uk.T / scale], axis=1)"
    },
)
wide_query.mistake(
    "only the turned part is divided",
    "The scale divides the whole score.",
    {
        "np.concatenate([q_r, q @ W_uk.T], axis=1) / scale": "np.concatenate("
        "[q_r / scale, q @ W_uk.T], axis=1)"
    },
)
wide_query.mistake(
    "the scale is not a root",
    "Divide by the square root.",
    {"math.sqrt(q.shape[1] + q_r.shape[1])": "(q.shape[1] + q_r.shape[1])"},
)
wide_query.mistake(
    "each part has a scale of its own",
    "The two parts are added to one score, which is divided once, by the root of d_k + d_r.",
    {
        "np.concatenate([q_r, q @ W_uk.T], axis=1) / scale": "np.concatenate([q_r / math.sqrt("
        "q_r.shape[1]), q @ W_uk.T / math.sqrt(q.shape[1])], axis=1)"
    },
)
wide_query.mistake(
    "the scale is that of the latent",
    "The score is a sum of d_k + d_r products, however long the latent is.",
    {"q.shape[1] + q_r.shape[1]": "W_uk.shape[0]"},
)
wide_query.mistake(
    "it multiplies by the scale",
    "Scores are divided by the root.",
    {" / scale": " * scale"},
)
wide_query.mistake(
    *faults.double(
        {"math.sqrt": "np.sqrt"},
        hint="Leave the dtype as it came. np.sqrt of a whole number is a double, math.sqrt is not.",
    )
)


# 6 ---------------------------------------------------------------------------------------------


def _places_cases():
    rng = np.random.default_rng(0)
    left = np.array([[False, False, True, True, True], [True] * 5])
    return [
        Case("padding on the left", (left, np.array([0, 0]))),
        Case("a second call", (left, np.array([4, 2]))),
        Case("padding between real tokens", (rng.random((4, 9)) < 0.6, np.array([3, 0, 7, 1]))),
        Case("padding on the right", (left[:, ::-1], np.array([1, 5]))),
        Case("one new token", (np.array([[True], [False], [True]]), np.array([6, 2, 0]))),
        Case("padding alone", (np.zeros((2, 3), bool), np.array([2, 9]))),
    ]


@function_exercise(
    title="Erratum: positions of a padded batch",
    difficulty="medium",
    minutes=15,
    cases=_places_cases,
    hints=[
        "The first real token of each sequence stands at start, wherever it stands in the array.",
        "np.cumsum counts the real tokens up to each place, this one included.",
        "A position of 0 says that the padding is the first token. It needs -1.",
    ],
)
def places(real, start):
    """Return the position of each token, (B, n), and -1 for padding.

    Shapes: real (B, n), True where a token is real; start (B,), the real tokens of each sequence
    before this call.
    """
    here = start[:, None] + np.cumsum(real, axis=1) - 1
    return np.where(real, here, -1)


_HERE = "np.cumsum(real, axis=1) - 1"

places.mistake(
    "it is the program of the exercise",
    "Both faults are still there: padding is counted, and takes position 0.",
    {_HERE: "np.arange(real.shape[1])", "here, -1": "here, 0"},
)
places.mistake(
    "padding is counted",
    "Count real tokens only: the shorter prompt begins at its start, too.",
    {_HERE: "np.arange(real.shape[1])"},
)
places.mistake(
    "padding takes position 0",
    "Then it looks like the first token, and is seen.",
    {"here, -1": "here, 0"},
)
places.mistake(
    "positions begin one too late",
    "np.cumsum counts the token itself: take 1 away.",
    {_HERE: "np.cumsum(real, axis=1)"},
)
places.mistake(
    "positions begin at 0 in each call",
    "They go on where the tokens before this call end.",
    {"start[:, None] + np.cumsum": "0 * start[:, None] + np.cumsum"},
)
places.mistake(
    "the padding goes on counting",
    "Padding gets -1.",
    {"np.where(real, here, -1)": "here"},
)
places.mistake(
    "the sequences are counted together",
    "Each sequence of the batch counts for itself: axis 1.",
    {"axis=1) - 1": "axis=0) - 1"},
)
places.mistake(
    "only padding on the left is counted out",
    "Padding may stand between real tokens and on the right, too. Count the real tokens up to each "
    "place.",
    {_HERE: "np.arange(real.shape[1]) - real.argmax(axis=1)[:, None]"},
    {_HERE: "np.arange(real.shape[1]) - (~real).sum(axis=1)[:, None]"},
)
places.mistake(
    "the whole batch goes on at one place",
    "Each sequence has had as many real tokens as its own start says.",
    {"start[:, None]": "start.max()"},
    {"start[:, None]": "start.min()"},
    {"start[:, None]": "start[0]"},
)
