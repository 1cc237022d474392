"""The exercises on encoders at work."""

import numpy as np

from attention_book.checking import Case, faults, function_exercise, question

PLACE = (3, 5)

# 1 ---------------------------------------------------------------------------------------------


@question(
    title="What a search stores and computes",
    difficulty="easy",
    minutes=5,
    rtol=1e-6,
    hints=[
        "A bi-encoder keeps one vector of a text, late interaction one of each of its tokens.",
        "Late interaction multiplies each token of the question with each token of each text.",
        "A product of two vectors of length 64 takes 64 multiplications.",
    ],
)
def search():
    """Count what a search over 1000 texts needs.

    Each text has 50 tokens, the question has 8, and every vector has 64 numbers. Answer with three
    numbers: how many numbers a bi-encoder stores of the texts, how many late interaction stores,
    and how many multiplications the products of late interaction take for this question.
    """
    return (64000, 3200000, 25600000)


search.mistake(
    "a bi-encoder is thought to keep every token",
    "It keeps one vector of each text, whatever its length.",
    {0: 3200000},
)
search.mistake(
    "late interaction is thought to keep one vector of a text",
    "The maximum runs over the tokens of the text, so each of them is kept.",
    {1: 64000},
)
search.mistake(
    "vectors are counted, not numbers",
    "Every vector has 64 numbers.",
    {0: 1000, 1: 50000},
    lambda answer: answer[0] == 1000 and answer[1] == 50000,
)
search.mistake(
    "only the best products are computed",
    "To know which token is the best, all have to be multiplied.",
    {2: 512000},
)
search.mistake(
    "the tokens of the question are left out",
    "Each of the 8 tokens of the question looks for its own best token.",
    {2: 3200000},
)
search.mistake(
    "products are counted, not multiplications",
    "Each of these products takes 64 multiplications, one for each number of a vector.",
    {2: 400000},
)


# 2 ---------------------------------------------------------------------------------------------


@question(
    title="Best products by hand",
    difficulty="easy",
    minutes=10,
    rtol=1e-6,
    hints=[
        "(1, 0) picks the first number of each token of a text, (0, 1) the second.",
        "The best products of text A are 2 and 5, each with another token.",
        "A vector of zeros has the product 0 with everything, and 0 is more than −1.",
    ],
)
def by_hand():
    """Score two texts by late interaction.

    The question has the tokens (1, 0) and (0, 1). Text A has (2, 3) and (1, 5), text B has
    (−3, −2) and (−5, −1). Answer with three numbers: the score of A, the score of B, and the score
    of B if a padded token, a vector of zeros, is not masked.
    """
    return (7.0, -4.0, 0.0)


by_hand.mistake(
    "all products are added up",
    "Each token of the question counts its best product alone.",
    {0: 11.0, 1: -11.0},
    lambda answer: answer[0] == 11 or answer[1] == -11,
)
by_hand.mistake(
    "the products are averaged",
    "An average lets every token of the text count. Late interaction takes the best for each.",
    {0: 5.5, 1: -5.5},
    lambda answer: answer[0] in (5.5, 2.75) or answer[1] in (-5.5, -2.75),
)
by_hand.mistake(
    "one token of a text answers both tokens of the question",
    "Each token of the question has a best token of its own.",
    {0: 6.0, 1: -5.0},
    lambda answer: answer[0] == 6 or answer[1] == -5,
)
by_hand.mistake(
    "the tokens of the text look for the best token of the question",
    "The question asks: the sum runs over its tokens, the maximum over those of the text.",
    {0: 8.0, 1: -3.0},
    lambda answer: answer[0] == 8 or answer[1] == -3,
)
by_hand.mistake(
    "a negative best product is taken for 0",
    "The best products of text B are −3 and −1.",
    {1: 0.0},
)
by_hand.mistake(
    "zeros are thought to change nothing",
    "0 is more than −3 and more than −1, so both tokens choose the padding.",
    {2: -4.0},
)


# 3 ---------------------------------------------------------------------------------------------


def _rule_inputs(seed, n=40, V=30):
    rng = np.random.default_rng(seed)
    tokens, words = rng.integers(2, V, n), rng.integers(2, V, n)
    return tokens, rng.random(n), rng.random(n), words, 1


def _edge_of_the_rule():
    chosen = np.array([0.0, 0.149, 0.15, 0.151, 0.1, 0.1, 0.1, 0.1])
    coin = np.array([0.0, 0.5, 0.5, 0.5, 0.799, 0.8, 0.899, 0.9])
    return np.arange(10, 18), chosen, coin, np.arange(20, 28), 1


def _rule_cases():
    return [
        Case("forty tokens", _rule_inputs(0)),
        Case("on the borders of the rule", _edge_of_the_rule()),
        Case("a thousand tokens", _rule_inputs(1, n=1000)),
        Case("nothing chosen", (np.arange(2, 7), np.full(5, 0.9), *_rule_inputs(2, n=5)[2:])),
        Case("another number for the mask", (*_rule_inputs(3)[:4], 77)),
    ]


@function_exercise(
    title="The 80/10/10 rule",
    difficulty="medium",
    minutes=15,
    cases=_rule_cases,
    hints=[
        "picked = chosen < 0.15 are the tokens that the loss looks at.",
        "Of those, coin < 0.8 become the mask, coin < 0.9 another word, and the rest stay.",
        "np.where(condition, this, that), twice; then stack the tokens and the picked ones.",
    ],
)
def corrupt(tokens, chosen, coin, words, mask):
    """Return what a masked language model sees, and what its loss looks at, (2, n) integers.

    Shapes: tokens (n,) integers; chosen and coin (n,), uniform numbers from 0 to 1; words (n,)
    integers, what a token becomes if it is exchanged; mask the number of [MASK]. A token is picked
    where chosen is below 0.15. A picked one becomes mask where coin is below 0.8, the word in its
    place where coin is below 0.9, and stays otherwise. The second row is 1 where a token is picked
    and 0 elsewhere.
    """
    picked = chosen < 0.15
    exchanged = np.where(coin < 0.8, mask, words)
    seen = np.where(picked & (coin < 0.9), exchanged, tokens)
    return np.stack([seen, picked])


corrupt.mistake(
    "every picked token becomes the mask",
    "One in ten becomes another word, and one in ten stays.",
    {"np.where(coin < 0.8, mask, words)": "np.full_like(tokens, mask)", "(coin < 0.9)": "picked"},
)
corrupt.mistake(
    "tokens that stay are left out of the loss",
    "They are picked, so the model has to name them too, without knowing that nothing was changed.",
    {"[seen, picked]": "[seen, picked & (coin < 0.9)]"},
)
corrupt.mistake(
    "the loss looks at what became the mask alone",
    "The words that were exchanged, and those that stay, count as well.",
    {"[seen, picked]": "[seen, picked & (coin < 0.8)]"},
)
corrupt.mistake(
    "no token stays as it is",
    "Of the picked tokens, those with a coin of 0.9 or more stay.",
    {"picked & (coin < 0.9)": "picked"},
)
corrupt.mistake(
    "the loss looks at every token",
    "A token that was not picked stands there to be read. To name it is no task.",
    {"[seen, picked]": "[seen, np.ones_like(tokens)]"},
)
corrupt.mistake(
    "mask and words are exchanged",
    "Eight in ten become the mask, one in ten another word.",
    {"mask, words": "words, mask"},
)
corrupt.mistake(
    "tokens are changed that were not picked",
    "First comes the choice of 15 in 100; the rule of 80, 10 and 10 is about those.",
    {"picked & (coin < 0.9)": "coin < 0.9"},
)


# 4 ---------------------------------------------------------------------------------------------


def _late_inputs(seed, N=3, L=4, M=5, S=6, d=7, shift=0.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    q, k = rng.standard_normal((N, L, d)), rng.standard_normal((M, S, d))
    q_real = np.arange(L) < rng.integers(1, L + 1, N)[:, None]
    k_real = np.arange(S) < rng.integers(1, S + 1, M)[:, None]
    k = k - shift * q.mean(axis=(0, 1))
    return q.astype(dtype), q_real, k.astype(dtype), k_real


def _late_cases():
    return [
        Case("three questions, five texts", _late_inputs(0)),
        Case("as many questions as texts", _late_inputs(1, N=4, M=4)),
        Case("questions as long as texts", _late_inputs(2, N=2, L=5, M=2, S=5)),
        Case("texts that point away", _late_inputs(3, shift=9.0)),
        Case("one question of one token", _late_inputs(4, N=1, L=1)),
        Case("one text of one token", _late_inputs(5, M=1, S=1)),
        Case("single precision", _late_inputs(6, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="Late interaction",
    difficulty="medium",
    minutes=20,
    cases=_late_cases,
    hints=[
        'np.einsum("nld,msd->nmls", q, k) are all products of all questions with all texts.',
        "Where a token of a text is padding, put −inf before the maximum over its tokens.",
        "A padded token of a question must not count: multiply its best product by 0, then sum.",
    ],
)
def late_interaction(q, q_real, k, k_real):
    """Return the score of every question with every text, (N, M).

    Shapes: q (N, L, d), q_real (N, L), k (M, S, d), k_real (M, S); True where a token is real.
    Every question and every text has a real token. Padding holds any numbers. The scores have the
    dtype of q.
    """
    products = np.einsum("nld,msd->nmls", q, k)
    products = np.where(k_real[:, None, :], products, -np.inf)
    best = products.max(axis=3)
    return (best * q_real[:, None, :]).sum(axis=2)


late_interaction.mistake(
    "padding of the texts is seen",
    "What stands in the place of padding may be the best of all. Hide it before the maximum.",
    {"np.where(k_real[:, None, :], products, -np.inf)": "products"},
)
late_interaction.mistake(
    "padding of the texts is set to 0",
    "0 is more than any negative product. Put −inf in its place.",
    {"-np.inf": "0"},
)
late_interaction.mistake(
    "padding of the questions is counted",
    "A padded token of a question asks nothing: its best product must not be added.",
    {"(best * q_real[:, None, :])": "best"},
)
late_interaction.mistake(
    "neither padding is hidden",
    "Hide that of the texts before the maximum, and that of the questions before the sum.",
    {
        "np.where(k_real[:, None, :], products, -np.inf)": "products",
        "(best * q_real[:, None, :])": "best",
    },
)
late_interaction.mistake(
    "a negative best product is taken for 0",
    "Where a text has nothing that suits, its best product is negative. It counts as it is.",
    {"products.max(axis=3)": "np.maximum(products.max(axis=3), 0)"},
)
late_interaction.mistake(
    "the mean product is taken in the place of the best",
    "Each token of the question takes the largest product, axis 3.",
    {
        "np.where(k_real[:, None, :], products, -np.inf)": "np.where(k_real[:, None, :], products, "
        "0)",
        "products.max(axis=3)": "products.sum(axis=3) / k_real.sum(axis=1)[:, None]",
    },
)
late_interaction.mistake(
    "the score is divided by the tokens of the question",
    "Late interaction adds up. To divide is another score, and ranks the texts of one question "
    "in the same order.",
    {".sum(axis=2)": ".sum(axis=2) / q_real.sum(axis=1)[:, None]"},
    {".sum(axis=2)": ".mean(axis=2)"},
)
late_interaction.mistake(
    "the tokens of the text look for the best token of the question",
    "The sum runs over the tokens of the question, the maximum over those of the text.",
    lambda q, q_real, k, k_real: late_interaction.solve(k, k_real, q, q_real).T,
)
late_interaction.mistake(
    "the result has the texts first",
    "The first axis is that of the questions.",
    {".sum(axis=2)": ".sum(axis=2).T"},
)


# 5 ---------------------------------------------------------------------------------------------


def _text_inputs(seed, B=4, S=6, d=5, offset=0.5, dtype=np.float64):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((B, S, d)) + offset
    real = np.arange(S) < rng.integers(1, S + 1, B)[:, None]
    return x.astype(dtype), real


def _left_padded():
    x, real = _text_inputs(3)
    return x[:, ::-1].copy(), real[:, ::-1].copy()


def _text_cases():
    return [
        Case("four texts", _text_inputs(0)),
        Case("as many texts as features", _text_inputs(1, B=5)),
        Case("as many texts as tokens", _text_inputs(2, B=6)),
        Case("padding on the left", _left_padded()),
        Case("one text", _text_inputs(4, B=1)),
        Case("one token", _text_inputs(5, S=1)),
        Case("single precision", _text_inputs(6, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="Erratum: a vector that depends on its neighbours",
    difficulty="medium",
    minutes=15,
    cases=_text_cases,
    hints=[
        "Encode a text alone, and beside a longer one. Which line sees the difference?",
        "Add up the real tokens alone: np.where(real[:, :, None], x, 0).",
        "The length is that of each vector: np.linalg.norm needs an axis.",
    ],
)
def text_vectors(x, real):
    """Return the mean of the real tokens of each text, brought to length 1, (B, d).

    Shapes: x (B, S, d), real (B, S), True where a token is real. Every text has a real token.
    Padding holds any numbers. The result has the dtype of x.
    """
    total = np.where(real[:, :, None], x, 0).sum(axis=1)  # the mean has its direction
    return total / np.linalg.norm(total, axis=1, keepdims=True)


_SUM = "np.where(real[:, :, None], x, 0).sum(axis=1)"
_LENGTH = "np.linalg.norm(total, axis=1, keepdims=True)"
_COUNT = "real.sum(axis=1, keepdims=True)"
text_vectors.mistake(
    "padding is averaged",
    "The mean runs over all positions, and so over what stands in the place of padding.",
    {_SUM: "x.sum(axis=1)"},
)
text_vectors.mistake(
    "one length for the whole batch",
    "Without an axis the norm is that of all vectors together.",
    {_LENGTH: "np.linalg.norm(total)"},
    {_SUM: f"{_SUM} / {_COUNT}.astype(x.dtype)", _LENGTH: "np.linalg.norm(total)"},
)
text_vectors.mistake(
    "padding is averaged, and there is one length for the whole batch",
    "Two faults: hide the padding before the sum, and take the length of each vector.",
    {_SUM: "x.sum(axis=1)", _LENGTH: "np.linalg.norm(total)"},
)
text_vectors.mistake(
    "the vectors have no common length",
    "Divide each vector by its length.",
    {f" / {_LENGTH}": ""},
    {f" / {_LENGTH}": f" / {_COUNT}.astype(x.dtype)"},
)
text_vectors.mistake(
    "each feature has length 1, not each text",
    "The length runs over the features of a text, axis 1.",
    {_LENGTH: "np.linalg.norm(total, axis=0, keepdims=True)"},
)
text_vectors.mistake(
    "the first token is read",
    "That is [CLS]. Here the mean of all real tokens is wanted.",
    {_SUM: "x[:, 0]"},
)
text_vectors.mistake(
    "the numbers of each text sum to 1",
    "Length 1 means that the squares sum to 1.",
    {_LENGTH: "total.sum(axis=1, keepdims=True)"},
)
text_vectors.mistake(
    *faults.double(
        {_SUM: f"{_SUM} / {_COUNT}"},
        hint="A count of whole numbers makes doubles of singles: cast it to x.dtype, or leave it "
        "out, since the vector of length 1 is the same without it.",
    )
)


# 6 ---------------------------------------------------------------------------------------------


def _rank_inputs(seed, N=7, M=7, levels=None, dtype=np.float64):
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((N, M)) if levels is None else rng.integers(0, levels, (N, M))
    return (scores.astype(dtype),)


def _rank_cases():
    made = {
        "seven questions": _rank_inputs(0),
        "more texts than questions": _rank_inputs(1, N=4, M=9),
        "ties": _rank_inputs(2, N=5, M=9, levels=3),
        "all scores equal": (np.zeros((5, 5)),),
        "one question": _rank_inputs(3, N=1, M=6),
        "every answer found": (np.eye(4),),
        "single precision": _rank_inputs(4, dtype=np.float32),
    }
    return [Case(name, args, rtol=1e-6) for name, args in made.items()]


@function_exercise(
    title="Mean reciprocal rank",
    difficulty="hard",
    minutes=20,
    cases=_rank_cases,
    hints=[
        "The own score of question i is scores[i, i].",
        "Its rank is 1, and 1 more for each text that scores higher.",
        "Of the texts that tie with it, half stand before it on the average: add half of them.",
    ],
)
def mean_reciprocal_rank(scores):
    """Return the mean over the questions of 1 / rank of the own text, a number.

    Shapes: scores (N, M), M at least N; text i is that of question i. The rank is 1 if no other
    text scores as high. Texts that score the same as the own one count half: a search that gives
    all texts one score must not look good.
    """
    own = np.diagonal(scores)[:, None]
    above = (scores > own).sum(axis=1)
    ties = (scores == own).sum(axis=1) - 1
    return float((1 / (1 + above + ties / 2)).mean())


mean_reciprocal_rank.mistake(
    "ties are settled in favour of the own text",
    "With one score for all texts every rank would be 1. Count half of the ties.",
    {"ties / 2": "0 * ties"},
)
mean_reciprocal_rank.mistake(
    "ties are settled against the own text",
    "Then a search with equal scores looks worse than chance. Count half of the ties.",
    {"ties / 2": "ties"},
)
mean_reciprocal_rank.mistake(
    "the text ties with itself",
    "The own score equals itself: take 1 away.",
    {".sum(axis=1) - 1": ".sum(axis=1)"},
)
mean_reciprocal_rank.mistake(
    "the best rank is 0",
    "1 / 0 would be the best. The best rank is 1.",
    {"1 / (1 + above + ties / 2)": "1 / np.maximum(above + ties / 2, 1)"},
)
mean_reciprocal_rank.mistake(
    "the reciprocal of the mean rank",
    "Take the reciprocal of each rank, then the mean: one text that is lost must not decide.",
    {"(1 / (1 + above + ties / 2)).mean()": "1 / (1 + above + ties / 2).mean()"},
)
mean_reciprocal_rank.mistake(
    "texts rank the questions",
    "A question looks for its text: compare along its row.",
    {
        "np.diagonal(scores)[:, None]": "np.diagonal(scores)",
        "(scores > own).sum(axis=1)": "(scores[:, : len(scores)] > own).sum(axis=0)",
        "(scores == own).sum(axis=1)": "(scores[:, : len(scores)] == own).sum(axis=0)",
    },
)
mean_reciprocal_rank.mistake(
    "the share of answers found first",
    "That is the hit rate. A text in the second place counts a half here.",
    lambda scores: float((scores.argmax(axis=1) == np.arange(len(scores))).mean()),
)
mean_reciprocal_rank.mistake(
    "ties are settled by the order of the texts",
    "A sort puts equal scores in some order of its own. Compare with the own score instead.",
    lambda scores: _of_the_order(np.argsort(-scores, axis=1)),
    lambda scores: _of_the_order(np.argsort(-scores, axis=1, kind="stable")),
    lambda scores: _of_the_order(np.argsort(scores, axis=1)[:, ::-1]),
    lambda scores: _of_the_order(np.argsort(scores, axis=1, kind="stable")[:, ::-1]),
)


def _of_the_order(order):
    """The mean over the questions of 1 / place of the own text; order has the best text first."""
    return float(np.mean([1 / (1 + list(row).index(i)) for i, row in enumerate(order)]))
