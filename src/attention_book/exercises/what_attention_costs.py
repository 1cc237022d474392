"""The exercises on what attention costs."""

import numpy as np

from attention_book.checking import Case, function_exercise, question

PLACE = (4, 4)

# 1 ---------------------------------------------------------------------------------------------


@question(
    title="A layer with a pencil",
    difficulty="easy",
    minutes=10,
    rtol=1e-6,
    hints=[
        "A product of (n, a) and (a, b) takes 2 n a b operations.",
        "Eight heads of 64 are 512 features: a head more does not make the sum larger.",
        "Scores and averages take 4 n² d together, the four projections 8 n d².",
    ],
)
def count_a_layer():
    """Count the operations of multi-head attention over a text.

    The width is 512, with 8 heads of size 64; four matrices of 512 × 512 make queries, keys,
    values and the output. The text has 2048 tokens and no mask. Answer with three whole numbers,
    not rounded: the operations of the four projections; those of scores and weighted averages; and
    the number of tokens at which the two are equal.
    """
    return (4294967296, 8589934592, 1024)


count_a_layer.mistake(
    "a product and its addition count once",
    "Two operations for each pair of numbers: 2 n a b.",
    {0: 2147483648, 1: 4294967296},
)
count_a_layer.mistake(
    "one projection was counted",
    "Queries, keys, values and the output have a matrix each.",
    {0: 1073741824},
)
count_a_layer.mistake(
    "only the scores were counted",
    "The weighted average of the values takes as many operations as the scores.",
    {1: 4294967296},
)
count_a_layer.mistake(
    "the heads were multiplied in twice",
    "The width of 512 is that of all eight heads together.",
    {1: 68719476736},
)
count_a_layer.mistake(
    "the scores do not grow with the square",
    "Each of n queries meets each of n keys.",
    {1: 4194304},
)
count_a_layer.mistake(
    "the two are equal at n = d",
    "8 n d² = 4 n² d. Divide by 4 n d.",
    {2: 512},
)
count_a_layer.mistake(
    "a feed-forward layer was counted",
    "It would move the point to 6 d. Here are the four projections alone.",
    {2: 3072},
)


# 2 ---------------------------------------------------------------------------------------------


@question(
    title="Which of the two binds",
    difficulty="easy",
    minutes=10,
    rtol=0.001,
    hints=[
        "The weights are 20 GB. They are read once for a step, however many texts there are.",
        "Each text has a cache of its own. One text: 21 GB in all.",
        "A text takes 2 · 10¹⁰ operations, 0.2 ms. How many of them last as long as 20 GB?",
    ],
)
def which_binds():
    """Find the least time of a step on a machine of two numbers.

    A machine computes 10¹⁴ operations a second and moves 10¹² bytes a second. A model has 10¹⁰
    weights of two bytes, and a token is multiplied with all of them; the cache of each text has
    10⁹ bytes, and what attention computes may be neglected. Answer with three numbers: the least
    milliseconds of a step for one text; the same for 16 texts; and the number of texts at which
    computing and moving take equally long, if there is no cache to be read.
    """
    return (21.0, 36.0, 100.0)


which_binds.mistake(
    "a weight has one byte",
    "Two bytes: the weights are 20 GB.",
    {0: 11.0, 1: 26.0, 2: 50.0},
)
which_binds.mistake(
    "the texts share one cache",
    "Each of the 16 has its own GB.",
    {1: 21.0},
)
which_binds.mistake(
    "the weights are read again for each text",
    "They are read once for all texts of the batch: that is what a batch is for.",
    {1: 336.0},
)
which_binds.mistake(
    "operations bind",
    "0.2 ms for computing are over long before 20 GB have been moved.",
    {0: 0.2, 1: 3.2},
)
which_binds.mistake(
    "the two times are added",
    "The least time is the longer of the two: one can compute while bytes arrive.",
    {0: 21.2, 1: 39.2},
)
which_binds.mistake(
    "the cache was left out",
    "Attention reads all of it in each step.",
    {0: 20.0, 1: 20.0},
)
which_binds.mistake(
    "a weight takes one operation for each text",
    "A product and an addition: two.",
    {2: 200.0},
)
which_binds.mistake(
    "the time was divided among the texts",
    "Asked is the time of the step, which writes a token to each of them.",
    {1: 2.25},
)
which_binds.mistake(
    "the answer is in seconds",
    "Asked are milliseconds.",
    {0: 0.021, 1: 0.036},
)


# 3 ---------------------------------------------------------------------------------------------


@question(
    title="Bytes of four steps, and of one",
    difficulty="medium",
    minutes=15,
    rtol=1e-4,
    hints=[
        "The first product reads 2 n d numbers and writes n².",
        "Division and softmax read and write n² each. The last product reads n² + n d, writes n d.",
        "The operations are the same, so the intensities are as the numbers that are moved.",
    ],
)
def moved_by_hand():
    """Count the numbers that attention moves, in steps and in one kernel.

    There are 1024 queries, keys and values of size 64, in one head without a mask. First four
    operations run one after the other, and each reads its arguments and writes its result: the
    product q kᵀ, the division by √d, the softmax, the product with v. Then one kernel reads q, k
    and v and writes the output. Answer with three numbers: the numbers moved in four steps, those
    moved by the kernel, and how many times greater the kernel's operations for each byte are, if
    both compute the same.
    """
    return (6553600, 262144, 25.0)


moved_by_hand.mistake(
    "results are not counted",
    "What an operation returns is written, and moved as well.",
    {0: 3342336, 1: 196608, 2: 17.0},
)
moved_by_hand.mistake(
    "the scores were counted once",
    "They are written, read and written, read and written, and read: six times.",
    {0: 1310720, 2: 5.0},
)
moved_by_hand.mistake(
    "the division is free",
    "It reads all n² scores and writes them again.",
    {0: 4456448, 2: 17.0},
)
moved_by_hand.mistake(
    "bytes were counted",
    "Asked are numbers, whatever their size.",
    {0: 26214400, 1: 1048576},
)
moved_by_hand.mistake(
    "the kernel writes the scores",
    "It keeps a tile of them where it computes, and writes the output alone.",
    {1: 1310720, 2: 5.0},
)
moved_by_hand.mistake(
    "the ratio is upside down",
    "Fewer bytes for the same operations: more operations for each byte.",
    {2: 0.04},
)


# 4 ---------------------------------------------------------------------------------------------


def _count_cases():
    return [
        Case("a prompt", (7, 0, 4, 100)),
        Case("one step after nine", (1, 9, 4, 100)),
        Case("three tokens after five", (3, 5, 6, 100)),
        Case("a window of four", (9, 0, 5, 4)),
        Case("a step in a window of four", (1, 30, 5, 4)),
        Case("a window that fills up", (5, 2, 3, 4)),
        Case("a window of one", (6, 2, 3, 1)),
    ]


@function_exercise(
    title="Operations under a mask",
    difficulty="medium",
    minutes=15,
    cases=_count_cases,
    hints=[
        "New token i, counted from 1, has kept + i tokens up to itself.",
        "With a window it sees at most that many, itself included.",
        "For each pair there is a score, 2 d operations, and a share of the average, 2 d more.",
    ],
)
def attention_operations(n, kept, d, window):
    """Return the operations of scores and averages of n new tokens, under a causal mask.

    ``kept`` tokens stand before them in the cache. A token sees itself and what comes before it,
    ``window`` tokens at most. One head of size d; what the softmax computes is not counted.
    """
    seen = np.minimum(kept + np.arange(1, n + 1), window)
    return 4 * d * seen.sum()


attention_operations.mistake(
    "every pair is counted",
    "The mask hides what comes later: token i has kept + i tokens up to itself.",
    lambda n, kept, d, window: 4 * d * n * min(kept + n, window),
)
attention_operations.mistake(
    "the new tokens do not see themselves",
    "Each sees itself, too.",
    {"np.arange(1, n + 1)": "np.arange(n)"},
)
attention_operations.mistake(
    "half of the square was taken",
    "The diagonal is there in full: n (n + 1) / 2 pairs.",
    lambda n, kept, d, window: 4 * d * (n * kept + n * n // 2),
)
attention_operations.mistake(
    "the kept tokens were left out",
    "They are what a step reads.",
    {"kept + np.arange(1, n + 1)": "np.arange(1, n + 1)"},
)
attention_operations.mistake(
    "the window is not used",
    "A token sees at most that many.",
    {"np.minimum(kept + np.arange(1, n + 1), window)": "kept + np.arange(1, n + 1)"},
)
attention_operations.mistake(
    "the window is laid over the kept tokens alone",
    "What a token sees of the new ones counts, too: kept + i tokens, and of them the window.",
    {"np.minimum(kept + np.arange(1, n + 1), window)": "min(kept, window) + np.arange(1, n + 1)"},
)
attention_operations.mistake(
    "the window does not count the token itself",
    "A window of 4 is the token and three before it.",
    {"n + 1), window)": "n + 1), window + 1)"},
)
attention_operations.mistake(
    "only the scores were counted",
    "The average of the values takes as many.",
    {"4 * d": "2 * d"},
)
attention_operations.mistake(
    "the operations of the last token alone",
    "Sum over the new tokens.",
    {"seen.sum()": "seen[-1]"},
)


# 5 ---------------------------------------------------------------------------------------------


def _exponent_cases():
    rng = np.random.default_rng(0)
    sizes = np.array([64.0, 128.0, 256.0, 1024.0])
    noisy = sizes**1.7 * np.exp(0.3 * rng.standard_normal(4))
    return [
        Case("a square", (sizes, 3 * sizes**2)),
        Case("nothing grows", (sizes, np.full(4, 7.0)), atol=1e-9),
        Case("it falls", (sizes, 5 / sizes)),
        Case("two sizes", (np.array([10.0, 1000.0]), np.array([2.0, 30.0]))),
        Case("with noise", (sizes, noisy)),
        Case("in another order", (sizes[::-1].copy(), noisy[::-1].copy())),
        Case("in small units", (sizes, 1e-9 * noisy)),
    ]


@function_exercise(
    title="The exponent",
    difficulty="medium",
    minutes=15,
    cases=_exponent_cases,
    hints=[
        "If values are c · sizesᵖ, their logarithm is log c + p · log sizes: a line.",
        "The slope of the best line is Σ (x − x̄) y / Σ (x − x̄)².",
        "Use all points: the two ends alone have all of their noise.",
    ],
)
def exponent(sizes, values):
    """Return the power of the size with which values grow: a line fitted to both logarithms.

    Shapes: sizes and values (n,), positive. Least squares, all points alike.
    """
    x = np.log(sizes)
    x = x - x.mean()
    return x @ np.log(values) / (x @ x)


exponent.mistake(
    "the values have no logarithm",
    "A power is a line only if both have one.",
    {"np.log(values)": "values"},
)
exponent.mistake(
    "the sizes have no logarithm",
    "A power is a line only if both have one.",
    {"np.log(sizes)": "sizes"},
)
exponent.mistake(
    "the line is made to go through the origin",
    "Take the mean away from the logarithms: the factor in front of the power is free.",
    {"x - x.mean()": "x"},
)
exponent.mistake(
    "two points were used",
    "Between the two ends lie more points: fit to all.",
    lambda sizes, values: np.log(values[-1] / values[0]) / np.log(sizes[-1] / sizes[0]),
)
exponent.mistake(
    "the slope is upside down",
    "The values grow with the sizes, not the sizes with the values.",
    {"x @ np.log(values) / (x @ x)": "(x @ x) / (x @ np.log(values))"},
)
exponent.mistake(
    "a mean of the slopes between neighbours",
    "That weights a step by nothing: fit one line to all points.",
    lambda sizes, values: np.mean(np.diff(np.log(values)) / np.diff(np.log(sizes))),
)
exponent.mistake(
    "it is not divided by the spread of the sizes",
    "The slope is Σ (x − x̄) y / Σ (x − x̄)².",
    {" / (x @ x)": ""},
)


# 6 ---------------------------------------------------------------------------------------------


def _seconds_cases():
    return [
        Case("one text", (7e9, 5e8, 1, 1e15, 3e12)),
        Case("many texts without a cache", (7e9, 0.0, 600, 1e15, 3e12)),
        Case("many texts with long caches", (7e9, 5e8, 600, 1e15, 3e12)),
        Case("eight texts", (7e9, 5e8, 8, 1e15, 3e12)),
        Case("a machine that computes slowly", (7e9, 5e8, 3, 1e11, 3e12)),
    ]


@function_exercise(
    title="Erratum: the least time of a step",
    difficulty="medium",
    minutes=15,
    cases=_seconds_cases,
    hints=[
        "How often are the weights read in one step of a batch?",
        "Which of the numbers belongs to each text, and which to all of them?",
        "A machine computes while bytes arrive. A lower bound is the longer of the two.",
    ],
)
def least_seconds(weights, cache, batch, peak, bandwidth):
    """Return the least time of a step that writes a token to each text of a batch.

    ``weights`` are the numbers that each token is multiplied with, ``cache`` those that one text
    has kept, both of two bytes; ``peak`` is in operations a second, ``bandwidth`` in bytes a
    second. What attention computes itself is not counted.
    """
    computing = 2 * weights * batch / peak
    moving = 2 * (weights + batch * cache) / bandwidth
    return max(computing, moving)


_MOVED = "2 * (weights + batch * cache)"

least_seconds.mistake(
    "it is the program of the exercise",
    "Both faults are still there: the weights are read for each text, and the times are added.",
    {_MOVED: "2 * batch * (weights + cache)", "max(computing, moving)": "computing + moving"},
)
least_seconds.mistake(
    "the weights are read for each text",
    "They are read once: all texts of the batch are multiplied with them while they are there.",
    {_MOVED: "2 * batch * (weights + cache)"},
)
least_seconds.mistake(
    "the times are added",
    "A lower bound is the longer of the two.",
    {"max(computing, moving)": "computing + moving"},
)
least_seconds.mistake(
    "the shorter time was taken",
    "A step is over when both are done.",
    {"max(computing, moving)": "min(computing, moving)"},
)
least_seconds.mistake(
    "one cache for all",
    "Each text has a cache of its own.",
    {_MOVED: "2 * (weights + cache)"},
)
least_seconds.mistake(
    "the cache was left out",
    "Attention reads it in each step.",
    {_MOVED: "2 * weights"},
)
least_seconds.mistake(
    "a number has one byte",
    "Both are kept in two bytes.",
    {_MOVED: "(weights + batch * cache)"},
)
least_seconds.mistake(
    "one operation for each weight",
    "A product and an addition.",
    {"2 * weights * batch / peak": "weights * batch / peak"},
)
least_seconds.mistake(
    "the cache was left out where it is decided what binds",
    "Compare both times. The ridge decides for all bytes together, not for the weights alone.",
    {"max(computing, moving)": "computing if batch > peak / bandwidth else moving"},
)
least_seconds.mistake(
    "weights and caches are read at the same time",
    "They come from one memory: add their bytes.",
    {_MOVED: "2 * max(weights, batch * cache)"},
)
least_seconds.mistake(
    "it is the time for each text",
    "Asked is the time of the step, which writes a token to each of them.",
    {"max(computing, moving)": "max(computing, moving) / batch"},
)
least_seconds.mistake(
    "one token is computed",
    "Each text of the batch has a token of its own.",
    {"2 * weights * batch / peak": "2 * weights / peak"},
)
