"""The exercises on scaled dot-product attention."""

import math

import numpy as np

from attention_book.exercise import Case, function_exercise, question

from . import reference


def _inputs(seed, *, lead=(), L=3, S=5, d_k=4, d_v=2, scale=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    shapes = ((*lead, L, d_k), (*lead, S, d_k), (*lead, S, d_v))
    q, k, v = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    return q * dtype(scale), k, v


def _with_scores(*scores):
    """Inputs with d_k = 1, so that the scores are exactly the keys, for the query 1."""
    values = np.arange(1.0, len(scores) + 1)[:, None]
    return np.ones((1, 1)), np.array(scores)[:, None], values


# 1 ---------------------------------------------------------------------------------------------


@question(
    title="Which key is nearest?",
    difficulty="easy",
    minutes=5,
    hints=[
        "Write down the three dot products, then the three lengths of the keys.",
        "Cosine divides each dot product by the length of the key (the query has length 1).",
        "The squared distances are 0.02, 32 and 0.64. Which of them, negated, is largest?",
    ],
)
def similarity():
    """Say which of three keys wins under three measures of similarity.

    The query is (1, 0); key 0 is (0.9, 0.1), key 1 is (5, 4), key 2 is (0.2, 0). Answer with
    three key numbers: the winner by dot product, by cosine, by negative squared distance.
    """
    return (1, 2, 0)


similarity.mistake(
    "a distance is not a similarity",
    "The far key has the largest distance. A similarity is large when things are close: "
    "put a minus in front.",
    (1, 2, 1),
)
similarity.mistake(
    "the cosine was taken without dividing by the lengths",
    "That is the dot product again. Key 1 wins it by being long; cosine looks at direction only.",
    (1, 1, 0),
)
similarity.mistake(
    "keys are counted from 0",
    "The order is right. Key 0 is the first one.",
    (2, 3, 1),
)
similarity.mistake(
    "dot product and cosine are exchanged",
    "The dot product rewards length, the cosine removes it.",
    (2, 1, 0),
)
similarity.mistake(
    "the three measures do not agree here",
    "They agree when all keys have the same length. These have lengths 0.91, 6.40 and 0.20.",
    (1, 1, 1),
)
similarity.mistake(
    "the smallest score was taken",
    "The winner is the key with the largest score, under all three measures.",
    (2, 1, 1),
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


@spread.mistake(
    "that is the variance",
    "It grows with d; its square root, the standard deviation, grows with √d.",
)
def _(d, sigma_q, sigma_k):
    return d * sigma_q**2 * sigma_k**2


@spread.mistake(
    "standard deviations were added up",
    "It is the variances of independent terms that add: √(n·σ²) = √n·σ, not n·σ.",
)
def _(d, sigma_q, sigma_k):
    return d * sigma_q * sigma_k


@spread.mistake(
    "that is the factor that undoes the spread",
    "1/√d is what attention multiplies by. Asked is the spread before.",
)
def _(d, sigma_q, sigma_k):
    return 1 / (math.sqrt(d) * sigma_q * sigma_k)


@spread.mistake(
    "the spread of the components is missing",
    "√d holds for components of standard deviation 1. Longer queries give larger scores.",
)
def _(d, sigma_q, sigma_k):
    return math.sqrt(d)


@spread.mistake(
    "the two variances were added instead of multiplied",
    "Var(x + y) is a sum. Here x and y are multiplied, and E[x²y²] = E[x²] E[y²].",
)
def _(d, sigma_q, sigma_k):
    return math.sqrt(d * (sigma_q**2 + sigma_k**2))


@spread.mistake(
    "the root was taken of the standard deviations too",
    "Each product has variance sigma_q² · sigma_k², whose root is sigma_q · sigma_k.",
)
def _(d, sigma_q, sigma_k):
    return math.sqrt(d * sigma_q * sigma_k)


# 3 ---------------------------------------------------------------------------------------------


def _naive(scores):
    exponentials = np.exp(np.asarray(scores, dtype=np.float64))
    return exponentials / exponentials.sum()


def _three_finite(scores):
    return np.shape(scores) == (3,) and bool(np.isfinite(np.asarray(scores, dtype=float)).all())


def _fails_silently(scores):
    weights = _naive(scores)
    return _three_finite(scores) and np.isfinite(weights).all() and abs(weights.sum() - 1) > 0.1


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
    """Find three scores that break exp(s) / sum(exp(s)) without a single NaN or infinity.

    Computed in float64 just as it stands, the program must return three finite numbers that
    plainly do not sum to 1. Answer with a list of three numbers.
    """
    return [709.5, 709.5, 709.5]


@silent_failure.mistake(
    "three finite scores are asked for",
    "Give a list of three ordinary numbers.",
    [709.5, 709.5],
)
def _(scores):
    return not _three_finite(scores)


@silent_failure.mistake(
    "this one shouts: an exponential overflows and inf/inf is NaN",
    "Stay just below the point where a single exponential becomes infinite.",
    [1000.0, 1000.0, 1000.0],
)
def _(scores):
    return np.isinf(np.exp(np.asarray(scores, dtype=float))).any()


@silent_failure.mistake(
    "this one shouts: all exponentials underflow and 0/0 is NaN",
    "Go to the other end, where numbers are large.",
    [-800.0, -800.0, -800.0],
)
def _(scores):
    return (np.exp(np.asarray(scores, dtype=float)) == 0).all()


@silent_failure.mistake(
    "two scores this large still sum to a finite number here",
    "The sum has to pass 1.8e308 while each term stays below.",
    [709.0, 708.0, 0.0],
)
def _(scores):
    return np.isfinite(np.exp(np.asarray(scores, dtype=float)).sum()) and np.max(scores) > 700


@silent_failure.mistake(
    "nothing breaks: these weights are right",
    "Their exponentials and the sum are ordinary numbers. How large may a score be?",
    [1.0, 2.0, 3.0],
)
def _(scores):
    return abs(_naive(scores).sum() - 1) < 1e-6


# 4 ---------------------------------------------------------------------------------------------


def _attention_cases():
    q, k, v = _inputs(1)
    unlike = (np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[900.0, -900.0], [880.0, -905.0]]))
    return [
        Case("three queries, five keys", (q, k, v)),
        Case("other sizes", _inputs(2, L=6, S=4, d_k=3, d_v=5)),
        Case("a batch", _inputs(3, lead=(2,))),
        Case("a batch of heads", _inputs(4, lead=(2, 3), L=4, S=3)),
        Case("a batch with all sizes equal", _inputs(5, lead=(4,), L=4, S=4, d_k=4, d_v=4)),
        Case("scores around a thousand", (1000 * q, 1000 * k, v)),
        Case("a sum that overflows", _with_scores(709.5, 709.5, 709.5)),
        Case("exponentials that underflow", _with_scores(-800.0, -800.0, -800.0)),
        Case("rows of very unlike size", (*unlike, np.array([[1.0], [2.0]]))),
        Case("large scores that differ", _with_scores(1000.0, 990.0, 985.0)),
        Case("scores that are all low, not equal", _with_scores(-30.0, -31.0, -32.0)),
        Case("single precision", _inputs(6, dtype=np.float32), rtol=1e-4),
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
    dtype of q. No score may be too large or too small, and no argument may be changed.
    """
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    scores = scores - scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores)
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return weights @ v


def _attention(q, k, v, *, scores=None, softmax=None):
    """Right in all but the part that is handed in."""
    scores = reference._scores(q, k) if scores is None else scores
    return (softmax or _softmax)(scores) @ v


def _softmax(scores, axis=-1, peak_axis=-1):
    exponentials = np.exp(scores - scores.max(axis=peak_axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


def _dot(q, k):
    return q @ np.swapaxes(k, -1, -2)


def _unshifted(scores):
    exponentials = np.exp(scores)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@attention.mistake(
    "it is still the program of the task",
    "It handles one small example. Try a batch, then scores of a thousand.",
)
def _(q, k, v):
    weights = np.exp(np.dot(q, k.T) / np.sqrt(k.shape[1]))
    return np.dot(weights / weights.sum(axis=1, keepdims=True), v)


@attention.mistake(
    "the exponentials overflow or underflow: nothing was subtracted",
    "Subtract the largest score of each row before the exponential. Softmax does not notice.",
)
def _(q, k, v):
    return _attention(q, k, v, softmax=_unshifted)


@attention.mistake(
    "clipping changes the scores",
    "Scores of 1000 and 990 become equal when both are clipped to 700, and low scores still "
    "underflow. Subtract the row's maximum instead.",
)
def _(q, k, v):
    return _attention(q, k, v, softmax=lambda s: _unshifted(np.minimum(s, 700)))


@attention.mistake(
    "one maximum was subtracted from the whole array",
    "A row far below it underflows to 0/0. Each row needs its own maximum: axis=-1, keepdims=True.",
)
def _(q, k, v):
    return _attention(q, k, v, softmax=lambda s: _unshifted(s - s.max()))


@attention.mistake(
    "the maximum was taken over the queries",
    "The maximum must be that of the row of one query, over its keys: axis=-1.",
)
def _(q, k, v):
    return _attention(q, k, v, softmax=lambda s: _softmax(s, peak_axis=-2))


@attention.mistake(
    "NaN was replaced instead of avoided",
    "nan_to_num hides the overflow and returns a wrong number. Subtract the row's maximum first.",
)
def _(q, k, v):
    return _attention(q, k, v, softmax=lambda s: np.nan_to_num(_unshifted(s)))


@attention.mistake(
    "an epsilon in the denominator makes every weight a little too small",
    "After the maximum is subtracted the sum is at least 1 and needs no epsilon.",
)
def _(q, k, v):
    def softmax(scores):
        exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return exponentials / (exponentials.sum(axis=-1, keepdims=True) + 1e-8)

    return _attention(q, k, v, softmax=softmax)


@attention.mistake(
    "an epsilon in the denominator, and nothing subtracted",
    "The epsilon turns 0/0 into 0, which is wrong without a word. Subtract the row's maximum.",
)
def _(q, k, v):
    def softmax(scores):
        exponentials = np.exp(scores)
        return exponentials / (exponentials.sum(axis=-1, keepdims=True) + 1e-8)

    return _attention(q, k, v, softmax=softmax)


@attention.mistake(
    "k.T reverses all axes of a batch",
    "Exchange only the last two: np.swapaxes(k, -1, -2).",
)
def _(q, k, v):
    return _attention(q, k, v, scores=q @ k.T / math.sqrt(q.shape[-1]))


@attention.mistake(
    "axis=1 is the keys only without a batch",
    "Count from the end: the keys are axis=-1.",
)
def _(q, k, v):
    return _attention(q, k, v, softmax=lambda s: _softmax(s, axis=1, peak_axis=1))


@attention.mistake(
    "the softmax runs over the queries",
    "Each query's weights sum to 1 over the keys, the last axis.",
)
def _(q, k, v):
    return _attention(q, k, v, softmax=lambda s: _softmax(s, axis=-2, peak_axis=-2))


@attention.mistake(
    "the weights sum to 1 over the whole matrix",
    "Each query has its own sum: sum(axis=-1, keepdims=True).",
)
def _(q, k, v):
    return _attention(q, k, v, softmax=lambda s: _softmax(s, axis=(-2, -1), peak_axis=(-2, -1)))


@attention.mistake("the scale is missing", "Divide the scores by √d_k before the softmax.")
def _(q, k, v):
    return _attention(q, k, v, scores=_dot(q, k))


@attention.mistake(
    "the scores are divided by d_k",
    "The standard deviation of q·k is √d_k; d_k is its variance.",
)
def _(q, k, v):
    return _attention(q, k, v, scores=_dot(q, k) / q.shape[-1])


@attention.mistake(
    "the scores are multiplied by √d_k",
    "They grow with d_k already; dividing brings them back.",
)
def _(q, k, v):
    return _attention(q, k, v, scores=_dot(q, k) * math.sqrt(q.shape[-1]))


@attention.mistake(
    "the scale uses the size of the values",
    "d_k is the last dimension of queries and keys; values never enter the scores.",
)
def _(q, k, v):
    return _attention(q, k, v, scores=_dot(q, k) / math.sqrt(v.shape[-1]))


@attention.mistake(
    "the scale uses the number of keys",
    "shape[-2] counts positions. d_k is shape[-1]; shape[1] is that only without a batch.",
)
def _(q, k, v):
    return _attention(q, k, v, scores=_dot(q, k) / math.sqrt(k.shape[-2]))


@attention.mistake(
    "d_k was read from shape[1]",
    "In a batch, shape[1] is the number of keys. Count from the end: shape[-1].",
)
def _(q, k, v):
    return _attention(q, k, v, scores=_dot(q, k) / math.sqrt(k.shape[1]))


@attention.mistake(
    "the scale was applied after the softmax",
    "The weights must sum to 1; it is the scores that are scaled.",
)
def _(q, k, v):
    return _attention(q, k, v, scores=_dot(q, k)) / v.dtype.type(math.sqrt(q.shape[-1]))


@attention.mistake(
    "single precision became double",
    "np.sqrt of a Python integer is a float64 scalar and promotes the array. Use math.sqrt.",
)
def _(q, k, v):
    return _attention(q, k, v, scores=_dot(q, k) / np.sqrt(q.shape[-1]))


@attention.mistake(
    "the scores are cosines",
    "√d_k is a constant for all pairs. Dividing by the lengths of q and k is another similarity.",
)
def _(q, k, v):
    def unit(x):
        return x / np.linalg.norm(x, axis=-1, keepdims=True)

    return _attention(q, k, v, scores=_dot(unit(q), unit(k)))


@attention.mistake(
    "a wider number type only moves the limit",
    "longdouble overflows too, a little later. Subtract the row's maximum.",
)
def _(q, k, v):
    weights = _unshifted(reference._scores(q, k).astype(np.longdouble))
    return weights.astype(q.dtype) @ v


@attention.mistake(
    "the caller's q is changed",
    "q /= √d_k writes into the array that was handed in. Use q / √d_k.",
)
def _(q, k, v):
    q /= math.sqrt(q.shape[-1])
    return _attention(q, k, v, scores=_dot(q, k))


# 5 ---------------------------------------------------------------------------------------------


def _mask_cases():
    rng = np.random.default_rng(7)
    some = rng.random((3, 5)) < 0.6
    some[:, 1] = True
    empty = some.copy()
    empty[1] = False
    per_batch = rng.random((2, 1, 5)) < 0.5
    per_batch[..., 2] = True
    q, k, v = _with_scores(2000.0, 1.0, 2.0)
    return [
        Case("some keys hidden", (*_inputs(8), some)),
        Case("nothing hidden", (*_inputs(9), np.ones((3, 5), dtype=bool))),
        Case("one mask for a batch", (*_inputs(10, lead=(2,)), some)),
        Case("a mask that broadcasts over queries", (*_inputs(11, lead=(2,)), per_batch)),
        Case("the loudest key is hidden", (q, k, v, np.array([[False, True, True]]))),
        Case("large scores", (*_inputs(12, scale=1000.0), some)),
        Case("a query that sees nothing", (*_inputs(13), empty)),
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
def masked_attention(q, k, v, mask):
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


def _masked(q, k, v, mask, *, fill=None, softmax=_softmax):
    scores = reference._scores(q, k)
    return softmax(np.where(mask, scores, fill) if fill is not None else scores) @ v


@masked_attention.mistake(
    "the mask is read the wrong way round",
    "Here True means: may attend. (torch.nn.MultiheadAttention has it the other way.)",
)
def _(q, k, v, mask):
    return reference.attention(q, k, v, mask=~mask)


@masked_attention.mistake("the mask is not used", "A hidden key must get no weight at all.")
def _(q, k, v, mask):
    return reference.attention(q, k, v)


@masked_attention.mistake(
    "a query that sees nothing gets NaN",
    "Its scores are all -inf: -inf minus -inf, and 0/0. Say what it shall be: zeros.",
)
def _(q, k, v, mask):
    return _masked(q, k, v, mask, fill=-np.inf)


@masked_attention.mistake(
    "a query that sees nothing averages what it must not see",
    "A large negative number is a finite score: when all are equal, the softmax is uniform. "
    "Only minus infinity has the exponential 0.",
)
def _(q, k, v, mask):
    return _masked(q, k, v, mask, fill=np.finfo(q.dtype).min)


@masked_attention.mistake(
    "hidden keys have the score 0",
    "Filled with 0 or multiplied by the mask, it is the same: exp(0) = 1, a weight like any "
    "other. It takes minus infinity.",
)
def _(q, k, v, mask):
    return _masked(q, k, v, mask, fill=0.0)


@masked_attention.mistake(
    "the mask is added as 0 and 1",
    "Adding 1 to what may be seen only prefers it a little.",
)
def _(q, k, v, mask):
    return _softmax(reference._scores(q, k) + mask) @ v


@masked_attention.mistake(
    "the weights no longer sum to 1",
    "Masked after the softmax, or by zeroing values, the hidden keys have already taken their "
    "share. Mask the scores.",
)
def _(q, k, v, mask):
    return _softmax(reference._scores(q, k)) * mask @ v


@masked_attention.mistake(
    "a hidden key still decides: it was masked after the exponential",
    "The maximum was taken over hidden keys too. One loud hidden key and all others underflow.",
)
def _(q, k, v, mask):
    weights = _softmax(reference._scores(q, k)) * mask
    total = weights.sum(axis=-1, keepdims=True)
    return weights / np.where(total == 0, 1, total) @ v


@masked_attention.mistake(
    "nothing was subtracted before the exponential",
    "The mask is right. Keep the shift by the row's largest allowed score.",
)
def _(q, k, v, mask):
    weights = np.exp(np.where(mask, reference._scores(q, k), -np.inf))
    total = weights.sum(axis=-1, keepdims=True)
    return weights / np.where(total == 0, 1, total) @ v


# 6 ---------------------------------------------------------------------------------------------


def _tokens(X):
    X = np.asarray(X, dtype=float)
    if X.ndim != 2 or not X.size or not np.isfinite(X).all():
        raise ValueError("not a matrix of finite numbers")
    return X


def _self_weights(X):
    X = _tokens(X)
    return reference.attention(X, X, X, return_weights=True)[1]


def _looks_elsewhere(X):
    weights = _self_weights(X)
    return bool((weights.max(axis=1) > np.diagonal(weights) + 1e-9).any())


@question(
    title="Self-attention is not attending to oneself",
    difficulty="medium",
    minutes=10,
    accepts=_looks_elsewhere,
    hints=[
        "The score of token i for itself is its own squared length.",
        "Its score for token j is |x_i| |x_j| cos: another token can win by being longer.",
        "Take two tokens in nearly the same direction, one three times as long.",
    ],
)
def off_diagonal():
    """Find tokens of which at least one attends more to another than to itself.

    Answer with X, a matrix with one token a row, for which some row of
    softmax(X Xᵀ / √d), self-attention without projections, is largest off the diagonal.
    """
    return [[1.0, 0.0], [3.0, 0.0], [0.0, 1.0]]


@off_diagonal.mistake(
    "X must be a matrix of finite numbers, one token a row",
    "For example three tokens with two features: a list of three lists of two numbers.",
    [1.0, 3.0, 0.0],
)
def _(X):
    try:
        _tokens(X)
    except (ValueError, TypeError):
        return True
    return False


@off_diagonal.mistake(
    "one token can only attend to itself",
    "Its softmax has one entry, which is 1. Take at least two tokens.",
    [[1.0, 2.0]],
)
def _(X):
    return len(_tokens(X)) == 1


@off_diagonal.mistake(
    "all scores are equal, so nothing is larger",
    "A tie is no preference. The tokens need different lengths.",
    [[0.0, 0.0], [0.0, 0.0]],
)
def _(X):
    return np.ptp(_tokens(X) @ _tokens(X).T) == 0


@off_diagonal.mistake(
    "these tokens have the same length",
    "By Cauchy-Schwarz x_i·x_j ≤ |x_i| |x_j| = |x_i|²: equal lengths let the diagonal win.",
    [[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]],
)
def _(X):
    return np.ptp(np.linalg.norm(_tokens(X), axis=1)) < 1e-9


@off_diagonal.mistake(
    "these tokens are at right angles",
    "Their scores for each other are 0, while each one's own is its squared length.",
    [[1.0, 0.0], [0.0, 3.0]],
)
def _(X):
    gram = _tokens(X) @ _tokens(X).T
    return np.abs(gram - np.diag(np.diagonal(gram))).max() < 1e-9


@off_diagonal.mistake(
    "the longer token points away",
    "Its score is negative. It must point roughly the same way as the shorter one.",
    [[1.0, 0.0], [-3.0, 0.5]],
)
def _(X):
    gram = _tokens(X) @ _tokens(X).T
    return (gram - np.diag(np.diagonal(gram)) <= 1e-9).all()


@off_diagonal.mistake(
    "the other token is not long enough for its angle",
    "Token j wins when |x_j| cos(angle) > |x_i|.",
    [[2.0, 0.0], [1.0, 1.2]],
)
def _(X):
    return not _looks_elsewhere(X)


# 7 ---------------------------------------------------------------------------------------------


def _backward_cases():
    rng = np.random.default_rng(14)

    def case(name, seed, **sizes):
        q, k, v = _inputs(seed, **sizes)
        grad = rng.standard_normal((*q.shape[:-1], v.shape[-1]))
        return Case(name, (q, k, v, grad))

    return [
        case("three queries, five keys", 15),
        case("other sizes", 16, L=4, S=2, d_k=3, d_v=5),
        case("a batch", 17, lead=(2,)),
        case("one key", 18, S=1),
        case("a saturated softmax", 19, scale=300.0),
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


def _backward(q, k, v, grad, through_softmax, *, scale=None):
    """Right in all but the step through the softmax, or the scale, that is handed in."""
    weights = reference.attention(q, k, v, return_weights=True)[1]
    grad_scores = through_softmax(weights, grad @ np.swapaxes(v, -1, -2))
    grad_scores = grad_scores * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    weights_t, scores_t = (np.swapaxes(x, -1, -2) for x in (weights, grad_scores))
    return grad_scores @ k, scores_t @ q, weights_t @ grad


def _jacobian(p, g, axis=-1):
    return p * (g - (p * g).sum(axis=axis, keepdims=True))


@attention_backward.mistake(
    "the softmax Jacobian is not diagonal",
    "∂α_j/∂s_m is not only α_j(1 − α_j) on the diagonal: raising one score lowers every other "
    "weight, −α_j α_m.",
)
def _(q, k, v, grad_output):
    return _backward(q, k, v, grad_output, lambda p, g: p * (1 - p) * g)


@attention_backward.mistake(
    "the sum over the keys is missing in the softmax",
    "α ∘ g would be the gradient of the exponential alone. The normalisation adds − α Σ_j α_j g_j.",
)
def _(q, k, v, grad_output):
    return _backward(q, k, v, grad_output, lambda p, g: p * g)


@attention_backward.mistake(
    "the softmax was passed over",
    "The gradient of the weights is not yet the gradient of the scores: apply the Jacobian "
    "diag(α) − ααᵀ.",
)
def _(q, k, v, grad_output):
    return _backward(q, k, v, grad_output, lambda p, g: g)


@attention_backward.mistake(
    "the inner sum runs over the queries",
    "Each query has its own softmax: sum over the keys, axis=-1.",
)
def _(q, k, v, grad_output):
    return _backward(q, k, v, grad_output, lambda p, g: _jacobian(p, g, axis=-2))


@attention_backward.mistake(
    "the scale 1/√d_k is missing in the gradients of q and k",
    "It stands in the forward pass, so it multiplies the gradient on its way back.",
)
def _(q, k, v, grad_output):
    return _backward(q, k, v, grad_output, _jacobian, scale=1.0)


@attention_backward.mistake(
    "the gradients of q and k are scaled by 1/d_k",
    "The factor is the one of the forward pass, once: 1/√d_k.",
)
def _(q, k, v, grad_output):
    return _backward(q, k, v, grad_output, _jacobian, scale=1 / q.shape[-1])


@attention_backward.mistake(
    "the sign of the gradient is turned",
    "This is the direction of descent. The gradient itself points uphill.",
)
def _(q, k, v, grad_output):
    return tuple(-g for g in reference.backward(q, k, v, grad_output))


@attention_backward.mistake(
    "the sign inside the softmax is wrong",
    "The Jacobian is diag(α) − ααᵀ, with a minus.",
)
def _(q, k, v, grad_output):
    return _backward(
        q, k, v, grad_output, lambda p, g: p * (g + (p * g).sum(axis=-1, keepdims=True))
    )


@attention_backward.mistake(
    "the gradients come in another order",
    "Return them as the arguments come: q, k, v.",
)
def _(q, k, v, grad_output):
    return reference.backward(q, k, v, grad_output)[::-1]


# 8 ---------------------------------------------------------------------------------------------


def _multiplication_cases():
    return [
        Case("five queries, seven keys", (5, 7, 3, 2)),
        Case("self-attention", (16, 16, 8, 8)),
        Case("one query, as in decoding", (1, 4096, 64, 128)),
    ]


@function_exercise(
    title="What does it cost?",
    difficulty="easy",
    minutes=5,
    cases=_multiplication_cases,
    hints=[
        "There are two matrix products. How many numbers does each produce?",
        "One score takes d_k multiplications, and there are L·S scores.",
        "One output number takes S multiplications, and there are L·d_v of them.",
    ],
)
def multiplications(L, S, d_k, d_v):
    """Count the multiplications in the two matrix products of attention.

    L queries, S keys; leave out the scale and the softmax.
    """
    return L * S * (d_k + d_v)


@multiplications.mistake(
    "only the scores are counted",
    "The weighted sum of the values is a matrix product too.",
)
def _(L, S, d_k, d_v):
    return L * S * d_k


@multiplications.mistake(
    "only the weighted sum is counted",
    "The scores are a matrix product too.",
)
def _(L, S, d_k, d_v):
    return L * S * d_v


@multiplications.mistake(
    "additions are counted as well",
    "That is the number of floating-point operations; asked are the multiplications.",
)
def _(L, S, d_k, d_v):
    return 2 * L * S * (d_k + d_v)


@multiplications.mistake(
    "as many queries as keys were assumed",
    "In cross-attention and in decoding L and S differ.",
)
def _(L, S, d_k, d_v):
    return L * L * (d_k + d_v)


@multiplications.mistake(
    "the two feature sizes were multiplied",
    "The two products come one after the other, so their costs add.",
)
def _(L, S, d_k, d_v):
    return L * S * d_k * d_v


@multiplications.mistake(
    "that is the number of scores",
    "Each score takes d_k multiplications to compute.",
)
def _(L, S, d_k, d_v):
    return L * S


@multiplications.mistake(
    "this is linear in the length",
    "Every query meets every key: L·S pairs, not L + S.",
)
def _(L, S, d_k, d_v):
    return (L + S) * (d_k + d_v)
