"""The exercises on many heads."""

import math

import numpy as np

from attention_book.checking import Case, faults, function_exercise, question
from attention_book.softmax import softmax

PLACE = (3, 1)

# 1 ---------------------------------------------------------------------------------------------


@question(
    title="Count before you build",
    difficulty="easy",
    minutes=5,
    rtol=1e-6,
    hints=[
        "W_q takes what asks, of width 96, and W_k and W_v take what is read, of width 40.",
        "All heads together are as wide as the model: 6 heads of 16.",
        "Each head has a weight for each of 10 queries on each of 25 keys.",
    ],
)
def counts():
    """Count the numbers of a layer of cross-attention.

    Ten tokens of width d_model = 96 read a source of 25 tokens of width d_kv = 40 with 6 heads
    that share d_model, without biases. Answer with three numbers: the parameters of the layer,
    d_k, and how many weights it computes.
    """
    return (26112, 16, 1500)


counts.mistake(
    "every head was given the full width",
    "The heads share d_model: each is d_model / H wide, and all together have four matrices.",
    {0: 156672, 1: 96},
)
counts.mistake(
    "keys and values have the width of what asks",
    "They are made from the source: W_k and W_v have 40 rows.",
    {0: 36864},
)
counts.mistake(
    "W_o was left out",
    "The heads side by side still have to be brought back by W_o, 96 times 96.",
    {0: 16896},
)
counts.mistake(
    "W_v was left out",
    "The values have a matrix as the keys have.",
    {0: 22272},
)
counts.mistake(
    "biases were counted",
    "This layer has none.",
    {0: 26496},
)
counts.mistake(
    "the weights are those of one head",
    "Each head has a softmax, and a matrix, of its own.",
    {2: 250},
)
counts.mistake(
    "the weights are those of self-attention",
    "The columns are the 25 tokens of the source.",
    {2: 600},
    lambda answer: answer[2] in (600, 100, 3750, 625),
)
counts.mistake(
    "d_k is taken for the width of the model",
    "d_k is the width of one head: all heads share d_model.",
    {1: 96},
)


# 2 ---------------------------------------------------------------------------------------------


@question(
    title="Two heads by hand",
    difficulty="easy",
    minutes=10,
    rtol=0.002,
    hints=[
        "Every query is 1. The scores of head A are ln 4 and 0, those of head B 0 and ln 9.",
        "Head A has the weights 4/5 and 1/5, on the values 10 and 0.",
        "The output is 8 times the row (1, 1) and 9 times the row (−1, 2).",
    ],
)
def two_heads():
    """Compute two heads of size 1 by hand.

    The tokens are (1, 0) and (0, 1) and read each other. Both heads have W_q = (1, 1)ᵀ. Head A
    has W_k = (ln 4, 0)ᵀ, W_v = (10, 0)ᵀ and W_o = (1, 1); head B has W_k = (0, ln 9)ᵀ,
    W_v = (0, 10)ᵀ and W_o = (−1, 2). Answer for the first token with four numbers: what head A
    finds, what head B finds, and the two features of the output.
    """
    return (8.0, 9.0, -1.0, 26.0)


two_heads.mistake(
    "the heads are averaged",
    "What the heads bring is added, not averaged.",
    {2: -0.5, 3: 13.0},
)
two_heads.mistake(
    "W_o is turned round",
    "The row of head A is (1, 1): it gives 8 to both features. Head B gives −9 and 18.",
    {2: 17.0, 3: 10.0},
)
two_heads.mistake(
    "the scores are divided by the square root of d_model",
    "A head of size 1 divides by √1.",
    {0: 7.272, 1: 8.254, 2: -0.982, 3: 23.78},
)
two_heads.mistake(
    "both heads have the weights of one softmax",
    "Each head has a softmax over its own two scores.",
    {0: 3.0769, 1: 6.9231, 2: -3.8462, 3: 16.923},
)
two_heads.mistake(
    "the weights of the two tokens are exchanged",
    "ln 4 is the score of the first token, so 4/5 is its weight.",
    {0: 2.0, 1: 1.0, 2: 1.0, 3: 4.0},
)
two_heads.mistake(
    "the output is what the heads found, side by side",
    "That is what W_o takes. The output is the product.",
    {2: 8.0, 3: 9.0},
)
two_heads.mistake(
    "the minus of head B is lost",
    "Its row of W_o is (−1, 2): it takes 9 away from the first feature.",
    {2: 17.0},
)


# 3 ---------------------------------------------------------------------------------------------


def _split_inputs(seed, B=2, L=6, H=3, d=4, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal((B, L, H * d)).astype(dtype), H


def _split_cases():
    return [
        Case("six tokens, three heads", _split_inputs(0)),
        Case("as many heads as tokens", _split_inputs(1, L=4, H=4, d=4)),
        Case("fewer tokens than heads", _split_inputs(2, L=2, H=5, d=3)),
        Case("heads of size 1", _split_inputs(3, L=5, H=4, d=1)),
        Case("one head", _split_inputs(4, H=1, d=6)),
        Case("single precision", _split_inputs(5, B=1, dtype=np.float32)),
    ]


@function_exercise(
    title="Cut, then move",
    difficulty="medium",
    minutes=10,
    cases=_split_cases,
    hints=[
        "The features of a token lie beside each other. Cut that axis first.",
        "(B, L, D) becomes (B, L, heads, D // heads) by a reshape that moves nothing.",
        "Now exchange the axes of tokens and heads.",
    ],
)
def split(x, heads):
    """Return the features of each head, (B, H, L, D/H).

    Shapes: x (B, L, D), heads an integer that divides D. The first head has the first D/H
    features of every token.
    """
    B, L, D = x.shape
    return x.reshape(B, L, heads, D // heads).swapaxes(1, 2)


split.mistake(
    "reshaped without a transpose",
    "The shape is right, and the first head holds all features of the first tokens. Cut the "
    "features first, then exchange the axes.",
    {"x.reshape(B, L, heads, D // heads).swapaxes(1, 2)": "x.reshape(B, heads, L, D // heads)"},
)
split.mistake(
    "the features are dealt out in turn",
    "The first head has the first D/H features, not every H-th one.",
    {
        "x.reshape(B, L, heads, D // heads).swapaxes(1, 2)": "x.reshape(B, L, D // heads, heads)"
        ".transpose(0, 3, 1, 2)"
    },
)
split.mistake(
    "the axis of the heads was not moved",
    "A product of matrices treats the last two axes: they must be tokens and features.",
    {".swapaxes(1, 2)": ""},
)
split.mistake(
    "the heads stand before the batch",
    "The batch stays the first axis; a mask for each sample fits only there.",
    {".swapaxes(1, 2)": ".transpose(2, 0, 1, 3)"},
)
split.mistake(
    "features and tokens have changed places",
    "The last axis is that of the features.",
    {".swapaxes(1, 2)": ".transpose(0, 2, 3, 1)"},
)
split.mistake(
    "the heads are in reverse order",
    "The first head has the first features.",
    {".swapaxes(1, 2)": ".swapaxes(1, 2)[:, ::-1]"},
)
split.mistake(*faults.double({"x.reshape": "x.astype(float).reshape"}, hint="Move the numbers as "
                             "they are."))  # fmt: skip


# 4 ---------------------------------------------------------------------------------------------


def _layer_inputs(seed, L=4, S=6, H=3, d_model=9, d_kv=7, d_k=5, d_v=4, dtype=np.float64, size=1.0):
    rng = np.random.default_rng(seed)
    shapes = (
        (L, d_model), (S, d_kv), (d_model, H * d_k), (d_kv, H * d_k), (d_kv, H * d_v),
        (H * d_v, d_model),
    )  # fmt: skip
    x, source, *matrices = (rng.standard_normal(shape) for shape in shapes)
    matrices = (W / math.sqrt(len(W)) for W in matrices)
    return *(y.astype(dtype) for y in (size * x, source, *matrices)), H


def _layer_cases():
    return [
        Case("three heads read a source", _layer_inputs(0)),
        Case("source as wide as what asks", _layer_inputs(1, d_kv=9, d_k=3, d_v=3)),
        Case("as many heads as tokens", _layer_inputs(2, L=4, S=4, H=4, d_kv=9, d_k=4, d_v=4)),
        Case("one head", _layer_inputs(3, H=1)),
        Case("heads of size 1", _layer_inputs(4, H=5, d_k=1, d_v=1)),
        Case("scores in the thousands", _layer_inputs(5, size=3000.0)),
        Case("single precision", _layer_inputs(6, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="The whole layer",
    difficulty="medium",
    minutes=25,
    cases=_layer_cases,
    hints=[
        "Queries come from x, keys and values from the source.",
        "y.reshape(len(y), heads, -1).swapaxes(0, 1) gives each head its features: (H, n, d).",
        "Divide the scores by the square root of one head's d_k; softmax over the keys.",
        "Before W_o, bring the heads of each token beside each other: swapaxes, then reshape.",
    ],
)
def layer(x, source, W_q, W_k, W_v, W_o, heads):
    """Return multi-head attention, (L, d_model).

    Shapes: x (L, d_model), source (S, d_kv), W_q (d_model, H d_k), W_k (d_kv, H d_k), W_v
    (d_kv, H d_v), W_o (H d_v, d_model), heads = H. The columns of head 0 come first.
    """
    q = (x @ W_q).reshape(len(x), heads, -1).swapaxes(0, 1)
    k = (source @ W_k).reshape(len(source), heads, -1).swapaxes(0, 1)
    v = (source @ W_v).reshape(len(source), heads, -1).swapaxes(0, 1)
    weights = softmax(q @ k.swapaxes(1, 2) / math.sqrt(q.shape[2]))
    return (weights @ v).swapaxes(0, 1).reshape(len(x), -1) @ W_o


_Q = "(x @ W_q).reshape(len(x), heads, -1).swapaxes(0, 1)"
_K = "(source @ W_k).reshape(len(source), heads, -1).swapaxes(0, 1)"
_V = "(source @ W_v).reshape(len(source), heads, -1).swapaxes(0, 1)"

layer.mistake(
    "the heads are cut by reshape alone",
    "Cut the features of each token first, then exchange the axes of tokens and heads.",
    {
        _Q: "(x @ W_q).reshape(heads, len(x), -1)",
        _K: "(source @ W_k).reshape(heads, len(source), -1)",
        _V: "(source @ W_v).reshape(heads, len(source), -1)",
    },
)
layer.mistake(
    "the heads are joined by reshape alone",
    "The result of the heads is (H, L, d_v). Bring the heads of each token together first.",
    {"(weights @ v).swapaxes(0, 1).reshape(len(x), -1)": "(weights @ v).reshape(len(x), -1)"},
)
layer.mistake(
    "the features are dealt out to the heads in turn",
    "The columns of head 0 come first: reshape to (n, heads, d), not to (n, d, heads).",
    {
        _Q: "(x @ W_q).reshape(len(x), -1, heads).transpose(2, 0, 1)",
        _K: "(source @ W_k).reshape(len(source), -1, heads).transpose(2, 0, 1)",
        _V: "(source @ W_v).reshape(len(source), -1, heads).transpose(2, 0, 1)",
    },
)
layer.mistake(
    "the scale is that of the whole model",
    "A score of one head is a sum of d_k products, so divide by √d_k.",
    {"math.sqrt(q.shape[2])": "math.sqrt(x.shape[1])"},
    {"math.sqrt(q.shape[2])": "math.sqrt(W_q.shape[1])"},
)
layer.mistake(
    "there is no scale",
    "Divide the scores by √d_k.",
    {" / math.sqrt(q.shape[2])": ""},
)
layer.mistake(
    "there is one head",
    "Each head has a softmax of its own.",
    lambda x, source, W_q, W_k, W_v, W_o, heads: layer.solve(x, source, W_q, W_k, W_v, W_o, 1),
)
layer.mistake(
    "the softmax runs over the queries",
    "The keys compete for each query: the last axis.",
    {"q.shape[2]))": "q.shape[2]), axis=1)"},
)
layer.mistake(
    "W_o was left out",
    "The heads side by side are still to be multiplied by W_o.",
    {" @ W_o": ""},
)
layer.mistake(
    "the heads are averaged",
    "Each head has rows of its own in W_o. Averaged, they could not be told apart.",
    lambda x, source, W_q, W_k, W_v, W_o, heads: layer.solve(
        x, source, W_q, W_k, W_v, W_o / heads, heads
    ),
)
layer.mistake(
    "the keys are multiplied with the matrix of the queries",
    "Keys have a matrix of their own. With W_q for both, a score is the same in both directions.",
    {"source @ W_k": "source @ (W_q if len(W_q) == len(W_k) else W_k)"},
)
layer.mistake(
    "the values are not multiplied",
    "A head reads what W_v makes of the source.",
    {"(source @ W_v)": "(source @ (np.eye(*W_v.shape)))"},
)
layer.mistake(
    *faults.no_shift(
        {
            "softmax(q @ k.swapaxes(1, 2) / math.sqrt(q.shape[2]))": "(lambda e: e / e.sum(axis=2, "
            "keepdims=True))(np.exp(q @ k.swapaxes(1, 2) / math.sqrt(q.shape[2])))"
        },
    )
)


# 5 ---------------------------------------------------------------------------------------------


def _mask_inputs(seed, B=3, S=5, L=4, heads=2):
    rng = np.random.default_rng(seed)
    lengths = rng.permutation(S)[:B] + 1 if B <= S else rng.integers(1, S + 1, B)
    return np.arange(S) < lengths[:, None], L, heads


def _mask_cases():
    return [
        Case("three samples, two heads", _mask_inputs(0)),
        Case("as many heads as samples", _mask_inputs(1, B=3, heads=3)),
        Case("as many queries as keys", _mask_inputs(2, S=5, L=5)),
        Case("one head", _mask_inputs(3, heads=1)),
        Case("one sample", _mask_inputs(4, B=1, heads=3)),
        Case("one query", _mask_inputs(5, B=4, S=6, L=1, heads=4)),
    ]


@function_exercise(
    title="Erratum: the mask of another sample",
    difficulty="medium",
    minutes=15,
    cases=_mask_cases,
    hints=[
        "The entries belong to sample 0, head 0; sample 0, head 1; …; sample 1, head 0; …",
        "np.tile([a, b], 2) is a, b, a, b. np.repeat([a, b], 2) is a, a, b, b.",
        "In nn.MultiheadAttention True means blocked.",
    ],
)
def mask_for_heads(real, L, heads):
    """Return the attn_mask of nn.MultiheadAttention that hides padding, (B H, L, S).

    Shapes: real (B, S), True where a token is real; L queries. The entry of sample b and head h
    is number b H + h. In the result True means blocked.
    """
    blocked = np.repeat(~real[:, None, :], L, axis=1)
    return np.repeat(blocked, heads, axis=0)


_HEADS = "np.repeat(blocked, heads, axis=0)"
mask_for_heads.mistake(
    "the samples stand in turn",
    "tile gives sample 0, 1, 2, 0, 1, 2. All heads of sample 0 come first: repeat.",
    {_HEADS: "np.tile(blocked, (heads, 1, 1))"},
)
mask_for_heads.mistake(
    "True means may attend",
    "In nn.MultiheadAttention True means blocked.",
    {"~real": "real"},
)
mask_for_heads.mistake(
    "the samples stand in turn, and True means may attend",
    "Two faults: all heads of one sample come together, and True means blocked.",
    {_HEADS: "np.tile(blocked, (heads, 1, 1))", "~real": "real"},
)
mask_for_heads.mistake(
    "there is one mask for each sample, and none for each head",
    "This function of PyTorch wants an entry for each head of each sample.",
    {_HEADS: "blocked"},
)
mask_for_heads.mistake(
    "the mask lies along the queries",
    "Padding is hidden from all queries: it lies along the last axis, that of the keys.",
    {"np.repeat(~real[:, None, :], L, axis=1)": "np.repeat(~real[:, :, None], L, axis=2)"},
)
mask_for_heads.mistake(
    "all samples have the mask of the first",
    "Each sample has its own padding.",
    {_HEADS: "np.repeat(np.repeat(blocked[:1], len(real), axis=0), heads, axis=0)"},
)
mask_for_heads.mistake(
    "the heads have an axis of their own",
    "(B, H, L, S) is what F.scaled_dot_product_attention takes. Here the first two are one.",
    {_HEADS: "np.repeat(blocked[:, None], heads, axis=1)"},
)


# 6 ---------------------------------------------------------------------------------------------


def _share_inputs(seed, H=3, L=4, S=6, d_v=5, d_model=7, dtype=np.float64):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(S), (H, L))
    v, W_o = rng.standard_normal((H, S, d_v)), rng.standard_normal((H * d_v, d_model))
    v *= rng.uniform(0.3, 3, (H, 1, 1))
    return tuple(y.astype(dtype) for y in (weights, v, W_o))


def _share_cases():
    return [
        Case("three heads", _share_inputs(0)),
        Case("one head", _share_inputs(1, H=1)),
        Case("heads of size 1", _share_inputs(2, H=4, d_v=1)),
        Case("as many heads as features of a head", _share_inputs(3, H=5, L=3)),
        Case("one query", _share_inputs(4, L=1)),
        Case("single precision", _share_inputs(5, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="What each head adds",
    difficulty="hard",
    minutes=20,
    cases=_share_cases,
    hints=[
        "The output is a sum over the heads. What does head h add?",
        "Its rows of W_o: W_o.reshape(H, d_v, d_model)[h].",
        "The length of an (L, d_model) array is the root of the sum of all its squares.",
    ],
)
def shares(weights, v, W_o):
    """Return how long the part of each head is, in lengths of the whole output, (H,).

    Shapes: weights (H, L, S), v (H, S, d_v), W_o (H d_v, d_model). The part of a head is what it
    adds to the output, (L, d_model); the length of an array is the root of the sum of its squares.
    """
    heads, _, d_v = v.shape
    parts = weights @ v @ W_o.reshape(heads, d_v, -1)
    whole = parts.sum(axis=0)
    return np.sqrt((parts**2).sum(axis=(1, 2)) / (whole**2).sum())


shares.mistake(
    "the shares were made to sum to 1",
    "Parts may point in different directions, so their lengths need not sum to that of the whole.",
    lambda *a: (s := shares.solve(*a)) / s.sum(),
)
shares.mistake(
    "the root is missing",
    "These are the squares of the lengths.",
    lambda *a: shares.solve(*a) ** 2,
)
shares.mistake(
    "W_o was left out",
    "What a head found goes through its rows of W_o; a head with small rows adds little.",
    lambda weights, v, W_o: np.sqrt(
        ((weights @ v) ** 2).sum(axis=(1, 2)) / ((weights @ v) ** 2).sum()
    ),
)
shares.mistake(
    "the rows of W_o are dealt out in turn",
    "Head h has the rows from h d_v on: reshape to (H, d_v, d_model).",
    {
        "W_o.reshape(heads, d_v, -1)": "W_o.reshape(d_v, heads, -1).swapaxes(0, 1)",
    },
)
shares.mistake(
    "the parts are averaged",
    "The output is the sum of what the heads bring.",
    {"parts.sum(axis=0)": "parts.mean(axis=0)"},
)
shares.mistake(
    "the parts are taken as if they stood at right angles",
    "Add the parts first, as vectors, then take the length of the sum.",
    {"(whole**2).sum()": "(parts**2).sum()"},
)
shares.mistake(
    "what is left without the head is measured",
    "That is the rest. The part is what goes away.",
    {"(parts**2)": "((whole - parts) ** 2)"},
)
