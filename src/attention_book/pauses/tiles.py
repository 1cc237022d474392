"""Short questions on tiles, in the order of the chapter."""

import math

from attention_book.checking import pause


@pause(
    why="32768² numbers of two bytes are 2.15 billion bytes for a head, and there are eight heads.",
    rtol=0.02,
)
def gigabytes_of_scores():
    """A prompt of 32768 tokens is read with 8 heads, and the scores of all heads are stored in
    float16. How many gigabytes (billions of bytes) are they?
    """
    return 8 * 32768**2 * 2 / 1e9


gigabytes_of_scores.mistake(
    "the matrix of one head is given",
    "Each of the eight heads has scores of its own.",
    2.147,
    lambda number: 2 <= number <= 2.2,
)
gigabytes_of_scores.mistake(
    "the numbers are taken as float32",
    "In float16 a number has two bytes.",
    34.36,
    lambda number: 34 <= number <= 34.5,
)
gigabytes_of_scores.mistake(
    "the bytes of a number are left out",
    "A number of float16 has two bytes, and each score is stored, also a hidden one.",
    8.59,
    lambda number: 8.5 <= number <= 8.7,
)
gigabytes_of_scores.mistake(
    "the bytes are counted in units of 2³⁰",
    "A gigabyte is a billion bytes here.",
    16,
)
gigabytes_of_scores.mistake(
    "the square is left out",
    "Every token has a score for every token.",
    0.000524,
    lambda number: number < 0.001,
)


@pause(
    choices={
        "a": "the largest of its scores, its maximum",
        "b": "the number of keys that it has read",
        "c": "the sum of the exponentials of its scores",
        "d": "all of its scores, one for each key",
    },
    why="The output of a part was divided by that sum. It says how much the part weighs, whatever "
    "number of keys it comes from.",
)
def beside_the_output():
    """The keys are cut into two parts, and each brings its own average of the values. What else
    does a part have to bring, so that the average over all keys can be found?
    """
    return "c"


beside_the_output.mistake(
    "the largest score is thought to say how much a part weighs",
    "Two keys with the score 5 weigh twice as much as one. The largest score is 5 both times.",
    "a",
)
beside_the_output.mistake(
    "all keys are thought to weigh alike",
    "That holds when every score is the same. One key with a high score can outweigh a thousand.",
    "b",
)
beside_the_output.mistake(
    "the whole row is thought to be needed",
    "Only their sum of exponentials enters the division.",
    "d",
)


@pause(
    choices={
        "a": "It counts once, since both parts know it.",
        "b": "It counts twice.",
        "c": "It drops out, as the two shares cancel.",
        "d": "The merge fails with NaN.",
    },
    why="The merge adds sums of exponentials, and the key is in both. Parts must not overlap.",
)
def key_in_two_parts():
    """By mistake a key lies in both parts that are merged. What happens to it?"""
    return "b"


key_in_two_parts.mistake(
    "the merge is thought to know the keys",
    "It sees an output and a number. Which keys they came from is not in them.",
    "a",
)
key_in_two_parts.mistake(
    "shares are thought to be subtracted",
    "Both shares are positive and are added.",
    "c",
)
key_in_two_parts.mistake(
    "overlap is thought to be noticed",
    "Every number is finite. Nothing fails, and the answer is wrong.",
    "d",
)


@pause(
    why="Every exponential so far was e^(s − 4) and has to become e^(s − 7): the factor is e^(−3).",
    rtol=0.02,
)
def factor_of_the_sum():
    """The largest score so far is 4 and the sum is 2.5. The next tile holds a score of 7. By
    which number is the sum so far multiplied?
    """
    return math.exp(-3)


factor_of_the_sum.mistake(
    "the factor is that of the new score",
    "e^(−7) would be right if the old level were 0. It was 4.",
    math.exp(-7),
    lambda number: 0.0008 < number < 0.001,
)
factor_of_the_sum.mistake(
    "the exponent is given",
    "Asked for is the factor, e to this exponent.",
    -3,
)
factor_of_the_sum.mistake(
    "the sum grows",
    "The level rises, so each exponential below it gets smaller.",
    math.exp(3),
    lambda number: 19.9 < number < 20.3,
)
factor_of_the_sum.mistake(
    "the scores are divided",
    "Levels are subtracted in the exponent: e^(4 − 7).",
    4 / 7,
    lambda number: 0.56 < number < 0.58,
)
factor_of_the_sum.mistake(
    "the sum is thought to stay",
    "Then the old keys would count e^3 times too much beside the new one.",
    1,
)
factor_of_the_sum.mistake(
    "the new sum is given",
    "2.5 · e^(−3) is what is left of the sum. Asked for is the factor alone.",
    2.5 * math.exp(-3),
    lambda number: 0.1235 < number < 0.1249,
)


@pause(
    why="One number for each of 6000 queries; the weights themselves would be 36 million.",
    rtol=1e-6,
)
def kept_for_the_way_back():
    """Beside its inputs and its output, how many numbers does the forward pass in tiles keep for
    the backward pass, for one head with 6000 queries and 6000 keys of 64 features?
    """
    return 6000


kept_for_the_way_back.mistake(
    "the weights are thought to be kept",
    "They are made again, tile by tile, from the queries, the keys and the logsumexps.",
    6000**2,
)
kept_for_the_way_back.mistake(
    "the maximum and the sum are kept apart",
    "The logsumexp has both: peak + log of the sum.",
    12000,
)
kept_for_the_way_back.mistake(
    "a vector is thought to be kept for each query",
    "The output is there already. What is added is one number a query.",
    6000 * 64,
)


@pause(
    choices={
        "a": "the larger of the old maximum and that of the tile",
        "b": "scores of the tile",
        "c": "the factor for what was summed so far, and the exponentials of the tile",
        "d": "divide the output by the sum",
        "e": "both sums: shrink what is there, add what is new",
    },
    why="Scores, maximum, factor, sums; and one division after the last tile.",
)
def steps_of_a_tile():
    """Put the steps of the last tile in their order, with what ends the row."""
    return "baced"


steps_of_a_tile.mistake(
    "the division is made before the last tile has come in",
    "The sum is known only when all tiles have been read.",
    "bacde",
)
steps_of_a_tile.mistake(
    "exponentials are taken before the maximum is known",
    "Then a large score overflows: the level has to be known first.",
    "bcaed",
)
steps_of_a_tile.mistake(
    "sums are added before they are shrunk",
    "Old and new would stand above different levels.",
    "baecd",
)


@pause(
    choices={
        "a": "one in a hundred, as of the keys",
        "b": "all of them, or very nearly",
        "c": "none, since the mask is random",
        "d": "one in ten, the root of a hundred",
    },
    why="A tile of 256 × 512 that holds one key in a hundred has more than a thousand of them. It "
    "is read as a whole; a sparse mask saves time only if its holes have the size of tiles.",
)
def one_key_in_a_hundred():
    """A random mask shows each query one key in a hundred. Which part of the tiles of 256 × 512
    scores is computed?
    """
    return "b"


one_key_in_a_hundred.mistake(
    "the share of tiles is thought to follow from the share of keys",
    "A tile is computed if it holds at least one key that is seen.",
    "a",
)
one_key_in_a_hundred.mistake(
    "a random mask is thought to hide everything",
    "131072 scores are in a tile, and one in a hundred of them is seen.",
    "c",
)
one_key_in_a_hundred.mistake(
    "rows and columns are thought to be thinned out alike",
    "Nothing within a tile is skipped, and hardly a tile has no key that is seen.",
    "d",
)


@pause(
    program="""
        higher = max(peak, tile.max())
        shrink = exp(peak - higher)
        weights = exp(tile - higher)
        total = total + weights.sum()
        output = shrink * output + weights @ values
        peak = higher
    """,
    why="The sum so far stands below the old level, too: total = shrink * total + weights.sum().",
)
def line_that_does_not_shrink():
    """With one tile this program is right, and the output is divided by the sum at the end. Which
    line is at fault?
    """
    return 4


line_that_does_not_shrink.mistake(
    "the maximum is thought to be that of the tile",
    "Both sums stand above the largest score so far, so the larger one is taken.",
    1,
)
line_that_does_not_shrink.mistake(
    "the factor is thought to be turned round",
    "The level rises from peak to higher, and e^(peak − higher) is at most 1.",
    2,
)
line_that_does_not_shrink.mistake(
    "the values are thought to need no shrinking",
    "They were weighed below the old level, as the sum was.",
    5,
)
line_that_does_not_shrink.mistake(
    "the exponentials are thought to be wrong",
    "They are taken above the new level, which is right.",
    3,
)


@pause(
    why="9 requests of 500 + 20 tokens are 4680; 500 once and 9 · 20 are 680: 6.88 times fewer.",
    rtol=0.01,
)
def times_fewer_tokens():
    """Nine requests share a prefix of 500 tokens, and each has 20 of its own. How many times
    fewer keys are read when the prefix is read once for all?
    """
    return 9 * 520 / (500 + 9 * 20)


times_fewer_tokens.mistake(
    "everything is thought to be shared",
    "The 20 tokens of its own are read for each request.",
    9,
)
times_fewer_tokens.mistake(
    "the ratio is turned round",
    "Asked for is how many times fewer: the larger number by the smaller.",
    680 / 4680,
    lambda number: abs(number - 680 / 4680) < 0.003,
)
times_fewer_tokens.mistake(
    "the tokens of their own are left out where the prefix is shared",
    "Each request still reads its own 20: 500 + 180.",
    4680 / 500,
    lambda number: abs(number - 9.36) < 0.05,
)
times_fewer_tokens.mistake(
    "the number of keys is given",
    "Asked for is the ratio: 4680 to 680.",
    680,
)
