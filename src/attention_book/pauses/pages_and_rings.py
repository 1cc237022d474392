"""Short questions on pages and rings, in the order of the chapter."""

from attention_book.checking import pause
from attention_book.parallel.places import striped, work


@pause(
    why="On average half of the last block is empty: (17 − 1)/2, whatever the length of the text.",
)
def half_a_block():
    """Blocks have 17 slots, and texts are long, of any length. How many slots does a text hold on
    average that it does not use?
    """
    return 8


half_a_block.mistake(
    "a full block is counted as an empty one",
    "The last block has 1 to 17 tokens, so 16 to 0 of its slots are empty.",
    8.5,
)
half_a_block.mistake(
    "the worst case is taken for the mean",
    "16 slots are empty only if a single token stands in the last block.",
    16,
)
half_a_block.mistake(
    "every block is thought to have gaps",
    "All blocks but the last are full: slots are filled one after the other.",
    17,
)
half_a_block.mistake(
    "nothing is thought to be lost",
    "A block belongs to one text until another shares it from the beginning.",
    0,
)


@pause(
    choices={
        "a": "to another average, since the values come in another order",
        "b": "to the same output, up to rounding",
        "c": "to an error, since the table is not sorted",
        "d": "to zeros, since the query stands before its keys",
    },
    why=(
        "A sum does not mind the order of its terms, and the last query sees all of them. With "
        "many queries at once, under a causal mask, it would be noticed; with one it is not."
    ),
)
def two_blocks_change_places():
    """The first two blocks of a table, both full, change places by mistake. The keys are left as
    they were stored, and one new token asks. To what does that lead?
    """
    return "b"


two_blocks_change_places.mistake(
    "attention is thought to know the order of its keys",
    "It sees a set. What tells the places apart was put into the keys when they were stored.",
    "a",
)
two_blocks_change_places.mistake(
    "a table is thought to have an order of its own",
    "Blocks lie anywhere: 5, 0, 3 is as good a table as 1, 2, 3.",
    "c",
)
two_blocks_change_places.mistake(
    "positions are thought to be counted anew",
    "The new token is still the last; all blocks before it are full.",
    "d",
)


@pause(
    why="w F / (2 W) = 2 · 10¹⁴ / (2 · 5 · 10¹⁰) = 2000 tokens a rank.",
    rtol=0.01,
)
def long_enough():
    """A device computes 10¹⁴ operations a second and sends 5 · 10¹⁰ bytes. A number has 2 bytes.
    From how many tokens a rank on does computing hide the sending?
    """
    return 2000


long_enough.mistake(
    "a pair of tokens is counted with one operation",
    "Each of d products needs a multiplication and an addition: 2 n², not n².",
    4000,
)
long_enough.mistake(
    "a number is counted with one byte",
    "Each number has w = 2 bytes to travel.",
    1000,
)
long_enough.mistake(
    "the heads are thought to count",
    "Both sides have the factor H (d_k + d_v). It cancels.",
    2000 * 64,
    lambda number: number > 10_000,
)
long_enough.mistake(
    "the fraction is turned round",
    "The faster a device computes, the longer the parts must be.",
    0.0005,
    lambda number: number < 1,
)


@pause(
    why=(
        "The prompt holds 3 blocks, two of them full. Seven of the eight copy the third, the last "
        "one writes in place: 3 + 7."
    ),
)
def samples_of_a_prompt():
    """A prompt of 40 tokens is forked into eight sequences, itself included, in blocks of 16. Each
    of the eight reads one token of its own. How many blocks do they hold together?
    """
    return 10


samples_of_a_prompt.mistake(
    "nothing is shared",
    "The two full blocks of the prompt are used by all eight.",
    24,
)
samples_of_a_prompt.mistake(
    "each of the eight copies",
    "Seven copies are made. Then the eighth is the only user of the first one.",
    11,
)
samples_of_a_prompt.mistake(
    "all blocks are thought to stay shared",
    "The third block is written into, by eight sequences with different tokens.",
    3,
)
samples_of_a_prompt.mistake(
    "a new block is thought to begin",
    "The third block has 8 free slots: the token goes there, into a copy.",
    26,
)


@pause(
    choices={
        "a": "the same prompt, twice in a row",
        "b": "two prompts that share their first block",
        "c": "many prompts, more than the pool can hold at a time",
        "d": "a prompt that is longer than the pool",
    },
    why=(
        "A name is wrong only once its block holds something else. So blocks have to be handed "
        "out again, and the old beginning has to be asked for after that."
    ),
)
def which_test():
    """When a block is handed out again, a cache forgets to remove its old name. Which requests can
    show it?
    """
    return "c"


which_test.mistake(
    "a hit is thought to be enough",
    "The second time the block is found, and it is the right one: nobody has used it since.",
    "a",
)
which_test.mistake(
    "sharing is thought to be at fault",
    "Sharing is right. The name still fits what is in the block.",
    "b",
)
which_test.mistake(
    "a refusal is taken for a fault",
    "That request is refused before any block changes its owner.",
    "d",
)


@pause(
    why="(3 − 5) mod 8 = 6: five steps ago it was at its owner, five ranks further back.",
)
def whose_part():
    """Eight ranks form the ring of the chapter. Whose part does rank 3 hold at step 5?"""
    return 6


whose_part.mistake(
    "the ring turns the other way",
    "Rank r receives from rank r − 1, so the parts come from smaller ranks.",
    0,
)
whose_part.mistake(
    "the ring is not closed",
    "Before rank 0 comes rank 7: −2 is 6.",
    -2,
)
whose_part.mistake(
    "steps are counted from 1",
    "At step 0 it holds its own.",
    7,
)
whose_part.mistake(
    "its own part is thought to stay",
    "It keeps its queries. Keys and values go on.",
    3,
)
whose_part.mistake(
    "all ranks are thought to hold the part with the number of the step",
    "Each part is at one rank at a time. At step 0 each rank holds its own.",
    5,
)
whose_part.mistake(
    "the distance is taken without its direction",
    "Step 5 is two steps past rank 0: count on from rank 7 downwards.",
    2,
)


@pause(
    program="""
        held, source = part, rank
        for t in range(P):
            if t + 1 < P and not hidden(source):
                arriving = pass_on(held)
            if not hidden(source):
                found = merge(found, attend(q, held))
            if t + 1 < P:
                held, source = arriving.wait(), (source - 1) % P
    """,
    why=(
        "What this rank cannot see, the next one may need. A rank that does not send leaves its "
        "neighbour waiting, and soon all of them wait."
    ),
)
def line_of_the_ring():
    """A causal ring leaves out parts that are wholly hidden from it. With one rank it is right,
    without a mask it is right, and under a causal mask it stops for ever. Which line is at fault?
    """
    return 3


line_of_the_ring.mistake(
    "leaving out the computing is thought to be at fault",
    "Who sees nothing of a part computes nothing, and need not. The part has to go on, though.",
    5,
)
line_of_the_ring.mistake(
    "it is thought to wait too early",
    "It has to have the next part before the next step. It waits after it has computed.",
    8,
)
line_of_the_ring.mistake(
    "one step is thought to be too many",
    "P steps for P parts, its own among them.",
    2,
)
line_of_the_ring.mistake(
    "the merge is thought to need every part",
    "A part that is hidden adds nothing. What is left out may be left out.",
    6,
)


_PAIRS = int(work(striped(16, 4))[1, 2])


@pause(
    why=(
        "Rank 1 has the tokens 1, 5, 9, 13, rank 3 has 3, 7, 11, 15. Token 1 sees none of these, "
        "5 sees one, 9 two, 13 three: 0 + 1 + 2 + 3."
    ),
)
def pairs_of_stripes():
    """Sixteen tokens are dealt in stripes to four ranks. How many pairs does rank 1 score, under a
    causal mask, while it holds the part of rank 3?
    """
    return _PAIRS


pairs_of_stripes.mistake(
    "each query is thought to see the key beside it",
    "The key beside it in the list is of a token two places ahead. That is so for a part of rank "
    "0 or 1.",
    10,
)
pairs_of_stripes.mistake(
    "all pairs are counted",
    "A query sees the keys up to its own position.",
    16,
)
pairs_of_stripes.mistake(
    "rank 3 is thought to lie ahead as a whole",
    "That would be so for contiguous parts. In stripes every rank has early and late tokens.",
    0,
)
pairs_of_stripes.mistake(
    "half of the pairs are taken",
    "Half of 16 is near. Count: 0, 1, 2 and 3.",
    8,
)
