"""The exercises on what heads learn."""

import math

import numpy as np

from attention_book.checking import Case, faults, function_exercise, question

PLACE = (3, 4)

# 1 ---------------------------------------------------------------------------------------------


@question(
    title="What the written model says",
    difficulty="easy",
    minutes=5,
    rtol=0.011,  # 0.33 for a third
    hints=[
        "Before the last A there are three others. What stands after each?",
        "Behind them stand B, C and B. Each match has the same score.",
        "The last A itself has nothing after it, and is no match.",
    ],
)
def continues():
    """Predict what the exact induction model gives.

    The text is ^ A B A C A B D A, and ^ is the start mark. Answer for the last A with four
    numbers: the shares of B, C and D as the next token, and how many positions the head of layer
    2 reads.
    """
    return (2 / 3, 1 / 3, 0.0, 3)


continues.mistake(
    "only the last match is read",
    "All matches have the same score, so a softmax shares its 1 among them.",
    {0: 1.0, 1: 0.0, 3: 1},
)
continues.mistake(
    "each of the tokens that followed counts once",
    "B followed twice: two positions are read, and both bring B.",
    {0: 0.5, 1: 0.5},
    lambda answer: answer[0] == 0.5 and answer[1] == 0.5,
)
continues.mistake(
    "matches are counted, not shared",
    "The weights of a head sum to 1.",
    {0: 2, 1: 1},
)
continues.mistake(
    "all tokens of the text count",
    "Only what stands after an A counts; D stands after a B.",
    {0: 0.5, 1: 0.25, 2: 0.25, 3: 4},
    lambda answer: answer[0] == 0.5 and answer[2] == 0.25,
)
continues.mistake(
    "the last A counts as a match",
    "A match is a position whose token before is an A. Behind the last A there is none yet.",
    {3: 4},
    lambda answer: answer[3] == 4 and answer[2] == 0 and 0.49 < answer[0] < 0.68,
)
continues.mistake(
    "the tokens that came before are given",
    "Before the A's stand ^, B, C and D. The head reads what comes after.",
    {0: 0.25, 1: 0.25, 2: 0.25, 3: 4},
)
continues.mistake(
    "B and C have changed places",
    "B stands after two of the A's.",
    {0: 1 / 3, 1: 2 / 3},
)


# 2 ---------------------------------------------------------------------------------------------


@question(
    title="Rollout by hand",
    difficulty="easy",
    minutes=10,
    rtol=0.002,
    hints=[
        "Mix each matrix with the identity, half and half, first.",
        "The last row of the second layer becomes 0.1, 0.3, 0.6.",
        "Multiply that row with the mixed matrix of the first layer, whose rows are (1, 0, 0), "
        "(0.5, 0.5, 0) and (0, 0.4, 0.6).",
    ],
)
def paths():
    """Compute the last row of a rollout.

    Three tokens, two layers of one head. The weights of layer 1 have the rows (1, 0, 0),
    (1, 0, 0) and (0, 0.8, 0.2), those of layer 2 the rows (1, 0, 0), (0.6, 0.4, 0) and
    (0.2, 0.6, 0.2). Half of each token is kept. Answer with the three numbers of the last row.
    """
    return (0.25, 0.39, 0.36)


paths.mistake(
    "the layers are multiplied in reverse order",
    "A row of the last layer looks at states that the first has made: R is A2 A1.",
    (0.18, 0.46, 0.36),
)
paths.mistake(
    "the residual path is left out",
    "Mix each matrix with the identity first.",
    (0.8, 0.16, 0.04),
)
paths.mistake(
    "the identity is added without halving",
    "Weights and identity get one half each, so that rows still sum to 1.",
    (1.0, 1.56, 1.44),
    lambda answer: abs(sum(answer) - 4) < 0.01,
)
paths.mistake(
    "only the last layer is looked at",
    "Its keys are states into which layer 1 has already mixed other tokens.",
    (0.1, 0.3, 0.6),
    lambda answer: answer in ([0.1, 0.3, 0.6], [0.2, 0.6, 0.2]),
)
paths.mistake(
    "the layers are averaged",
    "A path goes through one layer after the other: multiply.",
    (0.05, 0.35, 0.6),
    lambda answer: answer in ([0.05, 0.35, 0.6], [0.1, 0.7, 0.2]),
)
paths.mistake(
    "the last column is given",
    "The row of the last token says what is in it.",
    (0.0, 0.0, 0.36),
)


# 3 ---------------------------------------------------------------------------------------------


@question(
    title="How far apart scores must be",
    difficulty="medium",
    minutes=10,
    rtol=0.004,
    hints=[
        "Let the best score be δ and all n - 1 others 0. What is its weight?",
        "The weight is e^δ / (e^δ + n - 1). Set it to 0.9.",
        "So e^δ = 9 (n - 1).",
    ],
)
def spread():
    """Find the spread that a sharp head needs.

    One key has a score that is δ above that of all other keys, which are equal. Its weight is to
    be 0.9. Answer with three numbers: δ for 16 keys, δ for 4096 keys, and the weight that the δ
    of 16 keys leaves it among 4096.
    """
    return (math.log(9 * 15), math.log(9 * 4095), 135 / (135 + 4095))


spread.mistake(
    "the key itself is counted among the others",
    "There are n - 1 others.",
    {0: math.log(9 * 16), 1: math.log(9 * 4096), 2: 144 / (144 + 4095)},
    lambda answer: abs(answer[0] - 4.9698) < 0.003,
)
spread.mistake(
    "the factor for 0.9 is left out",
    "With e^δ = n - 1 the weight is one half. For 0.9 it has to be 9 (n - 1).",
    {0: math.log(15), 1: math.log(4095), 2: 15 / (15 + 4095)},
    lambda answer: abs(answer[0] - 2.708) < 0.01,
)
spread.mistake(
    "the weight is taken as a ratio to the others",
    "0.9 of all is 9 times what is left for the others.",
    {0: math.log(0.9 * 15), 1: math.log(0.9 * 4095), 2: 13.5 / (13.5 + 4095)},
    lambda answer: abs(answer[0] - 2.603) < 0.01,
)
spread.mistake(
    "logarithms of base 2 are taken",
    "The softmax has the base e.",
    {0: math.log(9 * 15) / math.log(2), 1: math.log(9 * 4095) / math.log(2)},
    lambda answer: abs(answer[0] - 7.077) < 0.01,
)
spread.mistake(
    "the exponential is given, not its logarithm",
    "135 is e^δ.",
    {0: 135, 1: 36855},
    lambda answer: answer[0] == 135,
)
spread.mistake(
    "the weight among 4096 is scaled by the number of keys",
    "The others have e^0 each: 135 / (135 + 4095).",
    {2: 0.9 * 16 / 4096},
    lambda answer: abs(answer[2] - 0.0035) < 0.0001,
)
spread.mistake(
    "the weight is thought to stay",
    "The δ is the same, and the others are 273 times as many.",
    {2: 0.9},
)


# 4 ---------------------------------------------------------------------------------------------


def _score_inputs(seed, H=3, n=11, period=4, dtype=np.float64):
    weights = np.tril(np.random.default_rng(seed).dirichlet(np.ones(n), (H, n)) + 0.02)
    return (weights / weights.sum(axis=2, keepdims=True)).astype(dtype), period


def _score_cases():
    return [
        Case("three heads, period 4", _score_inputs(0)),
        Case("two whole periods", _score_inputs(1, n=10, period=5)),
        Case("as many heads as positions", _score_inputs(2, H=7, n=7, period=3)),
        Case("one repeat", _score_inputs(3, n=6, period=5)),
        Case("the same token all the time", _score_inputs(4, n=5, period=1)),
        Case("single precision", _score_inputs(5, dtype=np.float32), rtol=1e-5),
    ]


@function_exercise(
    title="Find the induction heads",
    difficulty="medium",
    minutes=15,
    cases=_score_cases,
    hints=[
        "Position i repeats something from i = period on.",
        "The equal token stands at i - period. Which position is of interest?",
        "weights[:, i, j] with two arrays of indices takes one number for each pair.",
    ],
)
def induction_scores(weights, period):
    """Return the induction score of each head, (H,), in the dtype of weights.

    Shapes: weights (H, n, n), with queries in rows; the text repeats with the period, which is
    below n. The score is the mean weight, over all positions i that repeat a token, on the
    position after that token one period before.
    """
    i = np.arange(period, weights.shape[1])
    return weights[:, i, i - period + 1].mean(axis=1)


_TARGET = "i - period + 1"
induction_scores.mistake(
    "the equal token is looked at",
    "That is i - period. What is to be copied stands after it.",
    {_TARGET: "i - period"},
)
induction_scores.mistake(
    "the token before the equal one is looked at",
    "One step forward from i - period, not back.",
    {_TARGET: "np.maximum(i - period - 1, 0)"},
    {_TARGET: "i - period - 1"},
)
induction_scores.mistake(
    "queries and keys have changed places",
    "The query is the later position and stands in the row.",
    {"weights[:, i, i - period + 1]": "weights[:, i - period + 1, i]"},
)
induction_scores.mistake(
    "positions before the first repeat are counted",
    "From position period - 1 nothing can be continued yet: begin at period.",
    {"np.arange(period,": "np.arange(period - 1,"},
)
induction_scores.mistake(
    "the sum is divided by all positions",
    "The mean is over the positions that repeat something.",
    {".mean(axis=1)": ".sum(axis=1) / weights.dtype.type(weights.shape[1])"},
)
induction_scores.mistake(
    "the sum is not divided",
    "The score is a mean: 1 for a perfect head.",
    {".mean(axis=1)": ".sum(axis=1)"},
)
induction_scores.mistake(
    "the heads are averaged",
    "Each head has a score of its own. Averaged, one induction head among many is not seen.",
    {".mean(axis=1)": ".mean()[None].repeat(len(weights))"},
)
induction_scores.mistake(
    "the token before is looked at",
    "That is the score of a previous-token head.",
    {_TARGET: "i - 1"},
)
induction_scores.mistake(
    *faults.double(
        {"return weights[": "return weights.astype(float)["},
        hint="np.zeros is of doubles, and so is np.array of Python's numbers. Take the dtype of "
        "weights.",
    )
)


# 5 ---------------------------------------------------------------------------------------------


def _ablation_inputs(seed, B=4, H=3, n=5, d=6, head=1, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return (
        rng.standard_normal((B, n, d)).astype(dtype),
        (rng.standard_normal((B, H, n, d)) + rng.standard_normal((H, n, d))).astype(dtype),
        head,
    )


def _ablation_cases():
    return [
        Case("three heads", _ablation_inputs(0)),
        Case("the first head", _ablation_inputs(1, head=0)),
        Case("as many samples as heads", _ablation_inputs(2, B=3)),
        Case("as many positions as samples", _ablation_inputs(3, B=5)),
        Case("one sample", _ablation_inputs(4, B=1)),
        Case("one head", _ablation_inputs(5, H=1, head=0)),
        Case("single precision", _ablation_inputs(6, dtype=np.float32), rtol=1e-4, atol=1e-6),
    ]


@function_exercise(
    title="Ablate with the mean",
    difficulty="medium",
    minutes=15,
    cases=_ablation_cases,
    hints=[
        "Without ablation the next state is x + parts.sum(axis=1).",
        "The mean of a head's part is over the samples: one (n, d) array.",
        "Take the part away from the sum, and add its mean.",
    ],
)
def mean_ablated(x, parts, head):
    """Return the state after a layer in which one head is replaced by its mean, (B, n, d).

    Shapes: x (B, n, d), the state before the layer; parts (B, H, n, d), what each head adds. The
    mean of the head's part is over the samples, for each position on its own. The result has the
    dtype of x.
    """
    mean = parts[:, head].mean(axis=0)
    return x + parts.sum(axis=1) - parts[:, head] + mean


mean_ablated.mistake(
    "the head is replaced by zeros",
    "That is zero ablation. Put its mean there.",
    {" + mean": ""},
)
mean_ablated.mistake(
    "the mean is added to the part",
    "The head's own part has to go.",
    {" - parts[:, head]": ""},
)
mean_ablated.mistake(
    "the mean is over positions, too",
    "Each position has a mean of its own.",
    {"mean(axis=0)": "mean(axis=(0, 1))"},
)
mean_ablated.mistake(
    "the mean is over the positions of each sample",
    "The mean is over the samples: axis 0. Otherwise each sample keeps something of its own.",
    {"mean(axis=0)": "mean(axis=1, keepdims=True)"},
)
mean_ablated.mistake(
    "the mean is over the heads",
    "The mean of this head over the samples is wanted.",
    {"parts[:, head].mean(axis=0)": "parts.mean(axis=1)"},
)
mean_ablated.mistake(
    "the input of the layer is lost",
    "The layer is residual: x stays.",
    {"x + parts": "parts"},
)
mean_ablated.mistake(
    "the other heads are lost",
    "Only one head is replaced.",
    lambda x, parts, head: x + parts[:, head].mean(axis=0),
)
mean_ablated.mistake(
    "all heads are replaced",
    "Only one head is replaced.",
    lambda x, parts, head: x + parts.sum(axis=1).mean(axis=0) + 0 * parts[:, head],
)


# 6 ---------------------------------------------------------------------------------------------


def _norm_inputs(seed, H=3, L=4, S=6, d_v=5, d_model=7, dtype=np.float64):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(S), (H, L))
    v, W_o = rng.standard_normal((H, S, d_v)), rng.standard_normal((H * d_v, d_model))
    v *= rng.uniform(0.1, 3, (H, S, 1))
    return tuple(y.astype(dtype) for y in (weights, v, W_o))


def _norm_cases():
    return [
        Case("three heads", _norm_inputs(0)),
        Case("one head", _norm_inputs(1, H=1)),
        Case("as many queries as keys", _norm_inputs(2, L=6)),
        Case("heads as wide as the model", _norm_inputs(3, d_v=7)),
        Case("heads of size 1", _norm_inputs(4, H=4, d_v=1)),
        Case("single precision", _norm_inputs(5, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="Erratum: a map of what was written",
    difficulty="hard",
    minutes=20,
    cases=_norm_cases,
    hints=[
        "Two heads may write the same vector with opposite signs. What is added then?",
        "Add the vectors of all heads first, and take the length last.",
        "The vector of head h, query i and key j is weights[h, i, j] * v[h, j] @ W_o of head h.",
    ],
)
def written(weights, v, W_o):
    """Return the length of what all heads together add from each key, (L, S).

    Shapes: weights (H, L, S), v (H, S, d_v), W_o (H d_v, d_model): head 0 has the first d_v rows.
    The result has the dtype of weights.
    """
    heads, _, d_v = v.shape
    vectors = v @ W_o.reshape(heads, d_v, -1)
    together = np.einsum("hij,hjd->ijd", weights, vectors)
    return np.sqrt((together**2).sum(axis=2))


def _brought(v, W_o):
    """The lengths of what each head makes of each key, (H, S)."""
    return np.linalg.norm(v @ W_o.reshape(len(v), v.shape[2], -1), axis=2)


written.mistake(
    "both are summed or averaged over the heads before they are multiplied",
    "A head with a large weight on a short vector and one with the reverse are mixed up.",
    lambda weights, v, W_o: weights.mean(axis=0) * np.linalg.norm(v, axis=2).mean(axis=0),
    lambda weights, v, W_o: weights.mean(axis=0) * _brought(v, W_o).mean(axis=0),
    lambda weights, v, W_o: weights.sum(axis=0) * np.linalg.norm(v, axis=2).sum(axis=0),
    lambda weights, v, W_o: weights.sum(axis=0) * _brought(v, W_o).sum(axis=0),
    lambda weights, v, W_o: weights.mean(axis=0) * np.linalg.norm(v, axis=2).sum(axis=0),
    lambda weights, v, W_o: weights.mean(axis=0) * _brought(v, W_o).sum(axis=0),
)
written.mistake(
    "the lengths of the heads are added or averaged",
    "Vectors may cancel. Add them, then take the length.",
    lambda weights, v, W_o: (weights * _brought(v, W_o)[:, None]).sum(axis=0),
    lambda weights, v, W_o: (weights * _brought(v, W_o)[:, None]).mean(axis=0),
    lambda weights, v, W_o: (weights * np.linalg.norm(v, axis=2)[:, None]).sum(axis=0),
)
written.mistake(
    "the weights are averaged first",
    "Each head weighs its own vectors.",
    {
        'np.einsum("hij,hjd->ijd", weights, vectors)': "weights.mean(axis=0)[:, :, None] "
        "* vectors.sum(axis=0)"
    },
)
written.mistake(
    "the heads are averaged",
    "The layer adds what its heads bring.",
    {"together**2": "(together / weights.dtype.type(heads))**2"},
)
written.mistake(
    "W_o was left out",
    "What is added to the stream is v times the rows of W_o that belong to the head.",
    lambda weights, v, W_o: np.linalg.norm(np.einsum("hij,hjd->ijd", weights, v), axis=2),
)
written.mistake(
    "the rows of W_o are dealt out in turn",
    "Head 0 has the first d_v rows: reshape to (H, d_v, d_model).",
    {"W_o.reshape(heads, d_v, -1)": "W_o.reshape(d_v, heads, -1).swapaxes(0, 1)"},
)
written.mistake(
    "the root is missing",
    "These are the squares of the lengths.",
    {"np.sqrt((together**2).sum(axis=2))": "(together**2).sum(axis=2)"},
)
written.mistake(
    *faults.double(
        {"weights, vectors)": "weights.astype(float), vectors)"},
        hint="Compute in the dtype that came.",
    )
)


# 7 ---------------------------------------------------------------------------------------------


def _k_inputs(seed, H=3, n=5, d=8, d_k=4, dtype=np.float64):
    rng = np.random.default_rng(seed)
    shapes = (n, d), (H, n, d), (d, d_k), (d, d_k)
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)


def _k_cases():
    return [
        Case("three heads before", _k_inputs(0)),
        Case("one head before", _k_inputs(1, H=1)),
        Case("as many heads as positions", _k_inputs(2, H=5)),
        Case("keys as wide as the model", _k_inputs(3, d_k=8)),
        Case("keys of size 1", _k_inputs(4, d_k=1)),
        Case("single precision", _k_inputs(5, dtype=np.float32), rtol=1e-3, atol=1e-4),
    ]


@function_exercise(
    title="K-composition",
    difficulty="hard",
    minutes=20,
    cases=_k_cases,
    hints=[
        "Layer 2 sees x + parts.sum(axis=0), in its queries as in its keys.",
        "A key is linear in the stream: which part of it comes from head h of layer 1?",
        "Queries of the whole stream, times the keys made from parts[h] alone, over √d_k.",
    ],
)
def k_terms(x, parts, W_q, W_k):
    """Return what each head of layer 1 adds to the scores of a head of layer 2 by its keys.

    Shapes: x (n, d), the state before layer 1; parts (H, n, d), what its heads add; W_q and W_k
    (d, d_k), of one head of layer 2. The result is (H, n, n), queries in rows, in the dtype of x:
    the terms of the score, scaled, that would go if the part were taken away from the keys alone.
    """
    queries = (x + parts.sum(axis=0)) @ W_q
    keys = parts @ W_k
    return queries @ keys.swapaxes(1, 2) / math.sqrt(W_k.shape[1])


k_terms.mistake(
    "queries are made before layer 1",
    "Layer 2 asks with the whole stream, x + parts.sum(axis=0).",
    {"(x + parts.sum(axis=0)) @ W_q": "x @ W_q"},
)
k_terms.mistake(
    "these are the terms of Q-composition",
    "There the queries come from the part. Here the keys do.",
    lambda x, parts, W_q, W_k: (
        (parts @ W_q) @ ((x + parts.sum(axis=0)) @ W_k).T / math.sqrt(W_k.shape[1])
    ),
)
k_terms.mistake(
    "queries and keys both come from the part",
    "The query is that of the whole stream.",
    {"queries @ keys": "(parts @ W_q) @ keys"},
)
k_terms.mistake(
    "queries and keys have changed places",
    "Queries stand in the rows.",
    {
        "queries @ keys.swapaxes(1, 2)": "(queries @ keys.swapaxes(1, 2)).swapaxes(1, 2)",
    },
)
k_terms.mistake(
    "the whole keys are taken",
    "What would go is the part of the key that comes from head h.",
    {"parts @ W_k": "(x + parts) @ W_k"},
)
k_terms.mistake(
    "there is no scale",
    "Scores are divided by √d_k.",
    {" / math.sqrt(W_k.shape[1])": ""},
)
k_terms.mistake(
    "the scale is that of the model",
    "A score is a sum of d_k products: √d_k.",
    {"W_k.shape[1]": "W_k.shape[0]"},
)
k_terms.mistake(
    "the heads are added up",
    "One matrix for each head of layer 1.",
    {"keys = parts @ W_k": "keys = (0 * parts + parts.sum(axis=0)) @ W_k"},
)
k_terms.mistake(
    "the matrices have changed places",
    "Queries are made with W_q.",
    {"parts.sum(axis=0)) @ W_q": "parts.sum(axis=0)) @ W_k", "parts @ W_k": "parts @ W_q"},
)
k_terms.mistake(
    *faults.double(
        {"math.sqrt": "np.sqrt"},
        hint="np.sqrt of a whole number is a double, and makes doubles of singles. math.sqrt gives "
        "a Python number, which does not.",
    )
)
