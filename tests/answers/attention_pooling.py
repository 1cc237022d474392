"""Answers to the exercises on attention over a sequence."""

import itertools
import math

import numpy as np
import torch

from . import right, wrong


def tensors(*arrays):
    return [torch.from_numpy(array) for array in arrays]


def pool_in_loops(x, w, b):
    weights = np.empty(x.shape[:2], x.dtype)
    context = np.empty((len(x), x.shape[2]), x.dtype)
    for n, sequence in enumerate(x):
        scores = [sum(float(a) * float(c) for a, c in zip(row, w, strict=True)) for row in sequence]
        top = max(scores)
        shares = [math.exp(s - top) for s in scores]
        weights[n] = [share / math.fsum(shares) for share in shares]
        context[n] = weights[n] @ sequence
    return weights, context


def pool_in_torch(x, w, b):
    x, w = tensors(x, w)
    weights = torch.softmax(x @ w + b, dim=1)
    return weights.numpy(), torch.einsum("bs,bsd->bd", weights, x).numpy()


def pool_without_the_bias(x, w, b):
    scores = np.einsum("bsd,d->bs", x, w)
    weights = np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))
    return weights, np.einsum("bs,bsd->bd", weights, x)


def scores_in_loops(q, k, w, W_q, W_k):
    lead, L, S = q.shape[:-2], q.shape[-2], k.shape[-2]
    scores = np.empty((*lead, L, S), q.dtype)
    for n in np.ndindex(*lead):
        for i, j in itertools.product(range(L), range(S)):
            scores[(*n, i, j)] = np.tanh(q[(*n, i)] @ W_q + k[(*n, j)] @ W_k) @ w
    return scores


def scores_of_pairs(q, k, w, W_q, W_k):
    q, k, w, W_q, W_k = tensors(q, k, w, W_q, W_k)
    lead, L, S = q.shape[:-2], q.shape[-2], k.shape[-2]
    pairs = torch.cat(
        [
            q.unsqueeze(-2).expand(*lead, L, S, q.shape[-1]),
            k.unsqueeze(-3).expand(*lead, L, S, k.shape[-1]),
        ],
        dim=-1,
    )
    return torch.einsum("...d,d->...", (pairs @ torch.cat([W_q, W_k])).tanh(), w).numpy()


def scores_in_einsum(q, k, w, W_q, W_k):
    a = np.einsum("...ic,cd->...id", q, W_q)[..., :, None, :]
    b = np.einsum("...jc,cd->...jd", k, W_k)[..., None, :, :]
    return np.einsum("...ijd,d->...ij", np.tanh(a + b), w)


def gradient_by_autograd(x, w, grad_output):
    x, w, grad_output = tensors(x, w, grad_output)
    w.requires_grad_()
    weights = torch.softmax(x @ w, dim=1)
    loss = (torch.einsum("bs,bsd->bd", weights, x) * grad_output).sum()
    return torch.autograd.grad(loss, w)[0].numpy()


def gradient_by_covariances(x, w, grad_output):
    total = np.zeros_like(w)
    for sequence, upstream in zip(x, grad_output, strict=True):
        scores = sequence @ w
        weights = np.exp(scores - scores.max())
        weights /= weights.sum()
        centred = sequence - weights @ sequence
        total += (centred.T * weights) @ centred @ upstream
    return total


def gradient_by_the_jacobian(x, w, grad_output):
    scores = x @ w
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    jacobian = np.eye(x.shape[1]) * p[:, None] - p[:, :, None] * p[:, None]
    grad_weights = np.einsum("bsd,bd->bs", x, grad_output)
    return np.einsum("bs,bst,btd->d", grad_weights, jacobian, x)


right("attention_pooling.pool", pool_in_loops, pool_in_torch, pool_without_the_bias)
right("attention_pooling.additive_scores", scores_in_loops, scores_of_pairs, scores_in_einsum)
right(
    "attention_pooling.scorer_gradient",
    gradient_by_autograd,
    gradient_by_covariances,
    gradient_by_the_jacobian,
)
right("attention_pooling.parameters", [0, 4, 1], np.array([0, 4, 1]), (0.0, 4.0, 1.0))
right(
    "attention_pooling.complexity",
    [2**19, 2**19, 4, 2, 2],
    (524288.0, 524288.0, 4.0, 2.0, 2.6),
    np.array([524288, 524288, 4, 2.0, 1.3]),
    (524288, 524288, 4, 1.9999999999999996, 3.1),
)
right(
    "attention_pooling.positions",
    np.eye(3)[:, :2],
    [[0, 0], [0, 0], [0, 1]],
    [[-3, 1], [0, 0], [2, 2]],
)
right(
    "attention_pooling.cures",
    list("bdcaef"),
    tuple("BDCAEF"),
    ["b", "d", "c ", "a", "e", "f"],
    "b, d, c, a, e, f",
)


# Wrong answers -----------------------------------------------------------------------------------


def sm(s, axis=-1):
    e = np.exp(s - s.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def ctx(a, x):
    return np.einsum("bs,bsd->bd", a, x)


def pooled(weights):
    def answer(x, w, b):
        a = weights(x, w, b)
        return a, ctx(a, x)

    return answer


def mutates(x, w, b):
    s = x @ w + b
    x *= sm(s)[:, :, None]
    return sm(s), x.sum(1)


def loudest(x, w, b):
    a = np.eye(x.shape[1], dtype=x.dtype)[(x @ w).argmax(1)]
    return a, ctx(a, x)


def one_layer_for_all(x, w, b):
    """A dense layer on the flattened sequence: it fits one length only."""
    numbers = np.random.default_rng(0).standard_normal((15, 5))
    a = sm(x.reshape(len(x), -1) @ numbers)
    return a, ctx(a, x)


wrong(
    "attention_pooling.pool",
    ("a dense layer on the flattened sequence", one_layer_for_all),
    ("the loudest only", loudest),
    ("clipped", pooled(lambda x, w, b: sm(np.clip(x @ w + b, -50, 50)))),
    (
        "squares",
        pooled(lambda x, w, b: (x @ w + b) ** 2 / ((x @ w + b) ** 2).sum(1, keepdims=True)),
    ),
    ("absolute", pooled(lambda x, w, b: sm(abs(x @ w + b)))),
    ("minus", pooled(lambda x, w, b: sm(-(x @ w + b)))),
    ("tanh", pooled(lambda x, w, b: sm(np.tanh(x @ w + b)))),
    ("relu", pooled(lambda x, w, b: sm(np.maximum(x @ w + b, 0)))),
    ("divided by S", pooled(lambda x, w, b: sm((x @ w + b) / x.shape[1]))),
    (
        "normalised by L2",
        pooled(
            lambda x, w, b: (
                (e := np.exp(x @ w - (x @ w).max(1, keepdims=True)))
                / np.linalg.norm(e, axis=1, keepdims=True)
            )
        ),
    ),
    ("w normalised", pooled(lambda x, w, b: sm(x @ (w / max(np.linalg.norm(w), 1e-30))))),
    ("bias multiplied", pooled(lambda x, w, b: sm((x @ w) * b))),
    ("float64", pooled(lambda x, w, b: sm((x @ w + b).astype(np.float64)))),
    ("float32", pooled(lambda x, w, b: sm((x @ w + b).astype(np.float32)).astype(x.dtype))),
    ("mutates", mutates),
    ("max pooling", lambda x, w, b: (sm(x @ w), x.max(1))),
    ("weights keep an axis", lambda x, w, b: (sm(x @ w)[:, :, None], ctx(sm(x @ w), x))),
    ("no weights", lambda x, w, b: ctx(sm(x @ w), x)),
    ("log", lambda x, w, b: (np.log(sm(x @ w)), ctx(sm(x @ w), x))),
    ("scores", lambda x, w, b: (x @ w + b, ctx(sm(x @ w), x))),
    ("pools scores", lambda x, w, b: (sm(x @ w), np.einsum("bs,bs->b", sm(x @ w), x @ w)[:, None])),
    ("context of weighted w", lambda x, w, b: (sm(x @ w), ctx(sm(x @ w), x) * w)),
    (
        "first sequence's weights for all",
        pooled(lambda x, w, b: np.broadcast_to(sm(x @ w)[:1], x.shape[:2]).copy()),
    ),
)


def added(f):
    def answer(q, k, w, W_q, W_k):
        return f((q @ W_q)[..., :, None, :], (k @ W_k)[..., None, :, :], w)

    return answer


wrong(
    "attention_pooling.additive_scores",
    ("key only", added(lambda a, c, w: np.tanh(0 * a + c) @ w)),
    ("query only", added(lambda a, c, w: np.tanh(a + 0 * c) @ w)),
    ("mean over units", added(lambda a, c, w: np.tanh(a + c) @ w / len(w))),
    ("tanh twice", added(lambda a, c, w: np.tanh(np.tanh(a + c)) @ w)),
    ("half", added(lambda a, c, w: np.tanh((a + c) / 2) @ w)),
    ("absolute w", added(lambda a, c, w: np.tanh(a + c) @ abs(w))),
    ("minus", added(lambda a, c, w: -np.tanh(a + c) @ w)),
    ("softsign", added(lambda a, c, w: ((a + c) / (1 + abs(a + c))) @ w)),
    ("arctan", added(lambda a, c, w: np.arctan(a + c) @ w)),
    ("clip", added(lambda a, c, w: np.clip(a + c, -1, 1) @ w)),
    ("sine", added(lambda a, c, w: np.sin(a + c) @ w)),
    ("dot product", lambda q, k, w, W_q, W_k: (q @ W_q) @ np.swapaxes(k @ W_k, -1, -2)),
    (
        "weighted dot product",
        lambda q, k, w, W_q, W_k: (q @ W_q * w) @ np.swapaxes(k @ W_k, -1, -2),
    ),
    (
        "tanh by exponentials that overflow",
        added(
            lambda a, c, w: (
                ((np.exp(a + c) - np.exp(-a - c)) / (np.exp(a + c) + np.exp(-a - c))) @ w
            )
        ),
    ),
    ("bias", added(lambda a, c, w: np.tanh(a + c + 1e-6) @ w)),
    ("hidden", added(lambda a, c, w: np.tanh(a + c))),
    ("weighted hidden", added(lambda a, c, w: np.tanh(a + c) * w)),
    ("float64", added(lambda a, c, w: (np.tanh(a + c) @ w).astype(np.float64))),
    ("w inside", added(lambda a, c, w: np.tanh((a + c) * w).sum(-1))),
    ("softmax over queries", added(lambda a, c, w: sm(np.tanh(a + c) @ w, -2))),
)


def grad(f):
    def answer(x, w, g):
        a = sm(x @ w)
        o = ctx(a, x)
        return f(x, w, g, a, o)

    return answer


wrong(
    "attention_pooling.scorer_gradient",
    ("zeros", grad(lambda x, w, g, a, o: 0 * w)),
    ("the context's", grad(lambda x, w, g, a, o: (o * g).sum(0))),
    (
        "weights squared",
        grad(
            lambda x, w, g, a, o: np.einsum(
                "bs,bsd,bse,be->d", a**2, x - o[:, None], x - o[:, None], g
            )
        ),
    ),
    (
        "minus its diagonal",
        grad(lambda x, w, g, a, o: np.einsum("bs,bsd,bsd,bd->d", a, x, x - o[:, None], g)),
        "only the variances are used",
    ),
    ("gradient of x summed", grad(lambda x, w, g, a, o: np.einsum("bs,bd->d", a, g))),
    (
        "plus the value path",
        grad(
            lambda x, w, g, a, o: np.einsum("bs,bsd,bse,be->d", a, x - o[:, None], x, g) + g.sum(0)
        ),
    ),
    (
        "divided by S",
        grad(
            lambda x, w, g, a, o: (
                np.einsum("bs,bsd,bse,be->d", a, x - o[:, None], x, g) / x.shape[1]
            )
        ),
    ),
    (
        "unbiased",
        grad(
            lambda x, w, g, a, o: (
                np.einsum("bs,bsd,bse,be->d", a, x - o[:, None], x, g)
                / (1 - (a**2).sum() / len(x) + 1e-30)
            )
        ),
    ),
    ("off-diagonal only", grad(lambda x, w, g, a, o: -np.einsum("bd,be,be->d", o, o, g))),
    (
        "times w",
        grad(lambda x, w, g, a, o: np.einsum("bs,bsd,bse,be->d", a, x - o[:, None], x, g) * w),
    ),
    (
        "shape (1, d)",
        grad(lambda x, w, g, a, o: np.einsum("bs,bsd,bse,be->d", a, x - o[:, None], x, g)[None]),
    ),
    (
        "wrong axis",
        grad(lambda x, w, g, a, o: np.einsum("bs,bsd,bse,bd->e", a, x, x - o.mean(0), g)),
    ),
    (
        "epsilon",
        grad(
            lambda x, w, g, a, o: (
                np.einsum("bs,bsd,bse,be->d", a, x - o[:, None], x, g) * (1 + 1e-7)
            )
        ),
    ),
    (
        "first sequence",
        grad(
            lambda x, w, g, a, o: np.einsum(
                "bs,bsd,bse,be->d", a[:1], x[:1] - o[:1, None], x[:1], g[:1]
            )
        ),
    ),
    (
        "scale",
        grad(
            lambda x, w, g, a, o: (
                np.einsum("bs,bsd,bse,be->d", a, x - o[:, None], x, g) / math.sqrt(len(w))
            )
        ),
    ),
    (
        "second moment of w",
        grad(lambda x, w, g, a, o: np.einsum("bs,bsd,bse,be->d", a, x, x, g)),
        "the context was not subtracted",
    ),
)
# The questions: what each wrong answer truly is ------------------------------------------


def table(exercise, called):
    """Wrong answers by the name that fits them, None where none does."""
    for name, answers in called.items():
        wrong(exercise, *((repr(answer), answer, name) for answer in answers))


table(
    "attention_pooling.parameters",
    {
        "the weights are not parameters": [[5, 4, 1], (5.0, 4.0, 1.0)],
        "the scorer is counted as part of the sum": [np.array([3, 4, 1])],
        "the bias of the dense layer is missing": [[0, 3, 1]],
        "nothing in that program mixes positions": [[0, 4, 5]],
        None: [
            (0, 0, 0), (0, 4, 4), "x", (0, 4), (0, 4, 1, 1), (1, 4, 1), (15, 4, 1), (0, 6, 1),
            (0, 15, 1), (0, 4, 2), (0, 4, -1), [[0, 4, 1]], {0, 4, 1}, 5, (0, 4, "1"),
        ],
    },
)  # fmt: skip
table(
    "attention_pooling.complexity",
    {
        "five numbers are asked for": [
            (524288, 524288), (524288, 524288, 4, 2), (524288, 524288, 4, 2, 2, 2), "12345", [],
        ],
        "matrix products do not save multiply-adds": [
            (524288, 2048, 4, 2, 2), (524288, 262144, 4, 2, 2),
        ],
        "one of the two products is missing": [[262144, 262144, 4, 2, 2]],
        "twice as many positions are four times as many pairs": [[524288, 524288, 2, 2, 2]],
        "the features do not double with the length": [[524288, 524288, 8, 2, 2]],
        "these are factors per doubling, not exponents": [(524288, 524288, 4, 4, 2)],
        "the weights are a matrix, not a row": [(524288, 524288, 4, 1.1, 2)],
        "the exponent of the memory is exact": [
            (524288, 524288, 4, 2.02, 2), (524288, 524288, 4, 3, 2), (524288, 524288, 4, 0, 2),
        ],
        "the time does not grow in proportion to the length": [
            (524288, 524288, 4, 2, 1.2), (524288, 524288, 4, 2, -2), (524288, 524288, 4, 2, 0),
        ],
        "the time grows less steeply than that": [(524288, 524288, 4, 2, np.inf)],
        None: [
            (2097152, 2097152, 4, 2, 2), 524288, (524288, 524288, 16, 2, 2), (4096, 4096, 2, 2, 2),
            (65536, 65536, 4, 2, 2), (0, 0, 4, 2, 2), (524288, 524288, 1, 2, 2),
            (524289, 524289, 4, 2, 2), (524288, 1048576, 4, 2, 2), (8388608, 8388608, 4, 2, 2),
            (524288, 524288, 4, np.nan, 2), (524288, 524288, 4, 2, np.nan),
            ("524288", "524288", "4", "2", "2"),
        ],
    },
)  # fmt: skip
table(
    "attention_pooling.positions",
    {
        "three vectors of two finite numbers are asked for": [
            "abc", np.full((3, 2), np.nan), np.ones((2, 3)), 3, [[1, 2], [3, 4]],
            [[1, 2, 3]] * 3, [[0, 0], [np.inf, 0], [1, 1]], {"dog": 1}, [[1], [2], [3]],
        ],
        "vectors of zeros change nothing": [np.zeros((3, 2)), [[0, 0]] * 3],
        "one vector for all positions is no position": [[[5, -1]] * 3, np.ones((3, 2))],
        "the first and the last position have the same vector": [
            [[0, 0], [1, 1], [0, 0]], [[2, -1], [0, 0], [2, -1]],
        ],
        "the difference is too small to see": [[[0, 0], [1e-9, 0], [2e-9, 0]]],
        "the scorer sees the middle position only": [[[0, 0], [900, 0], [0, 1]]],
    },
)  # fmt: skip
table(
    "attention_pooling.cures",
    {
        "six letters from a to f are asked for": [
            "bdcae",
            "bdcaeg",
            3,
            list(range(6)),
        ],
        "clipping only shortens": ["abcdef", "fedcba", "aaaaaa", "cdbaef", "edcabf"],
        "accumulation changes no gradient": ["bcdaef", "bfcaed"],
        "the scale knows d_k and nothing else": ["bdacef", "bdfaec"],
        "what keeps tokens different is adding the input back": ["bdceaf"],
        "initial values act once, normalisation acts at every step": [list("BDCAFE")],
        "one trouble is named twice": ["bdcaea"],
    },
)
