"""Short questions on decoding with a cache, in the order of the chapter."""

from attention_book.checking import pause


@pause(
    why="The first call computes 10 tokens, the others 11, 12, 13 and 14. With a cache it would "
    "be the 10 of the prompt and one for each of the other four calls: 14.",
)
def computed_again():
    """A prompt of 10 tokens is continued by 5, one call for each. How many tokens are computed in
    all calls together, without a cache?
    """
    return sum(range(10, 15))


computed_again.mistake(
    "each token is computed once",
    "That is what a cache is for. Without one each call computes the whole text again.",
    14,
)
computed_again.mistake(
    "the last new token is counted as one that is read",
    "The token that the last call writes is not read by any of the five.",
    65,
)
computed_again.mistake(
    "the prompt is taken to have a call of its own",
    "The call that reads the prompt writes the first of the five tokens. There is no sixth.",
    75,
)
computed_again.mistake(
    "new and old tokens are added up once",
    "There are five calls, and each reads everything so far.",
    15,
)
computed_again.mistake(
    "each call is taken to read the prompt alone",
    "The second call reads the prompt and the token that was written, eleven.",
    50,
)


@pause(
    choices={
        "a": "all of them, as in a decoder",
        "b": "those of the first layer",
        "c": "those of the last layer",
        "d": "none of them",
    },
    why="The first layer's keys are made from each token alone. Its outputs are averages over all "
    "tokens, the new one included, so everything above changes.",
)
def an_encoder_reads_on():
    """An encoder without a mask has read six tokens, and its keys were kept in each of its three
    layers. A seventh token comes. Which of the kept keys are still right?
    """
    return "b"


an_encoder_reads_on.mistake(
    "the mask is thought to play no part",
    "The proof needs that no old output sees the new token. Without a mask all do.",
    "a",
)
an_encoder_reads_on.mistake(
    "the change is thought to begin at the top",
    "It begins with the first average, and goes up.",
    "c",
)
an_encoder_reads_on.mistake(
    "the keys of the first layer are thought to depend on other tokens",
    "They are the embedding of one token, with its position, times a matrix.",
    "d",
)


@pause(
    why="Each number of a key serves the 64 / 8 = 8 heads of its group, with a product and a sum "
    "for each.",
)
def operations_for_a_number():
    """A model has 64 query heads in 8 groups. How many operations, products and sums together,
    does a step make for each number of the cache that it reads?
    """
    return 2 * 64 // 8


operations_for_a_number.mistake(
    "sums are not counted",
    "A product and its addition are two operations.",
    8,
)
operations_for_a_number.mistake(
    "every query head is thought to read every group",
    "A number serves the heads of its own group, 8 of the 64.",
    128,
)
operations_for_a_number.mistake(
    "each number is taken to serve one head",
    "That is multi-head attention, with 2 operations. Here 8 heads share a key.",
    2,
)
operations_for_a_number.mistake(
    "operations on keys and on values are added for each number",
    "A number belongs to a key or to a value. It takes part in one of the two sums.",
    32,
)


@pause(
    choices={
        "a": "multiply the average by W_uv",
        "b": "append the new latent and the new turned key",
        "c": "average the latents with the weights",
        "d": "multiply the query by the transpose of W_uk",
        "e": "compare with all rows; softmax",
    },
    why="The new row comes first, since the token sees itself. What is long, all kept rows, is "
    "met twice only: in the comparison and in the average.",
)
def one_step_absorbed():
    """Put the steps of one call of absorbed latent attention in order; the row comes first."""
    return "bdeca"


one_step_absorbed.mistake(
    "keys are compared before the query was made wide",
    "A query of d_k numbers does not fit a latent of R.",
    "bedca",
)
one_step_absorbed.mistake(
    "the latents are made into values before the average",
    "That is the plain form: it makes a value of every kept token.",
    "bdeac",
)
one_step_absorbed.mistake(
    "the new row comes after the average",
    "Then the token does not see itself.",
    "decab",
)


@pause(
    choices={
        "a": "one call with all tokens",
        "b": "a second text after a reset",
        "c": "a count of the numbers kept",
        "d": "a prompt, and then some steps",
    },
    why="In one call each key is turned once, as it should be. In the second call all keys of the "
    "first are turned again, and stand twice as far from 0.",
)
def turned_each_time():
    """A seventh fault: keys are kept as they were turned, and at each call all keys, old and new,
    are turned by their positions. Which of these tests finds it?
    """
    return "d"


turned_each_time.mistake(
    "one call is thought to be enough",
    "There every key is turned once. The fault needs a call that finds something kept.",
    "a",
)
turned_each_time.mistake(
    "a reset is thought to show it",
    "After a reset the first call is right again.",
    "b",
)
turned_each_time.mistake(
    "the fault is thought to keep more",
    "As many numbers are kept, with other values.",
    "c",
)


@pause(
    program="""keys = torch.cat([kept_keys, k], dim=1)
values = torch.cat([kept_values, v], dim=1)
L, S = q.shape[1], keys.shape[1]
mask = torch.ones(L, S).tril().bool()
scores = q @ keys.mT / d_k**0.5
scores = scores.masked_fill(~mask, -torch.inf)
output = scores.softmax(-1) @ values""",
    why="tril keeps the diagonal at the first key: the first new token sees the oldest row alone. "
    "It needs .tril(S - L).",
)
def line_of_a_step():
    """In one call with nothing kept this program is right; with a cache it is wrong. Which line is
    at fault?
    """
    return 4


line_of_a_step.mistake(
    "the rows are thought to be in the wrong order",
    "Kept rows come first, new ones after them: that is the order of the text.",
    1,
)
line_of_a_step.mistake(
    "the order of the values is suspected",
    "It is that of the keys.",
    2,
)
line_of_a_step.mistake(
    "the scale is suspected",
    "The root of d_k is right, and does not depend on how much is kept.",
    5,
)
line_of_a_step.mistake(
    "the mask is thought to be turned round",
    "What is not allowed is filled, and the mask is True where it is allowed.",
    6,
)


@pause(
    why="The token after the prompt sees itself and the five before it. Older rows are seen by "
    "nobody any more.",
)
def rows_after_the_prompt():
    """A prompt of 20 tokens was read in one call, with a window of 6. How many rows does the state
    have to keep?
    """
    return 5


rows_after_the_prompt.mistake(
    "the window is thought not to contain the token itself",
    "A window of 6 is the token and five before it.",
    6,
)
rows_after_the_prompt.mistake(
    "the rows that nobody sees are taken to be all but the window",
    "14 rows lie outside the window of the prompt's last token. The question is how many the token "
    "after it still needs.",
    14,
)
rows_after_the_prompt.mistake(
    "everything is kept",
    "Rows that no later token can see may go.",
    20,
)
rows_after_the_prompt.mistake(
    "what the window drops is counted",
    "These 15 are dropped. The question is what stays.",
    15,
)


@pause(
    why="The call gives one token for sure. The first proposed token adds one with probability "
    "½, the second needs both, ¼, the third ⅛, the fourth 1/16: 1 + 0.5 + 0.25 + 0.125 + 0.0625.",
    rtol=0.02,
)
def tokens_for_a_call():
    """A draft proposes four tokens, and each is kept with probability ½ if those before it were.
    How many tokens does a call of the large model give on average?
    """
    return 1 + 0.5 + 0.25 + 0.125 + 0.0625


tokens_for_a_call.mistake(
    "the model's own token is left out",
    "After the kept tokens comes one of the large model, whether it replaces or goes on.",
    0.9375,
)
tokens_for_a_call.mistake(
    "a token is thought to be kept after one that was not",
    "Half of four, and one more, would be right if they were judged alone. The first that is not "
    "kept ends the round.",
    3,
)
tokens_for_a_call.mistake(
    "the last token alone is counted",
    "All four are kept with probability 1/16, but then five are written; fewer count, too.",
    0.0625,
)
tokens_for_a_call.mistake(
    "all that is proposed is counted",
    "Only what is kept is written.",
    5,
)
