"""The exercises on tiles."""

import math

import numpy as np

from attention_book.checking import Case, function_exercise, question

PLACE = (4, 2)

# 1 ---------------------------------------------------------------------------------------------


@question(
    title="Merge by hand",
    difficulty="easy",
    minutes=5,
    rtol=0.002,
    hints=[
        "e to the logsumexp says how much a part weighs: 2 and 6.",
        "The weights of the parts are 2/8 and 6/8.",
        "Output 2/8 · 10 + 6/8 · 2; the logsumexp is the logarithm of 8.",
    ],
)
def by_hand():
    """Merge two partial results for one query.

    Part A brings the output 10 and the logsumexp ln 2, part B the output 2 and the logsumexp
    ln 6. Answer with two numbers: the output for all keys, and their logsumexp.
    """
    return (4.0, 2.0794)


by_hand.mistake(
    "the outputs are averaged",
    "The parts do not weigh the same: part B has three times the sum of part A.",
    {0: 6.0},
)
by_hand.mistake(
    "the outputs are weighed by the logsumexps themselves",
    "A logsumexp is the logarithm of a weight. Take e to it first.",
    {0: (10 * math.log(2) + 2 * math.log(6)) / math.log(12)},
)
by_hand.mistake(
    "the logsumexps are added",
    "Their sum would be the logarithm of 2 · 6. The weights are added, not multiplied.",
    {1: 2.4849},
)
by_hand.mistake(
    "the weights of the parts are exchanged",
    "ln 6 belongs to the output 2.",
    {0: 8.0},
)
by_hand.mistake(
    "the sum was not divided",
    "2 · 10 + 6 · 2 is the sum over both parts. Divide it by 8.",
    {0: 32.0},
)
by_hand.mistake(
    "the sum is given and not its logarithm",
    "8 is the sum of the exponentials. The logsumexp is its logarithm.",
    {1: 8.0},
)
by_hand.mistake(
    "the larger logsumexp is kept",
    "That is the maximum. The keys of the other part count, too.",
    {1: 1.7918},
)
by_hand.mistake(
    "the logarithm is not the natural one",
    "Merging goes on with e to the logsumexp, so it is the logarithm to the base e.",
    {1: 3.0},
    lambda answer: abs(answer[1] - 3) < 0.01 or abs(answer[1] - 0.903) < 0.003,
)


# 2 ---------------------------------------------------------------------------------------------


@question(
    title="Which tiles are read",
    difficulty="easy",
    minutes=10,
    rtol=1e-6,
    hints=[
        "Take the last query of a tile: it sees the most.",
        "With as many keys as queries, the rows of tiles end at the keys 128, 256, ..., 1024.",
        "With 512 queries the first row of tiles ends at 128 + 512 keys.",
    ],
)
def tiles_read():
    """Count tiles of 128 queries by 256 keys under a causal mask that is aligned at the end.

    Answer with three numbers: how many of the 32 tiles of 1024 queries and 1024 keys are read;
    how many of the 16 tiles of 512 queries and 1024 keys; and how many of the first number need
    the mask, since they see some of their keys and not others.
    """
    return (20, 14, 8)


tiles_read.mistake(
    "half of the tiles are thought to be read",
    "A tile that the diagonal passes through is read as a whole.",
    {0: 16, 1: 8},
)
tiles_read.mistake(
    "tiles that the diagonal cuts are left out",
    "They see some of their keys: they are read, and masked.",
    {0: 12, 1: 10},
)
tiles_read.mistake(
    "the mask is aligned at the start",
    "The last query stands at the last key: 512 queries see at least 513 keys each.",
    {1: 6},
)
tiles_read.mistake(
    "all tiles are read",
    "Nothing is read of a tile that lies wholly in the future.",
    {0: 32, 1: 16},
)
tiles_read.mistake(
    "every tile is thought to need the mask",
    "A tile that lies wholly in the past sees all of its keys.",
    {2: 20},
)
tiles_read.mistake(
    "as many tiles as columns are thought to need the mask",
    "There are eight rows of tiles, and the diagonal passes through one tile in each.",
    {2: 4},
)
tiles_read.mistake(
    "the tiles that need no mask are counted",
    "12 tiles are seen as a whole. Asked for are those that are cut.",
    {2: 12},
)


# 3 ---------------------------------------------------------------------------------------------


def _parts(seed, L=4, d=3, size=1.0, shift=0.0, empty=(), dtype=np.float64):
    rng = np.random.default_rng(seed)
    outputs, sums = rng.standard_normal((2, L, d)), size * rng.standard_normal((2, L)) + shift
    for part, row in empty:
        outputs[part, row], sums[part, row] = 0, -np.inf
    arrays = (outputs[0], sums[0], outputs[1], sums[1])
    return tuple(x.astype(dtype) for x in arrays)


def _merge_cases():
    return [
        Case("two parts", _parts(0)),
        Case("as many queries as features", _parts(1, L=3, d=3)),
        Case("one part has seen nothing", _parts(2, empty=[(0, 1), (1, 2)])),
        Case("neither has seen anything", _parts(3, empty=[(0, 1), (1, 1)])),
        Case("scores in the thousands", _parts(4, size=2000.0)),
        Case("scores far below zero", _parts(6, shift=-2e5)),
        Case("single precision", _parts(5, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="The merge",
    difficulty="medium",
    minutes=15,
    cases=_merge_cases,
    hints=[
        "Subtract the larger of the two logsumexps before you take exponentials.",
        "The output is the average of the two outputs with these exponentials as weights.",
        "If both are -inf, subtract 0, and divide by 1: the output is 0, the logsumexp -inf.",
    ],
)
def merge(output, logsumexp, other, other_logsumexp):
    """Return the output and the logsumexp for the keys of both parts.

    Shapes: output and other (L, d), the logsumexps (L,). A part that has seen nothing has zeros
    and -inf.
    """
    peak = np.maximum(logsumexp, other_logsumexp)
    peak = np.where(np.isneginf(peak), 0, peak)
    one, two = np.exp(logsumexp - peak), np.exp(other_logsumexp - peak)
    total = one + two
    safe = np.where(total == 0, 1, total)
    merged = (one[:, None] * output + two[:, None] * other) / safe[:, None]
    return merged, np.where(total == 0, -np.inf, peak + np.log(safe))


_MERGED = "one[:, None] * output + two[:, None] * other"
_LOG = "peak + np.log(safe)"
merge.mistake(
    "the outputs are averaged",
    "A part with a larger sum has more to say. Weigh the outputs by e to the logsumexps.",
    lambda o, a, p, b: ((o + p) / 2, merge.solve(o, a, p, b)[1]),
)
merge.mistake(
    "the outputs are added",
    "Each output was divided by the sum of its own part. Weigh them before they are added.",
    lambda o, a, p, b: (o + p, merge.solve(o, a, p, b)[1]),
)
merge.mistake(
    "the weights are exchanged",
    "The first logsumexp belongs to the first output.",
    {_MERGED: "two[:, None] * output + one[:, None] * other"},
)
merge.mistake(
    "the sum is not divided",
    "The two weights have to sum to 1.",
    {" / safe[:, None]": ""},
)
merge.mistake(
    "the larger logsumexp is returned",
    "The next merge would give this part too little. Its sum is that of both.",
    {_LOG: "np.maximum(logsumexp, other_logsumexp)"},
)
merge.mistake(
    "what was subtracted is not added again",
    "log of the sum of e^(ℓ − peak) is ℓ − peak. Add the peak.",
    {_LOG: "np.log(safe)"},
)
merge.mistake(
    "the logsumexps are added",
    "Their exponentials are added: log(e^a + e^b).",
    {_LOG: "logsumexp + other_logsumexp"},
)
merge.mistake(
    "nothing is subtracted before the exponentials",
    "e to a score in the thousands is infinite, and e to minus that is 0. Subtract the larger one.",
    {"np.where(np.isneginf(peak), 0, peak)": "np.zeros_like(peak)"},
)
merge.mistake(
    "a finite number stands for -inf",
    "A true logsumexp can lie below it, and then the part is lost. Look for -inf itself.",
    {"np.where(np.isneginf(peak), 0, peak)": "np.maximum(peak, -1e4)"},
)
merge.mistake(
    "one number is subtracted for all queries",
    "Queries have scores of their own size. Take the larger logsumexp of each query.",
    {
        "peak = np.maximum(logsumexp, other_logsumexp)": "peak = np.zeros_like(logsumexp)"
        " + max(logsumexp.max(), other_logsumexp.max())"
    },
)
merge.mistake(
    "-inf is subtracted from -inf",
    "Where neither part has seen anything, the difference is NaN. Subtract 0 there.",
    {"np.where(np.isneginf(peak), 0, peak)": "peak"},
)


# 4 ---------------------------------------------------------------------------------------------


def _row_inputs(seed, L=3, S=7, d=4, tile=3, shift=0.0, size=1.0, hidden=(), dtype=np.float64):
    rng = np.random.default_rng(seed)
    scores = size * rng.standard_normal((L, S)) + shift
    for row, start, end in hidden:
        scores[row, start:end] = -np.inf
    return scores.astype(dtype), rng.standard_normal((S, d)).astype(dtype), tile


def _row_cases():
    return [
        Case("seven keys in tiles of three", _row_inputs(0)),
        Case("one tile", _row_inputs(1, S=3)),
        Case("tiles of one key", _row_inputs(2, tile=1)),
        Case("as many queries as keys and features", _row_inputs(3, L=4, S=4, d=4, tile=2)),
        Case("all scores far below zero", _row_inputs(4, shift=-2e5)),
        Case("scores in the thousands", _row_inputs(5, size=2000.0)),
        Case("the first tile is hidden", _row_inputs(6, hidden=[(0, 0, 3), (2, 0, 5)])),
        Case("a query sees nothing", _row_inputs(7, hidden=[(1, 0, 7)])),
        Case("single precision", _row_inputs(8, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="One pass",
    difficulty="medium",
    minutes=25,
    cases=_row_cases,
    hints=[
        "Keep for each query the largest score so far, the sum, and the sum of the values.",
        "For a tile: the new maximum, the factor e^(old maximum − new maximum), the exponentials.",
        "The factor shrinks both sums. Divide after the last tile.",
        "While a query has seen nothing, its maximum is -inf: subtract 0 instead.",
    ],
)
def one_pass(scores, v, tile):
    """Return softmax(scores) @ v, (L, d), reading ``tile`` keys at a time.

    Shapes: scores (L, S), -inf where hidden; v (S, d); tile an integer that need not divide S. A
    query that sees nothing gets zeros.
    """
    L, S = scores.shape
    peak = np.full((L, 1), -np.inf, scores.dtype)
    total, output = np.zeros((L, 1), v.dtype), np.zeros((L, v.shape[1]), v.dtype)
    for start in range(0, S, tile):
        part = scores[:, start : start + tile]
        higher = np.maximum(peak, part.max(axis=1, keepdims=True))
        level = np.where(np.isneginf(higher), 0, higher)
        shrink, exponentials = np.exp(peak - level), np.exp(part - level)
        total = shrink * total + exponentials.sum(axis=1, keepdims=True)
        output = shrink * output + exponentials @ v[start : start + tile]
        peak = higher
    return output / np.where(total == 0, 1, total)


one_pass.mistake(
    "the sum is not shrunk",
    "The sum so far was made below a lower maximum. It has to shrink as the values do.",
    {"shrink * total": "total"},
)
one_pass.mistake(
    "the values are not shrunk",
    "The values so far were weighed below a lower maximum. Multiply them by the same factor.",
    {"shrink * output": "output"},
)
one_pass.mistake(
    "nothing is shrunk",
    "When a larger score arrives, everything before it counts less: e^(old − new).",
    {"shrink * total": "total", "shrink * output": "output"},
)
one_pass.mistake(
    "the maximum is that of the tile alone",
    "Then the sums of two tiles stand above different levels. Take the largest score so far.",
    {"np.maximum(peak, part.max(axis=1, keepdims=True))": "part.max(axis=1, keepdims=True)"},
    {
        "np.maximum(peak, part.max(axis=1, keepdims=True))": "part.max(axis=1, keepdims=True)",
        "shrink * total": "total",
        "shrink * output": "output",
    },
)
one_pass.mistake(
    "the maximum begins at 0, or at another finite number",
    "All scores of a query can lie below it, and then every exponential is 0. Begin at -inf.",
    {"np.full((L, 1), -np.inf, scores.dtype)": "np.zeros((L, 1), scores.dtype)"},
    {"np.full((L, 1), -np.inf, scores.dtype)": "np.full((L, 1), -1e4, scores.dtype)"},
    {"np.full((L, 1), -np.inf, scores.dtype)": "np.full((L, 1), -5e4, scores.dtype)"},
)
one_pass.mistake(
    "the last tile is filled with scores of 0",
    "A score of 0 has the weight e^0. Fill with -inf, or let the last tile be shorter.",
    lambda scores, v, tile: one_pass.solve(
        *(_filled(scores, tile, axis=1), _filled(v, tile, axis=0)), tile
    ),
)
one_pass.mistake(
    "one maximum is taken for all queries",
    "Queries have scores of their own size. Take the largest score of each: axis=1.",
    {"part.max(axis=1, keepdims=True)": "part.max()"},
)
one_pass.mistake(
    "the factor is turned round",
    "The maximum rises, so what was summed shrinks: e^(old maximum − new maximum).",
    {"np.exp(peak - level)": "np.exp(level - peak)"},
)
one_pass.mistake(
    "the last tile is left out when it is not whole",
    "range(0, S, tile) begins a last tile that may be shorter; slices end where the array ends.",
    {"range(0, S, tile)": "range(0, S - S % tile, tile)"},
)
one_pass.mistake(
    "the sum is divided in every tile",
    "Divide once, after the last tile.",
    lambda scores, v, tile: _divides_each_time(scores, v, tile),
)
one_pass.mistake(
    "the division is missing",
    "The weights have to sum to 1.",
    {"output / np.where(total == 0, 1, total)": "output"},
)
one_pass.mistake(
    "-inf is subtracted from -inf",
    "Before a query has seen a key, the difference is NaN. Subtract 0 there.",
    {"np.where(np.isneginf(higher), 0, higher)": "higher"},
)
one_pass.mistake(
    "no maximum is subtracted",
    "e to a score in the thousands is infinite.",
    {"np.where(np.isneginf(higher), 0, higher)": "np.zeros_like(higher)"},
)


def _filled(x, tile, axis):
    """Add zeros to a whole number of tiles."""
    return np.pad(x, [(0, -x.shape[a] % tile if a == axis else 0) for a in range(x.ndim)])


def _divides_each_time(scores, v, tile):
    """Divide by the sum so far in every tile, and go on with the quotient."""
    peak = np.full((len(scores), 1), -np.inf)
    total, output = np.zeros((len(scores), 1)), np.zeros((len(scores), v.shape[1]))
    for start in range(0, scores.shape[1], tile):
        part = scores[:, start : start + tile]
        higher = np.maximum(peak, part.max(axis=1, keepdims=True))
        level = np.where(np.isneginf(higher), 0, higher)
        shrink, exponentials = np.exp(peak - level), np.exp(part - level)
        total = shrink * total + exponentials.sum(axis=1, keepdims=True)
        output = shrink * output + exponentials @ v[start : start + tile]
        output, peak = output / np.where(total == 0, 1, total), higher
    return output.astype(v.dtype)


# 5 ---------------------------------------------------------------------------------------------


def _back_inputs(seed, L=4, S=7, d_k=3, d_v=5, tile=3, size=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    q, k = size * rng.standard_normal((L, d_k)), rng.standard_normal((S, d_k))
    v, grad_output = rng.standard_normal((S, d_v)), rng.standard_normal((L, d_v))
    scores = q @ k.T / math.sqrt(d_k)
    peak = scores.max(axis=1)
    logsumexp = peak + np.log(np.exp(scores - peak[:, None]).sum(axis=1))
    output = np.exp(scores - logsumexp[:, None]) @ v
    return *(x.astype(dtype) for x in (q, k, v, output, logsumexp, grad_output)), tile


def _back_cases():
    return [
        Case("seven keys in tiles of three", _back_inputs(0)),
        Case("one tile", _back_inputs(1, S=3)),
        Case("tiles of one key", _back_inputs(2, tile=1)),
        Case("as many queries as keys and features", _back_inputs(3, S=4, d_k=4, d_v=4, tile=2)),
        Case("scores in the hundreds", _back_inputs(4, size=300.0)),
        Case("single precision", _back_inputs(5, dtype=np.float32), rtol=1e-3),
    ]


@function_exercise(
    title="Erratum: the pull of a tile",
    difficulty="hard",
    minutes=25,
    cases=_back_cases,
    hints=[
        "Try it with one tile: there it is right. What does a tile not know?",
        "The weights are e^(score − logsumexp), with the logsumexp of the whole row.",
        "The number that is subtracted is a sum over the whole row: grad_output · output.",
    ],
)
def backward_of_q(q, k, v, output, logsumexp, grad_output, tile):
    """Return the gradient of sum(output * grad_output) with respect to q, (L, d_k), in tiles.

    Shapes: q (L, d_k), k (S, d_k), v (S, d_v), output and grad_output (L, d_v), logsumexp (L,).
    """
    scale = 1 / math.sqrt(q.shape[1])
    pull = (grad_output * output).sum(axis=1, keepdims=True)
    grad_q = np.zeros_like(q)
    for start in range(0, len(k), tile):
        keys = slice(start, start + tile)
        weights = np.exp(scale * q @ k[keys].T - logsumexp[:, None])
        grad_weights = grad_output @ v[keys].T
        grad_q += scale * (weights * (grad_weights - pull)) @ k[keys]
    return grad_q


_WEIGHTS = "np.exp(scale * q @ k[keys].T - logsumexp[:, None])"
_IN_TILE = "(lambda e: e / e.sum(axis=1, keepdims=True))(np.exp((lambda s: s - s.max(axis=1, keepdims=True))(scale * q @ k[keys].T)))"  # noqa: E501
_PULLED = "(grad_weights - pull)"
_PULL_OF_TILE = "(grad_weights - (weights * grad_weights).sum(axis=1, keepdims=True))"
backward_of_q.mistake(
    "both are still those of a tile",
    "Two things belong to the whole row: its logsumexp, and what is subtracted.",
    {_WEIGHTS: _IN_TILE, _PULLED: _PULL_OF_TILE},
)
backward_of_q.mistake(
    "the weights sum to 1 within each tile",
    "A weight is a share of the whole row: subtract the logsumexp of the row.",
    {_WEIGHTS: _IN_TILE},
)
backward_of_q.mistake(
    "what is subtracted is summed over the tile",
    "The sum runs over all keys. It is grad_output · output, and needs no keys at all.",
    {_PULLED: _PULL_OF_TILE},
)
backward_of_q.mistake(
    "nothing is subtracted",
    "The softmax pushes a score down when another is pushed up.",
    {_PULLED: "grad_weights"},
)
backward_of_q.mistake(
    "the scale is missing on the way back",
    "The scores are scale times q · k, so the gradient has the scale, too.",
    {"grad_q += scale * (": "grad_q += ("},
)
backward_of_q.mistake(
    "the scale is missing in the scores",
    "The weights have to be those of the way there.",
    {_WEIGHTS: "np.exp(q @ k[keys].T - scale * logsumexp[:, None])"},
    {_WEIGHTS: "np.exp(q @ k[keys].T - logsumexp[:, None])"},
)
backward_of_q.mistake(
    "only the last tile counts",
    "Each tile adds its part to the gradient of a query.",
    {"grad_q += scale": "grad_q = scale"},
)
backward_of_q.mistake(
    "the scale is applied twice on the way back",
    "A score is scale times q · k, once: the gradient has the scale once, too.",
    {"grad_q += scale * (": "grad_q += scale * scale * ("},
)
backward_of_q.mistake(
    "the last tile is left out when it is not whole",
    "range(0, len(k), tile) begins a last tile that may be shorter; slices end where it ends.",
    {"range(0, len(k), tile)": "range(0, len(k) - len(k) % tile, tile)"},
)
backward_of_q.mistake(
    "what is subtracted has the wrong sign",
    "The bracket is grad_weights minus the pull.",
    {_PULLED: "(grad_weights + pull)"},
)


# 6 ---------------------------------------------------------------------------------------------


@question(
    title="Bytes of a shared prefix",
    difficulty="medium",
    minutes=10,
    rtol=0.005,
    hints=[
        "A token's key and value are 64 + 64 numbers of two bytes for one head: 256 bytes.",
        "Without sharing, each of the 40 requests reads 1900 + 100 tokens.",
        "With sharing, 1900 tokens are read once, and 100 for each of 40 requests.",
    ],
)
def prefix_bytes():
    """Count the bytes of keys and values that one step of decoding reads, for one head.

    Forty requests share a prefix of 1900 tokens, and each has 100 tokens of its own. Keys and
    values have 64 features each, in float16. Answer with three numbers: megabytes (millions of
    bytes) when each request reads all of its tokens, megabytes when the prefix is read once, and
    how many times more the first is.
    """
    return (20.48, 1.5104, 20.48 / 1.5104)


prefix_bytes.mistake(
    "the values were left out, or numbers are given and not bytes",
    "A token has a key and a value, 128 numbers of two bytes each.",
    {0: 10.24, 1: 0.7552},
)
prefix_bytes.mistake(
    "the numbers are taken as float32",
    "In float16 a number has two bytes.",
    {0: 40.96, 1: 3.0208},
)
prefix_bytes.mistake(
    "the tokens of one request are counted for all",
    "Every request has 100 tokens of its own.",
    {1: 0.512, 2: 40.0},
)
prefix_bytes.mistake(
    "sharing is thought to divide everything by the number of requests",
    "Only the prefix is shared.",
    {2: 40.0},
)
prefix_bytes.mistake(
    "the tokens of their own are forgotten",
    "After the prefix, each request reads its own 100 tokens.",
    {0: 19.456, 1: 0.4864, 2: 40.0},
)
prefix_bytes.mistake(
    "the bytes are counted in units of 2²⁰",
    "A megabyte is a million bytes here.",
    {0: 20.48e6 / 2**20, 1: 1.5104e6 / 2**20},
)
prefix_bytes.mistake(
    "the ratio is turned round",
    "Asked for is how many times more is read without sharing.",
    {2: 1.5104 / 20.48},
)
