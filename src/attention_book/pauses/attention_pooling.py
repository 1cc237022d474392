"""Short questions on attention over a sequence, in the order of the chapter."""

import itertools
import math

import numpy as np

from attention_book.checking import pause
from attention_book.pooling.attention_pooling import reference
from attention_book.softmax import softmax


def _left(positions):
    """The percentage of the answer's variance that the mean of so many positions leaves."""
    return 100 * (1 - 1 / positions)


def _near(share, percent, width):
    """Whether a share is near a percentage, written as 80 or as 0.8."""
    return abs(share - percent) <= width or abs(100 * share - percent) <= width


@pause(
    why=(
        "The answer is one of twenty equal parts of the mean, which explains a twentieth of its "
        f"variance, as it explained {100 / 5:.0f} percent among five."
    ),
    accepts=lambda share: _near(share, _left(20), 0.6),
)
def twenty_positions():
    """With 5 positions a guess from the mean leaves about four fifths of the variance. With 20
    positions, and as many sequences to learn from as you like: how many percent does it leave?
    """
    return _left(20)


twenty_positions.mistake(
    "what is explained is taken for what is left",
    "So much the mean tells of the answer. The rest of the variance is left.",
    5,
    lambda share: _near(share, 5, 0.6),
)
twenty_positions.mistake(
    "the length is thought not to matter",
    "The share of the marked position in the mean is 1/S. Among more positions it is smaller.",
    80,
    lambda share: _near(share, 80, 4),
)
twenty_positions.mistake(
    "more positions are thought to tell more",
    "Only one position holds the answer. Each further one is noise to this question.",
    20,
    lambda share: _near(share, 40, 30),
)
twenty_positions.mistake(
    "the mean is thought to lose the answer completely",
    "It still contains the answer, as a part of one twentieth.",
    100,
    lambda share: _near(share, 100, 2),
)


@pause(
    program="""
        x = embed(ids)
        scores = score(x).squeeze(-1)
        weights = torch.softmax(scores, dim=-1)
        context = (weights[:, None, :] @ x).squeeze(1)
        context = context / x.shape[1]
        prediction = layer(context)
    """,
    why=(
        "The weights sum to 1 already, so line 4 is the average. Divided by the length as well, "
        "it shrinks as sequences grow, and the layer was trained on the size it had before."
    ),
)
def longer_than_trained():
    """`ids` is (B, S), `score` and `layer` are linear layers. Trained on sequences of 5 it works.
    On sequences of 50 its predictions hardly differ from each other. Which line is wrong?
    """
    return 5


longer_than_trained.mistake(
    "the last axis is thought to be wrong as such",
    "It was wrong for scores of the shape (B, S, 1). After squeeze(-1) they are (B, S), and the "
    "last axis is that of the positions.",
    3,
)
longer_than_trained.mistake(
    "the product is thought to leave out the sum",
    "A matrix product multiplies and adds: (B, 1, S) by (B, S, d) sums over the positions.",
    4,
)
longer_than_trained.mistake(
    "the axis that `squeeze` drops is taken for that of the positions",
    "score(x) is (B, S, 1). squeeze(-1) drops the last axis, of one entry, and no position.",
    2,
)
longer_than_trained.mistake(
    "the layer behind is thought to depend on the length",
    "It gets one vector of d numbers for each sequence, however long that is.",
    6,
)
longer_than_trained.mistake(
    "the embedding is thought to depend on the length",
    "It looks up a vector for each number, however many there are.",
    1,
)

_WEIGHT = 0.4


@pause(
    why=(
        f"The copy has the same score. The strengths were in the ratio {_WEIGHT} to "
        f"{1 - _WEIGHT:.1f}, and now {_WEIGHT} to {_WEIGHT} to {1 - _WEIGHT:.1f}, which has to be "
        f"divided by {1 + _WEIGHT}."
    ),
    rtol=0.02,
)
def one_more_copy():
    """A position has the weight 0.4. Its vector is appended to the sequence once more. Which
    weight does the old position have now?
    """
    return float(softmax(np.log([_WEIGHT, _WEIGHT, 1 - _WEIGHT]))[0])


one_more_copy.mistake(
    "a weight is thought to belong to a position alone",
    "Its score does, and stays. The weight depends on the scores of all positions, and there is "
    "one more.",
    0.4,
)
one_more_copy.mistake(
    "the two copies are thought to share the old weight",
    "The copy takes from all positions alike, not from its twin alone.",
    0.2,
)
one_more_copy.mistake(
    "the weight of both together was given",
    "Each of the two has half of that.",
    0.8 / 1.4,
    lambda weight: abs(weight - 0.8 / 1.4) < 0.01 or abs(weight - 0.8) < 0.01,
)


@pause(
    choices={
        "a": "`pool(2 * x, w)` is `2 * pool(x, w)`",
        "b": "`pool(-x, w)` is `-pool(x, w)`",
        "c": "`pool(x + c, w)` is `pool(x, w) + c`",
        "d": "none of the three: the weights are nonlinear",
    },
    why=(
        "Every score grows by the same c·w, so the weights stay; and since they sum to 1, the "
        "average moves by exactly c."
    ),
)
def which_holds():
    """`x` has a position in each row, and the vector `c` is added to every one of them. Which of
    these holds for every `x`, `w` and `c`?
    """
    return "c"


which_holds.mistake(
    "the weights are thought to stay when all vectors grow alike",
    "Twice the vectors are twice the scores, and so a sharper softmax. Only the sum with fixed "
    "weights would double.",
    "a",
)
which_holds.mistake(
    "the weights are thought to know no sign",
    "−x has the opposite scores: the position that had the largest weight gets the smallest.",
    "b",
)
which_holds.mistake(
    "a map that is not linear is thought to keep nothing",
    "Look for a change of x that a softmax does not notice.",
    "d",
)

_X, _W = np.array([[1.0, 4.0], [0.0, 8.0]]), np.array([math.log(3), 0.0])


@pause(
    why=(
        "The scores are −ln 3 and 0, their exponentials ⅓ and 1, the weights ¼ and ¾: the other "
        "way round, and as positive as ever."
    ),
    rtol=0.01,
)
def turned_round():
    """In the example by hand, w is turned round: w = (−ln 3, 0). The second number of the output
    was 5. What is it now?
    """
    return float(reference.pool(_X, -_W)[1])


turned_round.mistake(
    "turning the scores is thought to turn the output",
    "A negative score makes a small weight, not a negative one. The output is an average of 4 "
    "and 8.",
    -5,
    lambda number: number < 0,
)
turned_round.mistake(
    "the sign of a score is thought not to matter",
    "e to −ln 3 is ⅓, not 3: position 0 now fits worse than position 1.",
    5,
)
turned_round.mistake(
    "a negative score is thought to count as 0",
    "Scores of 0 and 0 would give the mean. Below 0 there is more to lose: e to −ln 3 is ⅓.",
    6,
)
turned_round.mistake(
    "a negative score is thought to mask",
    "Position 0 has less weight, but not none: only −∞ hides.",
    8,
)


@pause(
    choices={
        "a": "it fits it like any other, since lengths differ",
        "b": "it leaves it where it was at the start",
        "c": "it pulls it to 0, since it is of no use",
        "d": "it makes long sequences count for more",
    },
    why=(
        "Within a sequence this feature does not vary, so its covariance with anything is 0 "
        "under any weights: the gradient of its entry is 0 in every sequence."
    ),
)
def constant_feature():
    """One feature holds the length of the sequence, at each of its positions. Sequences differ in
    length. What does gradient descent do with the entry of w that belongs to this feature?
    """
    return "b"


constant_feature.mistake(
    "variation between sequences is taken for variation within one",
    "A softmax compares the positions of one sequence, and these all have the same length in "
    "them. The layers behind the pooling can use it, the scorer cannot.",
    "a",
)
constant_feature.mistake(
    "what is of no use is thought to be unlearned",
    "Nothing pulls at it: the loss is the same for every value of this entry. (Weight decay "
    "would pull, but that is another term.)",
    "c",
)
constant_feature.mistake(
    "sequences are thought to compete with each other",
    "Each sequence has its own softmax and its own weight of 1, however long it is.",
    "d",
)


@pause(
    choices={
        "a": "only the tanh, on which the derivation rests",
        "b": "f(z) = 3z + 1, since it is not the identity",
        "c": "f(z) = z, with a hidden layer that is large enough",
        "d": "f(z) = max(z, 0), since it is bent",
    },
    why=(
        "Any f that is bent where the hidden units lie will do: what the query adds then depends "
        "on the key. Affine functions fall apart into a part of the query and one of the key."
    ),
)
def instead_of_tanh():
    """The score is w · f(q + k). Which f lets the query change the weights?"""
    return "d"


instead_of_tanh.mistake(
    "the tanh is thought to be needed, not its bend",
    "What keeps the query from cancelling is that f is not affine. Many functions are not.",
    "a",
)
instead_of_tanh.mistake(
    "a slope and a shift are taken for a nonlinearity",
    "w·(3q + 3k + 1) = 3 w·q + 3 w·k + w·1: the query stands alone, the same for all keys.",
    "b",
)
instead_of_tanh.mistake(
    "size is thought to replace the bend",
    "However many units there are, w·(q + k) = w·q + w·k.",
    "c",
)


def _contexts(places):
    """How many contexts the orders of some words have, when these vectors are added to them."""
    words = np.random.default_rng(0).standard_normal((len(places), 4))
    orders = np.array(list(itertools.permutations(range(len(places)))))
    pooled = reference.pool(words[orders] + places, np.arange(4.0))
    return len(np.unique(pooled.round(9), axis=0))


def _shared():
    places = np.random.default_rng(1).standard_normal((5, 4))
    places[1] = places[0]
    return places


@pause(
    why=(
        "Exchange the words at the two places that are alike, and the same five vectors are "
        "pooled. So the orders fall into pairs with one context."
    ),
)
def shared_place():
    """To five different words the vectors p_j of their places are added, and then they are
    pooled. By mistake two of the five places have the same p_j. How many different contexts can
    the 120 orders of the words have at most?
    """
    return _contexts(_shared())


shared_place.mistake(
    "any vectors for the places are thought to show the order",
    "A place is told apart only by its vector. Whatever stands at the two that are alike may "
    "change places unseen.",
    120,
)
shared_place.mistake(
    "one pair alike is thought to hide the order altogether",
    "The other three places are still told apart, from each other and from the two.",
    1,
)
shared_place.mistake(
    "four kinds of places are taken for four words",
    "There are still five words to be placed. Count the orders that look alike.",
    math.factorial(4),
)

_NUMBERS, _SHARES = np.array([6.0, 4.0, 8.0]), np.array([0.8, 0.1, 0.1])


def _change(without):
    """How far the average moves when one position is taken away and the others share its weight."""
    rest = np.delete(_SHARES, without)
    return abs(rest @ np.delete(_NUMBERS, without) / rest.sum() - _SHARES @ _NUMBERS)


@pause(
    why=(
        "The others share the weight half and half, and their mean is 6 as well. Without the 4, "
        f"of weight 0.1, the output would move by {_change(1):.2f}."
    ),
)
def largest_weight():
    """Three positions hold the numbers 6, 4 and 8, with the weights 0.8, 0.1 and 0.1; the output
    is their average, 6. Take the first away and let the others share its weight in proportion.
    By how much does the output change?
    """
    return round(float(_change(0)), 9)


largest_weight.mistake(
    "what went in is taken for what is lost",
    "0.8 · 6 no longer goes in. But the others take over its weight, and it is an average again.",
    4.8,
    lambda change: abs(abs(change) - 4.8) < 0.01 or abs(abs(change) - 1.2) < 0.01,
)
largest_weight.mistake(
    "the weight is taken for the effect",
    "The weight says how much of a vector went in. The effect depends also on how that vector "
    "differs from the rest.",
    0.8,
    lambda change: abs(abs(change) - 0.8) < 0.01,
)
largest_weight.mistake(
    "the new output was given, not its change",
    "It is an average of 4 and 8, with equal weights. Compare it with the old output.",
    6,
)

_COSTS = {
    "a": lambda n, d: 2 * n**2 * d,
    "b": lambda n, d: n * d**2,
    "c": lambda n, d: 2 * n * d,
    "d": lambda n, d: 3 * n * d**2,
}


@pause(
    choices={
        "a": "self-attention, without its projections",
        "b": "a recurrent layer",
        "c": "pooling with one learned query",
        "d": "a convolution that sees three positions",
    },
    why=(
        "n² · d is less than n · d² as long as n is less than d. The square of the length hurts "
        "where the length exceeds the number of features."
    ),
)
def short_text():
    """A text has 20 words, of 512 features each. Order the layers by their multiply-adds, the
    cheapest first.
    """
    return "".join(sorted(_COSTS, key=lambda letter: _COSTS[letter](20, 512)))


short_text.mistake(
    "a square is thought to be the larger term always",
    "It is the square of 20 here, and the others have the square of 512.",
    "cbda",
)
short_text.mistake(
    "steps are taken for work",
    "The recurrent layer takes more steps one after the other. Each output of the convolution "
    "multiplies three positions by a matrix, that of the recurrent layer one.",
    "cadb",
)
short_text.mistake(
    "pooling is taken for self-attention",
    "It has one query, not twenty, and so a twentieth of the pairs.",
    "acbd",
)
