"""Writing with a model: from the scores of the next token to a sequence.

Every function takes ``next_scores``, which gets the list of tokens so far and returns the scores
of what may follow, one number for each symbol. It does not matter what computes them. Only
``speculative`` asks for more: the scores after each token.

>>> greedy(lambda tokens: [0.0, 1.0] if len(tokens) < 3 else [1.0, 0.0], [1], steps=4)
[1, 1, 1, 0, 0]
"""

import numpy as np

from attention_book.shapes import check_count


def greedy(next_scores, start, *, steps, end=None):
    """Append the token with the largest score, until it is the end sign or the steps are done.

    Raises:
        TypeError: ``steps`` is not an integer.
        ValueError: ``steps`` is negative, or the scores have a shape that cannot be.
    """
    tokens = list(start)
    for _ in range(check_count(steps, "steps")):
        tokens.append(int(_checked(next_scores(tokens)).argmax()))
        if tokens[-1] == end:
            break
    return tokens


def beam(next_scores, start, *, width, steps, end=None, penalty=0.0):
    r"""Keep the ``width`` best beginnings at each step, and return those that are best at last.

    A sequence counts the sum of the logarithms of its probabilities, divided by
    :math:`\big((5 + n) / 6\big)^\text{penalty}` with its n new tokens at the end. With a penalty
    above 0 long sequences lose less against short ones. What has reached the end sign waits,
    and takes none of the places.

    Shapes:
        returns: up to ``width`` pairs of tokens and what they count, the best first

    Raises:
        TypeError: ``width`` or ``steps`` is not an integer.
        ValueError: ``width`` is below 1, ``steps`` is negative, or the scores have a shape that
            cannot be.

    Source:
        Y. Wu et al., "Google's Neural Machine Translation System", 2016, equation 14, for the
        penalty (without their term of coverage).
    """
    width, steps = check_count(width, "width", least=1), check_count(steps, "steps")
    going, done = [(list(start), 0.0)], []
    for _ in range(steps):
        longer = []
        for tokens, total in going:
            logs = _log_softmax(_checked(next_scores(tokens)))
            best = np.argsort(-logs, kind="stable")[: width + 1]  # one of them may be the end
            longer += [([*tokens, int(token)], total + float(logs[token])) for token in best]
        longer.sort(key=lambda pair: -pair[1])
        done += [pair for pair in longer[:width] if pair[0][-1] == end]
        going = [pair for pair in longer if pair[0][-1] != end][:width]

    def counts(tokens, total):
        new = len(tokens) - len(start)
        return total / ((5 + new) / 6) ** penalty

    found = [(tokens, counts(tokens, total)) for tokens, total in done + going]
    return sorted(found, key=lambda pair: -pair[1])[:width]


def sample(next_scores, start, *, steps, rng, end=None, temperature=1.0, top_k=None, top_p=1.0):
    """Draw each token from the distribution that :func:`probabilities` makes of the scores.

    Raises:
        TypeError: ``steps`` is not an integer, or ``rng`` no ``numpy.random.Generator``.
        ValueError: ``steps`` is negative, or as :func:`probabilities` says.
    """
    _checked_rng(rng)
    tokens = list(start)
    for _ in range(check_count(steps, "steps")):
        p = probabilities(next_scores(tokens), temperature=temperature, top_k=top_k, top_p=top_p)
        tokens.append(int(rng.choice(len(p), p=p)))
        if tokens[-1] == end:
            break
    return tokens


def speculative(scores, draft, start, *, steps, ahead, rng, **options):
    r"""Draw tokens as :func:`sample` does, several for each call of a large model.

    A cheap ``draft``, which gives the scores after its last token, proposes ``ahead`` tokens. The
    large model reads all of them in one call: ``scores`` returns a row after each token. With p
    for its distribution and q for that of the draft, a token x is kept with probability
    :math:`\min(1, p(x) / q(x))`. The first that is not kept is drawn again in proportion to
    :math:`\max(0, p - q)`, and ends the round; if all are kept, one more comes of the last row.
    What is written is distributed as if the large model had written alone. The options are those
    of :func:`probabilities`; with ``top_k=1`` the text is that of :func:`greedy`.

    Shapes:
        scores: takes a list of n tokens, returns (n, V)
        returns: the tokens, ``steps`` of them new, and how often ``scores`` was called

    Raises:
        TypeError: ``steps`` or ``ahead`` is not an integer, or ``rng`` no
            ``numpy.random.Generator``.
        ValueError: ``start`` is empty, ``steps`` is negative, ``ahead`` is below 1, or as
            :func:`probabilities` says.

    Source:
        Y. Leviathan, M. Kalman, Y. Matias, "Fast Inference from Transformers via Speculative
        Decoding", 2023, algorithm 1.
    """
    _checked_rng(rng)
    ahead, steps = check_count(ahead, "ahead", least=1), check_count(steps, "steps")
    tokens, calls = list(start), 0
    if not tokens:
        raise ValueError("start is empty; it needs one token, after which there are scores")
    end = len(tokens) + steps
    while len(tokens) < end:
        proposed, q = list(tokens), []
        for _ in range(min(ahead, end - len(tokens) - 1)):
            q.append(probabilities(draft(proposed), **options))
            proposed.append(int(rng.choice(len(q[-1]), p=q[-1])))
        rows, calls = scores(proposed)[len(tokens) - 1 :], calls + 1
        p = [probabilities(row, **options) for row in rows]
        for n, token in enumerate(proposed[len(tokens) :]):
            kept = min(1.0, p[n][token] / q[n][token])
            if not rng.choice(2, p=[1 - kept, kept]):
                rest = np.maximum(0, p[n] - q[n])
                tokens.append(int(rng.choice(len(rest), p=rest / rest.sum())))
                break
            tokens.append(token)
        else:
            tokens.append(int(rng.choice(len(p[-1]), p=p[-1])))
    return tokens, calls


def probabilities(scores, *, temperature=1.0, top_k=None, top_p=1.0):
    """Return the softmax of scores over a temperature, with the unlikely left out.

    Of all symbols the ``top_k`` likeliest stay; of these the fewest that have ``top_p`` of what
    is left between them. What stays is scaled to sum to 1. Equal scores stay in order.

    Shapes:
        scores: (V,)
        returns: (V,)

    Raises:
        TypeError: ``top_k`` is not an integer.
        ValueError: ``temperature`` is not above 0, ``top_k`` is below 1, ``top_p`` is not above 0
            and at most 1, or the scores have a shape that cannot be.

    Source:
        A. Fan, M. Lewis, Y. Dauphin, "Hierarchical Neural Story Generation", 2018, section 5.1
        (top-k); A. Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020,
        section 3.1 (top-p).
    """
    scores = _checked(scores)
    if not 0 < temperature < np.inf:
        raise ValueError(f"temperature is {temperature}; it needs a number above 0")
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p}; it needs a number above 0 and at most 1")
    order = np.argsort(-scores, kind="stable")
    if top_k is not None:
        order = order[: check_count(top_k, "top_k", least=1)]
    p = np.exp(_log_softmax(scores[order] / temperature))
    before = p.cumsum() - p  # what the likelier ones have already
    p[before >= top_p] = 0
    result = np.zeros(len(scores))
    result[order] = p / p.sum()
    return result


def _checked(scores):
    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 1 or not len(scores):
        raise ValueError(f"the scores have shape {scores.shape}; they need one for each symbol")
    return scores


def _checked_rng(rng):
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng is a {type(rng).__name__}; it needs a numpy.random.Generator")


def _log_softmax(scores):
    shifted = scores - scores.max()
    return shifted - np.log(np.exp(shifted).sum())
