"""Short questions on scaled dot-product attention, in the order of the chapter."""

import math

import numpy as np

from attention_book import masks
from attention_book.checking import pause
from attention_book.scores.scaled_dot_product import reference
from attention_book.softmax import softmax


@pause(
    choices={
        "a": "it grows, since the dot product favours long keys",
        "b": "it stays, since the key still points the same way",
        "c": "it grows or falls, with the sign of its score",
        "d": "it doubles, since its score doubles",
    },
    why=(
        "The score is doubled, sign included: what fits badly fits twice as badly. Length helps "
        "only a key that fits already."
    ),
)
def longer_key():
    """One of five keys is made twice as long, k → 2k. The query, the other keys and the values
    stay. What happens to the weight that this key gets in dot-product attention?
    """
    return "c"


longer_key.mistake(
    "long keys are thought to win always",
    "They win where they fit. A key that points away from the query has a negative score, and "
    "twice as long it has a more negative one.",
    "a",
)
longer_key.mistake(
    "the dot product is taken for the cosine",
    "The cosine divides by the length of the key. The dot product does not.",
    "b",
)
longer_key.mistake(
    "a weight is taken for a score",
    "The score doubles. The weight is a share, made by an exponential and a division: it does "
    "not follow in proportion.",
    "d",
)

_COMPASS = np.array([[3.0, 0.0], [0.0, 3.0], [-3.0, 0.0], [0.0, -3.0]])
_TURN = np.array([[0.0, 1.0], [-1.0, 0.0]])


@pause(
    why=(
        "Query and key are compared with each other only. Turned alike, they stand to each other "
        "as before: W_q·W_kᵀ is the identity."
    ),
)
def two_turns():
    """W_q was a quarter turn, and each of the four tokens looked most at the next one. Now W_k
    is the same quarter turn. At which token does token 0 look most? Answer with its number.
    """
    return int(reference.weights(_COMPASS @ _TURN, _COMPASS @ _TURN)[0].argmax())


two_turns.mistake(
    "the keys are thought to be the tokens themselves",
    "That was so without W_k. Now the key of token 1 is turned as well, away from this query.",
    1,
)
two_turns.mistake(
    "the two turns are thought to add up",
    "One turns the query, the other the keys. What counts is the angle between them, and that "
    "is what it was without any turn.",
    2,
)
two_turns.mistake(
    "only the keys were turned",
    "With the queries left alone each token would look back at the one before it.",
    3,
)


def _first_weight(features, scale):
    """The weight of the first key in the example by hand, with more features and another scale."""
    q, k = np.zeros(features), np.zeros((2, features))
    q[0], k[0, 0], k[1, 1] = 2 * math.log(3), 1, 1
    return float(softmax(k @ q / scale)[0])


@pause(
    why=(
        "The dot products stay, 2 ln 3 and 0, and √d_k grows from 2 to 4. The score is ½ ln 3, "
        f"the exponentials are √3 and 1, the weight is {_first_weight(16, 4):.2f}."
    ),
    rtol=0.01,
)
def twelve_zeros():
    """In the example by hand key 0 got the weight ¾. Append twelve zeros to the query and to
    both keys, so that d_k = 16. Which weight does key 0 get now?
    """
    return _first_weight(16, math.sqrt(16))


twelve_zeros.mistake(
    "features of zeros are thought to change nothing",
    "They leave the dot product alone. But the scale counts the features, zeros included.",
    0.75,
)
twelve_zeros.mistake(
    "divided by d_k, not by its root",
    "The scale is √16 = 4.",
    _first_weight(16, 16),
)
twelve_zeros.mistake(
    "the scale was left out",
    "2 ln 3 is the dot product. The score is what is left after the division by √d_k.",
    _first_weight(16, 1),
)
twelve_zeros.mistake(
    "the scale is thought to divide the weight",
    "It divides the scores, before the softmax. The two weights still sum to 1, and the key "
    "that fits keeps the larger one, above ½.",
    0.375,
    lambda weight: 0 < weight < 0.5,
)

_ROWS = {
    "a": [100, 102, 104],
    "b": [1, 2, 3],
    "c": [500, 500, 500],
    "d": [-9, -9, -8],
}


def _largest(letter):
    return softmax(np.array(_ROWS[letter], float)).max()


def _row(letter):
    return ", ".join(str(score).replace("-", "−") for score in _ROWS[letter])


@pause(
    choices={letter: _row(letter) for letter in _ROWS},
    why=(
        "Only differences within a row count. The largest weights are "
        + ", ".join(f"{_largest(letter):.2f} ({letter})" for letter in sorted(_ROWS, key=_largest))
        + "."
    ),
)
def flat_to_sharp():
    """Each row holds the scores of three keys. Put the rows in the order of their largest
    weight, the flattest first.
    """
    return "".join(sorted(_ROWS, key=_largest))


flat_to_sharp.mistake(
    "large scores are taken for sharp ones",
    "The size that makes a softmax sharp is that of the differences. 500, 500, 500 is a mean.",
    "dbac",
)
flat_to_sharp.mistake(
    "scores are compared by their ratio",
    "From 1 to 3 is three times as much, from 100 to 104 hardly more. The exponential turns "
    "differences into ratios, and the difference is larger from 100 to 104.",
    "cadb",
)
flat_to_sharp.mistake(
    "sharpest first",
    "The order is right, read from the other end.",
    "abdc",
)
flat_to_sharp.mistake(
    "only the best key and the next one are compared",
    "In (b) and in (d) the best key is 1 ahead of the next. The third one counts, too: in (d) it "
    "is level with the second, in (b) it lies lower and takes less.",
    "cbda",
)


@pause(
    why=(
        "x·x is a sum of 64 squares, each 1 on average, divided by 8. The argument for √d_k "
        f"holds for vectors that are independent; to itself a token scores √d_k = "
        f"{math.sqrt(64):.0f} standard deviations above them."
    ),
    rtol=0.01,
)
def own_score():
    """A token x has 64 independent components of mean 0 and variance 1. In a self-attention
    without projections it also meets itself. What is this score, x·x/√64, on average?
    """
    return 64 / math.sqrt(64)


own_score.mistake(
    "the mean of a product of two tokens is taken for that of a square",
    "For two independent tokens the terms have either sign and cancel on average. Here every "
    "term is a square.",
    0,
)
own_score.mistake(
    "the scale is thought to bring every score to about 1",
    "It brings the spread of independent vectors to 1. x is not independent of itself.",
    1,
)
own_score.mistake(
    "the dot product is taken for the score",
    "That is x·x on average, before the division by √64.",
    64,
)


@pause(
    choices={
        "a": "those of the queries and of the keys",
        "b": "those of the values",
        "c": "all three: the output cannot change",
        "d": "none, as long as no weight is 1",
    },
    why=(
        "Whatever the weights are, the output is that one vector: no score can move it. Then the "
        "row ᾱ has equal entries, and each of them minus the average is 0."
    ),
)
def equal_values():
    """All values happen to be the same vector; queries and keys are any vectors. Which gradients
    are zero, whatever the loss is?
    """
    return "a"


equal_values.mistake(
    "the roles of values and weights are exchanged",
    "The gradient of the values is αᵀ times that of the output: it arrives as ever. It is the "
    "weights that have nothing to choose between.",
    "b",
)
equal_values.mistake(
    "an output that no score moves is thought to be one that nothing moves",
    "Change a value, and the output changes by its share of that.",
    "c",
)
equal_values.mistake(
    "saturation is thought to be the only way to lose the gradient",
    "The Jacobian of the softmax is not zero here. But it is applied to a row of equal numbers, "
    "and maps those to 0.",
    "d",
)


@pause(
    choices={
        "a": "nothing: attention does not know the order",
        "b": "the output, and none of the weights",
        "c": "two of the weights, and with them the output",
        "d": "two of the weights, and the output not",
    },
    why=(
        "Weights are made from the query and the keys alone, and these have not moved. They now "
        "meet other values."
    ),
)
def swapped_values():
    """A query gives two keys different weights. Then their values, which differ, change places;
    the keys stay where they are. What changes?
    """
    return "b"


swapped_values.mistake(
    "a pair of key and value is thought to have been moved",
    "Reorder keys and values together, and nothing changes. Here every key keeps its place and "
    "gets another value: that is another memory, not another order.",
    "a",
)
swapped_values.mistake(
    "the weights are thought to come from the values",
    "No value enters a score. Look at the formula: V comes after the softmax.",
    "c",
)
swapped_values.mistake(
    "a weight is thought to travel with its value",
    "It belongs to a query and a key. The value that moves away leaves its weight behind.",
    "d",
)


@pause(
    program="""
        scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
        scores = scores - scores.max()
        exponentials = np.exp(scores)
        totals = exponentials.sum(axis=-1, keepdims=True)
        weights = exponentials / totals
        output = weights @ v
    """,
    why=(
        "It subtracts the largest of all scores. A row that lies far below it underflows as a "
        "whole, and 0/0 is NaN; each row needs its own largest."
    ),
)
def some_queries_fail():
    """For most queries the output is right. For a few of them it is NaN, though all inputs are
    finite. Which line has to be mended?
    """
    return 2


some_queries_fail.mistake(
    "the line that fails is taken for the line at fault",
    "The division meets 0/0 there, but the exponentials are lost before. A small number added "
    "to the total would turn NaN into zeros, which are no average either.",
    5,
)
some_queries_fail.mistake(
    "the exponential is thought to overflow",
    "After line 2 no score is above 0. Here exponentials come out too small, not too large.",
    3,
)
some_queries_fail.mistake(
    "the scale is thought to keep scores in range",
    "It is the right one, for any batch. It brings the spread of fresh vectors to 1 and limits "
    "no single score.",
    1,
)
some_queries_fail.mistake(
    "the axis of the queries is taken for that of the keys",
    "Rows belong to queries. The last axis runs over the keys of one query.",
    4,
)
some_queries_fail.mistake(
    "the product with the values is thought to make the NaN",
    "With finite weights and finite values it is finite. The weights are NaN already.",
    6,
)

_ALIKE = np.zeros((4, 3))
_FOUR = np.array([[2.0], [4.0], [9.0], [33.0]])


def _third(mask):
    return float(reference.attention(_ALIKE, _ALIKE, _FOUR, mask=mask)[2, 0])


@pause(
    why=("It sees itself and the two before, with equal scores: a third each of 2, 4 and 9."),
    rtol=1e-3,
)
def third_of_four():
    """Four tokens have the values 2, 4, 9 and 33, and all scores happen to be equal. What is the
    output of the third token under a causal mask?
    """
    return _third(masks.causal(4))


third_of_four.mistake(
    "the mask is forgotten",
    "Without a mask it is the mean of all four. The fourth token lies in the future.",
    _third(None),
)
third_of_four.mistake(
    "a token is thought not to see itself",
    "Causal hides what comes later. The diagonal of the mask is True.",
    _third(masks.causal(4) & ~np.eye(4, dtype=bool)),
)
third_of_four.mistake(
    "the mask is thought to act on the weights",
    "A quarter each and then nothing for the fourth: such weights sum to ¾. The mask acts on "
    "the scores, before the division.",
    _third(None) - 33 / 4,
)
third_of_four.mistake(
    "past and future are exchanged",
    "That is the mean of the token itself and of what comes after it.",
    _third(masks.causal(4).T),
)
third_of_four.mistake(
    "equal scores are taken for a look at itself alone",
    "Equal scores give equal weights, whatever the scores are.",
    9.0,
)
third_of_four.mistake(
    "the values were added, not averaged",
    "The weights of the three sum to 1.",
    2.0 + 4.0 + 9.0,
)


def _multiplications(L, d):
    return 2 * L**2 * d + 3 * L * d**2


@pause(
    why=(
        "Of two equal halves one becomes 4 times as large, one 2 times: (4 + 2)/2. Only for very "
        "long texts does the factor come near 4."
    ),
    rtol=0.01,
)
def twice_as_long():
    """A text has just the length at which attention and the three projections take equally many
    multiplications. The next text is twice as long. How many times as many do they take together?
    """
    return _multiplications(3000, 1000) / _multiplications(1500, 1000)


twice_as_long.mistake(
    "the projections are thought to grow with the square, too",
    "A projection treats token by token. Twice the tokens are twice the work.",
    4,
)
twice_as_long.mistake(
    "attention is thought to grow with the length",
    "Twice the queries meet twice the keys: 4 times as many pairs.",
    2,
)
twice_as_long.mistake(
    "the factors were added, not averaged",
    "Each factor holds for one half of the work.",
    6,
)
