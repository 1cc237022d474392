"""Short questions on the whole Transformer, in the order of the chapter."""

from attention_book.checking import pause


@pause(
    choices={
        "a": "A layer of attention with sharper weights.",
        "b": "A network that is applied to each token.",
        "c": "A layer norm.",
        "d": "None of the three.",
    },
    why="All three compute a token's output from that token and from all others in the same way "
    "for everyone: equal tokens stay equal. Only what knows their places could part them.",
)
def parted_again():
    """Behind some layer two tokens are exactly alike. There is no mask, and positions were added
    at the bottom only. What can make them different again?
    """
    return "d"


parted_again.mistake(
    "sharper weights are thought to tell equal tokens apart",
    "Equal queries give equal rows of weights, however sharp, and so equal averages.",
    "a",
)
parted_again.mistake(
    "a network is thought to make different things of equal ones",
    "It is the same function for both tokens, and it gets the same vector.",
    "b",
)
parted_again.mistake(
    "a norm is thought to enlarge a difference of 0",
    "It looks at one token at a time, and the two are the same.",
    "c",
)


@pause(
    why="The mean is 4 and the variance 56 / 5, so the last feature becomes 6 / √11.2.",
    rtol=0.004,
)
def last_of_five():
    """A token has the features 0, 2, 4, 4 and 10. What does layer normalisation make of the last,
    with gain 1, bias 0, and ε left out? (The squares of the distances from the mean sum to 56.)
    """
    return 6 / (56 / 5) ** 0.5


last_of_five.mistake(
    "the mean was not subtracted",
    "First 10 − 4 = 6, then the division.",
    10 / (136 / 5) ** 0.5,
    lambda number: 1.9 < number < 1.93 or 2.97 < number < 3,
)
last_of_five.mistake(
    "the variance divides by one less",
    "Here it divides by 5, the number of features.",
    6 / 14**0.5,
    lambda number: 1.59 < number < 1.62,
)
last_of_five.mistake(
    "it was divided by the variance",
    "By its root: the deviation has the size of a feature.",
    6 / 11.2,
    lambda number: 0.53 < number <= 0.54,
)


@pause(
    choices={
        "a": "ten times as much",
        "b": "as much as before",
        "c": "a tenth as much",
        "d": "a hundredth as much",
    },
    why="What it reads is normalised first, so it says the same words, to a stream ten times as "
    "loud. Beside that stream they count a tenth.",
)
def a_louder_stream():
    """The features of all tokens are multiplied by ten before they enter a pre-norm block. How
    much does its attention add now?
    """
    return "b"


a_louder_stream.mistake(
    "a larger input is thought to make a larger output",
    "Values are made from the normalised copy, and that has not changed.",
    "a",
)
a_louder_stream.mistake(
    "what is added is taken for its share of the stream",
    "Its share is a tenth. What is added has not changed.",
    "c",
)
a_louder_stream.mistake(
    "the norm is thought to divide what is added",
    "In pre-norm the division stands in front of the layer, for what it reads.",
    "d",
)


@pause(
    why="Before the peak the rate is proportional to the step: at 400 of 4000 it is a tenth. "
    "After the peak it falls with the root: a tenth again at 100 times 4000.",
    rtol=0.002,
)
def the_same_rate_again():
    """The warm-up of the paper has its peak at step 4000. At which later step is the rate the same
    as at step 400?
    """
    return 4000 * 100


the_same_rate_again.mistake(
    "the fall is thought to be as steep as the rise",
    "It falls like one over the root of the step, which is slow.",
    7600,
)
the_same_rate_again.mistake(
    "it is thought to fall like one over the step",
    "A tenth of 1 / √step needs 100 times the step.",
    40000,
)
the_same_rate_again.mistake(
    "the root of 10 is taken, and not the square",
    "For the root of the step to be ten times as large, the step is 100 times as large.",
    12649,
    lambda number: 12500 < number < 13000,
)


@pause(
    choices={
        "a": "the network adds what it says",
        "b": "the final norm",
        "c": "attention reads from a normalised copy",
        "d": "positions are added",
        "e": "the row of the embedding, times the square root of d_model",
        "f": "the product with the embedding, turned round",
    },
    why="Embed, add the places, then attention and network take turns, and the sum is normalised "
    "once before it is read out.",
)
def through_a_language_model():
    """Put the way of a token through a language model of one pre-norm block into order."""
    return "edcabf"


through_a_language_model.mistake(
    "the final norm is thought to stand before the last sum",
    "It normalises the whole sum, what the network adds included.",
    "edcbaf",
)
through_a_language_model.mistake(
    "the network is thought to come before the attention",
    "First a token reads, then the network works on what it has.",
    "edacbf",
)
through_a_language_model.mistake(
    "positions are thought to be scaled with the embedding",
    "The factor belongs to the embedding alone: sines and cosines have their size already.",
    "decabf",
)


@pause(
    program="""
        y = norm_1(x)
        x = x + attend(y, y, mask=causal)
        y = norm_2(x)
        x = x + cross(source, y, mask=real_source)
        y = norm_3(x)
        x = x + feed(y)
    """,
    why="The target asks, so y comes first; the source is read. As it stands the result has a row "
    "for each token of the source.",
)
def line_of_a_decoder():
    """attend(a, b) lets a ask and b be read. With a source as long as the target this block of a
    decoder runs. Which line is at fault?
    """
    return 4


line_of_a_decoder.mistake(
    "self-attention is thought to need the stream itself",
    "It reads and asks with the normalised copy, for both sides.",
    2,
)
line_of_a_decoder.mistake(
    "one norm is thought to be enough for two layers",
    "The stream has changed since, and each layer has a norm of its own.",
    3,
    lambda number: number in (3, 5),
)
line_of_a_decoder.mistake(
    "the network is thought to need the source",
    "It looks at one token at a time; what it knows of the source is in that token.",
    6,
)


@pause(
    why="A beam of two keeps A (0.6) and B (0.4). B continues with 0.9, which makes 0.36; the best "
    "that begins with A has 0.6 · 0.55 = 0.33.",
    rtol=0.002,
)
def what_a_beam_of_two_finds():
    """The first word is A with probability 0.6 or B with 0.4. Behind A the words have 0.55 and
    0.45, after B 0.9 and 0.1. What is the probability of the two words that a beam of two ranks
    first?
    """
    return 0.36


what_a_beam_of_two_finds.mistake(
    "greedy search is taken for a beam",
    "Greedy takes A and can only reach 0.6 · 0.55. The beam has kept B, too.",
    0.33,
)
what_a_beam_of_two_finds.mistake(
    "the last word alone is ranked",
    "A sequence has the product of its probabilities.",
    0.9,
)
what_a_beam_of_two_finds.mistake(
    "the probabilities of both sequences are added",
    "One sequence is ranked first, and it has a probability of its own.",
    0.69,
)


@pause(
    why="Scores and averages take 2 n d_model products for each token, the network 8 d_model². "
    "They are equal at n = 4 d_model.",
    rtol=0.02,
)
def when_attention_costs_as_much():
    """A model has d_model = 768 and d_ff = 4 · 768. At how many tokens do the scores and the
    averages together take as many products as the feed-forward layer?
    """
    return 4 * 768


when_attention_costs_as_much.mistake(
    "the averages are left out",
    "For each pair of tokens a score takes d_model products, and the average as many again.",
    8 * 768,
)
when_attention_costs_as_much.mistake(
    "the network has 4 d_model² too few, or the attention 4 d_model² too many",
    "The network has 4 d_model² each way. And the four matrices of the attention do not belong "
    "here.",
    2 * 768,
)
when_attention_costs_as_much.mistake(
    "the four matrices of the attention are counted",
    "They cost 4 d_model² at every length. Only scores and averages grow with it.",
    6 * 768,
)
