"""The exercises on the whole Transformer."""

import math

import numpy as np

from attention_book.checking import Case, faults, function_exercise, question
from attention_book.softmax import softmax

PLACE = (3, 3)

# 1 ---------------------------------------------------------------------------------------------


@question(
    title="Count a block",
    difficulty="easy",
    minutes=5,
    rtol=1e-6,
    hints=[
        "Attention has four matrices, and all heads together are as wide as the model.",
        "The network has two matrices of 48 by 192, and a bias after each.",
        "A block has two norms, and each has a gain and a bias for every feature.",
    ],
)
def counts():
    """Count the parameters of a block.

    An encoder block has d_model = 48, H = 4 and d_ff = 192; the attention has no biases, the
    network has. Answer with three numbers: the parameters of the attention, of the network, and
    of the norms.
    """
    return (9216, 18672, 192)


counts.mistake(
    "every head has the full width",
    "The heads share d_model: each is 12 wide, and all together have four matrices of 48 by 48.",
    {0: 36864},
)
counts.mistake(
    "W_o was left out",
    "Behind the heads stands a fourth matrix.",
    {0: 6912},
)
counts.mistake(
    "biases of the attention were counted",
    "This one has none.",
    {0: 9408},
)
counts.mistake(
    "the biases of the network were left out",
    "There are d_ff of them after the first matrix and d_model after the second.",
    {1: 18432},
)
counts.mistake(
    "the network has one matrix",
    "It goes up to 192 features and comes back to 48.",
    {1: 9456},
    lambda answer: answer[1] in (9216, 9408, 9264, 9456) and answer[0] != 18672,
)
counts.mistake(
    "half of the norms is missing",
    "There are two norms, and each has a gain and a bias for every feature: 4 · 48.",
    {2: 96},
)
counts.mistake(
    "a norm has one gain and one bias",
    "Gain and bias are vectors, with an entry for each feature.",
    {2: 4},
)


# 2 ---------------------------------------------------------------------------------------------


@question(
    title="A block by hand",
    difficulty="medium",
    minutes=15,
    rtol=0.002,
    hints=[
        "The first norm makes (2, 0) of the first token and (0, 2) of the second.",
        "The queries are 2 and 0, the keys 0 and ½ ln 4. So the first token weighs with 1/5 and "
        "4/5, the second with 1/2 and 1/2.",
        "The values are 12 and −8. The first token reads −4, and (−4, 8) is added to (5, 1).",
        "Normalise again before the network: it sees (−1, 1) and (1, −1).",
    ],
)
def by_hand():
    """Compute a pre-norm block for two tokens.

    The tokens are (5, 1) and (2, 6). The norm before the attention has gain 1 and bias 1, that
    before the network gain 1 and bias 0; ε is left out. One head of size 1 has W_q = (1, 0)ᵀ,
    W_k = (0, ¼ ln 4)ᵀ, W_v = (6, −4)ᵀ and W_o = (1, −2); everyone may attend to everyone. The
    network has one hidden unit: W_1 = (0, 2)ᵀ, W_2 = (1, 1), no biases. Answer with four numbers:
    the two features of the first output, then of the second.
    """
    return (3.0, 11.0, 4.0, 2.0)


by_hand.mistake(
    "the network has no rectifier",
    "The hidden unit of the second token is −2, and max(0, −2) = 0.",
    {2: 2.0, 3: 0.0},
)
by_hand.mistake(
    "the weights sum to 1 over the queries",
    "Each query shares out a weight of 1 over the keys: along a row of the scores.",
    (4.6, 1.8, 6.4, -2.8),
)
by_hand.mistake(
    "queries and keys are exchanged",
    "The first token's query, 2, meets the second token's key: the first token prefers the second.",
    (7.0, -3.0, 10.0, -10.0),
)
by_hand.mistake(
    "the first norm has no bias",
    "Its bias is 1: it makes (2, 0) and (0, 2), which queries, keys and values are made from.",
    (11 / 3, 29 / 3, 16 / 3, -2 / 3),
)
by_hand.mistake(
    "the second norm has a bias, too",
    "Its bias is 0: the network sees (−1, 1) and (1, −1).",
    {0: 5.0, 1: 13.0},
)
by_hand.mistake(
    "the network reads what stood there before the attention",
    "The layers take turns: the network reads the stream after the attention has added to it.",
    (1.0, 9.0, 6.0, 4.0),
)
by_hand.mistake(
    "the first sum begins with the normalised tokens",
    "Only what a layer reads is normalised. It adds to the token as it came.",
    (0.0, 10.0, 2.0, -2.0),
)
by_hand.mistake(
    "the second sum begins with a normalised copy",
    "Only what a layer reads is normalised. The network adds to (1, 9) and (4, 2).",
    (1.0, 3.0, 1.0, -1.0),
)
by_hand.mistake(
    "the network reads the stream without a norm",
    "The second norm stands before the network: it sees (−1, 1), not (1, 9).",
    (19.0, 27.0, 8.0, 6.0),
)
by_hand.mistake(
    "the weights 1/5 and 4/5 are exchanged",
    "The first query is 2, so it prefers the larger key, that of the second token.",
    {0: 13.0, 1: -15.0},
)
by_hand.mistake(
    "the outputs are normalised",
    "The outputs are not normalised, neither after each sum (that is post-norm) nor at the end.",
    (-1.0, 1.0, 1.0, -1.0),
    lambda answer: len(answer) == 4 and all(abs(abs(number) - 1) < 0.01 for number in answer),
)
by_hand.mistake(
    "the network was left out",
    "It adds (2, 2) to the first token.",
    {0: 1.0, 1: 9.0},
)
by_hand.mistake(
    "the attention was left out",
    "It adds (−4, 8) to the first token and (2, −4) to the second.",
    (5.0, 1.0, 4.0, 8.0),
)
by_hand.mistake(
    "there is a causal mask",
    "Everyone may attend to everyone: the first token reads the second, too.",
    {0: 17.0, 1: -23.0},
)


# 3 ---------------------------------------------------------------------------------------------


def _norm_inputs(seed, n=5, d=7, size=1.0, shift=0.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    x, gain, bias = (rng.standard_normal(shape) for shape in ((n, d), d, d))
    return tuple(y.astype(dtype) for y in (size * x + shift, gain, bias))


def _norm_cases():
    flat = np.full((2, 4), 3.0)
    return [
        Case("five tokens", _norm_inputs(0)),
        Case("as many tokens as features", _norm_inputs(1, n=6, d=6)),
        Case("far from 0", _norm_inputs(2, shift=50.0)),
        Case("small features", _norm_inputs(3, size=0.01)),
        Case("one token", _norm_inputs(4, n=1)),
        Case("all features are equal", (flat, np.array([1.0, 2, 3, 4]), np.ones(4))),
        Case("single precision", _norm_inputs(5, dtype=np.float32), rtol=1e-4, atol=1e-5),
    ]


@function_exercise(
    title="Layer normalisation",
    difficulty="easy",
    minutes=10,
    cases=_norm_cases,
    hints=[
        "Each token has a mean and a variance of its own, over its features: axis 1.",
        "keepdims=True leaves an axis of size 1, so that they can be subtracted and divided by.",
        "Divide by the root of (variance + 1e-5), then times gain, plus bias.",
    ],
)
def layer_norm(x, gain, bias):
    """Return layer normalisation of each token, (n, d), in the dtype of x.

    Shapes: x (n, d), gain (d,), bias (d,). The variance divides by d, and ε = 1e-5 is added to it
    under the root.
    """
    centred = x - x.mean(axis=1, keepdims=True)
    variance = (centred**2).mean(axis=1, keepdims=True)
    return centred / np.sqrt(variance + 1e-5) * gain + bias


_ROOT = "np.sqrt(variance + 1e-5)"
layer_norm.mistake(
    "the tokens are normalised together, feature by feature",
    "Mean and variance are those of one token. Over the tokens, each would see all others.",
    {
        "x.mean(axis=1, keepdims=True)": "x.mean(axis=0)",
        "(centred**2).mean(axis=1, keepdims=True)": "(centred**2).mean(axis=0)",
    },
)
layer_norm.mistake(
    "one mean and one variance serve all tokens",
    "Each token has its own; shared ones carry news from token to token.",
    {
        "x.mean(axis=1, keepdims=True)": "x.mean()",
        "(centred**2).mean(axis=1, keepdims=True)": "(centred**2).mean()",
    },
)
layer_norm.mistake(
    "the variance divides by d − 1",
    "Here, and in PyTorch's layer, it divides by d. x.var(axis=1) does so too.",
    {"(centred**2).mean(axis=1, keepdims=True)": "x.var(axis=1, keepdims=True, ddof=1)"},
)
layer_norm.mistake(
    "ε stands outside the root",
    "It belongs to the variance: the root is taken of the sum.",
    {_ROOT: "(np.sqrt(variance) + 1e-5)"},
)
layer_norm.mistake(
    "there is no ε",
    "A token whose features are all equal has the variance 0.",
    {_ROOT: "np.sqrt(variance)"},
)
layer_norm.mistake(
    "ε is another number",
    "The task names 1e-5; libraries differ, and so do their outputs.",
    {"1e-5": "1e-6"},
    {"1e-5": "1e-12"},
    {"1e-5": "1e-8"},
)
layer_norm.mistake(
    "ε is taken for the least variance",
    "It is added to every variance, not only put in the place of those that are smaller.",
    {_ROOT: "np.sqrt(np.maximum(variance, 1e-5))"},
)
layer_norm.mistake(
    "the mean was not subtracted",
    "Without it this is normalisation by the root mean square, another layer.",
    {"x - x.mean(axis=1, keepdims=True)": "x"},
)
layer_norm.mistake(
    "it divides by the variance",
    "The root of the variance has the size of the features.",
    {_ROOT: "(variance + 1e-5)"},
)
layer_norm.mistake(
    "gain and bias were left out",
    "They are learned, and let a feature be large again where that helps.",
    {" * gain + bias": ""},
)
layer_norm.mistake(
    *faults.double({"x - x.mean": "x.astype(float) - x.mean"}, hint="Compute in the dtype that "
                   "came.")
)  # fmt: skip


# 4 ---------------------------------------------------------------------------------------------


def _block_inputs(seed, n=5, d=6, d_k=4, d_ff=9, size=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    shapes = ((n, d), (d, d_k), (d, d_k), (d, d_k), (d_k, d), (d, d_ff), (d_ff, d))
    x, *matrices = (rng.standard_normal(shape) for shape in shapes)
    return tuple(y.astype(dtype) for y in (size * x + 0.5, *matrices))


def _block_cases():
    return [
        Case("five tokens", _block_inputs(0)),
        Case("a large stream", _block_inputs(1, size=20.0)),
        Case("as many tokens as features", _block_inputs(2, n=6, d=6, d_k=6, d_ff=6)),
        Case("one token", _block_inputs(3, n=1)),
        Case("a head of size 1", _block_inputs(4, d_k=1, d_ff=2)),
        Case("single precision", _block_inputs(5, dtype=np.float32), rtol=1e-3, atol=1e-4),
    ]


def normed(x):
    """Layer normalisation with gain 1 and bias 0."""
    centred = x - x.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)


@function_exercise(
    title="The whole block",
    difficulty="medium",
    minutes=25,
    cases=_block_cases,
    hints=[
        "Two lines of the form x = x + layer(normed(x)).",
        "y = normed(x) makes queries, keys and values; x itself only takes the sum.",
        "np.tri(n, dtype=bool) is True where a token may look: itself and before.",
        "The network reads normed(x) of the x that has read: np.maximum(0, … @ W_1) @ W_2.",
    ],
)
def block(x, W_q, W_k, W_v, W_o, W_1, W_2):
    """Return a causal pre-norm block with one head and no biases, (n, d), in the dtype of x.

    Shapes: x (n, d), W_q, W_k and W_v (d, d_k), W_o (d_k, d), W_1 (d, d_ff), W_2 (d_ff, d). The
    norms have gain 1 and bias 0: ``normed(x)`` from ``attention_book.exercises.transformer``.
    ``attention_book.softmax.softmax`` with its ``mask`` is allowed. A rectifier stands between W_1
    and W_2. No final norm.
    """
    y = normed(x)
    scores = (y @ W_q) @ (y @ W_k).T / math.sqrt(W_q.shape[1])
    weights = softmax(scores, mask=np.tri(len(x), dtype=bool))
    x = x + weights @ (y @ W_v) @ W_o
    return x + np.maximum(0, normed(x) @ W_1) @ W_2


_READ = "x = x + weights @ (y @ W_v) @ W_o"
_SAID = "return x + np.maximum(0, normed(x) @ W_1) @ W_2"
block.mistake(
    "the norms stand after the sums",
    "That is post-norm. Here a layer reads a normalised copy, and the sum is left as it is.",
    {
        "y = normed(x)": "y = x",
        _READ: "x = normed(x + weights @ (y @ W_v) @ W_o)",
        _SAID: "return normed(x + np.maximum(0, x @ W_1) @ W_2)",
    },
)
block.mistake(
    "the attention does not read a norm",
    "Queries, keys and values come from normed(x).",
    {"y = normed(x)": "y = x"},
)
block.mistake(
    "the values are not normalised",
    "All three come from the same copy, normed(x).",
    {"(y @ W_v)": "(x @ W_v)"},
)
block.mistake(
    "the network does not read a norm",
    "Its layer has a norm of its own: normed(x) of what the attention left.",
    {"normed(x) @ W_1": "x @ W_1"},
)
block.mistake(
    "there is no norm at all",
    "Each of the two layers reads a normalised copy: normed(x) of what stands there then.",
    {"y = normed(x)": "y = x", "normed(x) @ W_1": "x @ W_1"},
)
block.mistake(
    "what the attention read replaces the stream",
    "It is added: x + what was read.",
    {_READ: "x = weights @ (y @ W_v) @ W_o"},
)
block.mistake(
    "what the network says replaces the stream",
    "It is added: x + what the network says.",
    {"return x + np": "return np"},
)
block.mistake(
    "the sum begins with the normalised copy",
    "The stream itself is never normalised inside a pre-norm block.",
    {_READ: "x = y + weights @ (y @ W_v) @ W_o"},
)
block.mistake(
    "the network reads what stood there before the attention",
    "The layers take turns: the network reads the stream after the attention has added to it.",
    {"normed(x) @ W_1": "y @ W_1"},
)
block.mistake(
    "there is a final norm",
    "It stands after the last block, not in each.",
    {_SAID: "return normed(x + np.maximum(0, normed(x) @ W_1) @ W_2)"},
)
block.mistake(
    "the future is seen",
    "A token sees itself and what stands before it: a lower triangle.",
    {", mask=np.tri(len(x), dtype=bool)": ""},
    {"np.tri(len(x), dtype=bool)": "np.tri(len(x), dtype=bool).T"},
    {"np.tri(len(x), dtype=bool)": "np.tri(len(x), k=1, dtype=bool)"},
)
block.mistake(
    "True means blocked",
    "In this mask True means may attend: a lower triangle, with its diagonal.",
    {"np.tri(len(x), dtype=bool)": "~np.tri(len(x), dtype=bool)"},
)
block.mistake(
    "a token does not see itself",
    "The diagonal belongs to the mask: np.tri(n), without k = −1.",
    {"np.tri(len(x), dtype=bool)": "np.tri(len(x), k=-1, dtype=bool)"},
)
block.mistake(
    "the network has no rectifier",
    "Without max(0, …) the two matrices are one.",
    {"np.maximum(0, normed(x) @ W_1)": "(normed(x) @ W_1)"},
)
block.mistake(
    "the scale is missing, or another than √d_k",
    "Divide the scores by the square root of the head's d_k.",
    {" / math.sqrt(W_q.shape[1])": ""},
    {"math.sqrt(W_q.shape[1])": "math.sqrt(x.shape[1])"},
    {"math.sqrt(W_q.shape[1])": "W_q.shape[1]"},
)
block.mistake(
    *faults.double(
        {"math.sqrt": "np.sqrt"},
        hint="np.sqrt of a whole number is a double, and makes doubles of singles. math.sqrt gives "
        "a Python number, which does not.",
    )
)


# 5 ---------------------------------------------------------------------------------------------


def _mask_inputs(seed, B=3, S=6, L=4, in_front=False):
    rng = np.random.default_rng(seed)
    lengths = ((rng.permutation(n)[:B] + 1)[:, None] for n in (S, L))  # none of them twice
    masks = (np.arange(n) < length for n, length in zip((S, L), lengths, strict=True))
    return tuple(mask[:, ::-1] if in_front else mask for mask in masks)


def _mask_cases():
    return [
        Case("a source longer than the target", _mask_inputs(0)),
        Case("a target longer than the source", _mask_inputs(1, S=3, L=5)),
        Case("both equally long", _mask_inputs(2, S=5, L=5)),
        Case("padding in front", _mask_inputs(5, in_front=True)),
        Case("one sentence", _mask_inputs(3, B=1)),
        Case("as many sentences as words", _mask_inputs(4, B=4, S=4, L=4)),
        Case("no padding", (np.ones((2, 3), dtype=bool), np.ones((2, 4), dtype=bool))),
    ]


@function_exercise(
    title="Erratum: the masks of the decoder",
    difficulty="medium",
    minutes=15,
    cases=_mask_cases,
    hints=[
        "Rows are those who ask, columns those who are read.",
        "Padding is what nobody may read, so it lies along the columns: [:, None, :].",
        "In cross-attention the target asks and the source is read.",
    ],
)
def decoder_masks(real_source, real_target):
    """Return the two masks of a decoder, (B, L, L) and (B, L, S); True = may attend.

    Shapes: real_source (B, S) and real_target (B, L), True where a token is real. The first mask
    is for the self-attention of the target: causal, and no padding is read. The second is for the
    attention of the target to the source: no padding is read.
    """
    L = real_target.shape[1]
    causal = np.tri(L, dtype=bool)
    own = causal & real_target[:, None, :]
    return own, np.repeat(real_source[:, None, :], L, axis=1)


_OWN, _CROSS = "real_target[:, None, :]", "np.repeat(real_source[:, None, :], L, axis=1)"
_ROWS = "np.repeat(real_target[:, :, None], real_source.shape[1], axis=2)"
decoder_masks.mistake(
    "in the first mask the padding lies along those who ask",
    "A padded query would see nothing, and every real query would see the padding before it. "
    "Padding lies along the columns.",
    {_OWN: "real_target[:, :, None]"},
)
decoder_masks.mistake(
    "the second mask hides who asks, and not the padding of the source",
    "The source is read: its padding must be hidden, from all that ask.",
    {_CROSS: _ROWS},
)
decoder_masks.mistake(
    "both masks lie along those who ask",
    "Two faults: padding lies along the columns, and those of the second mask are the source's.",
    {_OWN: "real_target[:, :, None]", _CROSS: _ROWS},
)
decoder_masks.mistake(
    "the first mask has no padding",
    "Causal alone: with padding in front, real tokens would read it.",
    {"causal & real_target[:, None, :]": "np.repeat(causal[None], len(real_target), axis=0)"},
)
decoder_masks.mistake(
    "the first mask is not causal",
    "The target may not read what it is to predict.",
    {"causal & real_target[:, None, :]": "np.repeat(real_target[:, None, :], L, axis=1)"},
)
decoder_masks.mistake(
    "padding may not ask either",
    "What padding asks for is read by nobody. A row that sees nothing is NaN in some libraries.",
    {_OWN: "(real_target[:, None, :] & real_target[:, :, None])"},
    {_CROSS: "(real_source[:, None, :] & real_target[:, :, None])"},
)
decoder_masks.mistake(
    "True means blocked",
    "Here True means may attend.",
    lambda source, target: tuple(~mask for mask in decoder_masks.solve(source, target)),
)
decoder_masks.mistake(
    "the two masks are exchanged",
    "First the target's own, then that of the source.",
    lambda source, target: decoder_masks.solve(source, target)[::-1],
)


# 6 ---------------------------------------------------------------------------------------------


def _nucleus_cases():
    rng = np.random.default_rng(0)
    many = rng.dirichlet(np.full(9, 0.5))
    return [
        Case("four symbols, 0.6", (np.array([0.3, 0.08, 0.5, 0.12]), 0.6)),
        Case("four symbols, 0.9", (np.array([0.3, 0.08, 0.5, 0.12]), 0.9)),
        Case("the first is enough", (np.array([0.04, 0.9, 0.06]), 0.75)),
        Case("nine symbols", (many, 0.8)),
        Case("all of them", (many, 1.0)),
        Case("rare symbols", (np.array([0.51, 0.4, 0.05, 0.04]), 0.94)),
        Case("exactly enough", (np.array([0.1875, 0.5, 0.0625, 0.25]), 0.75)),
        Case("one symbol", (np.array([1.0]), 0.3)),
    ]


@function_exercise(
    title="The nucleus",
    difficulty="medium",
    minutes=15,
    cases=_nucleus_cases,
    hints=[
        "np.argsort(-p) has the likeliest first.",
        "A symbol stays as long as the likelier ones together have less than top_p.",
        "p[order].cumsum() - p[order] is what the likelier ones have.",
        "Put what stays back into its places, and divide by its sum.",
    ],
)
def nucleus(p, top_p):
    """Return the distribution of top-p sampling, (V,).

    Shapes: p (V,), a distribution in which no two symbols are equally likely; top_p a number above
    0 and at most 1. The likeliest symbols stay, the fewest that have at least top_p together; the
    others get 0, and the result sums to 1.
    """
    order = np.argsort(-p)
    before = p[order].cumsum() - p[order]
    kept = np.zeros_like(p)
    kept[order[before < top_p]] = p[order[before < top_p]]
    return kept / kept.sum()


nucleus.mistake(
    "the symbol that crosses top_p is left out",
    "The nucleus reaches top_p: ask what the likelier ones have, without the symbol itself.",
    {"before = p[order].cumsum() - p[order]": "before = p[order].cumsum()"},
    lambda p, top_p: _with_the_first(p, top_p),
)
nucleus.mistake(
    "it was not divided by the sum",
    "What stays has less than 1 together, and a distribution has 1.",
    {" / kept.sum()": ""},
)
nucleus.mistake(
    "the threshold is 1 − top_p",
    "top_p is the part that stays, not the part that goes.",
    {"before < top_p": "before < 1 - top_p"},
)
nucleus.mistake(
    "the unlikely stay",
    "Begin with the likeliest: argsort sorts upwards.",
    {"np.argsort(-p)": "np.argsort(p)"},
)
nucleus.mistake(
    "the result is in the order of the likeliest first",
    "Symbol v keeps place v: put each probability back where it came from.",
    lambda p, top_p: np.sort(nucleus.solve(p, top_p))[::-1],
)
nucleus.mistake(
    "each symbol is compared with top_p alone",
    "top_p is for the sum of what stays; a single symbol rarely has so much.",
    lambda p, top_p: _at_least(p, top_p),
)
nucleus.mistake(
    "one symbol too many stays",
    "When the sum has reached top_p, the next one goes.",
    {"before < top_p": "before <= top_p"},
    lambda p, top_p: _one_more(p, top_p),
)


def _with_the_first(p, top_p):
    order = np.argsort(-p)
    kept = np.zeros_like(p)
    few = order[: max(1, (p[order].cumsum() <= top_p).sum())]
    kept[few] = p[few]
    return kept / kept.sum()


def _at_least(p, top_p):
    kept = np.where((p >= top_p) | (p == p.max()), p, 0)
    return kept / kept.sum()


def _one_more(p, top_p):
    order = np.argsort(-p)
    few = order[: (p[order].cumsum() - p[order] < top_p).sum() + 1]
    kept = np.zeros_like(p)
    kept[few] = p[few]
    return kept / kept.sum()


# 7 ---------------------------------------------------------------------------------------------


def _leak_inputs(seed, n=6, V=4, leaks=(), faint=(), exchanged=()):
    """Outputs of a causal model, and of one that lets some pairs (i, t) leak, up or down."""
    rng = np.random.default_rng(seed)
    before = rng.standard_normal((n, V))
    after = np.repeat(before[None], n, axis=0)
    for t in range(n):
        after[t, t:] += rng.standard_normal((n - t, V))
    for i, t in leaks:
        after[t, i, rng.integers(V)] += 0.5 * (-1) ** (i + t)
    for i, t in faint:
        v = rng.integers(V)
        after[t, i, v] = np.nextafter(after[t, i, v], 0)
    for i, t in exchanged:
        after[t, i, :2] = before[i, 1::-1]
    return before, after


def _leak_cases():
    return [
        Case("no leak", _leak_inputs(0)),
        Case("the next token is seen", _leak_inputs(1, leaks=[(i, i + 1) for i in range(5)])),
        Case("two places leak", _leak_inputs(2, leaks=[(1, 4), (3, 5)])),
        Case("a faint leak", _leak_inputs(3, faint=[(2, 4)])),
        Case("the first place sees the last token", _leak_inputs(4, leaks=[(0, 5)])),
        Case("as many symbols as tokens", _leak_inputs(5, n=4, V=4, leaks=[(0, 2)])),
        Case("two scores change places", _leak_inputs(7, exchanged=[(1, 3)])),
        Case("one token", _leak_inputs(6, n=1)),
    ]


@function_exercise(
    title="Who heeds the future?",
    difficulty="hard",
    minutes=20,
    cases=_leak_cases,
    hints=[
        "after[t] != before compares all outputs with those of the unchanged text.",
        "A place has moved if any of its V numbers has: .any(axis=2) gives (n, n), over t and i.",
        "Only t > i counts: an output may heed its own token, and those before it.",
        "In moved[t, i] these are the entries below the diagonal: np.tri(n, k=-1, dtype=bool).",
    ],
)
def leaks(before, after):
    """Return which outputs heed a later token, (n,) booleans.

    Shapes: before (n, V), the scores of a text; after (n, n, V), where after[t] are the scores of
    the same text with token t changed. Output i leaks if it has moved, however little, for some
    t > i.
    """
    moved = (after != before).any(axis=2)
    later = np.tri(len(before), k=-1, dtype=bool)
    return (moved & later).any(axis=0)


_LATER = "np.tri(len(before), k=-1, dtype=bool)"
leaks.mistake(
    "an output may not heed its own token",
    "Output i predicts what follows token i, so it has to see token i. Only t > i is a leak.",
    {_LATER: "np.tri(len(before), dtype=bool)"},
)
leaks.mistake(
    "the past is taken for the future",
    "moved[t, i] is a leak where t > i: below the diagonal.",
    {_LATER: "np.tri(len(before), k=-1, dtype=bool).T"},
)
leaks.mistake(
    "it is said which tokens leak, not which outputs heed them",
    "after has the changed token first. Look over all t: axis 0.",
    {".any(axis=0)": ".any(axis=1)"},
)
leaks.mistake(
    "small differences are forgiven",
    "The same numbers are computed in the same way, so without a leak they are equal bit by bit. "
    "A tolerance lets a faint leak pass.",
    {"(after != before)": "(~np.isclose(after, before))"},
    {"(after != before)": "(abs(after - before) > 1e-6)"},
)
leaks.mistake(
    "the differences are added up",
    "One score may rise by what another falls. Compare each for itself.",
    {"(after != before).any(axis=2)": "(after - before).sum(axis=2) != 0"},
)
leaks.mistake(
    "one direction alone counts",
    "A score that falls tells of a leak as well as one that rises: !=, not < or >.",
    {"after != before": "after > before"},
    {"after != before": "after < before"},
)
leaks.mistake(
    "all numbers of an output have to move",
    "One of the V numbers is enough.",
    {".any(axis=2)": ".all(axis=2)"},
)
leaks.mistake(
    "every later token has to be seen",
    "One later token is enough: any, not all.",
    {"(moved & later).any(axis=0)": "(moved | ~later).all(axis=0)"},
)
leaks.mistake(
    "only the last token was changed",
    "A mask that is off by one shows the next token: try every t.",
    lambda before, after: (
        (after[-1] != before).any(axis=1) & (np.arange(len(before)) < len(before) - 1)
    ),
)
