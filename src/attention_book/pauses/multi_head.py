"""Short questions on many heads, in the order of the chapter."""

import itertools

from attention_book.checking import pause

_PAIRS = [
    (a, b) for a, b in itertools.product(range(10), repeat=2) if abs(0.6 * a + 0.4 * b - 5) < 1e-9
]


@pause(
    why="They are 7 and 2, 5 and 5, 3 and 8. Unequal weights leave fewer pairs than equal ones, "
    "and still more than one.",
)
def five_from_two():
    """One head gives the weights 0.6 and 0.4 to two slots, each of which holds a whole number
    from 0 to 9. It brings 5. How many pairs of numbers may stand in the two slots?
    """
    return len(_PAIRS)


five_from_two.mistake(
    "unequal weights are thought to tell the two apart",
    "Try 5 and 5, and then 7 in the first slot.",
    1,
)
five_from_two.mistake(
    "the weights are taken as equal",
    "With ½ and ½ there are nine pairs. Here 0.6 a + 0.4 b = 5.",
    9,
)
five_from_two.mistake(
    "5 and 5 is left out",
    "Two slots may hold the same number.",
    2,
)
five_from_two.mistake(
    "any pair is thought to do",
    "There are 100 pairs, and most of them have another average.",
    100,
)


@pause(
    choices={
        "a": "queries from the patches, weights (8, 196, 7)",
        "b": "queries from the words, weights (8, 7, 7)",
        "c": "queries from the words, weights (8, 7, 196)",
        "d": "queries from the words, weights (7, 196)",
    },
    why="The words ask, so they give the rows; the patches are read, so they give the columns; "
    "and each head has a matrix of its own.",
)
def words_and_patches():
    """A caption of 7 words reads 196 patches of a picture with 8 heads. Who asks, and which shape
    have the weights?
    """
    return "c"


words_and_patches.mistake(
    "what is read is thought to ask",
    "Who writes the next word needs the answer, so the words ask.",
    "a",
)
words_and_patches.mistake(
    "the source is thought to be as long as what asks",
    "That is self-attention. The columns are the 196 patches.",
    "b",
)
words_and_patches.mistake(
    "one matrix is thought to serve all heads",
    "Each head has a softmax of its own. One matrix for all is a mean that no head has.",
    "d",
)


@pause(
    choices={
        "a": "cut the features into heads",
        "b": "multiply the tokens by W_q and the source by W_k",
        "c": "softmax over the keys",
        "d": "move the axis of the heads before that of the tokens",
        "e": "put the heads side by side and multiply by W_o",
    },
    why="All heads are made by one product, then cut, then moved to where the products of "
    "matrices treat them as separate.",
)
def way_through_the_layer():
    """Put the steps of multi-head attention in their order."""
    return "badce"


way_through_the_layer.mistake(
    "the axis is moved before there is one",
    "The axis of the heads comes from cutting the features.",
    "bdace",
)
way_through_the_layer.mistake(
    "the tokens themselves are cut into heads",
    "Then each head would see a piece of every token. It sees the whole token, through its own "
    "columns of W_q.",
    "abdce",
)
way_through_the_layer.mistake(
    "the heads are joined before the softmax",
    "Then there would be one row of weights again.",
    "badec",
)


@pause(
    choices={
        "a": "They are shuffled in the same way.",
        "b": "They change, since the keys stand in other places.",
        "c": "They stay only if the mask is causal.",
        "d": "They stay as they are.",
    },
    why="The sum over the keys runs over the same pairs of weight and value in another order. "
    "Only shuffling what asks shuffles the outputs.",
)
def source_out_of_order():
    """In cross-attention the tokens of the source are shuffled; what asks stays. What happens to
    the outputs?
    """
    return "d"


source_out_of_order.mistake(
    "cross-attention is taken for self-attention",
    "There the same shuffle also moves the queries. Here they stay.",
    "a",
)
source_out_of_order.mistake(
    "keys are thought to know their places",
    "A key knows what the token holds. Nothing in the formula reads j.",
    "b",
)
source_out_of_order.mistake(
    "the causal mask is thought to be blind to order",
    "It is the other way: a causal mask names places, so it must be shuffled, too.",
    "c",
)


@pause(
    why="One pair in six holds the same content twice and is right in either order. Of the others "
    "half are right: 1/6 + 5/12.",
    rtol=0.01,
)
def both_without_order():
    """A reader finds the two contents, each one of six, but not which of them is first, and
    guesses the order. How often are both of its answers right?
    """
    return 1 / 6 + 5 / 6 / 2


both_without_order.mistake(
    "equal contents are left out",
    "One time in six the two contents are the same, and then no order is wrong.",
    0.5,
)
both_without_order.mistake(
    "one content is thought to be unknown",
    "That is the reader that sees one slot. This one has found both.",
    1 / 6,
    lambda number: abs(number - 1 / 6) < 0.002,
)
both_without_order.mistake(
    "the answers are thought to be guessed one by one",
    "If the first guess is wrong, so is the second: there is one guess, not two.",
    0.25,
)


@pause(
    choices={
        "a": "None of the eight does anything.",
        "b": "For each, others do what it does; nothing is said of removing several.",
        "c": "Seven of them can be removed together, but no one knows which.",
        "d": "Training has failed: every head should be needed.",
    },
    why="A test that removes one head asks whether the rest can do without it. Two heads with the "
    "same task pass one by one, and are missed together.",
)
def none_is_missed():
    """Each of eight heads is removed alone, and the accuracy never falls. What follows?"""
    return "b"


none_is_missed.mistake(
    "what is not missed alone is thought to be idle",
    "Remove all eight, and nothing is left that reads the source.",
    "a",
)
none_is_missed.mistake(
    "what holds for one is thought to hold for many",
    "Each removal was tried with the other seven in place.",
    "c",
)
none_is_missed.mistake(
    "several heads for one task are thought to be a failure",
    "The loss asks for right answers, and not for heads that share the work fairly.",
    "d",
)


@pause(
    program="""
        q = (x @ W_q).view(B, L, H, d).transpose(1, 2)
        k = (source @ W_k).view(B, S, H, d).transpose(1, 2)
        v = (source @ W_v).view(B, S, H, d).transpose(1, 2)
        weights = torch.softmax(q @ k.mT / d**0.5, dim=-1)
        joined = (weights @ v).reshape(B, L, H * d)
        output = joined @ W_o
    """,
    why="The axes are (B, H, L, d): the heads of a token have to come back beside each other, by "
    "transpose(1, 2), before they are joined.",
)
def line_that_joins():
    """The shapes fit, and with one head the program is right. Which line is at fault?"""
    return 5


line_that_joins.mistake(
    "the division is thought to be wrong",
    "d is the size of one head, and that is what the scores are sums over.",
    4,
)
line_that_joins.mistake(
    "view and transpose are thought to be one too many",
    "View cuts the features, transpose moves the heads. Both are needed.",
    1,
)
line_that_joins.mistake(
    "keys are thought to need what asks",
    "Keys and values come from what is read.",
    2,
)
line_that_joins.mistake(
    "the last matrix is thought to come first",
    "W_o takes the heads side by side.",
    6,
)


@pause(
    why="16 matrices of 512 × 512 numbers of four bytes are 16.8 million bytes. A fused kernel "
    "stores none of them.",
    rtol=0.015,
)
def megabytes_of_weights():
    """The weights of 16 heads are asked for, for one sequence of 512 tokens that reads itself, in
    float32. How many megabytes (millions of bytes) are they?
    """
    return 16 * 512**2 * 4 / 1e6


megabytes_of_weights.mistake(
    "the matrix of one head is given",
    "Each of the 16 heads has one.",
    1.0486,
    lambda number: 1 <= number < 1.1,
)
megabytes_of_weights.mistake(
    "the bytes of a number are left out",
    "A number of float32 has four bytes.",
    4.194,
    lambda number: 4.1 < number < 4.3,
)
megabytes_of_weights.mistake(
    "the square is left out",
    "Each of 512 queries has a weight for each of 512 keys.",
    0.0328,
    lambda number: 0.03 < number < 0.034,
)
