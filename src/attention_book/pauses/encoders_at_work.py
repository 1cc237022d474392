"""Short questions on encoders at work, in the order of the chapter."""

from attention_book.checking import pause


@pause(
    why="The mean of 25 such vectors has the length 1/5, and its product with one of them is 1/25. "
    "Divided by the lengths, that is 1/5.",
    rtol=0.01,
)
def one_word_of_25():
    """The vectors of the 25 words of a text have length 1 and stand at right angles to each other.
    What is the cosine of their mean with the vector of one of the words?
    """
    return 0.2


one_word_of_25.mistake(
    "the mean is thought to have length 1",
    "1/25 is the product. The cosine also divides by the length of the mean, which is less than 1.",
    0.04,
)
one_word_of_25.mistake(
    "a word is thought to be found as it was",
    "It is one of 25 that were mixed.",
    1,
)
one_word_of_25.mistake(
    "words at right angles are thought to leave nothing",
    "24 of them add nothing to the product. The word itself does.",
    0,
)


@pause(
    choices={
        "a": "The same for every text of that length",
        "b": "What it would be without the mask",
        "c": "The same for every text, whatever its length",
        "d": "Something that depends on the last token alone",
    },
    why="Under a causal mask the first position sees itself alone, in every layer. So it never "
    "hears of the text.",
)
def first_under_a_causal_mask():
    """[CLS] stands in front of a text, and an encoder runs under a causal mask by mistake. What
    comes out at [CLS]?
    """
    return "c"


first_under_a_causal_mask.mistake(
    "the length is thought to be seen",
    "To know the length it would have to see the other positions.",
    "a",
)
first_under_a_causal_mask.mistake(
    "[CLS] is thought to see everything by its name",
    "It is a token as the others. Where it stands decides what a causal mask shows it.",
    "b",
)
first_under_a_causal_mask.mistake(
    "the last token is thought to be seen by all",
    "It is the other way: the last token sees all. That is what one reads under a causal mask.",
    "d",
)


@pause(
    why="On the diagonal both readers have 1, as they should. Beside it stand two ones where zeros "
    "should be, and each adds 1.",
    rtol=0.01,
)
def two_readers_at_one_place():
    """Two readers each put their whole weight on position 3. How large is the penalty?"""
    return 2


two_readers_at_one_place.mistake(
    "a reader at one position is thought to be enough",
    "Each looks at one position, but at the same one. The penalty sees pairs of readers too.",
    0,
)
two_readers_at_one_place.mistake(
    "the pair is counted once",
    "The matrix has an entry for reader 1 with 2, and one for 2 with 1.",
    1,
)
two_readers_at_one_place.mistake(
    "the norm is not squared",
    "The penalty is the square of the norm: the two ones are added, and no root is taken.",
    2**0.5,
    lambda number: 1.4 <= number < 1.42,
)
two_readers_at_one_place.mistake(
    "the diagonal is counted, too",
    "There the identity is taken away: 1 less 1 is 0.",
    4,
)


@pause(
    why="15 in 100 of 400 tokens are picked: 60. One in ten of those stays as it is.",
    rtol=0.01,
)
def named_though_unchanged():
    """A text has 400 tokens. By BERT's rule, how many of them, on the average, does the model have
    to name although they stand in its input unchanged?
    """
    return 6


named_though_unchanged.mistake(
    "all picked tokens are counted",
    "Most of the 60 were replaced.",
    60,
)
named_though_unchanged.mistake(
    "one in ten of all tokens is counted",
    "The tenth is a tenth of the tokens that were picked.",
    40,
)
named_though_unchanged.mistake(
    "tokens that became another word are counted, too",
    "These are not unchanged.",
    12,
)
named_though_unchanged.mistake(
    "tokens that were not picked are counted",
    "The loss does not look at those 340.",
    340,
)


@pause(
    why="The two copies have the same score, so the right one gets at most half of the weight: "
    "minus the logarithm of 1/2.",
    rtol=0.01,
)
def a_copy_in_the_batch():
    """A batch holds an exact copy of the text that is right for a question, and the copy counts as
    wrong. Below which number can the loss of this question not fall?
    """
    return 0.6931471805599453


a_copy_in_the_batch.mistake(
    "a copy is thought to do no harm",
    "Whatever raises the score of the right text raises that of its copy.",
    0,
)
a_copy_in_the_batch.mistake(
    "the weight is given, not the loss",
    "The right text can get half of the weight. The loss is minus its logarithm.",
    0.5,
)
a_copy_in_the_batch.mistake(
    "the copy is thought to make the loss grow without bound",
    "It would if the copy had a higher score. It has the same.",
    100,
    lambda number: number > 5,
)


@pause(
    choices={
        "a": "take the largest product of each token of the question",
        "b": "encode the texts and store a vector of each token",
        "c": "sort the texts",
        "d": "encode the question",
        "e": "multiply the tokens of the question with those of a text",
        "f": "add up over the tokens of the question",
    },
    why="The texts come first, since they are there before anybody asks. The maximum stands inside "
    "the sum.",
)
def a_late_search():
    """Put the steps of a search by late interaction in their order, from an empty index on."""
    return "bdeafc"


a_late_search.mistake(
    "the sum is taken before the maximum",
    "Then one token of the text would answer for the whole question.",
    "bdefac",
)
a_late_search.mistake(
    "the texts are encoded for each question",
    "They do not depend on the question, and that is what the method saves.",
    "dbeafc",
)
a_late_search.mistake(
    "the texts are sorted by a part of the score",
    "A score is complete when all tokens of the question are added up.",
    "bdeacf",
)


@pause(
    choices={
        "a": "remove the, remove the",
        "b": "timer, timer, timer, timer, timer",
        "c": "the, the, the, the, the",
        "d": "They get the same score",
    },
    why="Two words of the question find themselves in it, with a product of 1 each. To find the "
    "same word again adds nothing, and nobody knows yet that a timer is rarer.",
)
def untrained_and_asked():
    """The question is "remove the timer". All word vectors are random, of length 1 and nearly at
    right angles. Which text has the largest score by late interaction?
    """
    return "a"


untrained_and_asked.mistake(
    "a rare word is thought to count more",
    "BM25 would count it more. These vectors have not learned yet what is rare.",
    "b",
)
untrained_and_asked.mistake(
    "each time a word stands there is counted",
    "The maximum takes the best once, however often it stands there.",
    "c",
)
untrained_and_asked.mistake(
    "the scores of texts are thought to be alike before training",
    "Equal words have equal vectors, trained or not.",
    "d",
)


@pause(
    program="""
        x = encoder(tokens, mask=mask)
        real = mask[:, 0, :, None]
        x = x * real
        vector = x.sum(dim=1) / x.shape[1]
        score = vector @ question
    """,
    why="The sum is over the real tokens, and the divisor counts the padded ones, too: a text "
    "beside a longer one gets a lower score. Divide by real.sum(dim=1).",
)
def line_that_counts_padding():
    """The mask is right. In a batch with a long text, short texts score lower than alone. Which
    line is at fault?
    """
    return 4


line_that_counts_padding.mistake(
    "the encoder is thought to see padding",
    "It gets the mask.",
    1,
)
line_that_counts_padding.mistake(
    "zeros are thought to harm a sum",
    "In a sum they add nothing. Look at what the sum is divided by.",
    3,
)
line_that_counts_padding.mistake(
    "the mask is thought to be cut wrongly",
    "It has the shape of the tokens, with an axis for the features.",
    2,
)


@pause(
    why="Each of the 20 questions and 500 texts goes through the encoder once: the two never meet "
    "there.",
    rtol=0.001,
)
def passes_of_a_bi_encoder():
    """20 questions are ranked against 500 texts with a bi-encoder that starts from nothing. How
    many sequences go through the encoder?
    """
    return 520


passes_of_a_bi_encoder.mistake(
    "every pair is thought to be encoded",
    "That is a cross-encoder.",
    10000,
)
passes_of_a_bi_encoder.mistake(
    "the questions are left out",
    "A question has to become a vector, too.",
    500,
)
passes_of_a_bi_encoder.mistake(
    "texts are encoded for each question",
    "A text has one vector, whoever asks.",
    10020,
)
