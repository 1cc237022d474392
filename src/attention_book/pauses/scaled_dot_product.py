"""Short questions on scaled dot-product attention, in the order of the chapter."""

import numpy as np

from attention_book.checking import pause
from attention_book.softmax import softmax


@pause(
    choices={
        "a": "it depends on how well the query fits",
        "b": "1",
        "c": "1/√d",
        "d": "0.5, since the softmax of one score has nothing to compare it with",
    },
    why="The softmax divides each exponential by the sum of all of them, and here there is one.",
)
def one_key():
    """There is a single key. Which weight does it get?"""
    return "b"


one_key.mistake(
    "a weight is not a score",
    "The score depends on the fit. The weight is a share, and the only one gets everything.",
    "a",
)
one_key.mistake(
    "the scale acts on scores",
    "1/√d changes the score before the softmax; the weights still sum to 1.",
    "c",
)
one_key.mistake(
    "that would be the logistic function",
    "The logistic function is the softmax of two scores, one of which is 0. Here is one score.",
    "d",
)

_SCORES = np.array([1.0, 2.0, 3.0])


@pause(
    why="The softmax does not change when the same number is added to all scores of a row.",
    rtol=0.01,
    first=f"{softmax(_SCORES)[2]:.3f}",
)
def shifted():
    """The scores 1, 2 and 3 give the last key the weight {first}. What is it at 101, 102, 103?"""
    return float(softmax(_SCORES + 100)[2])


shifted.mistake(
    "the sum of the scores is not what divides",
    "The exponentials are divided by their sum, not the scores by theirs.",
    103 / 306,
)
shifted.mistake(
    "scores are compared by their difference, not by their ratio",
    "Relative to 100 they are nearly equal, but their differences are still 1, and these count.",
    1 / 3,
    lambda weight: abs(weight - 1 / 3) < 0.02,
)
shifted.mistake(
    "the differences are still 1",
    "For the last key to take everything, it would have to lie far above the others.",
    1.0,
)


@pause(
    program="""
        scores = q @ k.T
        scores = scores / math.sqrt(q.shape[-1])
        scores = scores - scores.max()
        weights = np.exp(scores)
        weights = weights / weights.sum(axis=0, keepdims=True)
        output = weights @ v
    """,
    why="Row i belongs to query i: its weights over the keys, the last axis, have to sum to 1.",
)
def faulty_line():
    """One line of this program is wrong, though it raises nothing. Which one?"""
    return 5


faulty_line.mistake(
    "subtracting one number for all rows is right, if not safe",
    "The softmax of a row does not change with what is subtracted from all of it. It may "
    "underflow where rows are very unlike, but the formula is right.",
    3,
)
faulty_line.mistake(
    "the scale is right",
    "q.shape[-1] is the number of features, which the scores were summed over.",
    2,
)
