"""Short questions on visual attention, in the order of the chapter."""

import math

import numpy as np

from attention_book.checking import pause
from attention_book.checking.exercise import letters
from attention_book.hard.reinforce import reference as score_function
from attention_book.images.patches.reference import patchify
from attention_book.softmax import softmax


def _clearness(squares):
    """Return the digit's part of the mean of squares, by the scatter of the noise in it."""
    digit, scatter = 1 / squares, math.sqrt(squares - 1) / squares
    return digit / scatter


@pause(
    choices={
        "a": "a quarter as clearly, for its share is 1/64 instead of 1/16",
        "b": "about half as clearly, for the noise in the mean shrinks as well",
        "c": "as clearly as before, for the noise is divided by 64 as well",
        "d": "more clearly, for in a longer mean more of the noise cancels",
    },
    why="The share of the digit falls to a quarter, the scatter of the noise to about a half: "
    f"divided by each other, the two make {_clearness(64) / _clearness(16):.2f} of what it was.",
)
def among_more_squares():
    """The digit hides among 63 shuffled squares instead of 15. How clearly does it stand out in the
    mean, compared with the scatter of the noise there?
    """
    return "b"


among_more_squares.mistake(
    "noise that does not shrink",
    "The digit does fall to a quarter. But the noise of many squares cancels in part, so its "
    "scatter in the mean falls too, only more slowly.",
    "a",
)
among_more_squares.mistake(
    "noise that shrinks as fast as the digit",
    "Each shuffled square is divided by 64, but there are four times as many of them, and their "
    "sum scatters twice as far.",
    "c",
)
among_more_squares.mistake(
    "a longer mean taken for a clearer one",
    "That holds when all squares show the same digit. Here one does, and its share shrinks faster "
    "than the noise.",
    "d",
)

_PATCHES, _ = patchify(np.zeros((50, 70, 1)), 16)


@pause(
    why="Four rows and five columns of patches cover the image; those over the edge are filled up.",
)
def how_many_patches():
    """`patchify` cuts an image of 50 × 70 pixels into patches of 16 × 16. How many are there?"""
    return len(_PATCHES)


how_many_patches.mistake(
    "what reaches over the edge taken as left out",
    "3 × 4 patches lie wholly inside. Then the last 2 rows and 6 columns of pixels would be in no "
    "patch, and every pixel is in one.",
    (50 // 16) * (70 // 16),
)
how_many_patches.mistake(
    "area divided by area",
    "A patch at the edge is not made whole with pixels of another row: count along each side, and "
    "round up there.",
    math.ceil(50 * 70 / 16**2),
    lambda answer: 13 <= answer <= 14,
)

_COUNTS = {"a": 28 * 28, "b": (7 * 7) ** 2, "c": 3 * 14 * 14, "d": (14 * 14) ** 2}


@pause(
    choices={
        "a": "one learned query asks 28 × 28 cells",
        "b": "each of 7 × 7 cells asks all of them",
        "c": "each of three steps of an answer asks 14 × 14 cells",
        "d": "each patch of 16 × 16 pixels asks all patches, in an image of 224 × 224",
    },
    why="Queries times places: "
    + ", ".join(f"{_COUNTS[name]:,}" for name in sorted(_COUNTS, key=_COUNTS.get))
    + ". Who asks counts as much as what is asked.",
)
def fewest_weights():
    """Put these in the order of the number of their weights, fewest first."""
    return "".join(sorted(_COUNTS, key=_COUNTS.get))


fewest_weights.mistake(
    "places counted instead of pairs",
    "7 × 7 is the smallest map, but each of its 49 cells asks: it takes a heat map for each.",
    "bcda",
    lambda answer: letters(answer) in ("bcda", "bdca"),
)
fewest_weights.mistake(
    "pixels of a patch counted instead of patches",
    "16 × 16 is the size of a patch. There are 14 × 14 of them, and each asks all of them.",
    "dcab",
)
fewest_weights.mistake("the wrong way round", "The fewest come first.", "dbac")

_CELLS, _SHARES = np.array([2.0, 6.0]), softmax(np.array([math.log(3), 0.0]))


@pause(
    why="Soft attention hands on 3, and 3² = 9. Hard attention hands on 2 or 6, which become 4 or "
    "36, on average 12. The two means agree only before the square.",
    rtol=1e-6,
)
def after_a_square():
    """Two cells hold the numbers 2 and 6; their weights are ¾ and ¼. The next layer squares what it
    is handed. What does it return with soft attention, and what on average with hard attention?
    Answer with two numbers.
    """
    return [float((_SHARES @ _CELLS) ** 2), float(_SHARES @ _CELLS**2)]


after_a_square.mistake(
    "equal on average taken as equal behind every layer",
    "The mean of the draws is the soft average. The mean of their squares is not its square.",
    {1: 9.0},
)
after_a_square.mistake(
    "the square taken before the average",
    "With soft attention one number is handed on, the average. Square that one.",
    {0: 12.0},
)
after_a_square.mistake(
    "soft and hard exchanged",
    "Soft attention averages first, and the square comes behind it.",
    [12.0, 9.0],
)
after_a_square.mistake(
    "the layer behind left out",
    "3 is what is handed on, on average in both cases. Then it is squared.",
    [3.0, 3.0],
)


@pause(
    choices={
        "a": "the vector, not the heat map: its weights belong to the places",
        "b": "both: each place now has another cell, which gets another weight",
        "c": "neither: the query, the cells and their weights are what they were",
        "d": "the heat map, not the vector: each weight moves with its cell",
    },
    why="A cell has its score wherever it stands. So its weight goes with it, and the sum has the "
    "same terms.",
)
def cells_exchanged():
    """One learned query asks. Two cells of the map, with unlike scores, change places. What else
    changes?
    """
    return "d"


cells_exchanged.mistake(
    "a weight that belongs to a place",
    "That would be a fixed filter. Here a weight is computed from what stands in the cell.",
    "a",
)
cells_exchanged.mistake(
    "a sum that hears the order",
    "The weights at the two places do change. But each cell keeps its own weight, and a sum has "
    "no order.",
    "b",
)
cells_exchanged.mistake(
    "the weights without their places",
    "The cells do keep their weights. A heat map shows them at their places, and two of these "
    "have changed.",
    "c",
)

_EARNED, _FIRST = np.array([2.0, 5.0, 9.0]), np.eye(3)[0]
_MOVES = [
    score_function.score_function_gradient(np.zeros(3), _FIRST, _EARNED[0], baseline=b)[0]
    for b in (0.0, _EARNED.mean())
]


@pause(
    choices={
        "a": "it raises it, as it does after every draw that earned more than 0",
        "b": "it lowers it, since the position earned less than the average",
        "c": "it leaves it, since without a baseline the estimate is 0 on average",
        "d": "it leaves it, since one draw says nothing of what the others earn",
    },
    why=f"The estimate is (2 − 0)(1 − ⅓) = {_MOVES[0]:.2f}, uphill. Only because better positions "
    "are raised more when they are drawn does the worst one fall on average. With the mean reward "
    f"as baseline this draw alone would say −{-_MOVES[1]:.2f}.",
)
def the_worst_is_drawn():
    """Three positions, drawn equally often, earn 2, 5 and 9. The first is drawn. What does one step
    of REINFORCE without a baseline do to its score?
    """
    return "a"


the_worst_is_drawn.mistake(
    "one draw taken for the exact gradient",
    "α(R − J) is the gradient, and negative here. The estimate from one draw knows no J: it has "
    "R − b, with b = 0.",
    "b",
)
the_worst_is_drawn.mistake(
    "what holds for the baseline said of the estimate",
    "The part with b is 0 on average. The part with R is the gradient.",
    "c",
)
the_worst_is_drawn.mistake(
    "one draw taken as no estimate",
    "It is a poor one, and yet a step is made with it. Put R = 2 and b = 0 into the formula.",
    "d",
)

_WITH_ZEROS = np.array([1.0, 0.0, 0.0, 0.0])


def _block(scores):
    return float(softmax(scores) @ _WITH_ZEROS)


@pause(
    why="Each zero from beyond the edge weighs e times as much as the pixel, and there are three "
    f"of them: 1/(1 + 3e) = {_block(-_WITH_ZEROS):.2f}.",
    rtol=0.01,
)
def without_the_mask():
    """The last block of the image holds one pixel of brightness 1 and three zeros from beyond the
    edge. The score is minus the brightness, and the mask is forgotten. Which number does the block
    become, to two digits?
    """
    return _block(-_WITH_ZEROS)


without_the_mask.mistake(
    "as if the mask were there",
    "With the mask the pixel is alone and gets everything. Without it three zeros have scores, "
    "too, and better ones.",
    1.0,
)
without_the_mask.mistake(
    "as if all scores were equal",
    "That is the mean of the four. Their scores are −1, 0, 0 and 0.",
    0.25,
)
without_the_mask.mistake(
    "as if the score were the brightness",
    "Then the pixel would win over each single zero. Here dark wins.",
    _block(_WITH_ZEROS),
    lambda answer: 0.46 < answer < 0.49,
)
without_the_mask.mistake(
    "the score taken for the value",
    "The minus is in the score. What is averaged are the pixels, and none is negative.",
    -1.0,
    lambda answer: answer < 0,
)


@pause(
    choices={
        "a": "0.92, where a blind guess hits in 0.88 of the images",
        "b": "0.60, where a blind guess hits in 0.33 of the images",
        "c": "0.35, where a blind guess hits in 0.04 of the images",
        "d": "0.71, where a blind guess hits in 0.64 of the images",
    },
    why="It is furthest above its blind guess, by the difference and by the ratio, although it "
    "misses most of the time.",
)
def best_evidence():
    """Four pointing games with 1000 images each. Which result shows best that a query looks for its
    object?
    """
    return "c"


best_evidence.mistake(
    "the highest rate taken for the best evidence",
    "The objects are so large that pointing anywhere hits nearly as often.",
    "a",
)
best_evidence.mistake(
    "more hits than misses taken for the measure",
    "One half means nothing here. What counts is the blind guess, and another result is further "
    "above its own.",
    "b",
)
best_evidence.mistake(
    "a high rate, with hardly anything above chance",
    "Of 71 hits in 100, 64 come without looking.",
    "d",
)


@pause(
    program="""
        chosen = glimpse(scores, uniforms).detach()
        error = cross_entropy(classify(x[chosen.bool()]), y, reduction="none")
        reward = -error.detach()
        baseline = reward.mean()
        log_prob = torch.log_softmax(scores, dim=1).max(dim=1).values
        loss = error.mean() - ((reward - baseline) * log_prob).mean()
    """,
    why="The reward was earned by the position that was drawn, so its probability has to move: "
    "`(chosen * torch.log_softmax(scores, dim=1)).sum(dim=1)`.",
)
def scorer_led_astray():
    """This loss is to train a scorer and a classifier with hard attention. It raises nothing, but
    the scorer learns something wrong. In which line is the fault?
    """
    return 5


scorer_led_astray.mistake(
    "a baseline that contains the own reward taken for a bias",
    "With N draws it shortens the estimate by the factor (N − 1)/N, and leaves its direction.",
    4,
)
scorer_led_astray.mistake(
    "uphill and downhill mixed up",
    "An optimiser lowers the loss. With the minus a good reward raises the log-probability.",
    6,
)
scorer_led_astray.mistake(
    "a gradient missed where none belongs",
    "The reward is a number that was earned. The classifier learns from `error.mean()`.",
    3,
)
scorer_led_astray.mistake(
    "a gradient through the draw",
    "REINFORCE needs none: the scores are reached through the log-probability.",
    1,
)


@pause(
    why="Soft attention scores 16 squares and classifies 16, 32 pieces of work. Hard attention "
    f"scores 16 and classifies one: 17. And 32/17 = {32 / 17:.2f}.",
    rtol=0.02,
)
def a_costly_scorer():
    """Suppose that to score a square takes as much work as to classify one. How many times the work
    of hard attention is that of soft attention, with 16 squares? Leave out the average.
    """
    return (16 + 16) / (16 + 1)


a_costly_scorer.mistake(
    "the way to the square taken as free",
    "One square is classified instead of 16. But to know which, all 16 are scored.",
    16,
    lambda answer: answer > 8,
)
a_costly_scorer.mistake(
    "the chosen square not classified",
    "Hard attention scores 16 squares, and looks at one.",
    2,
)
a_costly_scorer.mistake(
    "hard attention taken for soft",
    "Both score all squares. Only one of them classifies all of them, too.",
    1,
)
