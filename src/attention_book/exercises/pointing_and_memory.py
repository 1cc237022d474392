"""The exercises on pointing, copying, listening and remembering."""

import itertools

import numpy as np

from attention_book.checking import Case, faults, function_exercise, question

PLACE = (2, 2)

# 1 ---------------------------------------------------------------------------------------------


@question(
    title="The chance of an order",
    difficulty="easy",
    minutes=5,
    rtol=0.005,
    hints=[
        "Exponentials of ln 2, ln 5 and ln 3 are 2, 5 and 3. What is their sum?",
        "At the second step position 1 is masked. Only 2 and 3 are left to share the weight.",
        "The chance of the whole answer is the product over its steps.",
    ],
)
def chances():
    """Follow a pointer network through three steps.

    Three positions have the scores ln 2, ln 5 and ln 3 at every step, and a position is used
    once. Answer with four numbers: the probability of each step of the answer 1, 2, 0, and that
    of the whole answer.
    """
    return (0.5, 0.6, 1.0, 0.3)


chances.mistake(
    "used positions have kept their weight",
    "After a step has pointed at a position, the mask takes it away, and the others share all the "
    "weight.",
    {1: 0.3, 2: 0.2, 3: 0.03},
)
chances.mistake(
    "the steps are added, not multiplied",
    "All three must happen, one after the other: the chain rule multiplies.",
    {3: 2.1},
    lambda answer: answer[3] > 1 and abs(answer[3] - sum(answer[:3])) < 0.01,
)
chances.mistake(
    "the average of the steps is given for the whole",
    "The chance that all three steps happen is not larger than that of any of them.",
    {3: 0.7},
)
chances.mistake(
    "the scores are taken for the weights",
    "A weight is exp(score), divided by the sum. The logarithm of 5 is not 5.",
    {0: 0.4732, 1: 0.6131, 3: 0.2901},
)
chances.mistake(
    "the last step is thought to have a choice",
    "One position is left. A softmax over a single score is 1.",
    {2: 0.2, 3: 0.06},
)
chances.mistake(
    "position 1 was masked from the start",
    "The first step may point anywhere: 2, 5 and 3 share the weight.",
    {0: 0.6},
    lambda answer: abs(answer[0] - 0.6) < 0.01,
)
chances.mistake(
    "the other order was followed",
    "The answer is 1, 2, 0: the second step points at position 2, whose exponential is 3.",
    {1: 0.4, 3: 0.2},
)


# 2 ---------------------------------------------------------------------------------------------


def _mixture_inputs(seed, L=3, S=6, G=5, extra=2, dtype=np.float64, tokens=None):
    rng = np.random.default_rng(seed)
    generated = rng.dirichlet(np.ones(G), L).astype(dtype)
    weights = rng.dirichlet(np.ones(S), L).astype(dtype)
    tokens = rng.integers(0, G + extra, S) if tokens is None else np.array(tokens)
    return generated, weights, tokens, rng.random(L).astype(dtype), G + extra


def _mixture_cases():
    return [
        Case("a word that stands twice", _mixture_inputs(0, tokens=[2, 0, 6, 2, 5, 1])),
        Case("each word once", _mixture_inputs(1, tokens=[2, 0, 6, 3, 5, 1])),
        Case("one word everywhere", _mixture_inputs(2, S=4, tokens=[3, 3, 3, 3])),
        Case("more steps than words", _mixture_inputs(3, L=9, S=4, G=4, extra=1)),
        Case("nothing out of vocabulary", _mixture_inputs(4, extra=0)),
        Case("one step", _mixture_inputs(5, L=1, S=8)),
        Case("single precision", _mixture_inputs(6, dtype=np.float32), rtol=1e-5),
    ]


@function_exercise(
    title="A mixture of two writers",
    difficulty="medium",
    minutes=15,
    cases=_mixture_cases,
    hints=[
        "Begin with zeros of the shape (L, V), in the dtype of generated.",
        "The decoder's words are the first G of the V: its part goes into [:, :G].",
        "result[:, tokens] += … adds once for each different word. Go through the positions, or "
        "use np.add.at.",
        "p_gen has one number for each step: p_gen[:, None] * generated.",
    ],
)
def mixture(generated, weights, tokens, p_gen, V):
    """Return the distribution of a pointer-generator over V words, (L, V).

    Shapes: generated (L, G) over the vocabulary, weights (L, S), tokens (S,) integers from 0 to
    V - 1, p_gen (L,), V an integer of at least G. A step writes with probability p_gen and copies
    otherwise. The result has the dtype of generated.
    """
    result = np.zeros((len(generated), V), generated.dtype)
    result[:, : generated.shape[1]] = p_gen[:, None] * generated
    for j, token in enumerate(tokens):
        result[:, token] += (1 - p_gen) * weights[:, j]
    return result


mixture.mistake(
    "of a word that stands twice only the last weight counts",
    "The second weight is written over the first. Add them up.",
    {"result[:, token] += (1 - p_gen) * weights[:, j]":
     "result[:, token] = p_gen * (generated[:, token] if token < generated.shape[1] else 0)"
     " + (1 - p_gen) * weights[:, j]"},
)  # fmt: skip
mixture.mistake(
    "what is copied replaces what is written",
    "A word can come from both writers. Its two parts are added.",
    {"result[:, token] += (1 - p_gen) * weights[:, j]":
     "result[:, token] = (1 - p_gen) * weights[:, tokens == token].sum(axis=1)"},
)  # fmt: skip
mixture.mistake(
    "the two shares are exchanged",
    "p_gen is the share of the decoder, 1 - p_gen that of the copies.",
    {"p_gen[:, None] *": "(1 - p_gen[:, None]) *", "(1 - p_gen) * weights": "p_gen * weights"},
)
mixture.mistake(
    "the copies have not been given their share",
    "Added as they come, the two distributions sum to more than 1.",
    {"(1 - p_gen) * weights": "weights"},
)
mixture.mistake(
    "the decoder has not been given its share",
    "Its distribution sums to 1 before the copies come. Multiply it by p_gen.",
    {"p_gen[:, None] * generated": "generated"},
)
mixture.mistake(
    "words outside the vocabulary are not copied",
    "They are the reason to copy at all: numbers from G on.",
    {"for j, token in enumerate(tokens):":
     "for j, token in enumerate(tokens):\n"
     "        if token >= generated.shape[1]:\n            continue"},
)  # fmt: skip
mixture.mistake(
    "the steps share one p_gen",
    "Each step has its own.",
    {"p_gen[:, None] *": "p_gen.mean() *", "(1 - p_gen) *": "(1 - p_gen.mean()) *"},
)
mixture.mistake(
    "a word gets its mean weight",
    "It is chosen at either place: the chances add up.",
    {"weights[:, j]": "weights[:, j] / (tokens == token).sum()"},
)
mixture.mistake(
    "the result was divided by its sum",
    "It sums to 1 already, as long as both parts do.",
    lambda *a: (r := mixture.solve(*a)[:, : len(a[0][0])]) / r.sum(axis=1, keepdims=True),
)


# 3 ---------------------------------------------------------------------------------------------


def _feature_inputs(seed, S=7, R=4, W=3, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(S)).astype(dtype), rng.standard_normal((R, W)).astype(dtype)


def _feature_cases():
    _, filters = _feature_inputs(6)
    return [
        Case("seven positions, four filters of width 3", _feature_inputs(0)),
        Case("filters of width 5", _feature_inputs(1, W=5)),
        Case("filters of width 1", _feature_inputs(2, W=1)),
        Case("filters wider than the recording", _feature_inputs(3, S=3, W=9)),
        Case("one filter", _feature_inputs(4, R=1, S=6)),
        Case("all the weight at the end", (np.eye(7)[6], filters)),
        Case("single precision", _feature_inputs(5, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="What was around each position",
    difficulty="medium",
    minutes=15,
    cases=_feature_cases,
    hints=[
        "Position j sees the weights at j - W//2, …, j + W//2. What stands beyond the ends?",
        "np.pad(previous, W // 2) puts zeros there, on both sides.",
        "In the padded row the window of position j begins at j: padded[m : m + S] is what entry "
        "m of a filter meets.",
    ],
)
def features(previous, filters):
    """Return the location features f_jr = Σ_m F_rm α_{j + m - W//2}, (S, R).

    Shapes: previous (S,), the weights of the step before; filters (R, W), W odd. Beyond the ends
    the weights are 0. The result has the dtype of previous.
    """
    S, W = len(previous), filters.shape[1]
    padded = np.pad(previous, (W // 2, W // 2))
    around = np.stack([padded[m : m + S] for m in range(W)], axis=-1)
    return around @ filters.T


features.mistake(
    "the filters are turned round",
    "np.convolve turns its filter. In this formula entry m meets position j + m - W//2: m = 0 is "
    "on the left.",
    {"filters.T": "filters[:, ::-1].T"},
)
features.mistake(
    "each position sees what lies behind it only",
    "All the zeros are on the left. A centred filter needs W//2 on each side.",
    {"(W // 2, W // 2)": "(W - 1, 0)"},
)
features.mistake(
    "each position sees what lies ahead only",
    "All the zeros are on the right. A centred filter needs W//2 on each side.",
    {"(W // 2, W // 2)": "(0, W - 1)"},
)
features.mistake(
    "the recording was closed to a ring",
    "Behind the last position comes nothing. The ring belongs to the neural Turing machine.",
    {"(W // 2, W // 2)": "(W // 2, W // 2), mode='wrap'"},
)
features.mistake(
    "the ends are continued with their own weight",
    "What lies beyond an end was never looked at: 0.",
    {"(W // 2, W // 2)": "(W // 2, W // 2), mode='edge'"},
)
features.mistake(
    "filters and positions have changed places",
    "Each position has R features: shape (S, R). PyTorch's convolution has them the other way.",
    {"around @ filters.T": "(around @ filters.T).T"},
)
features.mistake(
    "positions were lost at the ends",
    "Without zeros at the ends a filter fits in fewer places. Every position needs its features.",
    {"(W // 2, W // 2)": "0", "m : m + S]": "m : m + S - W + 1]"},
)
features.mistake(
    "the features were weighed once more",
    "The weights of the step before are what the filters see, and nothing else.",
    {"around @ filters.T": "around @ filters.T * previous[:, None]"},
)
features.mistake(
    "the filters were added up",
    "Each filter makes a feature of its own.",
    {"around @ filters.T": "(around @ filters.T).sum(axis=-1)"},
)


# 4 ---------------------------------------------------------------------------------------------


def _step_inputs(seed, B=2, S=6, dtype=np.float64):
    rng = np.random.default_rng(seed)
    previous = rng.dirichlet(np.ones(S), B) * rng.uniform(0.5, 1, (B, 1))
    return rng.uniform(0.1, 0.9, (B, S)).astype(dtype), previous.astype(dtype)


def _step_cases():
    p, previous = _step_inputs(4)
    certain = p.copy()
    certain[0, 2], certain[1, :2] = 1.0, 0.0
    return [
        Case("two rows of six positions", _step_inputs(0)),
        Case("the first step: it begins at position 0", (p, np.eye(6)[[0, 0]])),
        Case("it begins at position 3", (p, np.eye(6)[[3, 3]])),
        Case("other sizes", _step_inputs(1, B=3, S=4)),
        Case("one position", _step_inputs(2, S=1)),
        Case("probabilities of 0 and 1", (certain, previous)),
        Case("every probability is 1", (np.ones((2, 6)), previous)),
        Case("a long recording", (np.full((1, 800), 0.9), np.full((1, 800), 1 / 800))),
        Case("single precision", _step_inputs(3, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="Erratum: one position too far",
    difficulty="medium",
    minutes=20,
    cases=_step_cases,
    hints=[
        "Whoever started at k and stops at j has gone on at k, …, j - 1. The product must not "
        "contain j.",
        "If some p_j is 1, the product is 0 from there on, and the quotient is 0/0. The recurrence "
        "needs no quotient.",
        "q_j = previous_j + (1 - p_{j-1}) q_{j-1}, and the weight is p_j q_j.",
    ],
)
def step(p, previous):
    """Return the weights of one step of monotonic attention, (B, S).

    Shapes: p (B, S), the probabilities to stop, from 0 to 1; previous (B, S), the weights of the
    step before, whose sum may be below 1. The result has the dtype of p.
    """
    looks = previous.copy()
    for j in range(1, p.shape[1]):
        looks[:, j] += (1 - p[:, j - 1]) * looks[:, j - 1]
    return p * looks


def _quotient(p, previous, *, exclusive):
    stays = np.cumprod(1 - p, axis=-1)
    if exclusive:
        stays = np.concatenate([np.ones_like(stays[:, :1]), stays[:, :-1]], axis=1)
    return p * stays * np.cumsum(previous / np.clip(stays, 1e-10, 1), axis=-1)


step.mistake(
    "it is still the program of the task",
    "Its product contains position j itself, and where p is 1 it divides 0 by 0, held off by a "
    "clip.",
    lambda p, previous: _quotient(p, previous, exclusive=False),
)
step.mistake(
    "the product is right, the quotient still fails",
    "Behind a p of 1 the product is 0 and the weights are lost, and in a long recording it "
    "underflows. Use the recurrence.",
    lambda p, previous: _quotient(p, previous, exclusive=True),
)
step.mistake(
    "the product still contains position j",
    "Whoever stops at j did not go on at j: the factor is 1 - p at j - 1.",
    {"(1 - p[:, j - 1])": "(1 - p[:, j])"},
)
step.mistake(
    "it forgets where the step before stopped",
    "The reader starts where it was, which is given by previous, not at position 0.",
    {"looks = previous.copy()": "looks = np.zeros_like(p); looks[:, 0] = 1"},
)
step.mistake(
    "that is the chance to look, not to stop",
    "q_j says that the reader looks at j. It stops there with p_j.",
    {"p * looks": "looks"},
)
step.mistake(
    "the weights were made to sum to 1",
    "What is missing has run off the end. Divided by its sum it would come back.",
    {"return p * looks": "alpha = p * looks\n    return alpha / alpha.sum(axis=1, keepdims=True)"},
)
step.mistake(
    "a step may not stay where it was",
    "The step before stopped at j; this one looks at j first, and may stop there again.",
    {"looks = previous.copy()": "looks = np.pad(previous[:, :-1], ((0, 0), (1, 0)))"},
)
step.mistake(
    "the reader that stopped goes on all the same",
    "Only who did not stop at j - 1 looks at j next.",
    {"(1 - p[:, j - 1]) *": ""},
)
step.mistake(
    "stopping and going on are exchanged",
    "p is the probability to stop; 1 - p goes on.",
    {"(1 - p[:, j - 1])": "p[:, j - 1]"},
)


# 5 ---------------------------------------------------------------------------------------------


def _ask_inputs(seed, N=3, S=5, d=4, scale=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    u, memory = rng.standard_normal(d), rng.standard_normal((N, S, d))
    return (scale * u).astype(dtype), memory.astype(dtype)


def _ask_cases():
    return [
        Case("two hops through five facts", _ask_inputs(0)),
        Case("one hop", _ask_inputs(1, N=2)),
        Case("no hop", _ask_inputs(2, N=1), rtol=1e-15),
        Case("four hops, other sizes", _ask_inputs(3, N=5, S=3, d=6)),
        Case("one fact", _ask_inputs(4, S=1), rtol=1e-15),
        Case("scores of thousands", _ask_inputs(5, scale=2000.0)),
        Case("single precision", _ask_inputs(6, dtype=np.float32), rtol=1e-4),
    ]


@function_exercise(
    title="Ask again",
    difficulty="medium",
    minutes=15,
    cases=_ask_cases,
    hints=[
        "One hop: the scores of the facts are memory[n] @ u.",
        "The weights average memory[n + 1], not memory[n].",
        "What comes out is added to u, and the next hop asks with the sum.",
        "Subtract the largest score before the exponential.",
    ],
)
def ask(u, memory):
    """Return the question after N - 1 hops through a memory, (d,).

    Shapes: u (d,), memory (N, S, d). Hop n scores with memory[n], with the scale 1, averages
    memory[n + 1], and adds the average to u. The result has the dtype of u, and u is left alone.
    """
    for keys, values in itertools.pairwise(memory):
        scores = keys @ u
        weights = np.exp(scores - scores.max())
        u = u + weights / weights.sum() @ values
    return u


ask.mistake(
    "the question was replaced, not extended",
    "u + average: what was asked must not be forgotten when something is found.",
    {"u = u + weights": "u = weights"},
)
ask.mistake(
    "the keys were averaged",
    "A hop finds with memory[n] and fetches from memory[n + 1].",
    {"@ values": "@ keys"},
)
ask.mistake(
    "every hop asks with the first question",
    "The second hop has to know what the first one found.",
    {"scores = keys @ u": "scores = keys @ first",
     "for keys, values": "first = u\n    for keys, values"},
)  # fmt: skip
ask.mistake(
    "the scores were scaled",
    "Memory networks have the scale 1. The division by √d came with the Transformer.",
    {"keys @ u": "keys @ u / len(u) ** 0.5"},
)
ask.mistake(
    "the softmax is missing",
    "The scores were used as weights: they may be negative and sum to anything.",
    {"weights / weights.sum()": "scores"},
)
ask.mistake(
    "the weights do not sum to 1",
    "Divide the exponentials by their sum.",
    {"weights / weights.sum()": "weights"},
)
ask.mistake(
    "one hop is missing",
    "N embeddings make N - 1 hops.",
    {"pairwise(memory)": "pairwise(memory[:-1])"},
)
ask.mistake(
    "it asks once, whatever N is",
    "Go through all pairs of neighbours, memory[0] and memory[1], memory[1] and memory[2], …",
    {"pairwise(memory)": "pairwise(memory[:2])"},
)
ask.mistake(
    "only the best fact is read",
    "A hop takes the average of all, weighted; a choice would have no gradient.",
    {"weights / weights.sum()": "(scores == scores.max()).astype(u.dtype)"},
)
ask.mistake(*faults.no_shift({" - scores.max()": ""}, of="the hop"))
ask.mistake(*faults.epsilon("weights.sum()"))


# 6 ---------------------------------------------------------------------------------------------


@question(
    title="What one hop can know",
    difficulty="hard",
    minutes=15,
    rtol=0.005,
    hints=[
        "Who only guesses is right once in as many times as there are places.",
        "Who knows the taken places names the one with most people. If m of the 3 people are "
        "there, it is right with probability m/3.",
        "Of the 64 ways, how many have all three people in one place? Exactly two? All apart?",
    ],
)
def one_look():
    """Find out how often three readers can be right.

    Three people go to four places, all 64 ways equally likely, and one of three things is asked
    for, each held by one person. Answer with three numbers: how often is a reader right that
    only guesses; one that knows which places are taken and how often, but not by whom; and one
    that also knows the holder?
    """
    ways = list(itertools.product(range(4), repeat=3))
    most = [max(way.count(place) for place in way) for way in ways]
    return (1 / 4, sum(most) / (3 * len(ways)), 1.0)


one_look.mistake(
    "one of three people was guessed",
    "If all three stand apart that is so. But two or three of them may be in one place, and then "
    "a guess of this place is right more often.",
    {1: 1 / 3},
    lambda answer: abs(answer[1] - 1 / 3) < 0.01,
)
one_look.mistake(
    "the number of people in the fullest place was not divided",
    "1.69 people are there on average. The right one is among them with a chance of that over 3.",
    {1: 1.6875},
    lambda answer: answer[1] > 1,
)
one_look.mistake(
    "a reader that knows the taken places is thought to guess like any other",
    "It leaves out the places where nobody is.",
    {1: 0.25},
)
one_look.mistake(
    "one look is thought to be as good as two",
    "It knows the places and not the holder: where all stand apart, only one in three is right.",
    {1: 1.0},
)
one_look.mistake(
    "that is the number of the world of the chapter",
    "There four people go to six places. Here three go to four.",
    {0: 1 / 6, 1: 197 / 432},
    lambda answer: abs(answer[1] - 0.456) < 0.003,
)
one_look.mistake(
    "a guess is thought to know how many people there are",
    "It names one of four places.",
    {0: 1 / 3},
    lambda answer: abs(answer[0] - 1 / 3) < 0.01,
)
one_look.mistake(
    "the holder's place is thought to remain a guess",
    "Who knows the holder, and who went where, looks it up.",
    {2: 0.75},
    lambda answer: answer[2] < 0.99,
)
