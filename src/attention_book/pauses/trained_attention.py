"""Short questions on trained attention, in the order of the chapter."""

import math

import numpy as np

from attention_book.checking import pause
from attention_book.checking.exercise import letters
from attention_book.scores.scaled_dot_product import reference as scaled_dot_product
from attention_book.softmax import softmax

_TRUE = np.array([3.0, 1.0])
_FOUND = {"a": (0.1, 0.0), "b": (1.0, -2.0), "c": (-1.0, 2.0), "d": (30.0, 10.0)}
_PRODUCTS = {letter: np.dot(found, _TRUE) for letter, found in _FOUND.items()}


@pause(
    choices={"a": "(0.1, 0)", "b": "(1, −2)", "c": "(−1, 2)", "d": "(30, 10)"},
    why=f"Its product with the true gradient is −{-_PRODUCTS['c']:.0f}. That of the others is "
    "positive, and a short step against any of them goes downhill.",
)
def uphill():
    """The true gradient by two parameters is (3, 1). A program finds another one, and takes a very
    short step against it. With which of these does the loss rise?
    """
    (letter,) = (letter for letter, product in _PRODUCTS.items() if product < 0)
    return letter


uphill.mistake(
    "a poor gradient taken for one that climbs",
    f"Nearly all of it is missing, but the product with (3, 1) is {_PRODUCTS['a']:.1f}: positive.",
    "a",
)
uphill.mistake(
    "one wrong sign taken for the wrong way",
    f"The product with (3, 1) is {_PRODUCTS['b']:.0f}: positive. The right first entry outweighs "
    "the wrong second one.",
    "b",
)
uphill.mistake(
    "a length taken for a direction",
    "It points where the true gradient points. Only a long step could climb with it.",
    "d",
)


@pause(
    choices={
        "a": "when the cue is wrong: it has learned to look where the cue does not point",
        "b": "when the cue is right: attention goes where it is called, if less strongly",
        "c": "when the cue is right, and by as much as with a cue that is right in 80 %",
        "d": "equally often in both: a cue that is wrong in most trials is ignored",
    },
    why="Such a cue tells as much as one that is right in 80 %: the signal is at the other place. "
    "Its learned worth is negative.",
)
def a_misleading_cue():
    """There are two places, and the cue is right in 20 % of the trials. The softmax is trained on
    such trials. When is it correct more often?
    """
    return "a"


a_misleading_cue.mistake(
    "attention that follows a cue by itself",
    "Nothing here is drawn to a cue. What a cue is worth is learned from the trials.",
    "b",
)
a_misleading_cue.mistake(
    "the sign of what a cue is worth",
    "It does tell as much, but the opposite.",
    "c",
)
a_misleading_cue.mistake(
    "mostly wrong taken for worthless",
    "Worthless is a cue that is right half of the time. With two places, a wrong cue names the "
    "right place.",
    "d",
)

_BEFORE = np.array([0.5, 0.3, 0.2])
_RAISED = np.log(_BEFORE) + np.array([math.log(4), 0, 0])  # the first weight becomes 0.8


@pause(
    why="The other two scores stay, so their weights keep their ratio, 3 : 2, in what is left.",
    rtol=0.01,
    first=f"{softmax(_RAISED)[0]:.1f}",
)
def what_the_second_keeps():
    """Three keys have the weights 0.5, 0.3 and 0.2. The score of the first is raised until its
    weight is {first}. What is the weight of the second now?
    """
    return float(softmax(_RAISED)[1])


what_the_second_keeps.mistake(
    "an equal loss for each",
    "They do not lose equal amounts, but equal shares of what they had: both are multiplied by "
    "the same number.",
    0.15,
)
what_the_second_keeps.mistake(
    "what is left, halved",
    "Their scores are still unequal, so their weights are.",
    0.1,
)
what_the_second_keeps.mistake(
    "a softmax taken for an activation function",
    "Its score has not moved, but its weight is a share, and less is left.",
    0.3,
)


@pause(
    choices={
        "a": "none: in whatever order the tokens come, the result is the same",
        "b": "the first: the outputs do not move along with the tokens",
        "c": "the second: every token comes out as it went in",
        "d": "the fourth: it only moves tokens, and no product is in it",
    },
    why="f(PX) = f(X), and the test asks for Pf(X). Sorting is invariant; self-attention is "
    "equivariant.",
)
def a_map_that_sorts():
    """A map sorts the tokens by their first feature, smallest first, and does nothing else. Which
    of the four tests does it fail?
    """
    return "b"


a_map_that_sorts.mistake(
    "invariant taken for equivariant",
    "The test does not ask for the same result. It asks that token 3 finds its own output, "
    "wherever it stands.",
    "a",
)
a_map_that_sorts.mistake(
    "a place taken for a token",
    "Make the first token the largest: at every place now stands another output.",
    "c",
)
a_map_that_sorts.mistake(
    "no product taken for a sum",
    "Sorted X plus sorted Y is not X + Y, sorted: who stands where depends on both together.",
    "d",
)

_WEIGHTS, _TOWARDS = np.array([0.75, 0.25]), np.array([4.0, 8.0])
_, _GRAD_SCORES, _ = scaled_dot_product.backward(  # one feature: the keys are the scores
    np.ones((1, 1)), np.log(_WEIGHTS)[:, None], _TOWARDS[:, None], np.ones((1, 1))
)


@pause(
    why="The mean under the weights is ¾ · 4 + ¼ · 8 = 5, and ¾ · (4 − 5) = −¾. More weight on "
    "either key alone would raise the loss, but what the first one gets the second one loses.",
    rtol=1e-6,
)
def less_than_the_mean():
    """Two keys have the weights ¾ and ¼, and the derivative of the loss by these weights is
    ᾱ = (4, 8). What is its derivative by the score of the first key?
    """
    return float(_GRAD_SCORES[0, 0])


less_than_the_mean.mistake(
    "the other key left out",
    "¾ · 4 is what the weight would add if it came from nowhere. It comes from the other key: "
    "take the mean away first.",
    3.0,
)
less_than_the_mean.mistake(
    "a mean in which every key counts alike",
    "The mean of the row is taken under its weights, and is 5, not 6.",
    float(_WEIGHTS[0] * (_TOWARDS[0] - _TOWARDS.mean())),
)
less_than_the_mean.mistake(
    "how far a score moves a weight",
    "4 − 5 is right. A score moves its own weight in proportion to it, so α stands in front.",
    -1.0,
)
less_than_the_mean.mistake(
    "a positive derivative by the weight taken for one by the score",
    "4 is positive, but less than the mean of the row: weight that moves here lowers the loss.",
    0.75,
    lambda answer: answer > 0,
)

_SIZES = {"a": (32, 10, 10, 5), "b": (10, 10, 10, 5), "c": (4, 7, 3, 6), "d": (5, 10, 8, 5)}


def _runs(N, d_out):
    b_2, dy = np.zeros(d_out), np.ones((N, d_out))
    try:
        b_2 -= dy.sum(axis=1)
    except ValueError:
        return False
    return True


@pause(
    choices={
        letter: "{} examples, {} inputs, {} hidden units, {} outputs".format(*sizes)
        for letter, sizes in _SIZES.items()
    },
    why="The sum over axis 1 has one number for each example, and `b_2` one for each output. "
    "Where there are as many of both, nothing stops the program.",
)
def the_wrong_axis_unnoticed():
    """`b_2 -= lr * dy.sum(axis=1)` adds up the outputs of each example, where the examples should
    be added up. With which sizes does it run all the same?
    """
    (letter,) = (letter for letter, (N, _, _, d_out) in _SIZES.items() if _runs(N, d_out))
    return letter


the_wrong_axis_unnoticed.mistake(
    "the equality that hides another mistake",
    "As many inputs as hidden units hide `x` in the place of `h`. Neither of them is in this line.",
    "a",
)
the_wrong_axis_unnoticed.mistake(
    "the hidden units, where the outputs count",
    "`b_2` is the bias of the second layer. Ten numbers do not fit its five.",
    "b",
)
the_wrong_axis_unnoticed.mistake(
    "sizes that are all different",
    "They hide nothing: numbers of examples that do not fit the outputs raise an error.",
    "c",
)

_GRADIENT = np.array([1.0, -2.0, 0.5])
_WRONG = {"a": 10 * _GRADIENT, "b": -_GRADIENT, "c": _GRADIENT + 1e-10, "d": 2 * _GRADIENT}
_APART = {
    letter: np.linalg.norm(found - _GRADIENT) / (np.linalg.norm(found) + np.linalg.norm(_GRADIENT))
    for letter, found in _WRONG.items()
}


@pause(
    choices={
        "a": "every entry is ten times too large",
        "b": "target minus prediction: the sign is wrong",
        "c": "right, up to rounding",
        "d": "a factor ½ is forgotten: twice too large",
    },
    why="With a twice too large one it is 1/(1 + 2), with ten times 9/(1 + 10), with the wrong "
    f"sign 2/(1 + 1): {_APART['d']:.2f}, {_APART['a']:.2f} and {_APART['b']:.0f}, which is the "
    "most there can be.",
)
def in_order_of_error():
    """Four gradients are compared with the true one by the relative error of this chapter, `apart`.
    Put them in order, the smallest error first.
    """
    return "".join(sorted(_APART, key=_APART.get))


in_order_of_error.mistake(
    "divided by one of the two lengths only",
    "`apart` divides by the *sum* of the two lengths. A gradient that is too long has a large sum, "
    "so its error stays below 1.",
    "cdba",
)
in_order_of_error.mistake(
    "lengths compared, not gradients",
    "With the wrong sign the length is right, and every entry is off by twice its size.",
    "cbda",
    lambda answer: letters(answer) in ("cbda", "bcda"),
)
in_order_of_error.mistake("the wrong way round", "The smallest error comes first.", "badc")


@pause(
    choices={
        "a": "both: each has seen where the answer stands, and needs no image",
        "b": "attention: its weights learn to stand on place 0 in every set",
        "c": "the dense network: it reads one sign; attention still compares images",
        "d": "neither: which images are alike is as hard to see as before",
    },
    why="In the long vector, place 0 has inputs of its own. This attention layer gets no places: "
    "it is handed the same set, in another order.",
)
def always_at_place_0():
    """Suppose that the digit that is asked for always stands at place 0, in training and in the
    test. Which of the two programs gains by it?
    """
    return "c"


always_at_place_0.mistake(
    "attention taken to know places",
    "Exchange two digits, and it answers the same. It cannot learn from a place that it does not "
    "see.",
    "a",
)
always_at_place_0.mistake(
    "attention weights taken for parameters",
    "A parameter may belong to a place. A weight is computed from what stands there.",
    "b",
)
always_at_place_0.mistake(
    "one way to the answer taken for the only one",
    "Nobody has to compare images any more: the answer is the sign of the first one.",
    "d",
)


@pause(
    program="""
        inputs, gradients = [x], []
        for layer in layers:
            inputs.append(inputs[-1] + f(inputs[-1], layer))
        for layer in reversed(layers):
            grad_inner, grad_layer = f_backward(inputs[-1], layer, grad)
            grad = grad + grad_inner
            gradients.insert(0, grad_layer)
    """,
    why="`inputs[-1]` is the output of the whole stack, in every round. Layer l needs the input "
    "that it had itself; with `inputs.pop()` before it, each round would find its own.",
)
def one_input_for_all():
    """The way through a stack of residual layers and back. It raises nothing, and the gradients are
    wrong. Which line has the fault?
    """
    return 5


one_input_for_all.mistake(
    "the way around the layer taken for a mistake",
    "A residual layer hands the gradient back twice: around `f` and through it. The two add up.",
    6,
)
one_input_for_all.mistake(
    "the residual connection taken for a mistake",
    "The layer adds what it finds to what it was given. That is the definition.",
    3,
)
one_input_for_all.mistake(
    "the order of the list",
    "The last layer comes first on the way back, so each gradient is put in front.",
    7,
)
one_input_for_all.mistake(
    "the order of the way back",
    "It begins with the last layer: the gradient is known at the output.",
    4,
)


@pause(
    why="To `W_q` lead ā = ȳWₒᵀ, ᾱ = āvᵀ and q̄ = s̄k/√d, and its own is xᵀq̄. The other eight "
    "belong to k, v, x and the other matrices.",
)
def only_the_queries():
    """The way back through an attention layer takes twelve products. Now only `W_q` is trained: the
    other matrices stay as they are, and x is data. How many of the twelve are left?
    """
    return 4


only_the_queries.mistake(
    "the way to the parameter left out",
    "Its own product is xᵀq̄. But q̄ has to be known, and it comes from ȳ through every line of the "
    "layer behind.",
    1,
)
only_the_queries.mistake(
    "both products of each line",
    "Each line on the way has two, but only the one that leads on to `W_q` is needed.",
    8,
)
only_the_queries.mistake(
    "two products for one matrix",
    "The second of the two would hand the gradient on to x, and x is data. Three others lead to q̄.",
    2,
)
only_the_queries.mistake(
    "a frozen matrix taken to save nothing",
    "The gradients of the other matrices, of k, of v and of x are not needed, and nothing else "
    "needs them.",
    12,
)
