"""Short questions on what heads learn, in the order of the chapter."""

from attention_book.checking import pause


@pause(
    why="The token of position 8 stood at 3 as well, five positions before. After that comes 4.",
)
def where_it_looks():
    """A text repeats with the period 5; its positions are counted from 0. Which position does an
    induction head read from position 8?
    """
    return 4


where_it_looks.mistake(
    "the head is thought to read the token that is equal",
    "That is position 3. The head wants what came after it.",
    3,
)
where_it_looks.mistake(
    "the head is thought to read what comes next",
    "Position 9 lies ahead, and is what has to be predicted.",
    9,
)
where_it_looks.mistake(
    "the previous-token head is meant",
    "That one reads position 7, in the first layer.",
    7,
)
where_it_looks.mistake(
    "one step was taken back, not forward",
    "Position 2 stands before the equal token. Go forward from 3.",
    2,
)


@pause(
    choices={
        "a": "through its queries",
        "b": "in no way: the first layer is not seen",
        "c": "through its keys",
        "d": "through its values",
    },
    why="Where the head looks is fixed by tokens alone; only what it carries off was prepared by "
    "the first layer.",
)
def which_composition():
    """A head of layer 2 has W_q and W_k that read the tokens alone. Its W_v reads the block into
    which a head of layer 1 wrote the token before. How does the head compose with layer 1?
    """
    return "d"


which_composition.mistake(
    "the query is thought to change",
    "W_q reads the tokens, as they were before layer 1.",
    "a",
)
which_composition.mistake(
    "only scores are thought to compose",
    "Values are made from the stream, too, and layer 1 has written into it.",
    "b",
)
which_composition.mistake(
    "composition is thought to be that of induction",
    "There the keys read what layer 1 wrote. Here W_k reads the tokens.",
    "c",
)


@pause(
    why="The margins on abxca and xcaba sum to what those on xbaca and acxba do: 3 + 2 = -4 + 9. "
    "If three are right, the one that is left never is.",
)
def the_fourth_margin():
    """Without their denominators, the margins of one head are 3 on abxca, -4 on xbaca and 2 on
    xcaba, all three right. What is its margin on acxba?
    """
    return 9


the_fourth_margin.mistake(
    "the margins are thought to sum to 0",
    "What is equal are two sums: abxca and xcaba, xbaca and acxba.",
    -1,
)
the_fourth_margin.mistake(
    "abxca is paired with another text than xcaba",
    "Only abxca and xcaba together have all that the other two have, place by place.",
    -3,
    lambda number: number in (-3, -5),
)
the_fourth_margin.mistake(
    "the sign is lost",
    "3 + 2 = -4 + 9, and on acxba a margin above 0 is wrong.",
    -9,
)
the_fourth_margin.mistake(
    "the margin on xbaca is taken as 4",
    "It is -4: on xbaca c has to win.",
    1,
)


@pause(
    choices={
        "a": "the second A asks for a token that stands after an A",
        "b": "a note of the A is written into the state of the first B",
        "c": "the B is copied, and its score as next token rises",
        "d": "the first B reads the token one position back",
    },
    why="The first head prepares a key that knows its neighbour; only then is there something to "
    "find.",
)
def steps_of_induction():
    """The text is A B C A, and the next token is to be predicted. Put the steps in order."""
    return "dbac"


steps_of_induction.mistake(
    "the question is thought to come before there is an answer to find",
    "In layer 1 no key knows its neighbour yet. The question is asked in layer 2.",
    "adbc",
)
steps_of_induction.mistake(
    "the note is thought to be there before it was read",
    "What a head writes is what it has read.",
    "bdac",
)
steps_of_induction.mistake(
    "the copy is thought to be made before the match",
    "Which token is copied is decided by the match.",
    "dbca",
)


@pause(
    why="0.9 · 0.1 is 0.09, and 0.1 · 3 is 0.3: of 0.39 together the first has 23%.",
    rtol=0.02,
)
def share_of_the_first():
    """Two keys have the weights 0.9 and 0.1, and their transformed values the lengths 0.1 and 3.
    Which share of the two norms together has the first key?
    """
    return 0.09 / 0.39


share_of_the_first.mistake(
    "the weight is taken for the share",
    "Multiply each weight by the length of what it weighs.",
    0.9,
)
share_of_the_first.mistake(
    "the norm is given, not its share",
    "0.09 is the norm. Divide by both together, 0.39.",
    0.09,
)
share_of_the_first.mistake(
    "the lengths are taken without the weights",
    "0.1 of 3.1 would be right if both weights were equal.",
    0.0323,
    lambda number: abs(number - 0.0323) < 0.001,
)
share_of_the_first.mistake(
    "the share of the second key is given",
    "The second has 77%; the first has the rest.",
    0.769,
    lambda number: abs(number - 0.769) < 0.005,
)


@pause(
    why="One key has 1/2 if the others together have as much: (n - 1) e⁻³ is 1 at n = 1 + e³, "
    "which is 21.1.",
)
def keys_at_most():
    """No two scores of a head differ by more than 3. Among how many keys at most can one of them
    have half of the weight?
    """
    return 21


keys_at_most.mistake(
    "the key itself is left out",
    "e³ is 20.1. That many others may there be, and the key itself.",
    20,
    lambda number: 20 <= number < 20.2,
)
keys_at_most.mistake(
    "part of a key is counted",
    "1 + e³ is 21.1, and keys are whole: round down. Among 22 the largest weight is below 1/2.",
    22,
    lambda number: 21 < number <= 22,
)
keys_at_most.mistake(
    "the exponential is left out",
    "Scores are compared as exponentials: one score of 3 counts as e³ scores of 0.",
    4,
    lambda number: 3 <= number <= 4,
)
keys_at_most.mistake(
    "the spread is counted twice",
    "e⁶ would need scores from -3 to 3.",
    404,
    lambda number: 402 <= number <= 405,
)
keys_at_most.mistake(
    "powers of two are taken",
    "The softmax has the base e: 1 + e³.",
    9,
    lambda number: 8 <= number <= 9,
)


@pause(
    choices={
        "a": "It does nothing, since its mean over many texts does just as well.",
        "b": "It writes about the same in every text, and later layers count on that.",
        "c": "It is an induction head, since the accuracy falls to less than a half without it.",
        "d": "One of the two ablations must contain an error.",
    },
    why="The mean puts back what is the same in all texts. What is lost with zeros and not with "
    "the mean is that constant.",
)
def zero_and_mean():
    """With zeros in place of a head's part the accuracy falls from 0.98 to 0.40, with its mean
    over many texts to 0.97. What does the head do?
    """
    return "b"


zero_and_mean.mistake(
    "what varies is thought to be all that counts",
    "Zeros cost 0.58. Something of it is needed, and the mean has it.",
    "a",
)
zero_and_mean.mistake(
    "any head that is missed is thought to have the task",
    "An induction head writes another token in each text, and a mean over texts cannot replace it.",
    "c",
)
zero_and_mean.mistake(
    "both ablations are thought to ask the same",
    "One asks what the head is worth, the other what its differences between texts are worth.",
    "d",
)


@pause(
    why="In each layer a half of it stays, by the residual path, and nothing comes back from the "
    "start mark: one half, four times.",
    rtol=0.01,
)
def what_stays():
    """In four layers a token gives all its weight to the start mark, and the start mark to
    itself. How much of the token does rollout find in its own end?
    """
    return 0.0625


what_stays.mistake(
    "the residual path is left out",
    "Each layer is mixed with the identity, half and half.",
    0,
)
what_stays.mistake(
    "the halves are thought to be taken once",
    "There are four layers.",
    0.5,
)
what_stays.mistake(
    "the start mark's share is given",
    "That is what came from the start mark. What is left of the token?",
    0.9375,
)
what_stays.mistake(
    "the layers are added",
    "Along a path shares multiply: ½ · ½ · ½ · ½.",
    2,
)


@pause(
    choices={
        "a": "That two models with equal answers can weigh the words in very different ways.",
        "b": "That the weights of a trained model are arbitrary numbers.",
        "c": "That the attention layer does nothing for the answer.",
        "d": "That the norms of what is written are arbitrary as well.",
    },
    why="A longer vector with a smaller weight is the same product. Training has settled on one of "
    "many ways to write it, and the shares of the norms are those of all of them.",
)
def what_rescaling_shows():
    """Each word's vector is multiplied by a number of its own, and the word's score is lowered by
    the logarithm of that number. All answers stay. What does this show?
    """
    return "a"


what_rescaling_shows.mistake(
    "many ways are thought to be any way",
    "The weights follow from the words, in this model as in the other. What is free is a factor "
    "for each word.",
    "b",
)
what_rescaling_shows.mistake(
    "what can be written in another way is thought to be idle",
    "Set all weights equal and see: the answers change.",
    "c",
)
what_rescaling_shows.mistake(
    "norms are thought to move with the weights",
    "A norm is weight times length: one falls as the other rises.",
    "d",
)


@pause(
    program="""
        i = np.arange(period, n)
        j = i - period
        found = weights[:, i, j]
        score = found.mean(axis=1)
        best = score.argmax()
    """,
    why="The token after the equal one is at i - period + 1. With i - period a head that looks "
    "for equal tokens is called an induction head.",
)
def line_of_the_score():
    """For heads with weights (H, n, n) on a text that repeats with a period, the best induction
    head is to be found. Which line is at fault?
    """
    return 2


line_of_the_score.mistake(
    "all rows are thought to count",
    "Before the first repeat there is nothing to find, so rows begin at the period.",
    1,
)
line_of_the_score.mistake(
    "a pair of index arrays is thought to give a block",
    "NumPy takes them in pairs: one number for each i, and all heads.",
    3,
)
line_of_the_score.mistake(
    "the mean is thought to run over the wrong axis",
    "found is (H, repeats): axis 1 holds the positions.",
    4,
)
