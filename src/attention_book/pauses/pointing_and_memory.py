"""Short questions on pointing, copying, listening and remembering, in the order of the chapter."""

import numpy as np

from attention_book.alignment.monotonic import reference as monotonic
from attention_book.checking import pause
from attention_book.memory.addressing import reference as addressing
from attention_book.pointing.copying import reference as copying
from attention_book.softmax import softmax


@pause(
    choices={
        "a": "a point between two of the five, if the loss asks for it",
        "b": "any of the five points and nothing else",
        "c": "any point of the triangle that lies around all five",
        "d": "five of its training points, if it was trained on five",
    },
    why=(
        "Its weights belong to the inputs of this very list. It names one of them; what lies "
        "between them takes an average."
    ),
)
def seven_numbers():
    """A network whose weights are its output gets five points of a plane and has to name one.
    What can it name?
    """
    return "b"


seven_numbers.mistake(
    "the weights are taken for the average",
    "The average would lie between the points. It is left out here.",
    "a",
)
seven_numbers.mistake(
    "all averages are thought to be in reach",
    "Those would be all points between the five. Not even they are: it names one input.",
    "c",
)
seven_numbers.mistake(
    "positions are taken for units of an output layer",
    "A unit would be fixed in training. A weight comes with each input, trained on or not.",
    "d",
)

_LEFT = softmax(np.log([0.5, 0.3, 0.2]), mask=np.array([False, True, True]))


@pause(
    why=(
        "The two that are left keep their ratio, 3 to 2, and share all the weight: "
        f"{_LEFT[1]:g} and {_LEFT[2]:g}."
    ),
    rtol=0.01,
)
def left_over():
    """At every step three positions have the scores ln 5, ln 3 and ln 2. Position 0 has been
    used. Which weight has position 1 now?
    """
    return float(_LEFT[1])


left_over.mistake(
    "the weight of a used position is thought to be lost",
    "It would be lost if weights were masked. Scores are masked, and the softmax is taken of those "
    "that are left.",
    0.3,
)
left_over.mistake(
    "the free weight is thought to be shared in equal parts",
    "0.3 and half of 0.5. But a softmax over fewer scores keeps ratios, not differences.",
    0.55,
)
left_over.mistake(
    "the next largest is thought to take all that is free",
    "Both that are left grow by the same factor.",
    0.8,
)

_WORDS = np.array([1, 0, 2, 1])
_COPIED = copying.mixture(
    np.array([[0.2, 0.4, 0.4, 0.0]]), np.array([[0.1, 0.2, 0.4, 0.3]]), _WORDS, np.array([0.25])
)[0]


@pause(
    why=("The two places sum to 0.4, of which ¾ is 0.3; the decoder adds ¼ of 0.4, which is 0.1."),
    rtol=0.01,
)
def the_twice():
    """Four positions with the weights 0.1, 0.2, 0.4 and 0.3 hold "the", "cat", "saw", "the". The
    decoder itself would write "the" with 0.4, and it writes with probability ¼. With which
    probability does "the" come out?
    """
    return round(float(_COPIED[1]), 9)


the_twice.mistake(
    "only the last place counts",
    "That is what `scatter` does. The word may be copied from either place.",
    0.325,
    lambda number: abs(number - 0.325) < 0.003,
)
the_twice.mistake(
    "what the decoder writes is left out",
    "It may also write the word itself, with ¼ of 0.4.",
    0.3,
    lambda number: abs(number - 0.3) < 0.003,
)
the_twice.mistake(
    "the two distributions are added as they are",
    "0.4 and 0.4. Each has its share: ¾ for the copies, ¼ for the decoder.",
    0.8,
)


@pause(
    choices={
        "a": "more weight to the third, as it was asked for",
        "b": "more weight to the first, as it was heard first",
        "c": "the same to all, but larger weights than before",
        "d": "the same to all three, as before",
    },
    why=(
        "A larger w makes differences of scores larger, and between equal scores there is none. "
        "The weights of the three stay equal."
    ),
)
def sharper_content():
    """A recording holds three knocks with equal keys and nothing else. An additive score without
    location has w made ten times as large, and the query asks for the third. What do the knocks
    get?
    """
    return "d"


sharper_content.mistake(
    "a query is thought to be able to name a place",
    "It can ask for what is in the keys, and the place is not.",
    "a",
)
sharper_content.mistake(
    "the order of the keys is thought to matter",
    "A softmax over keys does not know which came first.",
    "b",
)
sharper_content.mistake(
    "sharper weights are thought to be larger ones",
    "They sum to 1. With three equal scores each is a third, whatever the scores are.",
    "c",
)

_RUNS_OFF = float(1 - monotonic.alignment(np.full((1, 4), 0.5)).sum())


@pause(
    why="It goes on four times, each time with ½. The weights of this step sum to 15/16.",
    rtol=0.01,
)
def off_the_end():
    """A first step looks at four positions and stops at each with probability ½. With which
    probability does it run off the end?
    """
    return _RUNS_OFF


off_the_end.mistake(
    "weights are thought to sum to 1",
    "Those of a softmax do. Here nothing makes the reader stop.",
    0,
)
off_the_end.mistake(
    "the last position is thought to take what is left",
    "Then nothing would run off. It stops there with ½ of ⅛, and goes on with the other half.",
    0.125,
)
off_the_end.mistake(
    "only one decision is counted",
    "It has to go on at each of the four positions.",
    0.5,
)
off_the_end.mistake(
    "the chance to stop is given",
    "Running off is the rest.",
    15 / 16,
)


def _read(gate, shift):
    """Where a read of five slots lands that looks like slot 1, after a read of slot 3."""
    memory = np.eye(5)
    return addressing.address(
        memory[1], memory, memory[3], np.array(shift, float), strength=50.0, gate=gate
    ).argmax()


@pause(
    why=(
        "The open gate takes the place found by content, slot 1, and drops the last one; the "
        "shift then goes one further."
    ),
)
def beside_the_key():
    """Five slots are numbered from 0. The last read was of slot 3, the key is equal to slot 1,
    the gate is 1, and the shift puts all its share on +1. Which slot is read?
    """
    return int(_read(1.0, [0, 0, 1]))


beside_the_key.mistake(
    "the shift is thought to start from the last read",
    "With the gate at 0 it would. At 1 only the content counts.",
    4,
)
beside_the_key.mistake(
    "the shift is thought to come before the search",
    "First it finds by content, then it moves what it has found.",
    1,
)
beside_the_key.mistake(
    "the gate is thought to keep the last place",
    "g weighs the content and 1 − g the last place. At 1 the last place is dropped.",
    3,
)
beside_the_key.mistake(
    "the step was taken backwards",
    "The share on +1 leads to the next slot.",
    0,
)


@pause(
    program="""
        keys, values = embed_0(facts), embed_1(facts)
        scores = keys @ u
        weights = np.exp(scores - scores.max())
        weights = weights / weights.sum()
        u = weights @ values
        scores = values @ u
    """,
    why=(
        "What was found replaces the question. The next hop knows the holder and no longer what "
        "was asked; the sum keeps both."
    ),
)
def hops_at_fault():
    """The first hop of a memory network, and the scores of the second. The second hop forgets
    what was asked. Which line is at fault?
    """
    return 5


hops_at_fault.mistake(
    "the values of one hop are thought to be no keys of the next",
    "That is how it is meant: what one hop fetches is in the language of the next one's keys.",
    6,
)
hops_at_fault.mistake(
    "two tables are thought to be one too many",
    "A fact has to be found by one side of it and to give the other. Two tables allow that.",
    1,
)
hops_at_fault.mistake(
    "the scale is missed",
    "Memory networks have the scale 1.",
    2,
)
hops_at_fault.mistake(
    "the shift is thought to change the weights",
    "It cancels in the division.",
    3,
)


@pause(
    choices={
        "a": "raise to the power γ, divide by the sum",
        "b": "compare the key with all slots",
        "c": "move the weights to neighbouring places",
        "d": "mix with the weights of the last read",
    },
    why=(
        "Content, gate, shift, sharpening: sharpening is last because the shift blurs, and the "
        "mix comes before the shift so that it can start from the last place."
    ),
)
def steps_of_an_address():
    """Put the four steps of an address of the neural Turing machine in their order."""
    return "bdca"


steps_of_an_address.mistake(
    "the last place is mixed in after the shift",
    "Then it could never be moved on: a read that steps from place to place needs the mix first.",
    "bcda",
)
steps_of_an_address.mistake(
    "sharpening comes before the shift",
    "The shift with its shares would blur what was just made sharp.",
    "bdac",
)
steps_of_an_address.mistake(
    "sharpening is taken for the strength of the content",
    "That is β, in the first step. γ acts on the weights that come out of all the others.",
    "badc",
)
