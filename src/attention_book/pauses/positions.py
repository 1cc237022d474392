"""Short questions on positions, in the order of the chapter."""

import math

import numpy as np

from attention_book.checking import pause
from attention_book.positions.rope_scaling.reference import temperature
from attention_book.positions.t5_bias.reference import buckets


@pause(
    choices={
        "a": "none: the vector of “bites” is the same in both",
        "b": "its own position: “bites” stands in the middle of both",
        "c": "which of the two nouns stood before it",
        "d": "how far away the nouns are",
    },
    why=(
        "The word asks the same three keys with the same query. The average of the values is the "
        "same, and so is everything that later layers make of it."
    ),
)
def what_bites_knows():
    """Ten layers of self-attention without positions and without a mask read “dog bites man” and
    “man bites dog”. What does the last layer's vector of “bites” tell about the order?
    """
    return "a"


what_bites_knows.mistake(
    "a middle place is thought to be seen",
    "Nothing in the formula knows a place, not even the middle one.",
    "b",
)
what_bites_knows.mistake(
    "depth is thought to bring order",
    "The first layer gives every word the same vector in both sentences. The next starts there.",
    "c",
)
what_bites_knows.mistake(
    "distance is thought to be in the scores",
    "A score is made of two vectors. Where they came from is not in it.",
    "d",
)


@pause(
    choices={
        "a": "the two matrices on x and p are different",
        "b": "the two matrices on x and p are the same",
        "c": "p does not reach the queries",
        "d": "the scores lose their terms with x and p together",
    },
    why=(
        "[x, p] times a matrix is x times its upper block plus p times its lower block. Adding is "
        "the case in which both blocks are the same."
    ),
)
def when_it_is_adding():
    """Tokens and positions are concatenated and multiplied by one learned matrix. In which case
    is that the same as adding them and multiplying by a matrix?
    """
    return "b"


when_it_is_adding.mistake(
    "the general case is taken for the special one",
    "Different blocks are what concatenation can do beyond adding.",
    "a",
)
when_it_is_adding.mistake(
    "a block of zeros is thought to add",
    "Then positions would have no effect at all.",
    "c",
)
when_it_is_adding.mistake(
    "concatenation is thought to keep content and place apart",
    "Behind the matrix both are in one vector, and the score multiplies out all four terms.",
    "d",
)


@pause(
    why="6 − 2 = 4 positions are 4 · 45° = 180°, and the dot product is cos 180°.",
    rtol=0.01,
)
def four_apart():
    """A sinusoidal code has one pair, which turns by 45° a position. What is the dot product of
    the codes of positions 2 and 6?
    """
    return -1


four_apart.mistake(
    "codes are thought to grow apart to 0",
    "At a quarter turn they are at 0. Further on they point in opposite directions.",
    0,
)
four_apart.mistake(
    "the length of a code is thought to matter alone",
    "Both have length 1. Their directions differ.",
    1,
)
four_apart.mistake(
    "only one of the two has turned",
    "cos(6 · 45°) or cos(2 · 45°) is the angle from position 0.",
    0.5,
)
four_apart.mistake(
    "an eighth of a turn was taken for a quarter",
    "8 positions make a whole turn, so 4 make a half.",
    -0.707,
    lambda number: abs(number + 0.707) < 0.01,
)


@pause(
    choices={
        "a": "take the softmax over the keys",
        "b": "turn queries and keys, each by its own position",
        "c": "multiply the values by their weights and add them up",
        "d": "multiply x by W_q, W_k and W_v",
        "e": "multiply each query with each key",
    },
    why=(
        "Positions come in between the learned matrices and the scores. Values are not turned: "
        "what is averaged is what a token says, not where it stands."
    ),
)
def steps_of_rope():
    """Put the five steps of a layer with RoPE in their order."""
    return "dbeac"


steps_of_rope.mistake(
    "x is turned before the learned matrices",
    "A rotation in front of W_q would not stay a rotation behind it, and the score would no longer "
    "depend on the distance alone.",
    "bdeac",
)
steps_of_rope.mistake(
    "the scores are turned",
    "A score is one number. Vectors turn, before they are multiplied.",
    "debac",
)
steps_of_rope.mistake(
    "the weights are turned",
    "By then the scores are made, and positions come too late.",
    "deabc",
)


@pause(
    why=(
        "Half of the 16 buckets hold the distances 0 to 7. From there each bucket ends √2 times "
        "further than the one before: 8 to 11 is bucket 8, 12 to 15 bucket 9, 16 to 22 bucket 10."
    ),
)
def bucket_of_20():
    """In T5 both directions have 16 buckets each, up to a distance of 128. In which bucket is a
    key that lies 20 positions behind the query?
    """
    return int(buckets(np.array(-20), 32))


bucket_of_20.mistake(
    "20 is thought to have its own bucket",
    "Only the distances 0 to 7 have.",
    20,
)
bucket_of_20.mistake(
    "buckets are thought to be of equal width",
    "120 distances in 8 buckets would be 15 each. They grow by a factor instead.",
    8,
)
bucket_of_20.mistake(
    "the second half is taken for what lies behind",
    "Buckets 16 to 31 are for keys ahead of the query.",
    26,
)
bucket_of_20.mistake(
    "everything far is thought to share one bucket",
    "That holds from the last bucket's beginning, near 90.",
    15,
)


@pause(
    choices={
        "a": "positions counted from the first real token, and nothing else",
        "b": "a mask that hides the padding, and positions counted from the first real token",
        "c": "a mask that hides the padding, and nothing else",
        "d": "neither: ALiBi looks at no padding",
    },
    why=(
        "The distance of two real tokens is the same with and without padding in front, so the "
        "bias is right as it is. But padding would get weight without a mask."
    ),
)
def padding_and_alibi():
    """A model with ALiBi reads sentences that are padded on the left. What does it need so that a
    sentence is read as if it stood alone?
    """
    return "c"


padding_and_alibi.mistake(
    "positions are thought to hide tokens",
    "A token that is not masked gets weight, wherever it is said to stand.",
    "a",
)
padding_and_alibi.mistake(
    "ALiBi is treated as absolute positions are",
    "It sees distances alone, and these do not change when all tokens move.",
    "b",
)
padding_and_alibi.mistake(
    "a small bias is taken for a mask",
    "Distant padding is lowered, near padding hardly. Only a mask gives 0.",
    "d",
)


@pause(
    program="""
        keys = np.concatenate([keys, k])
        values = np.concatenate([values, v])
        n, S = len(q), len(keys)
        q = rotate(q, np.arange(n))
        turned = rotate(keys, np.arange(S))
        output = attention(q, turned, values)
    """,
    why=(
        "The new tokens are the last n of S, so their positions are S − n to S − 1. With a single "
        "prompt, n = S, and no test of that notices."
    ),
)
def cache_at_fault():
    """A decoder keeps its keys, not yet turned, and its values. The first call is right, with all
    tokens of the prompt; later calls, with one token each, write nonsense. Which line is at fault?
    """
    return 4


cache_at_fault.mistake(
    "old keys are thought to be turned already",
    "They are kept as they were. Turning all of them anew costs time, and is right.",
    5,
)
cache_at_fault.mistake(
    "new tokens are thought to belong in front",
    "They come last, behind the tokens that are kept.",
    1,
)
cache_at_fault.mistake(
    "values are thought to need positions",
    "RoPE leaves them alone.",
    2,
)
cache_at_fault.mistake(
    "the turned keys are thought to be used once more",
    "They have a name of their own; what is kept stays unturned.",
    6,
)


_HOTTER = float(temperature(math.exp(10)) ** 2)


@pause(
    why="Both vectors are multiplied by 0.1 · 10 + 1 = 2, so their product by 4.",
    rtol=0.01,
)
def hotter():
    """YaRN multiplies queries and keys by 0.1 ln s + 1. For an enormous s, with ln s = 10, by
    which factor do the scores grow?
    """
    return round(_HOTTER, 9)


hotter.mistake(
    "the factor of one vector is given",
    "A score is a product of two vectors, and both are multiplied.",
    2,
)
hotter.mistake(
    "what is above 1 was doubled",
    "1 + 2 · 1 would be a sum of two increases. The factors multiply.",
    3,
)
hotter.mistake(
    "it is thought to be divided by a temperature above 1",
    "In YaRN the temperature t is below 1, and 1/t is the square of this number.",
    0.25,
)
hotter.mistake(
    "the 1 was left out",
    "0.1 ln s is added to 1: with s = 1 nothing changes.",
    1,
)
