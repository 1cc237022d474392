"""The exercises on attention over a sequence: pooling, the additive score, gradients."""

import numpy as np

from attention_book.checking import Case, faults, function_exercise, letters, question
from attention_book.softmax import softmax

PLACE = (1, 3)

# 1 ---------------------------------------------------------------------------------------------


@question(
    title="A sum is not a layer",
    difficulty="easy",
    minutes=5,
    hints=[
        "A parameter is a number that training changes. Which numbers in Σ_j α_j x_j are that?",
        "A dense layer from 3 features to 1 has one number for each feature, and its bias.",
        "Does a dense layer, applied to each token, add numbers from two different positions?",
    ],
)
def parameters():
    """Count what is learned, and what depends on what.

    A sequence has 5 positions with 3 features. Answer with three numbers: how many parameters
    the weighted sum Σ_j α_j x_j has; how many a dense layer with one output has, bias included,
    when it is applied to each token in its place; and how many of that layer's five predictions
    change when only token 0 is changed.
    """
    return (0, 4, 1)


parameters.mistake(
    "the weights are not parameters",
    "There are 5 weights, one for each position, but they are computed from the input. Training "
    "changes what computes them.",
    {0: 5},
)
parameters.mistake(
    "the scorer is counted as part of the sum",
    "The vector that scores belongs to the scores. When the weights are there, the sum needs "
    "nothing more.",
    {0: 3},
)
parameters.mistake(
    "the sum is taken for the dense layer",
    "A dense layer mixes the features of one position with learned numbers. The sum mixes "
    "positions with numbers it is given.",
    {0: 4},
)
parameters.mistake(
    "the bias of the dense layer is missing",
    "One number for each of 3 features, and a bias.",
    {1: 3},
)
parameters.mistake(
    "the dense layer has no number for each position",
    "It is the same layer at all 5 positions. That is what a dense layer on the last axis means.",
    {1: 20},
)
parameters.mistake(
    "nothing in that program mixes positions",
    "Softmax over one number, product, dense layers: all act on one position at a time. Token 0 "
    "reaches prediction 0 only.",
    {2: 5},
)
parameters.mistake(
    "the weights are constant, the predictions are not",
    "Prediction 0 is an affine function of token 0, so it does change.",
    {2: 0},
)


# 2 ---------------------------------------------------------------------------------------------


@question(
    title="Do matrices compute less?",
    difficulty="easy",
    minutes=10,
    accepts=[
        lambda loops: float(loops) == 524288,
        lambda products: float(products) == 524288,
        lambda factor: float(factor) == 4,
        lambda memory: abs(memory - 2) < 0.01,
        lambda time: 1.2 < time < 3.2,
    ],
    hints=[
        "One score is a dot product of d numbers: d multiply-adds. How many scores are there?",
        "One number of the output takes n multiply-adds, and there are n·d of them.",
        "A matrix product performs the same products and sums, in another order.",
        "If twice the length gives r times as much, the exponent is log2(r). Measure at lengths "
        "of at least 256, where the small costs of each call no longer count.",
    ],
)
def complexity():
    """Count the work of self-attention with n = 128 positions and d = 16 features.

    Answer with five numbers: the multiply-adds of three nested loops over scores and weighted
    sums (softmax and scale left out), those of the two matrix products that replace the loops,
    the factor by which both grow when n doubles; then, measured, the exponent with which the
    memory of the stored weights grows with n, and the exponent of the time.
    """
    return (524288, 524288, 4, 2.0, 2.1)


def _counted(*counts):
    return lambda answer: tuple(answer[:3]) == counts


def _measured(rule):
    return lambda answer: tuple(answer[:3]) == (524288, 524288, 4) and rule(*answer[3:])


complexity.mistake(
    "five numbers are asked for",
    "Two counts, the factor per doubling, and two exponents that you measure.",
    (524288, 524288, 4),
    lambda answer: isinstance(answer, str) or len([float(number) for number in answer]) != 5,
)
complexity.mistake(
    "matrix products do not save multiply-adds",
    "They do the same ones, faster each: no interpreter between them, and caches well used. The "
    "count is the same.",
    {1: 16384},
    lambda answer: answer[1] < answer[0],
)
complexity.mistake(
    "one of the two products is missing",
    "Scores take n·n·d, and the weighted sum takes n·n·d again.",
    {0: 262144, 1: 262144},
    _counted(262144, 262144, 4),
)
complexity.mistake(
    "multiplications and additions are counted apart",
    "A multiply-add is one multiplication together with its addition.",
    {0: 1048576, 1: 1048576},
    _counted(1048576, 1048576, 4),
)
complexity.mistake(
    "that is the number of pairs",
    "Each pair costs d multiply-adds for its score and d for its part in the sum.",
    {0: 16384, 1: 16384},
    _counted(16384, 16384, 4),
)
complexity.mistake(
    "twice as many positions are four times as many pairs",
    "Each of 2n queries meets 2n keys.",
    {2: 2},
    _counted(524288, 524288, 2),
)
complexity.mistake(
    "the features do not double with the length",
    "The count is 2·n²·d, and d stays 16.",
    {2: 8},
    _counted(524288, 524288, 8),
)
complexity.mistake(
    "these are factors per doubling, not exponents",
    "Four times as much for twice the length is the exponent log2(4) = 2.",
    {3: 4.0, 4: 4.5},
    _measured(lambda memory, time: abs(memory - 4) < 0.04),
)
complexity.mistake(
    "the weights are a matrix, not a row",
    "Each of n queries stores n weights. Ask for the weights, so that they are stored: without "
    "them the kernel keeps nothing of that size.",
    {3: 1.0},
    _measured(lambda memory, time: abs(memory - 1) < 0.3),
)
complexity.mistake(
    "the exponent of the memory is exact",
    "It is counted in bytes, not in seconds, so it comes out as 2 without noise. Leave out short "
    "lengths, at which the inputs are larger than the weights.",
    {3: 1.8},
    _measured(lambda memory, time: abs(memory - 2) >= 0.01),
)
complexity.mistake(
    "the time does not grow in proportion to the length",
    "Matrix products lower the time by a factor, not the exponent. At short lengths the cost of "
    "the call hides the growth: measure from 256 on.",
    {4: 1.0},
    _measured(lambda memory, time: time <= 1.2),
)
complexity.mistake(
    "the time grows less steeply than that",
    "An exponent of 3 would take n³ steps. Caches push it above 2, but not so far; take the "
    "shortest of several runs.",
    {4: 4.0},
    _measured(lambda memory, time: time >= 3.2),
)


# 3 ---------------------------------------------------------------------------------------------

_WORDS = np.array([[1.0, 0.0], [0.0, 2.0], [2.0, 1.0]])  # dog, bites, man
_SCORER = np.array([1.0, 1.0])


def _matrix(P):
    P = np.asarray(P, dtype=float)
    if P.shape != _WORDS.shape or not np.isfinite(P).all():
        raise ValueError("not three vectors of two finite numbers")
    return P


def _is_matrix(P):
    try:
        return _matrix(P) is not None
    except (ValueError, TypeError):
        return False


def _context(words):
    scores = words @ _SCORER
    weights = np.exp(scores - scores.max())
    return weights / weights.sum() @ words


def _tells_apart(P):
    P = _matrix(P)
    return np.abs(_context(_WORDS + P) - _context(_WORDS[::-1] + P)).max() > 1e-6


def _middle_alone(P):
    first, middle, last = (_WORDS + _matrix(P)) @ _SCORER
    return middle > max(first, last) + 12


@question(
    title="Who bites whom?",
    difficulty="medium",
    minutes=10,
    accepts=_tells_apart,
    hints=[
        "Pooling adds up the positions, and a sum does not know in which order it was added.",
        "A vector that is the same everywhere tells nothing about where a word stands.",
        "The two sentences are each other's reverse. Which two positions exchange their words?",
    ],
)
def positions():
    """Find position vectors with which pooling tells the two sentences apart.

    dog is (1, 0), bites is (0, 2), man is (2, 1), and the scorer is w = (1, 1). Answer with
    three vectors of two numbers, one for each position, which are added to the words before
    pooling: "dog bites man" and "man bites dog" must give different contexts.
    """
    return [[0.0, 0.0], [0.5, 0.0], [1.0, 0.0]]


positions.mistake(
    "three vectors of two finite numbers are asked for",
    "One row for each position, as long as a word vector: a list of three lists.",
    [0.0, 0.5, 1.0],
    lambda P: not _is_matrix(P),
)
positions.mistake(
    "vectors of zeros change nothing",
    "This is pooling without positions, which gives both sentences one context.",
    [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]],
)
positions.mistake(
    "one vector for all positions is no position",
    "It moves both contexts by the same amount. The positions must differ.",
    [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]],
    lambda P: np.ptp(_matrix(P), axis=0).max() < 1e-9,
)
positions.mistake(
    "the first and the last position have the same vector",
    "Between the two sentences dog and man exchange exactly these two places.",
    [[1.0, 0.0], [0.0, 5.0], [1.0, 0.0]],
    lambda P: np.abs(np.subtract(P[0], P[2])).max() < 1e-9,
)
positions.mistake(
    "the difference is too small to see",
    "The two contexts differ by less than a millionth. Take larger vectors.",
    [[0.0, 0.0], [0.0, 0.0], [1e-8, 0.0]],
    lambda P: np.abs(_matrix(P)).max() < 1e-3,
)
positions.mistake(
    "the scorer sees the middle position only",
    "These vectors make the middle word take all the weight, and it is the same in both sentences.",
    [[0.0, 0.0], [500.0, 500.0], [1.0, 0.0]],
    _middle_alone,
)


# 4 ---------------------------------------------------------------------------------------------


def _pool_inputs(seed, B=2, S=5, d=3, scale=1.0, b=0.5, dtype=np.float64):
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((B, S, d)), scale * rng.standard_normal(d)
    return x.astype(dtype), w.astype(dtype), b


def _pool_cases():
    x, w, _ = _pool_inputs(1)
    unlike = np.stack([x[0], x[1] + 4000 * w / (w @ w)])
    return [
        Case("two sequences of five positions", (x, w, 0.5)),
        Case("another bias", (x, w, -3.0)),
        Case("other sizes", _pool_inputs(2, B=4, S=7, d=2)),
        Case("no scorer, w = 0", (x, 0 * w, 0.0)),
        Case("one position", _pool_inputs(3, S=1, B=3), rtol=1e-15),
        Case("scores of ten thousand", _pool_inputs(4, scale=1e4)),
        Case("sequences of very unlike scores", (unlike, w, 0.0)),
        Case("scores that are all low", (x - 900 * w / (w @ w), w, 0.0)),
        Case("sizes that are all equal", _pool_inputs(6, B=3, S=3, d=3)),
        Case("single precision", _pool_inputs(5, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="Erratum: the softmax that returns ones",
    difficulty="medium",
    minutes=20,
    cases=_pool_cases,
    hints=[
        "x @ w + b gives one score for each position, shape (B, S). Over which axis must the "
        "weights sum to 1?",
        "The context is one vector for each sequence: the positions have to be added up.",
        "Subtract the largest score of each sequence before the exponential.",
    ],
)
def pool(x, w, b):
    """Return the weights and the context of attention pooling, as a tuple.

    Shapes: x (B, S, d), w (d,), b a Python number; the weights are (B, S) and the context is
    (B, d), both in the dtype of x. Scores of any size that this dtype can hold must be handled.
    """
    scores = x @ w + b
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
    context = (weights[:, :, None] * x).sum(axis=1)
    return weights, context


_WEIGHTS = "exponentials / exponentials.sum(axis=-1, keepdims=True)"

pool.mistake(
    "it is still the program of the task",
    "Its softmax runs over an axis with one entry, so all weights are 1, and nothing is summed.",
    {"x @ w + b": "(x @ w + b)[:, :, None]",
     "(weights[:, :, None] * x).sum(axis=1)": "weights * x",
     "return weights": "return weights[:, :, 0]"},
)  # fmt: skip
pool.mistake(
    "every weight is 1: the softmax runs over an axis of one entry",
    "The softmax of a single number is 1. Let it run over the positions.",
    {_WEIGHTS: "np.ones_like(scores)"},
)
pool.mistake(
    "the softmax runs over the batch",
    "A sequence must not depend on what else is in its batch: axis=1.",
    {"axis=-1": "axis=0"},
)
pool.mistake(
    "the softmax runs over the whole batch at once",
    "Each sequence has weights of its own that sum to 1.",
    {"axis=-1": "axis=None"},
)
pool.mistake(
    "a sigmoid does not make positions compete",
    "Each weight lies between 0 and 1, but they do not sum to 1, and the bias matters.",
    {_WEIGHTS: "0.5 * (1 + np.tanh(scores / 2))"},
)
pool.mistake(
    "the mean was taken after weighting",
    "The weights sum to 1 already. Dividing by the number of positions divides twice.",
    {"sum(axis=1)": "mean(axis=1)"},
)
pool.mistake(
    "features were summed instead of positions",
    "A context has one number for each feature, so the sum runs over the positions.",
    {"sum(axis=1)": "sum(axis=2)"},
)
pool.mistake(
    "the positions were weighted but not added up",
    "What comes out is still a sequence. Sum over axis 1.",
    {".sum(axis=1)": ""},
)
pool.mistake(
    "the scorer is not used",
    "This is the plain mean, whatever w is.",
    {_WEIGHTS: "np.full_like(scores, 1 / x.shape[1])"},
)
pool.mistake(
    *faults.no_shift(
        {" - scores.max(axis=-1, keepdims=True)": ""}, of="each sequence", underflow=True
    )
)
pool.mistake(
    "one maximum was subtracted from the whole batch",
    "A sequence far below it underflows to 0/0. Each sequence needs its own.",
    {"max(axis=-1, keepdims=True)": "max()"},
)
pool.mistake(
    "the scores are scaled",
    "The scorer is learned and finds its own size. Asked is x·w + b.",
    {"x @ w + b": "(x @ w + b) / x.shape[-1] ** 0.5"},
)
pool.mistake(
    "the bias was added to the weights",
    "It belongs to the scores, where the softmax cancels it.",
    {"x @ w + b": "x @ w", _WEIGHTS: f"{_WEIGHTS} + b"},
)
pool.mistake(
    *faults.epsilon("exponentials.sum(axis=-1, keepdims=True)"),
)
pool.mistake(
    "context and weights are exchanged",
    "Return the weights first.",
    {"return weights, context": "return context, weights"},
)


# 5 ---------------------------------------------------------------------------------------------


def _additive_inputs(seed, *, lead=(), L=3, S=5, d_q=4, d_k=2, d=6, scale=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    shapes = ((*lead, L, d_q), (*lead, S, d_k), (d,), (d_q, d), (d_k, d))
    q, k, w, W_q, W_k = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    return dtype(scale) * q, dtype(scale) * k, w, dtype(0.5) * W_q, dtype(0.5) * W_k


def _additive_cases():
    return [
        Case("three queries, five keys", _additive_inputs(1)),
        Case("other sizes", _additive_inputs(2, L=6, S=2, d_q=3, d_k=5, d=4)),
        Case("a batch", _additive_inputs(3, lead=(2,))),
        Case("a batch of heads", _additive_inputs(4, lead=(2, 3), L=4, S=3)),
        Case("three leading dimensions", _additive_inputs(9, lead=(2, 1, 3), S=2)),
        Case("one hidden unit", _additive_inputs(5, d=1)),
        Case("states a thousand times as large", _additive_inputs(6, scale=1000.0)),
        Case("small states, where tanh is nearly linear", _additive_inputs(7, scale=0.01)),
        Case("single precision", _additive_inputs(8, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="The additive score",
    difficulty="medium",
    minutes=15,
    cases=_additive_cases,
    hints=[
        "First bring both to the same size: q @ W_q is (..., L, d), k @ W_k is (..., S, d).",
        "Every query meets every key: insert an axis into each, so that their sum broadcasts to "
        "(..., L, S, d).",
        "np.tanh(...) @ w takes the last axis away.",
    ],
)
def additive_scores(q, k, w, W_q, W_k):
    """Return the scores s_ij = w · tanh(q_i W_q + k_j W_k), before any softmax.

    Shapes: q (..., L, d_q), k (..., S, d_k), w (d,), W_q (d_q, d), W_k (d_k, d); the scores
    are (..., L, S).
    """
    from_query = (q @ W_q)[..., :, None, :]
    from_key = (k @ W_k)[..., None, :, :]
    return np.tanh(from_query + from_key) @ w


_HIDDEN = "np.tanh(from_query + from_key)"

additive_scores.mistake(
    "the tanh is missing",
    "Without it the query adds the same number to all scores of its row, and the softmax cancels "
    "that: every query gets the same weights.",
    {"np.tanh": ""},
)
additive_scores.mistake(
    "query and key each have a tanh of their own",
    "Then the two parts are only added, and the query cancels in the softmax. The tanh goes "
    "around the sum.",
    {_HIDDEN: "(np.tanh(from_query) + np.tanh(from_key))"},
)
additive_scores.mistake(
    "the tanh comes after w",
    "tanh(w · …) squeezes the score itself into (−1, 1). The hidden units are squeezed, the "
    "score is not.",
    {f"{_HIDDEN} @ w": "np.tanh((from_query + from_key) @ w)"},
)
additive_scores.mistake(
    "the hidden units are added up without w",
    "Each hidden unit counts as much as its component of w says, and with its sign.",
    {" @ w": ".sum(axis=-1)"},
)
additive_scores.mistake(
    "the difference was taken",
    "The name says it: query and key are added. (A learned W_k could turn the sign, but it is "
    "given here.)",
    {"from_query +": "from_query -"},
)
additive_scores.mistake(
    "query and key were multiplied",
    "That is a dot product with a tanh in it. Additive attention adds.",
    {"from_query +": "from_query *"},
)
additive_scores.mistake(
    "the scores are scaled",
    "The scale 1/√d belongs to dot products. Here the tanh bounds every hidden unit.",
    {"@ w": "@ w / len(w) ** 0.5"},
)
additive_scores.mistake(
    "those are the weights",
    "Asked are the scores, before the softmax.",
    lambda *arguments: softmax(additive_scores.solve(*arguments)),
)
additive_scores.mistake(
    "queries and keys have changed places",
    "A row belongs to a query: shape (..., L, S).",
    lambda *arguments: np.swapaxes(additive_scores.solve(*arguments), -1, -2),
)
additive_scores.mistake(
    "tanh was written with exponentials that overflow",
    "exp(2z) is infinite for large z, and inf/inf is NaN. np.tanh is stable.",
    {_HIDDEN: "((e := np.exp(2 * (from_query + from_key))) - 1) / (e + 1)"},
)
additive_scores.mistake(
    "that is a sigmoid",
    "tanh runs from −1 to 1 and is 0 at 0; the logistic function is not.",
    {_HIDDEN: "(0.5 + 0.5 * np.tanh((from_query + from_key) / 2))"},
)
additive_scores.mistake(
    "that is a ReLU",
    "max(0, …) is a later choice. Bahdanau et al. take tanh.",
    {_HIDDEN: "np.maximum(from_query + from_key, 0)"},
)


# 6 ---------------------------------------------------------------------------------------------

_REMEDIES = ("clip", "accumulate", "scale", "residual", "LayerNorm", "fan-in")


def _cures(answer):
    answer = letters(answer)
    if len(answer) != 6 or not set(answer) <= set("abcdef"):
        raise ValueError("not six letters")
    return dict(zip(_REMEDIES, answer, strict=True))


def _are_cures(answer):
    try:
        return _cures(answer) is not None
    except ValueError:
        return False


@question(
    title="Which cure for which gradient?",
    difficulty="medium",
    minutes=10,
    accepts=lambda answer: letters(answer) == "bdcaef",
    hints=[
        "Clipping can only make a gradient shorter. Accumulation does not change its size at all.",
        "1/√d_k is one constant, fixed before training. What does it depend on, and what not?",
        "Of the four that are left: one adds the input back, one fixes the size of each vector, "
        "one fixes the size of a random matrix.",
    ],
)
def cures():
    """Match six remedies with the six troubles they act on.

    Troubles: (a) after many attention layers all tokens are equal; (b) a gradient of length 1000
    throws the parameters far away; (c) keys of 1024 features saturate the softmax at the start;
    (d) the batch does not fit into memory; (e) activations that have grown a hundredfold
    saturate the softmax; (f) each new random layer makes the signal half as large.
    Answer with six letters in the order of the remedies: gradient clipping, gradient
    accumulation, the scale 1/√d_k, residual connections, layer normalisation, initial values of
    standard deviation 1/√fan_in.
    """
    return "bdcaef"


cures.mistake(
    "six letters from a to f are asked for",
    "A word of six letters, one for each remedy, such as 'abcdef'.",
    "bdca",
    lambda answer: not _are_cures(answer),
)
cures.mistake(
    "clipping only shortens",
    "A gradient of 1e-9 stays 1e-9 under clipping. It is made for gradients that are too long.",
    "fdcaeb",
    lambda answer: _cures(answer)["clip"] != "b",
)
cures.mistake(
    "accumulation changes no gradient",
    "The sum over small batches is the gradient of the large one, to the last digits. It saves "
    "memory.",
    "bacdef",
    lambda answer: _cures(answer)["accumulate"] != "d",
)
cures.mistake(
    "the scale knows d_k and nothing else",
    "1/√d_k undoes the growth that comes from the number of features. Activations that grow by "
    "themselves are not its business.",
    "bdeacf",
    lambda answer: _cures(answer)["scale"] != "c",
)
cures.mistake(
    "what keeps tokens different is adding the input back",
    "An attention layer averages. Only what goes around it is not averaged: the residual "
    "connection.",
    "bdcfea",
    lambda answer: _cures(answer)["residual"] != "a",
)
cures.mistake(
    "initial values act once, normalisation acts at every step",
    "1/√fan_in sets the size of a random matrix before training; layer normalisation brings "
    "every vector back to one size, also when it has grown.",
    "bdcafe",
    lambda answer: _cures(answer)["LayerNorm"] != "e",
)
cures.mistake(
    "one trouble is named twice",
    "Each remedy acts on another one of the six.",
    "bdcaee",
    lambda answer: len(set(_cures(answer).values())) < 6,
)


# 7 ---------------------------------------------------------------------------------------------


def _gradient_cases():
    rng = np.random.default_rng(20)

    def case(name, seed, *, atol=0.0, **sizes):
        x, w, _ = _pool_inputs(seed, **sizes)
        return Case(name, (x, w, rng.standard_normal(x[:, 0].shape)), atol=atol)

    x, w, _ = _pool_inputs(21)
    return [
        case("two sequences of five positions", 22),
        case("other sizes", 23, B=4, S=3, d=6),
        case("one sequence", 24, B=1, S=7, d=2),
        Case("no scorer yet, w = 0", (x, 0 * w, rng.standard_normal(x[:, 0].shape))),
        case("one position", 25, S=1, atol=1e-13),
        case("a saturated softmax", 26, scale=3000.0, atol=1e-9),
        Case(
            "scores that are all low",
            (x - 900 * w / (w @ w), w, rng.standard_normal(x[:, 0].shape)),
            atol=1e-9,
        ),
    ]


@function_exercise(
    title="How the scorer learns",
    difficulty="hard",
    minutes=30,
    cases=_gradient_cases,
    hints=[
        "For one sequence: o = Σ_j α_j x_j, and raising s_j by a little moves o by α_j (x_j − o).",
        "s_j = x_j · w, so a change of w reaches s_j through x_j.",
        "Together: Σ_j α_j ((x_j − o) · g) x_j, added over the batch, where g is grad_output.",
    ],
)
def scorer_gradient(x, w, grad_output):
    """Return the gradient of sum(pool(x, w) * grad_output) with respect to w.

    Shapes: x (B, S, d), w (d,), grad_output (B, d); the answer is (d,). Use NumPy only.
    """
    scores = x @ w
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = exponentials / exponentials.sum(axis=1, keepdims=True)
    context = (weights[:, :, None] * x).sum(axis=1)
    centred = x - context[:, None]
    grad_scores = weights * (centred * grad_output[:, None]).sum(axis=2)
    return (grad_scores[:, :, None] * x).sum(axis=(0, 1))


_GRAD_SCORES = "weights * (centred * grad_output[:, None]).sum(axis=2)"
_GRAD_WEIGHTS = "(x * grad_output[:, None]).sum(axis=2)"
_GRADIENT = "(grad_scores[:, :, None] * x).sum(axis=(0, 1))"

scorer_gradient.mistake(
    *faults.diagonal(
        {_GRAD_SCORES: f"weights * (1 - weights) * {_GRAD_WEIGHTS}"},
        "Raising one score lowers all other weights: that is what subtracting the context does.",
    )
)
scorer_gradient.mistake(
    "the context was not subtracted",
    "Σ α_j x_j (x_j · g) is a second moment; the gradient needs the covariance.",
    {"x - context[:, None]": "x"},
)
scorer_gradient.mistake(
    "the plain mean was subtracted",
    "The centre is the weighted mean, which is the context.",
    {"context[:, None]": "x.mean(axis=1, keepdims=True)"},
)
scorer_gradient.mistake(
    "the covariance is not weighted",
    "Positions of small weight hardly move the context, so they count little here too.",
    {"weights = exponentials / exponentials.sum": "weights = (e := np.ones_like(scores)) / e.sum"},
)
scorer_gradient.mistake(
    "the softmax was passed over",
    "x · g is the gradient of the weights, not yet that of the scores.",
    {_GRAD_SCORES: _GRAD_WEIGHTS},
)
scorer_gradient.mistake(
    "the mean over the batch was taken",
    "The loss is a sum over the sequences, so their gradients add.",
    {_GRADIENT: f"{_GRADIENT} / len(x)"},
)
scorer_gradient.mistake(*faults.downhill({_GRADIENT: f"-{_GRADIENT}"}))
scorer_gradient.mistake(
    "there is one gradient for each sequence",
    "All sequences share one scorer: add over the batch.",
    {"axis=(0, 1)": "axis=1"},
)
scorer_gradient.mistake(
    "only the variances are used",
    "The features vary together: a covariance has entries off the diagonal.",
    {_GRADIENT: "(weights[:, :, None] * centred**2 * grad_output[:, None]).sum(axis=(0, 1))"},
)
scorer_gradient.mistake(
    "the scores were scaled",
    "Pooling has the score x·w, without 1/√d.",
    {"x @ w": "x @ w / len(w) ** 0.5"},
)
scorer_gradient.mistake(
    *faults.no_shift(
        {" - scores.max(axis=1, keepdims=True)": ""},
        {"scores.max(": "scores.mean("},
        hint="The weights are needed here too. Subtract the largest score of each sequence before "
        "the exponential.",
    )
)
scorer_gradient.mistake(
    *faults.epsilon("exponentials.sum(axis=1, keepdims=True)"),
)
