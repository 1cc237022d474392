"""The exercises on positions."""

import math

import numpy as np

from attention_book.checking import Case, function_exercise, question

PLACE = (3, 2)

# 1 ---------------------------------------------------------------------------------------------


@question(
    title="Two hands",
    difficulty="easy",
    minutes=5,
    rtol=0.005,
    hints=[
        "A query (1, 0) at position 5 has turned by 5 · 30°, a key at position 3 by 3 · 30°.",
        "The dot product of two vectors of length 1 is the cosine of the angle between them.",
        "The key (0, 1) is a quarter turn ahead of (1, 0) before anything turns.",
    ],
)
def hands():
    """Compute scores of RoPE by hand.

    There is one pair of features, and it turns by 30° a position. Answer with four numbers, the
    dot products: a query (1, 0) at position 5 with a key (1, 0) at position 3; both moved on by
    1000 positions; the query at 5 with a key (1, 0) at position 11; and the query at 5 with a key
    (0, 1) at position 5.
    """
    return (0.5, 0.5, -1.0, 0.0)


hands.mistake(
    "the angle of the query alone was taken",
    "Both have turned. What counts is the angle between them, (5 − 3) · 30°.",
    {0: -0.866, 1: -0.866},
    lambda answer: abs(answer[0] + 0.866) < 0.01,
)
hands.mistake(
    "the scores are thought to change when both move",
    "Query and key turn on by the same angle, so the angle between them stays.",
    {1: -0.5},
    lambda answer: abs(answer[0] - 0.5) < 0.01 and abs(answer[1] - 0.5) > 0.01,
)
hands.mistake(
    "the sign of the distance is thought to matter",
    "A cosine is the same in both directions: 6 positions ahead are half a turn, cos 180°.",
    {2: 1.0},
)
hands.mistake(
    "at the same position the vectors are thought to be equal",
    "Nothing turns between them: the score is that of the vectors as they were, (1, 0) · (0, 1).",
    {3: 1.0},
)
hands.mistake(
    "the angles were counted in radians",
    "30° are π/6. The cosine of the number 60 is another thing.",
    {0: math.cos(60), 1: math.cos(60), 2: math.cos(180), 3: math.cos(90)},
    lambda answer: abs(answer[0] + 0.952) < 0.005,
)
hands.mistake(
    "the sine was taken for the cosine",
    "The dot product of two directions is the cosine of the angle between them.",
    {0: 0.866, 1: 0.866, 2: 0.0, 3: 1.0},
    lambda answer: abs(answer[0] - 0.866) < 0.01,
)


# 2 ---------------------------------------------------------------------------------------------


@question(
    title="Buckets of a decoder",
    difficulty="easy",
    minutes=10,
    hints=[
        "Half of the buckets, 0 to 7, hold one distance each.",
        "From 8 to 128 the distance grows sixteenfold in 8 buckets: by a factor of √2 each.",
        "16 is 8 · √2², so it begins the second bucket after bucket 8.",
        "A decoder masks keys ahead of a query; the rule puts them into bucket 0.",
    ],
)
def bucket_numbers():
    """Find the buckets of T5 for a decoder with 16 buckets and a maximum distance of 128.

    Answer with five whole numbers: the buckets of keys that lie 7, 8, 16 and 500 positions
    behind the query, and of a key that lies 3 positions ahead.
    """
    return (7, 8, 10, 15, 0)


bucket_numbers.mistake(
    "distances are thought to have a bucket each as far as buckets go",
    "Only half of the buckets are exact. From 8 on, each holds a range.",
    {2: 15},
)
bucket_numbers.mistake(
    "the buckets behind the exact ones are thought to be of equal width",
    "They grow by a constant factor, not by a constant step: 16 lies further along than it seems.",
    {2: 8},
)
bucket_numbers.mistake(
    "a distance beyond the maximum is thought to have no bucket",
    "The last bucket holds everything from there on.",
    {3: 16},
    lambda answer: answer[3] > 15 and answer[0] == 7,
)
bucket_numbers.mistake(
    "that is the rule of an encoder",
    "In both directions each side has 8 buckets, 4 of them exact. A decoder has 16 for one side.",
    {0: 4, 1: 4, 2: 5, 3: 7, 4: 11},
    lambda answer: answer[0] == 4 or answer[3] == 7,
)
bucket_numbers.mistake(
    "the buckets are counted from 1",
    "The key at the query's own position has bucket 0.",
    {0: 8, 1: 9, 2: 11, 3: 16, 4: 1},
)
bucket_numbers.mistake(
    "a key ahead is treated as one behind",
    "Without its absolute value the distance is −3, and the rule takes 0 in its place.",
    {4: 3},
    lambda answer: answer[4] == 3,
)


# 3 ---------------------------------------------------------------------------------------------


def _turn_inputs(seed, n=5, d=8, start=0, base=10_000.0, dtype=np.float64):
    x = np.random.default_rng(seed).standard_normal((n, d))
    return x.astype(dtype), start, base


def _turn_cases():
    return [
        Case("five tokens from position 0", _turn_inputs(0)),
        Case("a cache of 7 positions before them", _turn_inputs(1, start=7)),
        Case("another base", _turn_inputs(2, base=50.0)),
        Case("one token far away", _turn_inputs(3, n=1, start=900, d=6)),
        Case("one pair", _turn_inputs(4, n=4, d=2, start=3)),
        Case("single precision", _turn_inputs(5, start=2, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="RoPE on halves",
    difficulty="medium",
    minutes=20,
    cases=_turn_cases,
    hints=[
        "The frequencies are base ** (-2m/d), for m from 0 to d/2 − 1.",
        "The angles have the shape (n, d/2): positions[:, None] * omega.",
        "With halves, feature m is paired with feature m + d/2: a = x[:, :d//2], b = x[:, d//2:].",
        "The new pair is (a cos − b sin, a sin + b cos).",
    ],
)
def turn(x, start, base):
    """Rotate tokens by their positions, start, start + 1, …, with feature m paired to m + d/2.

    Shapes: x (n, d) with an even d, start an integer, base a number. The result has the shape and
    the dtype of x.
    """
    n, d = x.shape
    omega = base ** (-np.arange(0, d, 2) / d)
    angles = (start + np.arange(n))[:, None] * omega
    cos, sin = np.cos(angles), np.sin(angles)
    a, b = x[:, : d // 2], x[:, d // 2 :]
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=1).astype(x.dtype)


turn.mistake(
    "neighbouring features are paired",
    "That is the other pairing. Here feature m belongs to feature m + d/2.",
    lambda x, start, base: _turn_neighbours(x, start, base),
)
turn.mistake(
    "each angle belongs to two neighbours, but the features are paired by halves",
    "The program mixes two pairings: it repeats each angle twice in a row and then turns halves. "
    "Lengths are no longer kept.",
    lambda x, start, base: _turn_mixed(x, start, base),
)
turn.mistake(
    "it turns the other way",
    "The signs of the sines are exchanged: a cos − b sin comes first.",
    {"a * cos - b * sin, a * sin + b * cos": "a * cos + b * sin, b * cos - a * sin"},
)
turn.mistake(
    "a minus is missing",
    "(a cos − b sin, a sin + b cos): with two plus signs it is no rotation.",
    {"a * cos - b * sin": "a * cos + b * sin"},
)
turn.mistake(
    "positions begin at 0 in spite of the cache",
    "The first of these tokens stands at position start.",
    {"(start + np.arange(n))": "np.arange(n)"},
    lambda x, start, base: turn.solve(x, 0, base),
)
turn.mistake(
    "positions begin at 1",
    "The first position is start itself.",
    {"np.arange(n))[": "np.arange(1, n + 1))["},
)
turn.mistake(
    "the base was written into the program",
    "It is an argument. Models for long texts take larger ones.",
    {"base ** (": "10_000.0 ** ("},
)
turn.mistake(
    "the exponent lacks its 2",
    "Pair m turns with base^(−2m/d); without the 2 the slowest pair is too fast.",
    {"-np.arange(0, d, 2)": "-np.arange(d // 2)"},
)
turn.mistake(
    "the exponent has the other sign",
    "The frequencies fall from 1. With a plus the second pair turns many times a position.",
    {"(-np.arange": "(np.arange"},
)
turn.mistake(
    "the angle is added, not turned by",
    "RoPE multiplies by a rotation. What is added is a sinusoidal code.",
    {"a * cos - b * sin, a * sin + b * cos": "a + sin, b + cos"},
)
turn.mistake(
    "the positions run backwards",
    "The first token has the smallest position.",
    {"np.arange(n))[:, None]": "np.arange(n)[::-1])[:, None]"},
)


def _turn_neighbours(x, start, base):
    n, d = x.shape
    angles = (start + np.arange(n))[:, None] * base ** (-2 * np.arange(d // 2) / d)
    cos, sin = np.cos(angles), np.sin(angles)
    a, b = x[:, 0::2], x[:, 1::2]
    pairs = np.stack([a * cos - b * sin, a * sin + b * cos], axis=-1)
    return pairs.reshape(n, d).astype(x.dtype)


def _turn_mixed(x, start, base):
    n, d = x.shape
    angles = (start + np.arange(n))[:, None] * base ** (-2 * np.arange(d // 2) / d)
    angles = np.repeat(angles, 2, axis=1)
    half = np.concatenate([-x[:, d // 2 :], x[:, : d // 2]], axis=1)
    return (x * np.cos(angles) + half * np.sin(angles)).astype(x.dtype)


# 4 ---------------------------------------------------------------------------------------------


def _code_inputs(seed, B=2, n=5, d=6, rows=9, dtype=np.float64):
    rng = np.random.default_rng(seed)
    x, table = rng.standard_normal((B, n, d)), rng.standard_normal((rows, d))
    return x.astype(dtype), table.astype(dtype)


def _code_cases():
    return [
        Case("two sequences of five tokens", _code_inputs(0)),
        Case("one sequence", _code_inputs(1, B=1)),
        Case("as many sequences as tokens", _code_inputs(2, B=4, n=4)),
        Case("more sequences than tokens", _code_inputs(3, B=7, n=3)),
        Case("one token each", _code_inputs(4, B=3, n=1)),
        Case("as many features as tokens", _code_inputs(5, n=5, d=5)),
        Case("the table is just long enough", _code_inputs(6, n=4, rows=4)),
        Case("single precision", _code_inputs(7, dtype=np.float32), rtol=1e-5),
    ]


@function_exercise(
    title="Erratum: positions of the batch",
    difficulty="medium",
    minutes=10,
    cases=_code_cases,
    hints=[
        "x.shape[0] is how many sequences there are. Which axis has the tokens?",
        "table[: x.shape[1]] has the shape (n, d). Added to (B, n, d), it meets the last two axes.",
    ],
)
def coded(x, table):
    """Add to each token the row of the table for its position, (B, n, d).

    Shapes: x (B, n, d), the batch first; table (N, d) with N at least n. The result is a new
    array in the dtype of x.
    """
    return x + table[: x.shape[1]]


coded.mistake(
    "all tokens of a sequence get the code of the sequence",
    "This is the program of the task: the table was cut to the size of the batch. The order of the "
    "tokens stays invisible, and a sentence depends on its place in the batch.",
    lambda x, table: x + np.resize(table, (len(x), x.shape[2]))[:, None],
)
coded.mistake(
    "every token gets the code of position 0",
    "table[:1] broadcasts over all tokens. Each needs its own row.",
    {"table[: x.shape[1]]": "table[:1]"},
)
coded.mistake(
    "positions begin at 1",
    "The first token has row 0.",
    lambda x, table: x + np.roll(table, -1, axis=0)[: x.shape[1]],
)
coded.mistake(
    "the code replaced the token",
    "It is added: what stands there must not be lost.",
    {"x + table": "np.zeros_like(x) + table"},
)
coded.mistake(
    "the last rows of the table were taken",
    "Position 0 is row 0, however long the table is.",
    {"table[: x.shape[1]]": "table[-x.shape[1] :]"},
)
coded.mistake(
    "positions run on through the batch",
    "Every sequence begins at position 0.",
    lambda x, table: x + np.resize(table, (x.shape[0] * x.shape[1], x.shape[2])).reshape(x.shape),
)
coded.mistake(
    "the positions run backwards",
    "The first token has row 0, the last row n − 1.",
    {"table[: x.shape[1]]": "table[: x.shape[1]][::-1]"},
)


# 5 ---------------------------------------------------------------------------------------------


def _weights_of(seed, H=3, d=4, d_model=5, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal((d_model, H * d)).astype(dtype), H


def _pairing_cases():
    return [
        Case("three heads of four features", _weights_of(0)),
        Case("one head", _weights_of(1, H=1, d=8)),
        Case("two heads of eight features", _weights_of(2, H=2, d=8)),
        Case("heads of two features", _weights_of(3, H=5, d=2), rtol=1e-15),
        Case("square", _weights_of(4, H=2, d=6, d_model=12)),
        Case("single precision", _weights_of(5, H=2, d=6, dtype=np.float32), rtol=1e-6),
    ]


@function_exercise(
    title="Weights for the other pairing",
    difficulty="medium",
    minutes=15,
    cases=_pairing_cases,
    hints=[
        "Within each head, pair m of neighbours stands in columns 2m and 2m + 1.",
        "On halves, the pair belongs into columns m and m + d/2.",
        "First all even columns of a head, then all odd ones: 0, 2, 4, …, 1, 3, 5, …",
        "W.reshape(d_model, H, d) separates the heads.",
    ],
)
def to_halves(W, H):
    """Put the columns of W_q, or W_k, into the order that RoPE on halves needs.

    The model was trained with neighbours as pairs. Shapes: W (d_model, H d), the features of one
    head after those of another; H an integer; d is even. The result has the shape of W.
    """
    heads = W.reshape(len(W), H, W.shape[1] // H)
    return np.concatenate([heads[:, :, 0::2], heads[:, :, 1::2]], axis=2).reshape(W.shape)


to_halves.mistake(
    "the heads are mixed",
    "The order is changed within each head. Across the whole matrix it carries features into other "
    "heads.",
    lambda W, H: np.concatenate([W[:, 0::2], W[:, 1::2]], axis=1),
)
to_halves.mistake(
    "that is the way back",
    "It takes weights for halves and makes neighbours of them: 0, d/2, 1, d/2 + 1, …",
    lambda W, H: W.reshape(len(W), H, 2, -1).swapaxes(2, 3).reshape(W.shape),
)
to_halves.mistake(
    "the odd columns come first",
    "The even one of a pair turns into the first half.",
    {"heads[:, :, 0::2], heads[:, :, 1::2]": "heads[:, :, 1::2], heads[:, :, 0::2]"},
)
to_halves.mistake(
    "the rows were put in order",
    "Rows belong to features of the model, columns to those of queries and keys. PyTorch's "
    "nn.Linear stores them the other way round.",
    lambda W, H: np.concatenate([W[0::2], W[1::2]]),
)
to_halves.mistake(
    "the weights came back as they were",
    "With the old order each pair is torn apart: it runs and writes nonsense.",
    lambda W, H: W.copy(),
)
to_halves.mistake(
    "the halves were exchanged",
    "Not the halves change places: even and odd features separate.",
    lambda W, H: np.roll(W.reshape(len(W), H, -1), W.shape[1] // H // 2, axis=2).reshape(W.shape),
)


# 6 ---------------------------------------------------------------------------------------------


def _shift_inputs(seed, L=3, S=5, dtype=np.float64):
    return (np.random.default_rng(seed).standard_normal((L, L + S - 1)).astype(dtype), S)


def _shift_cases():
    return [
        Case("three queries, five keys", _shift_inputs(0)),
        Case("as many queries as keys", _shift_inputs(1, L=4, S=4)),
        Case("one query", _shift_inputs(2, L=1, S=6), rtol=1e-15),
        Case("one key", _shift_inputs(3, L=4, S=1)),
        Case("more queries than keys", _shift_inputs(4, L=6, S=2)),
        Case("single precision", _shift_inputs(5, dtype=np.float32), rtol=1e-6),
    ]


@function_exercise(
    title="The shift",
    difficulty="hard",
    minutes=20,
    cases=_shift_cases,
    hints=[
        "Query i stands at position S − L + i, key j at j. What is their distance?",
        "Distance S − 1 is column 0, so distance δ is column S − 1 − δ.",
        "Together: row i needs the columns L − 1 − i, …, L − 1 − i + S − 1.",
        "A loop over the rows is enough. The trick with a column of zeros does it in one step.",
    ],
)
def shift(scores, S):
    """Give each query and key the score of their distance, (L, S).

    Shapes: scores (L, L + S − 1): row i has the scores of query i with the distances S − 1,
    S − 2, …, −(L − 1), in this order. The last query stands at the last key.
    """
    L = len(scores)
    return np.array([row[L - 1 - i : L - 1 - i + S] for i, row in enumerate(scores)])


shift.mistake(
    "it is off by one",
    "The last query stands at the last key: its distance to key 0 is S − 1, column 0.",
    lambda scores, S: np.array([np.roll(row, i - len(scores))[:S] for i, row in enumerate(scores)]),
)
shift.mistake(
    "each row has the same distances",
    "Two queries at different positions have different distances to the same key.",
    lambda scores, S: scores[:, :S].copy(),
)
shift.mistake(
    "the rows are shifted the other way",
    "A later query is further from the same key, so its columns begin earlier.",
    lambda scores, S: np.array([row[i : i + S] for i, row in enumerate(scores)]),
)
shift.mistake(
    "the distances are read backwards",
    "Column 0 is the largest distance, S − 1: the first key, seen from the last query.",
    lambda scores, S: shift.solve(scores[:, ::-1], S),
)
shift.mistake(
    "the entries were cut off at the wrong end",
    "After a column of zeros is put in front, the first L entries go, not the last.",
    lambda scores, S: (
        np.pad(scores, ((0, 0), (1, 0))).ravel()[: scores.size].reshape(scores.shape)[:, :S]
    ),
)
shift.mistake(
    "queries are aligned at the first key",
    "With fewer queries than keys, query 0 stands at position S − L, not at 0.",
    lambda scores, S: np.array([np.roll(row, i + 1 - S)[:S] for i, row in enumerate(scores)]),
)
