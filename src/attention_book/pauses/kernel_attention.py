"""Short questions on kernel regression, in the order of the chapter."""

import numpy as np

from attention_book.checking import letters, pause
from attention_book.kernels.gaussian import reference
from attention_book.softmax import softmax

_HOURS = np.array([[9.0], [10.0], [12.0], [15.0]])
_DEGREES = np.array([[14.0], [16.0], [19.0], [21.0]])


def _at_eleven(times):
    """The average at 11 o'clock, each reading written down so many times."""
    hours, degrees = (np.repeat(rows, times, axis=0) for rows in (_HOURS, _DEGREES))
    return reference.attention(np.array([[11.0]]), hours, degrees, gamma=0.5)[0, 0]


@pause(
    choices={
        "a": "it stays: copies change nothing in an average",
        "b": "it stays: both readings share the weight of the one",
        "c": "it rises towards 19, and stays below it",
        "d": "it rises above 19: there is more to add up",
    },
    why=(
        "12 o'clock now has two keys, each as near as the one was, and so a larger share: "
        f"{_at_eleven([1, 1, 1, 1]):.1f} degrees become {_at_eleven([1, 1, 2, 1]):.1f}."
    ),
)
def read_twice():
    """At 12 o'clock you read the thermometer twice, 19° both times, and keep both readings.
    What happens to the average at 11 o'clock?
    """
    return "c"


read_twice.mistake(
    "copying one observation is taken for copying all",
    "Copy every observation, and all shares stay as they are. Copy one, and its share grows.",
    "a",
)
read_twice.mistake(
    "a weight is thought to belong to an hour",
    "It belongs to a reading. Each of the two has the strength of its own distance, and both "
    "are added, above the line and below it.",
    "b",
)
read_twice.mistake(
    "the sum is taken for the average",
    "The strengths that are added above the line also divide, below it. An average moves towards "
    "the reading that gains weight, and not beyond.",
    "d",
)


def _matrix(queries, keys):
    q, k = np.linspace(0, 5, queries)[:, None], np.linspace(1, 4, keys)[:, None]
    return reference.weights(q, k, gamma=0.5)


@pause(why="Each query hands out a weight of 1, and there are six of them.")
def all_weights():
    """Six queries ask four keys. What is the sum of all the weights in the matrix?"""
    return round(float(_matrix(6, 4).sum()), 9)


all_weights.mistake(
    "the keys are thought to hand out the weight",
    "A column says who looks at one key, and may sum to anything. A row sums to 1.",
    4,
)
all_weights.mistake(
    "all pairs are thought to share one unit",
    "Each query has an answer of its own: the division is by the sum of its row alone.",
    1,
)
all_weights.mistake(
    "the weights were counted",
    "There are so many weights, but the four in a row together make 1.",
    24,
)

_LONELY = np.array([[9.0]] * 9 + [[11.0]])
_SUMS = np.exp(-reference.squared_distances(_LONELY, _LONELY) / 2).sum(axis=1)
_WEIGHTS = reference.weights(_LONELY, _LONELY, gamma=0.5)


@pause(
    choices={
        "a": "neither: the distance is the same in both directions",
        "b": "the weight it gets back: it is the only one of its kind",
        "c": "it depends: with a wider kernel it is the other way round",
        "d": "the weight it gives: it has fewer neighbours to share with",
    },
    why=(
        "The strength of the pair is the same, the sums that divide it are not: "
        f"{_SUMS[9]:.1f} for the reading at 11, {_SUMS[0]:.1f} for one at 9 (with γ = ½). "
        f"It gives {_WEIGHTS[9, 0]:.3f} and gets {_WEIGHTS[0, 9]:.3f}."
    ),
)
def lonely_reading():
    """Ten readings ask each other, each itself included: nine of 9 o'clock and one of 11. The
    reading of 11 gives a weight to one of the nine, and gets one back from it. Which is larger?
    """
    return "d"


lonely_reading.mistake(
    "a weight is taken for a strength",
    "The strength is symmetric. A weight is a strength divided by the sum of the asker's row.",
    "a",
)
lonely_reading.mistake(
    "being rare is taken for being near",
    "A kernel knows distances only. One of the nine finds itself and eight others right beside "
    "it; what lies two hours away gets little of its weight.",
    "b",
)
lonely_reading.mistake(
    "the bandwidth is thought to turn the order of two sums",
    "Let k < 1 be the strength at two hours. The sums are 1 + 9k at 11 and 9 + k at 9: the "
    "second is larger for every k below 1.",
    "c",
)

_RATIO = 9


@pause(
    why=(
        "The ratio of two weights is an exponential of γ: twice γ makes its square, "
        f"{_RATIO**2} for {_RATIO}, and the larger weight {_RATIO**2}/{_RATIO**2 + 1}."
    ),
    rtol=0.003,
)
def twice_gamma():
    """A query gives its two keys the weights 0.9 and 0.1. Now γ is doubled, and nothing else.
    What is the larger weight?
    """
    return float(softmax(2 * np.log([_RATIO, 1.0]))[0])


twice_gamma.mistake(
    "a factor on the scores is taken for a factor on the weight",
    "γ multiplies the scores. No weight exceeds 1, and the smaller one never reaches 0.",
    1.8,
    lambda weight: weight >= 0.999,
)
twice_gamma.mistake(
    "the ratio is thought to double",
    f"γ stands in the exponent, and twice the exponent makes the square: {_RATIO} becomes "
    f"{_RATIO**2}.",
    18 / 19,
    lambda weight: 0.94 < weight < 0.96,
)
twice_gamma.mistake(
    "γ is thought to cancel in the division",
    "It would if it were a factor of the strengths. It is a factor of their exponents.",
    0.9,
)
twice_gamma.mistake(
    "the squares were not divided by their sum",
    "0.9² and 0.1² are in the right ratio, but they do not sum to 1 yet.",
    0.81,
)


@pause(
    choices={
        "a": "when all queries are equally long, whatever the keys are",
        "b": "when all keys are equally long, whatever the queries are",
        "c": "only when queries and keys all lie on one sphere",
        "d": "never: both squared lengths are missing",
    },
    why=(
        "|k|² is then one number for the whole row, as |q|² always is, and a softmax notices "
        "neither."
    ),
)
def missing_lengths():
    """You compute softmax(2γ q·k) and leave out everything else. When is this sure to be the
    Gaussian kernel's row of weights?
    """
    return "b"


missing_lengths.mistake(
    "the roles of query and key are exchanged",
    "The softmax runs over the keys. |q|² is the same for all of them in any case; |k|² is not.",
    "a",
)
missing_lengths.mistake(
    "a row is thought to feel the length of its query",
    "−γ|q|² is added to every score of the row alike, however long the query is.",
    "c",
)
missing_lengths.mistake(
    "scores are compared by value, not by difference",
    "The scores do differ. The weights depend only on how the scores of one row differ from "
    "each other.",
    "d",
)


@pause(
    program="""
        difference = q[:, None, :] - k[None, :, :]
        scores = -gamma * (difference**2).sum(axis=-1)
        scores = scores - scores.max(axis=0, keepdims=True)
        strength = np.exp(scores)
        weights = strength / strength.sum(axis=1, keepdims=True)
    """,
    why=(
        "axis=0 runs over the queries: each key loses another number, its best score. Only a "
        "number that all scores of a row lose alike cancels in the division."
    ),
)
def by_column():
    """These weights are positive, and each row sums to 1. Yet they are not the weights of the
    Gaussian kernel. Which line is wrong?
    """
    return 3


by_column.mistake(
    "the axes of queries and keys are exchanged",
    "`strength` has a row for each query. axis=1 runs along the row, over the keys: as it should.",
    5,
)
by_column.mistake(
    "the axis of the features is taken for that of the keys",
    "`difference` has the shape (L, S, d). Its last axis holds the features, and a squared "
    "distance is their sum.",
    2,
)
by_column.mistake(
    "the sign of a difference is thought to matter",
    "k − q would do as well, since it is squared. The two None make the pairs, query by key.",
    1,
)
by_column.mistake(
    "a shift before the exponential is thought to be wrong as such",
    "The exponential of a shifted score is right, if all scores of the row are shifted alike.",
    4,
)


def _leaves_out(order, places):
    """Whether an order of the five steps has the diagonal at one of these places."""
    given = letters(order)
    return len(given) == 5 and any(given[place] == "d" for place in places)


@pause(
    choices={
        "a": "subtract the largest number of each row",
        "b": "multiply by −γ",
        "c": "divide each row by its sum",
        "d": "set the diagonal to −∞",
        "e": "take the exponential of every number",
    },
    why=(
        "The largest score has to be sought among the keys that are left. Measured against a "
        "point's own score, 0, all others would underflow, and the division be 0/0."
    ),
)
def steps_to_leave_out():
    """Every point is to be predicted from the others alone, also a point that lies a hundred
    bandwidths away from all of them. You have the squared distances: in which order do you take
    these five steps to get the weights?
    """
    return "bdaec"


steps_to_leave_out.mistake(
    "the largest score is sought before the point itself is left out",
    f"Its own score is 0, the largest. At a hundred bandwidths the others lie {100**2 // 2} below, "
    "where the exponential is 0, and with itself gone nothing is left to divide by.",
    "badec",
)
steps_to_leave_out.mistake(
    "the point itself is thought to be left out at the end",
    "−∞ is a score: its exponential is 0. Among exponentials it makes no sense, and after the "
    "division the others would no longer sum to 1.",
    "baecd",
    lambda order: _leaves_out(order, [3, 4]),
)
steps_to_leave_out.mistake(
    "a distance is taken for a score",
    "−∞ means never as a score. Times −γ it becomes +∞, and the point itself takes everything.",
    "dbaec",
    lambda order: _leaves_out(order, [0]),
)
steps_to_leave_out.mistake(
    "the exponential is taken before the largest is subtracted",
    "Then it has underflowed already. Scores are shifted; strengths could only be divided.",
    "bdeac",
)


@pause(
    choices={
        "a": "both: a weighted sum doubles with its values",
        "b": "the blur's: its weights have not changed",
        "c": "attention's: its weights go along with the picture",
        "d": "neither: twice the noise needs a wider kernel",
    },
    why=(
        "The keys of the blur are places: the same weights, on values twice as large. The greys "
        "in a patch are keys as well, and their squared distances become four times as large."
    ),
)
def twice_the_contrast():
    """You multiply the noisy photograph by 2, noise and all, and denoise it once more by the blur
    and by attention over patches, with the width, the γ and the offset that you had. Whose result
    is exactly twice the old one?
    """
    return "b"


twice_the_contrast.mistake(
    "the greys are thought to be values only",
    "With the weights fixed it would double. But the weights come from the patches, and these "
    "are made of greys: they have changed too.",
    "a",
)
twice_the_contrast.mistake(
    "the best kernel is mixed up with the one that is used",
    "Another width may suit the picture better. Asked is what the same one does.",
    "d",
)
twice_the_contrast.mistake(
    "weights that change are thought to change in proportion",
    "Squared distances become four times as large, which acts like a kernel of half the width. "
    "The result is another average, not the double one.",
    "c",
)


@pause(
    choices={
        "a": "no: a portion that fits better has to count more",
        "b": "no: a softmax cannot be put together from portions",
        "c": "yes, provided that the portions are equally large",
        "d": "yes: the weights are positive and still sum to 1",
    },
    why=(
        "A portion has to count with the sum of its strengths. Whoever keeps these sums can put "
        "the portions together exactly."
    ),
)
def portions_of_keys():
    """The queries went in portions of 800. Now cut keys and values into eight equal portions
    instead, let a query attend to each portion by itself, and take the mean of its eight answers.
    Is that the answer from all keys at once?
    """
    return "a"


portions_of_keys.mistake(
    "what has to be added is thought to be lost",
    "Numerator and denominator are sums over the keys, and a sum can be taken in portions. Keep "
    "both of each portion, and divide at the end.",
    "b",
)
portions_of_keys.mistake(
    "equal numbers of keys are taken for equal strength",
    "The portion that holds the nearest key may hold nearly all the strength. The mean gives it "
    "an eighth.",
    "c",
)
portions_of_keys.mistake(
    "any average is taken for this average",
    "It is an average of the values, but with other weights: every portion gets an eighth, "
    "however far away its keys are.",
    "d",
)

_LINE, _ASKED, _SIGMA = np.linspace(0, 1, 21), 1.2, 0.15


def _weights_of_the_line():
    """What each value contributes to the line that is fitted around a place and read off there."""
    columns = np.stack([np.ones_like(_LINE), _LINE - _ASKED])
    weighed = columns * np.exp(-((_LINE - _ASKED) ** 2) / (2 * _SIGMA**2))
    return np.linalg.solve(weighed @ columns.T, weighed)[0]


_OF_THE_LINE = _weights_of_the_line()


@pause(
    choices={
        "a": "their sum is larger than 1",
        "b": "their sum is 1 only between the observations",
        "c": "some of them are negative",
        "d": "all are positive, and the last one is the largest",
    },
    why=(
        "A sum of 1 and no negative weight would be an average, which cannot leave the data. "
        f"At 1.2 they sum to {_OF_THE_LINE.sum():.0f}, and {(_OF_THE_LINE < 0).sum()} of the "
        f"{len(_LINE)} are negative."
    ),
)
def beyond_the_data():
    """Asked at 1.2, to the right of all observations, the local line answers 1.2. Its answer is
    a weighted sum of the observed values, too, and it keeps constants: equal values give that
    value. What follows for its weights at 1.2?
    """
    return "c"


beyond_the_data.mistake(
    "a large answer is thought to need a large sum",
    "If all values are 1 the answer is Σ α, and constants stay: the sum is 1 here, too.",
    "a",
)
beyond_the_data.mistake(
    "a sum of 1 is thought to be what keeps an answer inside",
    "Constants stay at every place, so the sum is 1 everywhere. What keeps an answer inside the "
    "data is that no weight is negative as well.",
    "b",
)
beyond_the_data.mistake(
    "a weight near the border is thought to reach beyond it",
    "Positive weights with the sum 1 make an average. Even with all the weight on the last "
    "observation it is 1.",
    "d",
)
