"""The exercises on scaled dot-product attention."""

import math

import numpy as np

from attention_book.checking import Case, faults, function_exercise, question, random_inputs
from attention_book.softmax import softmax

PLACE = (1, 2)


def _with_scores(*scores):
    """Inputs with d_k = 1, so that the scores are exactly the keys, for the query 1."""
    values = np.arange(1.0, len(scores) + 1)[:, None]
    return np.ones((1, 1)), np.array(scores)[:, None], values


def _unlike_rows():
    """Inputs whose first query has large scores, its second very low ones."""
    return np.eye(2), np.array([[900.0, -900.0], [880.0, -905.0]]), np.array([[1.0], [2.0]])


# 1 ---------------------------------------------------------------------------------------------


@question(
    title="Which key is nearest?",
    difficulty="easy",
    minutes=5,
    hints=[
        "Write down the three dot products, 1, 3.8 and 6, then the lengths of the keys.",
        "Cosine divides each dot product by the two lengths: by 2 and 0.5, 2 and 1.92, 2 and 5.",
        "The squared distances are 2.25, 0.10 and 17. Which of them, negated, is largest?",
    ],
)
def similarity():
    """Say which of three keys wins under three measures of similarity.

    The query is (0, 2); key 0 is (0, 0.5), key 1 is (0.3, 1.9), key 2 is (4, 3). Answer with
    three key numbers: the winner by dot product, by cosine, by negative squared distance.
    """
    return (2, 0, 1)


similarity.mistake(
    "a distance is not a similarity",
    "The far key has the largest distance. A similarity is large when things are close: "
    "put a minus in front.",
    {2: 2},
)
similarity.mistake(
    "the cosine was taken without dividing by the lengths",
    "That is the dot product again. Key 2 wins it by being long; cosine looks at direction only.",
    {1: 2},
)
similarity.mistake(
    "keys are counted from 0",
    "The order is right. Key 0 is the first one.",
    (3, 1, 2),
)
similarity.mistake(
    "dot product and cosine are exchanged",
    "The dot product rewards length, the cosine removes it.",
    {0: 0, 1: 2},
)
similarity.mistake(
    "the smallest score was taken",
    "The winner is the key with the largest score, under all three measures.",
    (0, 2, 2),
)
similarity.mistake(
    "the three measures do not agree here",
    "They agree when all keys have the same length. These have the lengths 0.5, 1.92 and 5.",
    (2, 2, 2),
    lambda winners: len(winners) == 3 and len(set(winners)) == 1,
)
similarity.mistake(
    "three key numbers are asked for",
    "Answer with the winner by dot product, by cosine and by negative squared distance: three "
    "numbers from 0 to 2.",
    (1, 2),
    lambda winners: len(winners) != 3 or not set(winners) <= {0, 1, 2},
)


# 2 ---------------------------------------------------------------------------------------------


def _spread_cases():
    return [
        Case("d = 64, unit components", (64, 1.0, 1.0)),
        Case("d = 512, unit components", (512, 1.0, 1.0)),
        Case("components that are not unit", (7, 0.5, 3.0)),
        Case("one component", (1, 0.5, 0.25)),
    ]


@function_exercise(
    title="How far does a dot product spread?",
    difficulty="easy",
    minutes=10,
    cases=_spread_cases,
    hints=[
        "Start with one product x·y of independent numbers with mean 0: its variance is "
        "E[x²y²] = E[x²] E[y²].",
        "Variances of independent terms add. There are d of them.",
        "The standard deviation is the square root of that sum.",
    ],
)
def spread(d, sigma_q, sigma_k):
    """Return the standard deviation of q · k.

    q and k have d components each, all independent with mean 0; those of q have the standard
    deviation sigma_q, those of k sigma_k.
    """
    return math.sqrt(d) * sigma_q * sigma_k


spread.mistake(
    "that is the variance",
    "It grows with d; its square root, the standard deviation, grows with √d.",
    lambda d, sigma_q, sigma_k: d * sigma_q**2 * sigma_k**2,
)
spread.mistake(
    "standard deviations were added up",
    "It is the variances of independent terms that add: √(n·σ²) = √n·σ, not n·σ.",
    {"math.sqrt(d)": "d"},
)
spread.mistake(
    "that is the factor that undoes the spread",
    "1/√d is what attention multiplies by. Asked is the spread before.",
    lambda d, sigma_q, sigma_k: 1 / (math.sqrt(d) * sigma_q * sigma_k),
)
spread.mistake(
    "the spread of the components is missing",
    "√d holds for components of standard deviation 1. Longer queries give larger scores.",
    {" * sigma_q * sigma_k": ""},
)
spread.mistake(
    "the two variances were added instead of multiplied",
    "Var(x + y) is a sum. Here x and y are multiplied, and E[x²y²] = E[x²] E[y²].",
    lambda d, sigma_q, sigma_k: math.sqrt(d * (sigma_q**2 + sigma_k**2)),
)
spread.mistake(
    "the root was taken of the standard deviations too",
    "Each product has variance sigma_q² · sigma_k², whose root is sigma_q · sigma_k.",
    lambda d, sigma_q, sigma_k: math.sqrt(d * sigma_q * sigma_k),
)


# 3 ---------------------------------------------------------------------------------------------


def _multiplication_cases():
    return [
        Case("five queries, seven keys", (5, 7, 13, 11, 3)),
        Case("self-attention", (16, 16, 8, 8, 8)),
        Case("one new word, as in decoding", (1, 4096, 512, 64, 128)),
        Case("more queries than keys", (9, 2, 5, 3, 4)),
    ]


@function_exercise(
    title="What does a layer cost?",
    difficulty="easy",
    minutes=10,
    cases=_multiplication_cases,
    hints=[
        "There are five matrix products. How many numbers does each produce, and how many "
        "multiplications does one of these numbers take?",
        "Each of the L queries has d_k numbers, and each takes d_model multiplications.",
        "Queries are made from L tokens, keys and values from S. Then come L·S scores and L·d_v "
        "outputs.",
    ],
)
def multiplications(L, S, d_model, d_k, d_v):
    """Count the multiplications in the matrix products of attention with projections.

    L tokens of d_model features are projected to queries, S tokens of d_model features to keys
    (of d_k features) and values (of d_v features). Leave out the scale and the softmax.
    """
    projections = L * d_model * d_k + S * d_model * (d_k + d_v)
    return projections + L * S * (d_k + d_v)


multiplications.mistake(
    "the projections are missing",
    "Queries, keys and values have to be made first: three matrix products more.",
    {"projections + L": "L"},
)
multiplications.mistake(
    "only the projections are counted",
    "Scores and weighted sums are matrix products too.",
    {" + L * S * (d_k + d_v)": ""},
)
multiplications.mistake(
    "the weighted sum of the values is missing",
    "Each of the L·d_v numbers of the output is a sum over S keys.",
    {"L * S * (d_k + d_v)": "L * S * d_k"},
)
multiplications.mistake(
    "the projection of the values is missing",
    "Values are made from the S tokens, as the keys are.",
    {"d_model * (d_k + d_v)": "d_model * d_k"},
)
multiplications.mistake(
    "additions are counted as well",
    "That is the number of floating-point operations; asked are the multiplications.",
    lambda *sizes: 2 * multiplications.solve(*sizes),
)
multiplications.mistake(
    "as many queries as keys were assumed",
    "In cross-attention and in decoding L and S differ.",
    lambda L, S, *features: multiplications.solve(L, L, *features),
)
multiplications.mistake(
    "keys and values are projected anew for every query",
    "They are made once and serve all queries.",
    {"+ S * d_model": "+ L * S * d_model"},
)
multiplications.mistake(
    "the scale is counted too",
    "Asked are the multiplications in the matrix products alone.",
    {"(d_k + d_v)\n    return": "(d_k + d_v)\n    return L * S +"},
)


# 4 ---------------------------------------------------------------------------------------------


def _three(scores):
    scores = np.asarray(scores, dtype=float)
    if scores.shape != (3,) or not np.isfinite(scores).all():
        raise ValueError("not three finite scores")
    return scores


def _are_three(scores):
    try:
        return _three(scores) is not None
    except (TypeError, ValueError, OverflowError):
        return False


def _naive(scores):
    exponentials = np.exp(_three(scores))
    return exponentials / exponentials.sum()


def _fails_silently(scores):
    weights = _naive(scores)
    return len(set(scores)) == 3 and np.isfinite(weights).all() and abs(weights.sum() - 1) > 0.1


@question(
    title="Wrong, and nobody is told",
    difficulty="medium",
    minutes=10,
    accepts=_fails_silently,
    hints=[
        "There are two places to overflow: each exponential, and their sum.",
        "The largest float64 is about 1.8e308, and its logarithm is 709.78.",
        "Each exponential must stay below that; three of them together must not.",
    ],
)
def silent_failure():
    """Find three different scores that break exp(s) / sum(exp(s)) without a NaN or infinity.

    Computed in float64 just as it stands, the program must return three finite numbers that
    plainly do not sum to 1. Answer with a list of three different numbers.
    """
    return [709.7, 709.6, 709.5]


silent_failure.mistake(
    "three finite scores are asked for",
    "Give a list of three ordinary numbers.",
    [709.5, 709.5],
    lambda scores: not _are_three(scores),
)
silent_failure.mistake(
    "the three scores shall differ",
    "Three equal ones stand in the text. What do they need to have in common?",
    [709.5, 709.5, 709.5],
    lambda scores: len(set(scores)) < 3,
)
silent_failure.mistake(
    "this one shouts: an exponential overflows and inf/inf is NaN",
    "Stay just below the point where a single exponential becomes infinite.",
    [1000.0, 990.0, 980.0],
    lambda scores: np.isinf(np.exp(_three(scores))).any(),
)
silent_failure.mistake(
    "this one shouts: all exponentials underflow and 0/0 is NaN",
    "Go to the other end, where numbers are large.",
    [-800.0, -810.0, -820.0],
    lambda scores: (np.exp(_three(scores)) == 0).all(),
)
silent_failure.mistake(
    "the sum of the exponentials is still finite",
    "The sum has to pass 1.8e308 while each term stays below.",
    [709.0, 708.0, 0.0],
    lambda scores: np.isfinite(np.exp(_three(scores)).sum()) and np.max(scores) > 700,
)
silent_failure.mistake(
    "nothing breaks: these weights are right",
    "Their exponentials and the sum are ordinary numbers. How large may a score be?",
    [1.0, 2.0, 3.0],
    lambda scores: abs(_naive(scores).sum() - 1) < 1e-6,
)


# 5 ---------------------------------------------------------------------------------------------


def _attention_cases():
    q, k, v = random_inputs(1)
    return [
        Case("three queries, seven keys", (q, k, v)),
        Case("other sizes", random_inputs(2, L=7, S=5, d_k=3, d_v=8)),
        Case("a batch", random_inputs(3, lead=(2,))),
        Case("a batch of heads", random_inputs(4, lead=(2, 3), L=4, S=3)),
        Case("a batch with all sizes equal", random_inputs(5, lead=(4,), L=4, S=4, d_k=4, d_v=4)),
        Case("three leading dimensions", random_inputs(7, lead=(2, 1, 3), S=2)),
        Case("scores around a thousand", (1000 * q, 1000 * k, v)),
        Case("a sum that overflows", _with_scores(709.5, 709.5, 709.5)),
        Case("exponentials that underflow", _with_scores(-800.0, -800.0, -800.0)),
        Case("rows of very unlike size", _unlike_rows()),
        Case("large scores that differ", _with_scores(1000.0, 990.0, 985.0)),
        Case("large scores far apart", _with_scores(2000.0, 0.0, -2000.0)),
        Case("scores that are all low, not equal", _with_scores(-30.0, -31.0, -32.0)),
        Case("one key, so its value is the answer", random_inputs(20, S=1), rtol=1e-14),
        Case("single precision", random_inputs(6, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="Erratum: the program that only works today",
    difficulty="medium",
    minutes=20,
    cases=_attention_cases,
    hints=[
        "Softmax does not change when one number is subtracted from all scores of a row. "
        "Which number makes every exponent at most 0?",
        "Replace k.T by np.swapaxes(k, -1, -2), np.dot by @, and count axes from the end: "
        "axis=-1, shape[-1].",
        "np.sqrt of an integer is a float64 array scalar and turns float32 into float64; "
        "math.sqrt gives a plain Python number, which does not.",
    ],
)
def attention(q, k, v):
    """Return scaled dot-product attention, stable and for any leading dimensions.

    Shapes: q (..., L, d_k), k (..., S, d_k), v (..., S, d_v); the answer is (..., L, d_v), in the
    dtype of q. Scores of any size that this dtype can hold must work, and no argument may be
    changed.
    """
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    scores = scores - scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores)
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return weights @ v


def _printed(q, k, v):
    weights = np.exp(np.dot(q, k.T) / np.sqrt(k.shape[1]))
    return np.dot(weights / weights.sum(axis=1, keepdims=True), v)


def _by_cosine(q, k, v):
    q, k = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (q, k))
    return softmax(q @ np.swapaxes(k, -1, -2)) @ v


def _in_long_double(q, k, v):
    scores = (q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])).astype(np.longdouble)
    weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    return weights.astype(q.dtype) @ v


_SHIFT = "scores - scores.max(axis=-1, keepdims=True)"
_SCALE = "math.sqrt(q.shape[-1])"

attention.mistake(
    "it is still the program of the task",
    "It handles one small example. Try a batch, then scores of a thousand.",
    _printed,
)
attention.mistake(
    *faults.no_shift(
        {_SHIFT: "scores"},
        underflow=True,
        hint="Subtract the largest score of each row before the exponential. Softmax does not "
        "notice.",
    )
)
attention.mistake(
    "clipping changes the scores",
    "Scores of 1000 and 990 become equal when both are clipped to 700, and low scores still "
    "underflow. Subtract the row's maximum instead.",
    {_SHIFT: "np.minimum(scores, 700)"},
)
attention.mistake(
    "one maximum was subtracted from the whole array",
    "A row far below it underflows to 0/0. Each row needs its own maximum: axis=-1, keepdims=True.",
    {"max(axis=-1, keepdims=True)": "max()"},
    {"max(axis=-1, keepdims=True)": "max()", "math.sqrt": "np.sqrt"},
)
attention.mistake(
    "the maximum was taken over the queries",
    "The maximum must be that of the row of one query, over its keys: axis=-1.",
    {"max(axis=-1": "max(axis=-2"},
)
attention.mistake(
    "NaN was replaced instead of avoided",
    "nan_to_num hides the overflow and returns a wrong number. Subtract the row's maximum first.",
    {_SHIFT: "scores", "weights @": "np.nan_to_num(weights) @"},
)
attention.mistake(
    *faults.epsilon("weights.sum(axis=-1, keepdims=True)"),
)
attention.mistake(
    "an epsilon in the denominator, and nothing subtracted",
    "The epsilon turns 0/0 into 0, which is wrong without a word. Subtract the row's maximum.",
    {_SHIFT: "scores", "keepdims=True)\n    return": "keepdims=True) + 1e-8)\n    return",
     "/ weights": "/ (weights"},
)  # fmt: skip
attention.mistake(
    "k.T reverses all axes of a batch",
    "Exchange only the last two: np.swapaxes(k, -1, -2).",
    {"np.swapaxes(k, -1, -2)": "k.T"},
    {"np.swapaxes(k, -1, -2)": "k.T", "math.sqrt": "np.sqrt"},
)
attention.mistake(
    "np.dot pairs every matrix of one batch with every matrix of the other",
    "For more than two axes np.dot is no matrix product of a batch. Use @ in both places.",
    {"weights @ v": "np.dot(weights, v)"},
)
attention.mistake(
    "axis=1 is the keys only without a batch",
    "Count from the end: the keys are axis=-1.",
    {"axis=-1": "axis=1"},
)
attention.mistake(
    "the softmax runs over the queries",
    "Each query's weights sum to 1 over the keys, the last axis.",
    {"axis=-1": "axis=-2"},
)
attention.mistake(
    "the weights sum to 1 over the whole matrix",
    "Each query has its own sum: sum(axis=-1, keepdims=True).",
    {"axis=-1": "axis=(-2, -1)"},
)
attention.mistake(
    "the scale is missing",
    "Divide the scores by √d_k before the softmax.",
    {f" / {_SCALE}": ""},
)
attention.mistake(
    "the scores are divided by d_k",
    "The standard deviation of q·k is √d_k; d_k is its variance.",
    {_SCALE: "q.shape[-1]"},
)
attention.mistake(
    "the scores are multiplied by √d_k",
    "They grow with d_k already; dividing brings them back.",
    {f"/ {_SCALE}": f"* {_SCALE}"},
)
attention.mistake(
    "the scale uses the size of the values",
    "d_k is the last dimension of queries and keys; values never enter the scores.",
    {_SCALE: "math.sqrt(v.shape[-1])"},
)
attention.mistake(
    "the scale uses the number of keys",
    "shape[-2] counts positions. d_k is shape[-1]; shape[1] is that only without a batch.",
    {_SCALE: "math.sqrt(k.shape[-2])"},
)
attention.mistake(
    "d_k was read from shape[1]",
    "In a batch, shape[1] is the number of keys. Count from the end: shape[-1].",
    {_SCALE: "math.sqrt(k.shape[1])"},
)
attention.mistake(
    "the scale was applied after the softmax",
    "The weights must sum to 1; it is the scores that are scaled.",
    {f" / {_SCALE}": "", "weights @ v": f"weights @ v / {_SCALE}"},
)
attention.mistake(
    *faults.double(
        {"math.sqrt": "np.sqrt"},
        "Something in it is float64: np.sqrt of a Python integer is (use math.sqrt), and so are "
        "np.zeros and astype(float).",
    )
)
attention.mistake(
    "the scores are cosines",
    "√d_k is a constant for all pairs. Dividing by the lengths of q and k is another similarity.",
    _by_cosine,
)
if np.finfo(np.longdouble).max > np.finfo(np.float64).max:  # not so on every machine
    attention.mistake(
        "a wider number type only moves the limit",
        "longdouble overflows too, a little later. Subtract the row's maximum.",
        _in_long_double,
    )
attention.mistake(
    "something else than the row's maximum was subtracted",
    "Less the mean or the minimum, a score far above it still overflows. Only the maximum makes "
    "every exponent at most 0.",
    {"scores.max": "scores.mean"},
)
attention.mistake(
    "the largest absolute value was subtracted",
    "In a row of scores that are all low it pushes every exponent further down, to 0/0. Take "
    "the maximum, with its sign.",
    {"scores.max": "np.abs(scores).max"},
)
attention.mistake(
    "the caller's q is changed",
    "q /= √d_k writes into the array that was handed in. Use q / √d_k.",
    {"scores = q": f"q /= {_SCALE}\n    scores = q", f"-2) / {_SCALE}": "-2)"},
)


# 6 ---------------------------------------------------------------------------------------------


def _mask_cases():
    rng = np.random.default_rng(7)
    some = rng.random((3, 7)) < 0.6
    some[:, 1], some[:, 3] = True, False
    empty = some.copy()
    empty[1] = False
    per_batch = rng.random((2, 1, 7)) < 0.5
    per_batch[..., 2] = True
    per_query = rng.random((2, 1, 3, 7)) < 0.5
    per_query[..., 4] = True
    some_empty = rng.random((2, 3, 7)) < 0.5
    some_empty[0, 2] = some_empty[1, 0] = False
    some_empty[:, 1, 5] = True
    q, k, v = _with_scores(2000.0, 1.0, 2.0)
    enormous = (q, np.log([[2.0], [1], [1]]), np.array([[1.0], [1], [1e300]]))
    first, second, third = np.eye(3, dtype=bool)[:, None]

    def case(name, inputs, mask, **tolerance):
        return Case(name, inputs, {"mask": mask}, **tolerance)

    return [
        case("some keys hidden", random_inputs(8), some),
        case("nothing hidden", random_inputs(9), np.ones((3, 7), dtype=bool)),
        case("one mask for a batch", random_inputs(10, lead=(2,)), some),
        case("a mask that broadcasts over queries", random_inputs(11, lead=(2,)), per_batch),
        case("a mask of its own for each query", random_inputs(21, lead=(2, 2)), per_query),
        case("three leading dimensions", random_inputs(22, lead=(3, 2, 1)), per_query),
        case("the loudest key is hidden", (q, k, v), ~first),
        case("large scores", random_inputs(12, scale=1000.0), some),
        case("visible keys of very low score", _with_scores(-1e300, 0.0, -1.5e300), ~second),
        case("a hidden value that is enormous", enormous, ~third),
        case("rows of very unlike size", _unlike_rows(), ~np.eye(2, dtype=bool)[::-1]),
        case("a query that sees nothing", random_inputs(13), empty),
        case("a query that sees nothing, in a batch", random_inputs(23, lead=(2,)), empty),
        case(
            "queries that see nothing, each batch its own", random_inputs(24, lead=(2,)), some_empty
        ),
        case("one visible key, so its value is the answer", (q, k, v), second, rtol=1e-14),
    ]


@function_exercise(
    title="Hide some keys",
    difficulty="medium",
    minutes=15,
    cases=_mask_cases,
    hints=[
        "A hidden key must get the weight 0, and the others must still sum to 1. What score has "
        "the exponential 0?",
        "np.where(mask, scores, -np.inf), and then the softmax, with its shift.",
        "On a row of -inf the maximum is -inf and the sum 0. Replace that maximum by 0 and "
        "that sum by 1: the row of zeros stays.",
    ],
)
def masked_attention(q, k, v, *, mask):
    """Return scaled dot-product attention under a boolean mask, True = may attend.

    The mask broadcasts to the scores, (..., L, S). A query that may attend to nothing gets
    zeros. The function must be stable too.
    """
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    scores = np.where(mask, scores, -np.inf)
    peak = scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isneginf(peak), 0, peak))
    total = weights.sum(axis=-1, keepdims=True)
    return weights / np.where(total == 0, 1, total) @ v


_MASKED = "np.where(mask, scores, -np.inf)"
_PEAK = "np.where(np.isneginf(peak), 0, peak)"
_TOTAL = "np.where(total == 0, 1, total)"
_LARGE = [
    masked
    for large in ("1e9", "1e4", "1e5", "1e6", "1e7", "1e8", "1e10", "1e12", "1e15", "1e18",
                  "1e20", "1e30", "np.finfo(np.float32).max", "np.finfo(float).max")
    for masked in (f"np.where(mask, scores, -{large})", f"scores + (1.0 - mask) * -{large}")
]  # fmt: skip
_EMPTY = {
    f"weights / {_TOTAL} @ v": "np.where(mask.any(axis=-1)[..., None], weights / total @ v, 0)"
}

masked_attention.mistake(
    "the mask is read the wrong way round",
    "Here True means: may attend. (torch.nn.MultiheadAttention has it the other way.)",
    {"(mask, scores": "(~mask, scores"},
)
masked_attention.mistake(
    "the mask is not used",
    "A hidden key must get no weight at all.",
    {_MASKED: "scores"},
)
masked_attention.mistake(
    "a query that sees nothing gets NaN",
    "Its scores are all -inf: -inf minus -inf, and 0/0. Say what it shall be: zeros.",
    {_PEAK: "peak", _TOTAL: "total"},
)
masked_attention.mistake(
    "a query that sees nothing averages what it must not see",
    "A large negative number is a finite score: when all are equal, the softmax is uniform. "
    "Only minus infinity has the exponential 0.",
    *({_MASKED: masked} for masked in _LARGE),
)
masked_attention.mistake(
    "a large negative number is not minus infinity",
    "It wins against visible scores that are lower still, and leaves a hidden key a weight that "
    "is small, not 0. np.where(mask, scores, -np.inf) hides it for certain.",
    *({_MASKED: masked, **_EMPTY} for masked in _LARGE[:-2]),
)
masked_attention.mistake(
    "every number is NaN",
    "Often it is 0 · ∞: (1 - mask) * -np.inf is that where a key may be seen. Choose instead of "
    "multiplying: np.where(mask, scores, -np.inf).",
    {_MASKED: "scores + (1 - mask) * -np.inf"},
)
masked_attention.mistake(
    "hidden keys have the score 0",
    "Filled with 0 or multiplied by the mask, it is the same: exp(0) = 1, a weight like any "
    "other. It takes minus infinity.",
    {"-np.inf": "0.0"},
)
masked_attention.mistake(
    "the mask is added as 0 and 1",
    "Adding 1 to what may be seen only prefers it a little.",
    {_MASKED: "scores + mask"},
)
masked_attention.mistake(
    "the weights no longer sum to 1",
    "Masked after the softmax, or by zeroing values, the hidden keys have already taken their "
    "share. Mask the scores.",
    {_MASKED: "scores", "@ v": "* mask @ v"},
)
masked_attention.mistake(
    "a hidden key still decides: it was masked after the exponential",
    "The maximum was taken over hidden keys too. One loud hidden key and all others underflow.",
    {_MASKED: "scores", "0, peak))": "0, peak)) * mask"},
)
masked_attention.mistake(
    "the largest score was not subtracted before the exponential",
    "The mask is right. Keep the shift by the row's largest allowed score.",
    {f" - {_PEAK}": ""},
)
masked_attention.mistake(
    *faults.epsilon(
        _TOTAL, "It is only the empty row that needs help: np.where(total == 0, 1, total)."
    )
)


# 7 ---------------------------------------------------------------------------------------------


def _tokens(X):
    X = np.asarray(X, dtype=float)
    if X.ndim != 2 or not X.size or not np.isfinite(X).all():
        raise ValueError("not a matrix of finite numbers")
    return X


def _are_tokens(X):
    try:
        return _tokens(X) is not None
    except (ValueError, TypeError):
        return False


def _gram(X):
    """The scores x_i·x_j of the tokens, brought to the size 1: it does not change who wins."""
    X = _tokens(X)
    X = X / (np.abs(X).max() or 1)
    return X @ X.T


def _apart(X):
    """The same without the diagonal."""
    return _gram(X) - np.diag(np.diagonal(_gram(X)))


def _looks_elsewhere(X):
    scores = _gram(X)
    return bool((scores.max(axis=1) > np.diagonal(scores) * (1 + 1e-9)).any())


def _is_the_example(X):
    return np.array_equal(_tokens(X), [[1, 0], [3, 0], [0, 1]])


@question(
    title="Self-attention is not attending to oneself",
    difficulty="medium",
    minutes=10,
    accepts=lambda X: _looks_elsewhere(X) and not _is_the_example(X),
    hints=[
        "The score of token i for itself is its own squared length.",
        "Its score for token j is |x_i| |x_j| cos: another token can win by being longer.",
        "Take two tokens in nearly the same direction, one three times as long.",
    ],
)
def off_diagonal():
    """Find tokens of which at least one attends more to another than to itself.

    Answer with X, a matrix with one token a row, for which some row of
    softmax(X Xᵀ / √d), self-attention without projections, is largest off the diagonal. Not the
    example of the chapter.
    """
    return [[1.0], [2.0]]


off_diagonal.mistake(
    "these are the tokens of the text",
    "They are right. Find others: do you need three of them, or two features?",
    [[1.0, 0.0], [3.0, 0.0], [0.0, 1.0]],
)
off_diagonal.mistake(
    "X must be a matrix of finite numbers, one token a row",
    "For example three tokens with two features: a list of three lists of two numbers.",
    [1.0, 3.0, 0.0],
    lambda X: not _are_tokens(X),
)
off_diagonal.mistake(
    "one token can only attend to itself",
    "Its softmax has one entry, which is 1. Take at least two tokens.",
    [[1.0, 2.0]],
    lambda X: len(_tokens(X)) == 1,
)
off_diagonal.mistake(
    "all scores are equal, so nothing is larger",
    "A tie is no preference. The tokens need different lengths.",
    [[0.0, 0.0], [0.0, 0.0]],
    lambda X: np.ptp(_gram(X)) < 1e-9,
)
off_diagonal.mistake(
    "these tokens have the same length",
    "By Cauchy-Schwarz x_i·x_j ≤ |x_i| |x_j| = |x_i|²: equal lengths let the diagonal win.",
    [[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]],
    lambda X: np.ptp(np.diagonal(_gram(X))) < 1e-9,
)
off_diagonal.mistake(
    "these tokens are at right angles",
    "Their scores for each other are 0, while each one's own is its squared length.",
    [[1.0, 0.0], [0.0, 3.0]],
    lambda X: np.abs(_apart(X)).max() < 1e-9,
)
off_diagonal.mistake(
    "no token points the way of another",
    "Every score between two tokens is 0 or negative. The longer one must point roughly the same "
    "way as the shorter.",
    [[1.0, 0.0], [-3.0, 0.5]],
    lambda X: (_apart(X) <= 1e-9).all(),
)
off_diagonal.mistake(
    "no other token is long enough for its angle",
    "Token j wins over token i when |x_j| cos(angle) > |x_i|; when they are equal it is a tie.",
    [[2.0, 0.0], [1.0, 1.2]],
    lambda X: not _looks_elsewhere(X),
)


# 8 ---------------------------------------------------------------------------------------------


def _backward_cases():
    rng = np.random.default_rng(14)

    def case(name, seed, *, atol=0.0, lower=0.0, **sizes):
        q, k, v = random_inputs(seed, **sizes)
        if lower:  # the same number less in all scores
            q[..., 0], k[..., 0] = 1, -lower * math.sqrt(q.shape[-1])
        grad = rng.standard_normal((*q.shape[:-1], v.shape[-1]))
        return Case(name, (q, k, v, grad), atol=atol)

    return [
        case("three queries, seven keys", 15),
        case("other sizes", 16, L=7, S=2, d_k=3, d_v=5),
        case("a batch", 17, lead=(2,)),
        case("a batch of heads", 23, lead=(2, 3)),
        case("one key", 18, S=1, atol=2e-15),
        case("a saturated softmax", 19, scale=3000.0, atol=1e-9),
        case("scores that are all low", 21, lower=2000.0, atol=1e-11),
        case("three leading dimensions", 20, lead=(2, 1, 3), S=4),
    ]


@function_exercise(
    title="The backward pass by hand",
    difficulty="hard",
    minutes=40,
    cases=_backward_cases,
    hints=[
        "From the end: o = αv gives the gradient of v, αᵀ grad, and that of the weights, grad vᵀ.",
        "Through the softmax, for each row: grad_s = α ∘ (grad_α − Σ_j α_j grad_α_j).",
        "s = q kᵀ / √d_k: grad_q = grad_s k / √d_k and grad_k = grad_sᵀ q / √d_k.",
    ],
)
def attention_backward(q, k, v, grad_output):
    """Return the gradients of sum(attention(q, k, v) * grad_output) by q, k and v.

    Shapes: q (..., L, d_k), k (..., S, d_k), v (..., S, d_v), grad_output (..., L, d_v). Return
    the three gradients as a tuple, in the order q, k, v. Use NumPy only.
    """
    scale = 1 / math.sqrt(q.shape[-1])
    scores = q @ np.swapaxes(k, -1, -2) * scale
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    grad_v = np.swapaxes(weights, -1, -2) @ grad_output
    grad_weights = grad_output @ np.swapaxes(v, -1, -2)
    inner = (weights * grad_weights).sum(axis=-1, keepdims=True)
    grad_scores = weights * (grad_weights - inner)
    grad_q = grad_scores @ k * scale
    grad_k = np.swapaxes(grad_scores, -1, -2) @ q * scale
    return grad_q, grad_k, grad_v


_THROUGH = "weights * (grad_weights - inner)"
_RETURNED = "return grad_q, grad_k, grad_v"

attention_backward.mistake(
    *faults.diagonal(
        {_THROUGH: "weights * (1 - weights) * grad_weights"},
        "∂α_j/∂s_m is not only α_j(1 − α_j) on the diagonal: raising one score lowers every other "
        "weight, −α_j α_m.",
    )
)
attention_backward.mistake(
    "the sum over the keys is missing in the softmax",
    "α ∘ g would be the gradient of the exponential alone. The normalisation adds − α Σ_j α_j g_j.",
    {" - inner": ""},
)
attention_backward.mistake(
    "the softmax was passed over",
    "The gradient of the weights is not yet the gradient of the scores: apply the Jacobian "
    "diag(α) − ααᵀ.",
    {_THROUGH: "grad_weights"},
)
attention_backward.mistake(
    "the inner sum runs over the queries",
    "Each query has its own softmax: sum over the keys, axis=-1.",
    {"grad_weights).sum(axis=-1": "grad_weights).sum(axis=-2"},
)
attention_backward.mistake(
    "the scale 1/√d_k is missing in the gradients of q and k",
    "It stands in the forward pass, so it multiplies the gradient on its way back.",
    {"@ k * scale": "@ k", "@ q * scale": "@ q"},
)
attention_backward.mistake(
    "the gradients of q and k are scaled by 1/d_k",
    "The factor is the one of the forward pass, once: 1/√d_k.",
    {"@ k * scale": "@ k * scale**2", "@ q * scale": "@ q * scale**2"},
)
attention_backward.mistake(
    "the scale 1/√d_k is missing in the forward pass",
    "The weights are softmax(q kᵀ / √d_k), here too.",
    {"-2) * scale": "-2)"},
)
attention_backward.mistake(
    *faults.no_shift(
        {" - scores.max(axis=-1, keepdims=True)": ""},
        {"scores.max(": "scores.mean("},
        hint="The weights are needed here too. Subtract the largest score of each row before the "
        "exponential.",
    )
)
attention_backward.mistake(
    *faults.downhill(
        {_RETURNED: "return -grad_q, -grad_k, -grad_v"}, "the sign of the gradient is turned"
    ),
)
attention_backward.mistake(
    "the sign inside the softmax is wrong",
    "The Jacobian is diag(α) − ααᵀ, with a minus.",
    {" - inner": " + inner"},
)
attention_backward.mistake(
    "the gradients come in another order",
    "Return them as the arguments come: q, k, v.",
    {_RETURNED: "return grad_v, grad_k, grad_q"},
)
attention_backward.mistake(
    *faults.epsilon("weights.sum(axis=-1, keepdims=True)"),
)
