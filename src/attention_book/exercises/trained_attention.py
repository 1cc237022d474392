"""The exercises on training: gradients checked, layers counted, what attention is and is not."""

import math

import numpy as np

from attention_book.checking import Case, faults, function_exercise, letters, question
from attention_book.layers.dense_network import reference as dense_network
from attention_book.layers.self_attention.reference import new_layer

PLACE = (1, 5)

# 1 ---------------------------------------------------------------------------------------------

_FOUND = [1958, 1980, 1890, 1995, 1953, 1980]


def _six(rule):
    """A rule on six years, however they were written."""

    def recognises(answer):
        years = [float(year) for year in answer]
        return len(years) == 6 and rule(years)

    return recognises


@question(
    title="Who found what, and when?",
    difficulty="easy",
    minutes=5,
    accepts=[lambda answer, year=year: float(answer) == year for year in _FOUND],
    hints=[
        "The six years are among those of the sources under “Human attention”; two of them are "
        "equal.",
        "The experiment with two ears came before the theory that explains it.",
    ],
)
def history():
    """Give the years of six findings on human attention.

    (a) a filter, early, passes one channel; (b) cueing: attention moves without the eyes;
    (c) everyone knows what attention is; (d) biased competition; (e) two messages in two ears,
    and one is repeated; (f) features are bound together by serial attention. Answer with six
    years, in the order (a) to (f).
    """
    return (1958, 1980, 1890, 1995, 1953, 1980)


history.mistake(
    "the years are in the order of time, not of the letters",
    "The first of your answers is the year of the filter.",
    (1890, 1953, 1958, 1980, 1980, 1995),
    _six(lambda years: years == sorted(_FOUND)),
)
history.mistake(
    "the experiment came before the theory",
    "Cherry played two messages in 1953; Broadbent explained it in 1958.",
    {0: 1953, 4: 1958},
    _six(lambda years: (years[0], years[4]) == (1953, 1958)),
)
history.mistake(
    "1964 is the filter that weakens, not the one that blocks",
    "Treisman softened in 1964 what Broadbent had proposed.",
    {0: 1964},
    _six(lambda years: years[0] == 1964),
)
history.mistake(
    "binding features is a later theory than the attenuating filter",
    "Both have Treisman's name on them, 1964 and, with Gelade, another year.",
    {5: 1964},
    _six(lambda years: years[5] == 1964),
)
history.mistake(
    "late selection is not on the list",
    "1963 is Deutsch and Deutsch: everything is recognised, and selection comes after.",
    {0: 1963},
    _six(lambda years: 1963 in years),
)
history.mistake(
    "2020 is the survey",
    "Lindsay compares the findings with machines; the findings are older.",
    {3: 2020},
    _six(lambda years: 2020 in years),
)
history.mistake(
    "six years are asked for, not their order",
    "Write 1890, not 1.",
    (3, 4, 1, 6, 2, 4),
    _six(lambda years: set(years) <= set(range(1, 7))),
)


# 2 ---------------------------------------------------------------------------------------------


def _step(number, vector):
    """Recognise one of the three new vectors, whatever the others are."""
    return lambda w: np.allclose(w[number - 1], vector)


@question(
    title="Hebb or gradient?",
    difficulty="easy",
    minutes=10,
    rtol=1e-6,
    hints=[
        "First compute y for each of the two w. For one of them it is 0.",
        "Hebb multiplies what goes in with what comes out; the target does not occur.",
        "The gradient of ½(w·x − t)² with respect to w is (w·x − t) x; step against it.",
    ],
)
def rules():
    """Take one step by each of three rules.

    One linear unit, y = w·x, with w = (0.5, −1) and x = (2, 1); the target is t = 2, the loss
    ½(y − t)², and η = 0.1. (1) Hebb, Δw = η y x. (2) Hebb for the same unit with w = (1, −1) at
    the start. (3) Gradient descent from w = (0.5, −1). Answer with the three new vectors.
    """
    return [[0.5, -1.0], [1.2, -0.9], [0.9, -0.8]]


rules.mistake(
    "the three vectors stand in another order",
    "First Hebb from (0.5, −1), then Hebb from (1, −1), then the gradient step.",
    {1: [0.9, -0.8], 2: [1.2, -0.9]},
    lambda w: np.shape(w) == (3, 2) and np.allclose(sorted(w), sorted(rules.solve())),
)
rules.mistake(
    "Hebb does not know the target",
    "Δw = η y x. In (1) y = 0: nothing is active, nothing changes.",
    {0: [0.9, -0.8]},
    _step(1, [0.9, -0.8]),
)
rules.mistake(
    "the gradient step climbs",
    "The gradient points uphill. Subtract it.",
    {2: [0.1, -1.2]},
    _step(3, [0.1, -1.2]),
)
rules.mistake(
    "Hebb adds",
    "What is active together is connected more strongly: plus, not minus.",
    {1: [0.8, -1.1]},
    _step(2, [0.8, -1.1]),
)
rules.mistake(
    "the learning rate is missing",
    "Each change is multiplied with η = 0.1.",
    {1: [3.0, 0.0], 2: [4.5, 1.0]},
    lambda w: np.allclose(w[2], [4.5, 1.0]) or np.allclose(w[1], [3.0, 0.0]),
)
rules.mistake(
    "the ½ in the loss cancels the 2",
    "d/dw of ½(y − t)² is (y − t) x, without a factor 2.",
    {2: [1.3, -0.6]},
    _step(3, [1.3, -0.6]),
)
rules.mistake(
    "the gradient step starts from the other w",
    "(3) starts where (1) starts, at (0.5, −1).",
    {2: [1.2, -0.9]},
    _step(3, [1.2, -0.9]),
)
rules.mistake(
    "these are the changes, not the new vectors",
    "Add Δw to the w of the start.",
    [[0.0, 0.0], [0.2, 0.1], [0.4, 0.2]],
    _step(2, [0.2, 0.1]),
)


# 3 ---------------------------------------------------------------------------------------------


@question(
    title="Count",
    difficulty="easy",
    minutes=10,
    hints=[
        "One layer has four matrices of 32 × 32. Does any of them know how many tokens there are?",
        "Forwards: four products of (n × d) with (d × d), and two between tokens, n·n·d each.",
        "Each product of the forward pass needs two on the way back.",
    ],
)
def count():
    """Count parameters and multiply-adds.

    Tokens have d = 32 features, and there are n = 10 of them. No biases; d_k = d_v = d. Answer
    with five whole numbers: the parameters of a stack of 3 attention layers; those of the same
    stack for n = 20; those of one dense layer from all 10 tokens side by side to all 10 tokens;
    the multiply-adds of one attention layer forwards; and those of its backward pass.
    """
    return (12288, 12288, 102400, 47360, 94720)


count.mistake(
    "every layer has matrices of its own",
    "A number of layers that is stored and not used gives 4096 for any depth.",
    {0: 4096, 1: 4096},
    lambda numbers: numbers[0] == 4096,
)
count.mistake(
    "the output projection has been forgotten",
    "Four matrices a layer: W_q, W_k, W_v and W_o.",
    {0: 9216, 1: 9216},
    lambda numbers: numbers[0] == 9216,
)
count.mistake(
    "the parameters do not depend on the number of tokens",
    "The same four matrices are applied to each token.",
    {1: 24576},
    lambda numbers: numbers[0] == 12288 != numbers[1],
)
count.mistake(
    "a dense layer connects every number with every number",
    "All 10 tokens side by side are 320 numbers, and so are the outputs.",
    {2: 10240},
    lambda numbers: numbers[2] in (10240, 1024, 3200, 320),
)
count.mistake(
    "the two products between tokens are missing",
    "Scores and weighted sums take n²d each, on top of the four products with a matrix.",
    {3: 40960, 4: 81920},
    lambda numbers: numbers[3] == 40960,
)
count.mistake(
    "only one product between tokens is counted",
    "The scores take n²d, and the weighted sum takes n²d again.",
    {3: 44160, 4: 88320},
    lambda numbers: numbers[3] == 44160,
)
count.mistake(
    "a multiply-add is one multiplication with its addition",
    "Counted apart they are two operations; here they count once.",
    {3: 94720, 4: 189440},
    lambda numbers: numbers[3] == 94720,
)
count.mistake(
    "the way back takes two products for each one forwards",
    "One for the gradient of each factor.",
    {4: 47360},
    lambda numbers: numbers[3] == 47360 and numbers[4] in (47360, 142080),
)


# 4 ---------------------------------------------------------------------------------------------

_TABLE = ["yyyy", "nynn", "yyyy", "nyny", "yyyn"]


def _words(answer):
    if isinstance(answer, str) or len(answer) == 20:
        text = letters(answer)
        answer = [text[start : start + 4] for start in range(0, len(text), 4)]
    words = [letters(word) for word in answer]
    if len(words) != 5 or any(len(word) != 4 or set(word) - set("yn") for word in words):
        raise ValueError("not five words of four letters y and n")
    return words


def _are_words(answer):
    try:
        return _words(answer) is not None
    except (ValueError, TypeError):
        return False


@question(
    title="Is it attention?",
    difficulty="medium",
    minutes=15,
    accepts=lambda answer: _words(answer) == _TABLE,
    hints=[
        "Which of the five contain parameters that belong to a place?",
        "A linear map passes no fourth test, whatever else it does. Which of the five are linear?",
        "Four yeses are necessary for attention and not sufficient.",
    ],
)
def is_it_attention():
    """Apply the four tests to five maps from n tokens X to n tokens.

    (a) X + SelfAttention(X); (b) AXW with learned A (5 × 5) and W; (c) each token replaced by the
    largest value of each feature over all tokens; (d) self-attention on X + P, where P has five
    learned rows, one for each place; (e) X with the mean of its tokens taken away. The tests: does
    not mind the order; mixes positions; takes any number of tokens; is more than a sum. Answer
    with five words of four letters, y or n.
    """
    return ["yyyy", "nynn", "yyyy", "nyny", "yyyn"]


is_it_attention.mistake(
    "five words of four letters are asked for",
    "One word for each map, one letter, y or n, for each test.",
    ["yes", "no", "yes", "no", "yes"],
    lambda answer: not _are_words(answer),
)
is_it_attention.mistake(
    "a residual connection takes nothing away",
    "X permuted plus attention permuted is the sum permuted; the other three hold as well.",
    {0: "ynyy"},
    lambda answer: _words(answer)[0] != "yyyy",
)
is_it_attention.mistake(
    "A is a 5 × 5 matrix: it knows five places and no more",
    "Exchange two tokens and another column of A meets them. With six tokens there is no product.",
    {1: "yyyn"},
    lambda answer: "y" in _words(answer)[1][::2],
)
is_it_attention.mistake(
    "a product with two matrices is linear",
    "A(X + Y)W = AXW + AYW.",
    {1: "nyny"},
    lambda answer: _words(answer)[1][3] == "y",
)
is_it_attention.mistake(
    "a maximum passes all four tests without being attention",
    "It has no order, mixes, takes any number, and max(X + Y) is not max X + max Y. The tests "
    "characterise, they do not prove.",
    {2: "yyyn"},
    lambda answer: _words(answer)[2] != "yyyy",
)
is_it_attention.mistake(
    "vectors for places make a map that minds the order and has five places",
    "A token that moves meets another row of P, and for a sixth token P has none.",
    {3: "yyyy"},
    lambda answer: "y" in _words(answer)[3][::2],
)
is_it_attention.mistake(
    "taking the mean away mixes positions, linearly",
    "Change one token: the mean changes, and with it all the others. And the mean of a sum is "
    "the sum of the means.",
    {4: "ynyn"},
    lambda answer: _words(answer)[4] != "yyyn",
)


# 5 ---------------------------------------------------------------------------------------------


def _waves(x):
    return float((np.sin(x) * np.arange(1, x.size + 1).reshape(x.shape)).sum() + np.prod(x))


def _cubes(x):
    return float((x**3).sum() + (x[0] * x[-1]).sum())


def _valley(x):
    return float(1000 * ((x - 1) ** 2).sum())


def _network_loss(x):
    return float((np.tanh(x[:2] @ x[2:].T) ** 2).sum() / 2)


def _gradient_cases():
    rng = np.random.default_rng(0)

    def case(name, f, x, atol=1e-9):
        return Case(name, (f, x), rtol=1e-7, atol=atol)

    return [
        case("four numbers", _waves, rng.standard_normal(4)),
        case("a matrix", _cubes, rng.standard_normal((2, 3))),
        case("a steep valley, near its bottom", _valley, np.array([1.001, 0.998, 1.1]), 0.0),
        case("whole numbers", _cubes, np.array([[2, -1], [3, 1]]), 1e-8),
        case(
            "numbers in single precision",
            _cubes,
            rng.standard_normal((3, 2)).astype(np.float32),
            1e-8,
        ),
        case("a transposed matrix", _waves, rng.standard_normal((3, 2)).T),
        case("three axes", _waves, rng.standard_normal((2, 2, 3))),
        Case("a small network", (_network_loss, rng.standard_normal((5, 2))), rtol=1e-6, atol=1e-9),
        case("four axes", _waves, rng.standard_normal((2, 1, 3, 2))),
    ]


@function_exercise(
    title="A gradient without calculus",
    difficulty="medium",
    minutes=15,
    cases=_gradient_cases,
    hints=[
        "np.ndindex(x.shape) runs over all indices, whatever the number of axes.",
        "Move one number of a copy, up and down; the other numbers must be as they were.",
        "1e-5 added to a whole number in an array of whole numbers is lost, and in float32 most of "
        "its digits are: convert to float64 first.",
    ],
)
def numerical_gradient(f, x):
    """Return the gradient of the number f(x) at the array x, by central differences.

    f takes an array of the shape of x, which may be any; take a step of about 1e-5. The gradient
    has that shape and is of float64, also where x holds whole numbers or single precision. Leave
    x as it was.
    """
    step, gradient = 1e-5, np.empty(x.shape)
    for index in np.ndindex(x.shape):
        above, below = x.astype(float), x.astype(float)
        above[index] += step
        below[index] -= step
        gradient[index] = (f(above) - f(below)) / (2 * step)
    return gradient


def _moved_unseen(f, x):
    x = np.array(x, dtype=float, order="K")
    flat, gradient = x.ravel(), np.empty(x.size)
    for i, number in enumerate(flat):
        flat[i] = number + 1e-5
        above = f(x)
        flat[i] = number - 1e-5
        gradient[i] = (above - f(x)) / 2e-5
        flat[i] = number
    return gradient.reshape(x.shape)


_LOOP = "    for index in np.ndindex(x.shape):\n"
_COPIES = "above, below = x.astype(float), x.astype(float)\n"

numerical_gradient.mistake(
    "a one-sided difference is not precise enough",
    "(f(x + ε) − f(x)) / ε has an error proportional to ε. Look at both sides.",
    {"below[index] -= step": "pass", "(2 * step)": "step"},
)
numerical_gradient.mistake(
    "from x − ε to x + ε it is 2ε",
    "The difference of the two values is divided by the whole distance.",
    {"(2 * step)": "step"},
)
numerical_gradient.mistake(
    "the sign is turned round",
    "f(x + ε) − f(x − ε), in this order.",
    {"f(above) - f(below)": "f(below) - f(above)"},
)
numerical_gradient.mistake(
    "a number that was moved has not been moved back",
    "Each number is moved alone: start from a fresh copy of x every time.",
    {f"{_LOOP}        {_COPIES}": f"    {_COPIES}{_LOOP}"},
)
numerical_gradient.mistake(
    "in an array of whole numbers the step is lost",
    "x.copy() keeps the type of x: 2 + 1e-5 is stored as 2, and 2 − 1e-5 as 1. Convert to float "
    "first.",
    {"astype(float)": "copy()"},
)
numerical_gradient.mistake(
    "in single precision most digits of the step are lost",
    "float32 has seven digits: x ± 1e-5 is rounded, and so is f. Convert to float64 first.",
    {"astype(float)": "astype(np.result_type(x, np.float32))"},
)
numerical_gradient.mistake(
    "the numbers were moved in a copy that f does not see",
    "ravel() and reshape(-1) of a transposed array are copies. Move x[index] of a copy of x, with "
    "the index of np.ndindex, or give the moved numbers the shape of x.",
    _moved_unseen,
)
numerical_gradient.mistake(
    "the step is so small that rounding is all that is left",
    "f(x + ε) and f(x − ε) agree in nearly all their digits. Take ε about 1e-5.",
    {"1e-5": "1e-13"},
)
numerical_gradient.mistake(
    "the step is so large that the function bends within it",
    "The error grows as ε². Take ε about 1e-5.",
    {"1e-5": "1e-1"},
)
numerical_gradient.mistake(
    "all numbers are moved at once",
    "That is the sum of all entries of the gradient. Move one number at a time.",
    {"above[index]": "above[...]", "below[index]": "below[...]"},
)
numerical_gradient.mistake(
    "whole rows are moved, not single numbers",
    "x[i] is a row when x has two axes. Loop over np.ndindex(x.shape).",
    {"np.ndindex(x.shape)": "range(len(x))"},
)
numerical_gradient.mistake(
    "only the size of the gradient is returned",
    "One number for each entry of x is asked for.",
    {"return gradient": "return float(np.linalg.norm(gradient))"},
)


# 6 ---------------------------------------------------------------------------------------------


def _network_inputs(seed, N=4, d_in=7, d_hidden=10, d_out=5, scale=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    p = dense_network.new_network(d_in, d_hidden, d_out, rng=rng, spread=scale)
    p = p | {"b_1": rng.standard_normal(d_hidden), "b_2": rng.standard_normal(d_out)}
    x, t = rng.standard_normal((N, d_in)), rng.standard_normal((N, d_out))
    y = dense_network.network(x, p)
    arrays = (x, p["W_1"], p["b_1"], p["W_2"], p["b_2"], y, t)
    return tuple(array.astype(dtype) for array in arrays)


def _network_cases():
    return [
        Case("7 inputs, 10 units, 5 outputs", _network_inputs(1)),
        Case("10 inputs, 10 units, 5 outputs", _network_inputs(2, d_in=10)),
        Case("one example", _network_inputs(3, N=1)),
        Case("as many examples as outputs", _network_inputs(4, N=5)),
        Case("as many examples as units", _network_inputs(5, N=10)),
        Case("one output", _network_inputs(6, d_out=1, d_in=3, d_hidden=6)),
        Case("all sizes equal", _network_inputs(7, N=4, d_in=4, d_hidden=4, d_out=4)),
        Case("units that are nearly flat", _network_inputs(8, scale=4.0)),
        Case("single precision", _network_inputs(9, dtype=np.float32), rtol=1e-3, atol=1e-5),
    ]


@function_exercise(
    title="Erratum: the network that learns from a wrong gradient",
    difficulty="medium",
    minutes=25,
    cases=_network_cases,
    hints=[
        "Every gradient has the shape of what it belongs to. Which of the four have not?",
        "W_2 is multiplied with h on the way forward. With what is its gradient multiplied?",
        "h is tanh(z) already. What is the derivative of tanh, written with h? It acts on the way "
        "to W_1 and on the way to b_1.",
        "The derivative of ½(y − t)² with respect to y is y − t.",
        "Where a sum is collected in a buffer, np.zeros_like(W_1) has the dtype of W_1; "
        "np.zeros(shape) is float64.",
    ],
)
def backward(x, W_1, b_1, W_2, b_2, y, t):
    """Return the gradients of ½ sum((y − t)²) as a tuple, for W_1, b_1, W_2, b_2.

    Shapes: x (N, d_in), W_1 (d_in, d_hidden), b_1 (d_hidden,), W_2 (d_hidden, d_out),
    b_2 (d_out,), the prediction y = tanh(x W_1 + b_1) W_2 + b_2 and the target t (N, d_out). The
    gradients have the dtype of the parameters.
    """
    h = np.tanh(x @ W_1 + b_1)
    dy = y - t
    dh = dy @ W_2.T
    dz = dh * (1 - h**2)
    return x.T @ dz, dz.sum(axis=0), h.T @ dy, dy.sum(axis=0)


_TWICE = {"h**2": "np.tanh(h) ** 2"}

backward.mistake(
    "it is still the program of the task",
    "Start with its first line: which way round is the difference?",
    {**_TWICE, "y - t": "t - y", "dz.sum": "dh.sum", "h.T @": "x.T @",
     "sum(axis=0)": "sum(axis=1, keepdims=True)"},
)  # fmt: skip
backward.mistake(
    "all four gradients have the wrong sign",
    "The loss falls when y moves towards t: its derivative is y − t.",
    {"y - t": "t - y"},
)
backward.mistake(
    "the gradient of W_2 is made with x",
    "W_2 is multiplied with h, and so is its gradient. With as many inputs as units the shapes "
    "do not tell.",
    {"h.T @": "x.T @"},
)
backward.mistake(
    "the tanh is applied twice",
    "h is tanh(z) already, so the derivative is 1 − h².",
    _TWICE,
)
backward.mistake(
    "the tanh is applied twice, and not at all for b_1",
    "Both W_1 and b_1 hear of the loss through z: use the same dz = dh (1 − h²) for both.",
    {**_TWICE, "dz.sum": "dh.sum"},
)
backward.mistake(
    "the program runs, and three of its four gradients are wrong",
    "Only the gradient of b_2 is right. W_2 needs h, and W_1 and b_1 need 1 − h².",
    {**_TWICE, "dz.sum": "dh.sum", "h.T @": "x.T @"},
)
backward.mistake(
    "the derivative of tanh is missing",
    "Between dh and the gradients of W_1 and b_1 stands 1 − h².",
    {" * (1 - h**2)": ""},
)
backward.mistake(
    "the derivative of tanh is missing for b_1",
    "b_1 is added inside the tanh, like x W_1.",
    {"dz.sum": "dh.sum"},
)
backward.mistake(
    "the derivative of tanh is taken where z should be h",
    "1 − tanh²(z), not 1 − z².",
    {"h**2": "(x @ W_1 + b_1) ** 2"},
)
backward.mistake(
    "dh has been multiplied with W_2 once more",
    "dy W_2ᵀ has reached the hidden layer. Another W_2 leads back to the outputs.",
    {"x.T @ dz": "x.T @ (dh @ W_2 * (1 - h**2))"},
)
backward.mistake(
    "the biases are summed over the units",
    "A bias gets a share from every example: the sum runs over axis 0.",
    {"axis=0": "axis=1, keepdims=True"},
    {"axis=0": "axis=1"},
)
backward.mistake(
    "the biases have an axis too many",
    "b_1 is a vector, and so is its gradient: no keepdims.",
    {"axis=0": "axis=0, keepdims=True"},
)
backward.mistake(
    "the loss is a sum over the examples, not a mean",
    "Dividing by N belongs to a loss that has been divided by N.",
    {"y - t": "(y - t) / len(x)"},
)
backward.mistake(
    "that is the gradient of the mean of the squares",
    "torch.nn.MSELoss is that mean, and its derivative is 2 (y − t) / (N d_out). Asked is half of "
    "the sum, whose derivative is y − t.",
    {"y - t": "2 * (y - t) / y.size"},
)
backward.mistake(
    "only the biases are averaged",
    "All four are sums over the examples; a matrix product sums as well.",
    {".sum(": ".mean("},
)
backward.mistake(
    "the ½ in the loss cancels the 2",
    "The derivative of ½(y − t)² is y − t.",
    {"y - t": "2 * (y - t)"},
)
backward.mistake(
    "the gradients are in another order",
    "Return them in the order W_1, b_1, W_2, b_2.",
    {
        "x.T @ dz, dz.sum(axis=0), ": "",
        "dy.sum(axis=0)": "dy.sum(axis=0), x.T @ dz, dz.sum(axis=0)",
    },
)
backward.mistake(
    *faults.double(
        {"y - t": "np.float64(1) * (y - t)", "h.T @": "h.astype(float).T @"},
        "np.zeros(shape) and np.array of Python numbers are float64: start from "
        "np.zeros_like(W_1).",
    )
)


# 7 ---------------------------------------------------------------------------------------------


def _deep_inputs(seed, num_layers, N=4, d=6, scale=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    layers = scale * rng.standard_normal((num_layers, d, d)) / math.sqrt(d)
    x, grad_output = rng.standard_normal((2, N, d))
    return tuple(array.astype(dtype) for array in (x, layers, grad_output))


def _deep_cases():
    return [
        Case("one layer", _deep_inputs(1, 1)),
        Case("two layers", _deep_inputs(2, 2)),
        Case("three layers", _deep_inputs(3, 3)),
        Case("seven layers", _deep_inputs(4, 7, N=3, d=2)),
        Case("as many tokens as features", _deep_inputs(6, 2, N=5, d=5)),
        Case("units that are nearly flat", _deep_inputs(7, 3, scale=3.0)),
        Case(
            "single precision", _deep_inputs(8, 3, dtype=np.float32), rtol=1e-3, atol=1e-4
        ),
    ]  # fmt: skip


@function_exercise(
    title="Make the layers real",
    difficulty="hard",
    minutes=25,
    cases=_deep_cases,
    hints=[
        "On the way forward, keep what each layer was given. On the way back you need it.",
        "Through x + tanh(xW) the gradient comes back on two ways: as it is, and through the tanh.",
        "zip(reversed(inputs), reversed(layers)) walks from the last layer to the first; the "
        "gradients you collect on the way stand in the wrong order.",
        "np.zeros_like(layers) has the dtype of layers; np.zeros(layers.shape) is float64.",
    ],
)
def deep(x, layers, grad_output):
    """Return the output of a deep network and the gradient of sum(output * grad_output).

    The network is x ← x + tanh(x W) for each matrix W of layers in turn. Shapes: x and
    grad_output (N, d), layers (num_layers, d, d). Return a tuple: the output, (N, d), and the
    gradient with respect to layers, (num_layers, d, d), both in the dtype of layers.
    """
    inputs = [x]
    for W in layers:
        inputs.append(inputs[-1] + np.tanh(inputs[-1] @ W))
    gradient = np.zeros_like(layers)
    for number in reversed(range(len(layers))):
        h = np.tanh(inputs[number] @ layers[number])
        grad_z = grad_output * (1 - h**2)
        gradient[number] = inputs[number].T @ grad_z
        grad_output = grad_output + grad_z @ layers[number].T
    return inputs[-1], gradient


_AROUND = "grad_output + grad_z"

deep.mistake(
    "the number of layers is stored and not used",
    "This is the network of one layer, whatever is asked for. Loop over layers.",
    {"in layers": "in layers[:1]", "range(len(layers))": "range(1)"},
)
deep.mistake(
    *faults.double(
        {"np.zeros_like(layers)": "np.zeros(layers.shape)"},
        "np.zeros(layers.shape) is float64: start from np.zeros_like(layers).",
    )
)
deep.mistake(
    "the first layer is used again and again",
    "Each layer has a matrix of its own, and a gradient of its own.",
    {"inputs = [x]": "layers = np.repeat(layers[:1], len(layers), axis=0)\n    inputs = [x]"},
)
deep.mistake(
    "the way around the layer is missing on the way back",
    "x + tanh(xW) hands the gradient back as it is, plus what comes through the tanh.",
    {_AROUND: "grad_z"},
)
deep.mistake(
    "there is no residual connection",
    "The layer adds to its input: x + tanh(xW), not tanh(xW).",
    {"inputs[-1] + np.tanh": "np.tanh", _AROUND: "grad_z"},
)
deep.mistake(
    "the gradients are in the order of the way back",
    "The first gradient belongs to the first layer.",
    {"[-1], gradient": "[-1], gradient[::-1].copy()"},
)
deep.mistake(
    "every layer was given the same gradient",
    "What a layer gets is what the layer behind it hands back.",
    {f"{_AROUND} @ layers[number].T": "grad_output"},
)
deep.mistake(
    "every layer is taken to have had the first input",
    "A layer's gradient is made with what that layer was given. Keep the inputs.",
    {"inputs[number].T": "inputs[0].T"},
)
deep.mistake(
    "the derivative of tanh is missing",
    "Between the output of a layer and x W stands 1 − tanh².",
    {" * (1 - h**2)": ""},
)
deep.mistake(
    "the derivative is taken from the output of the layer",
    "The output is x + tanh(xW). The derivative needs the tanh alone.",
    {"h**2": "inputs[number + 1] ** 2"},
)
deep.mistake(
    "the matrix is not transposed on the way back",
    "Forwards x meets W, backwards the gradient meets Wᵀ.",
    {"layers[number].T": "layers[number]"},
)
deep.mistake(
    "the way around the layer is counted twice",
    "The input of a layer is added once, so its gradient comes back once: grad + grad_z Wᵀ.",
    {_AROUND: f"2 * {_AROUND}"},
)


# 8 ---------------------------------------------------------------------------------------------


def _layer_inputs(seed, n=5, d_model=6, d_k=4, d_v=3, scale=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    W = new_layer(d_model, d_k, d_v=d_v, rng=rng)
    x, grad_output = rng.standard_normal((2, n, d_model))
    arrays = (x, scale * W["W_q"], W["W_k"], W["W_v"], W["W_o"], grad_output)
    return tuple(array.astype(dtype) for array in arrays)


def _saturated():
    """The first token is a hundred times as long: its row of weights is 0 and 1."""
    x, *others = _layer_inputs(3)
    return (x * np.array([[100.0], [1], [1], [1], [1]]), *others)


def _unlike():
    """Scores from -461 to 650: no exponential overflows, and the rows are 900 apart."""
    _, _, _, W_v, W_o, grad_output = _layer_inputs(9, n=4, d_model=2, d_k=1)
    x = np.array([[1.0, 1.0], [-0.9, 1.0], [0.4, 1.0], [-0.2, 1.0]])
    return x, np.array([[450.0], [50.0]]), np.array([[0.3], [1.0]]), W_v, W_o, grad_output


def _low():
    """All scores about -1000: the first feature of each token is 1, and lowers them."""
    x, W_q, W_k, *others = _layer_inputs(10)
    x[:, 0], W_q[0, 0], W_k[:, 0] = 1.0, 2000.0, 0.0
    W_k[0, 0] = -1.0
    return x, W_q, W_k, *others


def _layer_cases():
    return [
        Case("five tokens", _layer_inputs(1), atol=1e-12),
        Case("other sizes", _layer_inputs(2, n=3, d_model=2, d_k=5, d_v=7), atol=1e-12),
        Case("a saturated row", _saturated(), rtol=1e-8, atol=1e-10),
        Case("scores of ten thousand", _layer_inputs(4, scale=1e4), rtol=1e-8, atol=1e-7),
        Case("scores that are all low", _low(), rtol=1e-8, atol=1e-9),
        Case("rows of very unlike scores", _unlike(), rtol=1e-8, atol=1e-9),
        Case("one token", _layer_inputs(5, n=1), atol=1e-14),
        Case("all sizes equal", _layer_inputs(6, n=4, d_model=4, d_k=4, d_v=4), atol=1e-12),
        Case("one key feature", _layer_inputs(7, n=4, d_k=1, d_v=2), atol=1e-12),
        Case("single precision", _layer_inputs(8, dtype=np.float32), rtol=1e-3, atol=1e-5),
    ]


@function_exercise(
    title="Every derivative of an attention layer",
    difficulty="hard",
    minutes=40,
    cases=_layer_cases,
    hints=[
        "Go forward first and keep q, k, v, the weights and their averages of v.",
        "W_o met the averages: its gradient is averages.T @ grad_output. And what reaches the "
        "averages is grad_output @ W_o.T.",
        "From there it is the backward pass of scaled dot-product attention: v, the weights, "
        "the softmax row by row, the scores with their 1/√d_k, q and k.",
        "x was used three times. Its gradient is a sum of three products.",
        "np.sqrt of an integer is a float64 array scalar and turns float32 into float64; "
        "math.sqrt gives a plain Python number, which does not.",
    ],
)
def layer_backward(x, W_q, W_k, W_v, W_o, grad_output):
    """Return the gradients of sum(output * grad_output) as a tuple: x, W_q, W_k, W_v, W_o.

    The output is softmax(q kᵀ / √d_k) v W_o with q = x W_q, k = x W_k, v = x W_v. Shapes: x and
    grad_output (n, d_model), W_q and W_k (d_model, d_k), W_v (d_model, d_v), W_o (d_v, d_model).
    Scores may be large. The gradients have the dtype of x.
    """
    q, k, v = x @ W_q, x @ W_k, x @ W_v
    scores = q @ k.T / math.sqrt(k.shape[1])
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = weights / weights.sum(axis=1, keepdims=True)

    grad_averages = grad_output @ W_o.T
    grad_v = weights.T @ grad_averages
    grad_weights = grad_averages @ v.T
    mean = (weights * grad_weights).sum(axis=1, keepdims=True)
    grad_scores = weights * (grad_weights - mean) / math.sqrt(k.shape[1])
    grad_q, grad_k = grad_scores @ k, grad_scores.T @ q

    grad_x = grad_q @ W_q.T + grad_k @ W_k.T + grad_v @ W_v.T
    return grad_x, x.T @ grad_q, x.T @ grad_k, x.T @ grad_v, (weights @ v).T @ grad_output


_THROUGH = "weights * (grad_weights - mean)"
_THREE_USES = "x was used three times: as queries, keys and values."

layer_backward.mistake(
    "the Jacobian of the softmax is taken as diagonal",
    "α(1 − α) is only its diagonal. Raising one score lowers all other weights: "
    "diag(α) − α αᵀ, row by row.",
    {_THROUGH: "weights * (1 - weights) * grad_weights"},
)
layer_backward.mistake(
    *faults.double(
        {"math.sqrt": "np.sqrt"},
        "Something in it is float64: np.sqrt of a Python integer is (use math.sqrt), and so is "
        "np.zeros without a dtype.",
    )
)
layer_backward.mistake(
    "the Jacobian of the softmax is missing",
    "Between the weights and the scores stands α (ᾱ − Σ α ᾱ).",
    {_THROUGH: "grad_weights"},
)
layer_backward.mistake(
    "the mean under the weights is not taken away",
    "α ᾱ is half of it; the other half is −α Σ α ᾱ.",
    {" - mean": ""},
)
layer_backward.mistake(
    "the factor 1/√d_k is missing on the way back",
    "The scores were divided by √d_k, so what reaches q and k is as well.",
    {") / math.sqrt(k.shape[1])": ")"},
)
layer_backward.mistake(
    "the factor 1/√d_k is applied twice",
    "Once, where the scores are: both gradients, of q and of k, are made with the same array.",
    {") / math.sqrt(k.shape[1])": ") / k.shape[1]"},
)
layer_backward.mistake(
    "the gradient of the keys is not transposed",
    "Key j collects from all queries i: the sum runs over the rows of the scores.",
    {"grad_scores.T": "grad_scores"},
)
layer_backward.mistake(
    "the weights are not transposed for the values",
    "Value j collects from all queries i: weights.T @ …",
    {"weights.T": "weights"},
)
layer_backward.mistake(
    "x gets no gradient through the values",
    _THREE_USES,
    {" + grad_v @ W_v.T": ""},
)
layer_backward.mistake(
    "x gets no gradient through the keys",
    _THREE_USES,
    {" + grad_k @ W_k.T": ""},
)
layer_backward.mistake(
    "x gets no gradient through the queries",
    _THREE_USES,
    {"grad_q @ W_q.T + ": ""},
)
layer_backward.mistake(
    "x gets a gradient through the values only",
    "The weights depend on x as well, through queries and keys.",
    {"grad_q @ W_q.T + grad_k @ W_k.T + ": ""},
)
layer_backward.mistake(
    "the gradient of W_o is made with v",
    "W_o met the averages of v, weights @ v.",
    {"(weights @ v)": "v"},
)
layer_backward.mistake(
    "the output projection is left out on the way back",
    "What reaches the averages is grad_output @ W_o.T.",
    {" @ W_o.T": ""},
)
layer_backward.mistake(
    "the softmax runs over the queries",
    "The weights of one query sum to 1: axis 1 of the scores.",
    {"max(axis=1": "max(axis=0", "/ weights.sum(axis=1": "/ weights.sum(axis=0"},
)
layer_backward.mistake(
    *faults.no_shift({" - scores.max(axis=1, keepdims=True)": ""}, {"scores.max(": "scores.mean("}),
)
layer_backward.mistake(
    "one maximum was subtracted from all rows",
    "A row far below it underflows to 0/0. Each query needs its own.",
    {"scores.max(axis=1, keepdims=True)": "scores.max()"},
)
layer_backward.mistake(
    *faults.epsilon("weights.sum(axis=1, keepdims=True)"),
)
