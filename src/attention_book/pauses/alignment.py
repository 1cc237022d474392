"""Short questions on aligning sequences, in the order of the chapter."""

import math

from attention_book.checking import pause


@pause(
    choices={
        "a": "from the first to the last, as people read",
        "b": "from the last to the first",
        "c": "it makes no difference: every word is read once",
        "d": "the longest words first",
    },
    why=(
        "Then the source word that is needed first was read last. The words at the end are now "
        "far away, but by then the translator is on its way."
    ),
)
def read_backwards():
    """A translator keeps nothing but its last state, and writes the translation in about the order
    of the source. In which order should it read the source, so that it begins well?
    """
    return "b"


read_backwards.mistake(
    "the order of people is thought to suit a network",
    "Then the first word of the source is the one that was read longest ago when it is needed.",
    "a",
)
read_backwards.mistake(
    "a state is thought to keep all words alike",
    "Look at the picture above: what was read last is told best.",
    "c",
)
read_backwards.mistake(
    "the length of a word is taken for its distance",
    "A state forgets by steps. And the order must tell which word is which.",
    "d",
)

_WRITTEN, _READ = 4, 9


@pause(
    why=f"Each of the {_WRITTEN} steps scores each of the {_READ} positions anew, with its state.",
)
def how_many_scores():
    """A source has 9 words, its translation 4. How many scores does the decoder compute for it?"""
    return _WRITTEN * _READ


how_many_scores.mistake(
    "the scores are thought to be computed once for a source",
    "One learned question would need 9. Here each step asks with another state.",
    9,
)
how_many_scores.mistake(
    "each word is thought to have one place it comes from",
    "That is what an alignment ends with. To weigh the places, all of them are scored.",
    4,
)
how_many_scores.mistake(
    "words are added, pairs are asked for",
    "A score belongs to a step and a position.",
    13,
)
how_many_scores.mistake(
    "the source is thought to ask itself",
    "Only the decoder asks here. The encoder is a recurrent network.",
    81,
    lambda scores: scores in (81, 16, 97, 117, 169),
)


@pause(
    choices={
        "a": "in Bahdanau's",
        "b": "in Luong's, without input feeding",
        "c": "in both",
        "d": "in neither: the query is made of the words",
    },
    why=(
        "Bahdanau's context goes into the state, and the state asks next. Luong's states are made "
        "of the written words alone, and these are the same."
    ),
)
def what_reaches_the_state():
    """Two sources differ in one word, which step 2 reads with all its weight. The start states
    and the words written so far are the same. In which decoder may the query of step 3 differ?
    """
    return "a"


what_reaches_the_state.mistake(
    "the moment of asking is taken for the way of the answer",
    "Luong's new state asks, but what it reads goes to the prediction, not into the next state.",
    "b",
)
what_reaches_the_state.mistake(
    "reading is thought to change a state always",
    "Only what goes into the step does. In one of the two the context does not.",
    "c",
)
what_reaches_the_state.mistake(
    "a state is thought to be made of words only",
    "True of one of the two. Into the other's step goes the context as well.",
    "d",
)

_FEATURES, _RANK = 512, 64


@pause(
    why=(
        f"Two matrices of {_FEATURES} times {_RANK} numbers, a quarter of the "
        f"{_FEATURES**2} numbers of W."
    ),
    rtol=0.02,
)
def rank_of_w():
    """Queries and keys have 512 features. In place of W stands W_q W_kᵀ, each of the two with 64
    columns. How many numbers are learned?
    """
    return 2 * _FEATURES * _RANK


rank_of_w.mistake(
    "W itself is counted",
    "It is never made: only its two factors are learned.",
    512**2,
)
rank_of_w.mistake(
    "one of the two matrices is missing",
    "The query has one, the key another.",
    512 * 64,
)
rank_of_w.mistake(
    "the small space is counted, not the way into it",
    "64 by 64 would be a matrix within the small space. Each factor leads from 512 features to 64.",
    64**2,
    lambda numbers: numbers in (64**2, 2 * 64**2),
)
rank_of_w.mistake(
    "vectors are counted, not matrices",
    "Each factor has 64 columns of 512 numbers.",
    1024,
    lambda numbers: numbers in (512, 1024, 1152, 576),
)


@pause(
    choices={
        "a": "softmax over the source",
        "b": "the cell takes its step",
        "c": "the state is compared with each position",
        "d": "the encoder's states are averaged",
        "e": "the next word is predicted",
    },
    why=(
        "Bahdanau's step needs the context, the context the weights, the weights the scores: so "
        "the state before has to ask."
    ),
)
def order_of_a_step():
    """Put one step of Bahdanau's decoder in order."""
    return "cadbe"


order_of_a_step.mistake(
    "this is Luong's order",
    "There the cell takes its step first and the new state asks. Bahdanau's cell waits for the "
    "context.",
    "bcade",
)
order_of_a_step.mistake(
    "the average is thought to come before its weights",
    "The weights say how much of each state goes into the average.",
    "cdabe",
    lambda order: [x for x in order if x in "da"] == ["d", "a"],
)
order_of_a_step.mistake(
    "the word is thought to be predicted before the step",
    "The prediction is made from the new state and the context.",
    "cadeb",
    lambda order: [x for x in order if x in "eb"] == ["e", "b"],
)
order_of_a_step.mistake(
    "a softmax is thought to come before its scores",
    "The comparisons are what it makes weights of.",
    "acdbe",
    lambda order: [x for x in order if x in "ac"] == ["a", "c"],
)


@pause(
    choices={
        "a": "it is the same as before, since an average has no order",
        "b": "an error is raised, since the shapes do not fit",
        "c": "the weights move along with the words, and it stays",
        "d": "the same weights meet other words, and it changes",
    },
    why=(
        "The weights are made of the query and belong to places. Attention by content would move "
        "them along, and with keys that know no neighbours the context would stay."
    ),
)
def shuffled_source():
    """Two states of the memory, with different weights, change places; the query stays. What
    happens to the context of location-based attention?
    """
    return "d"


shuffled_source.mistake(
    "an average is thought to have no order, whatever its weights belong to",
    "That holds if each weight goes with its word. Here a weight stays at its place.",
    "a",
)
shuffled_source.mistake(
    "the keys are thought to be looked at",
    "There are none in softmax(q W). Nothing can tell that the words have moved.",
    "c",
)
shuffled_source.mistake(
    "what makes no sense is thought to raise an error",
    "All shapes fit. That is why it went unnoticed for so long.",
    "b",
)

_REACH = 2
_BELL = [math.exp(-2 * (step / _REACH) ** 2) for step in range(-_REACH, _REACH + 1)]
_NO_SOFTMAX = sum(_BELL)
_THREE_KEYS = (1 + 2 * math.exp(-1 / 2)) / 3
_WIDE = (1 + 2 * math.exp(-1 / 8) + 2 * math.exp(-1 / 2)) / 5


def _about(total, wanted):
    return abs(total - wanted) < 0.01 * wanted


@pause(
    why=(
        f"Each of the five weights is a fifth of its bell, and the bells are "
        f"{', '.join(f'{b:.2f}' for b in _BELL)}."
    ),
    rtol=0.02,
)
def row_sum():
    """Local attention with D = 2. The centre lies exactly on a key, all keys have the same score,
    and none is near the end. What do the weights of this row sum to, to two digits?
    """
    return sum(_BELL) / len(_BELL)


row_sum.mistake(
    "weights are thought to sum to 1 always",
    "Before the bell they do. It makes each but the middle one smaller.",
    1,
)
row_sum.mistake(
    "the softmax is left out",
    "Five equal scores have the weight ⅕ each; the bells are multiplied with that.",
    _NO_SOFTMAX,
    lambda total: _about(total, _NO_SOFTMAX),
)
row_sum.mistake(
    "the window is thought to have D keys",
    "D to the left, D to the right, and the one in the middle.",
    _THREE_KEYS,
    lambda total: _about(total, _THREE_KEYS),
)
row_sum.mistake(
    "σ is thought to be D",
    "σ is D/2: one step away the bell is exp(−½), two steps away exp(−2).",
    _WIDE,
    lambda total: _about(total, _WIDE),
)


@pause(
    program="""
        keys = memory @ W_k
        for word in words:
            query = state @ W_q
            alpha = softmax(np.tanh(query + keys) @ w)
            context = alpha @ keys
            state = cell(np.concatenate([word, context]), state)
    """,
    why=(
        "What is averaged is the memory. The mapped keys are made for comparing; here they have "
        "as many features as the memory, so no shape complains."
    ),
)
def wrong_values():
    """The hidden layer has as many features as the memory. The program runs and even learns
    something, but it is not Bahdanau's decoder. Which line is wrong?
    """
    return 5


wrong_values.mistake(
    "the keys are thought to change from step to step",
    "They are made of the memory alone. Once is right, and cheaper.",
    1,
)
wrong_values.mistake(
    "the old state is thought to be the wrong one to ask",
    "It is Bahdanau's: the new state does not exist yet.",
    3,
)
wrong_values.mistake(
    "the additive score is thought to multiply query and keys",
    "It adds them, takes the tanh and multiplies with w.",
    4,
)
wrong_values.mistake(
    "the context is thought to have no business in the step",
    "It goes in with the word. That is what makes this decoder Bahdanau's.",
    6,
)
wrong_values.mistake(
    "the loop is thought to be what can be avoided",
    "Not here: each query needs the state that the step before has made.",
    2,
)
