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


wrong("attention_pooling.pool", ("float64", {"x @ w + b": "(x @ w + b).astype(float)"}))
wrong(
    "attention_pooling.additive_scores",
    (
        "tanh by exponentials that overflow",
        {
            "np.tanh(from_query + from_key)": "(e := np.exp(from_query + from_key))"
            " / (e + 1 / e) - 1 / e / (e + 1 / e)"
        },
    ),
    ("float64", {" @ w": " @ w.astype(float)"}),
)

# The questions: what each wrong answer truly is ------------------------------------------


def table(exercise, called):
    """Wrong answers by the name that fits them, None where none does."""
    for name, answers in called.items():
        wrong(exercise, *((repr(answer), answer, name) for answer in answers))


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
        
    },
)  # fmt: skip
table(
    "attention_pooling.positions",
    {
        "three vectors of two finite numbers are asked for": [
            "abc", np.full((3, 2), np.nan), np.ones((2, 3)), 3, [[1, 2], [3, 4]],
            [[1, 2, 3]] * 3, [[0, 0], [np.inf, 0], [1, 1]], {"dog": 1}, [[1], [2], [3]],
        ],
        
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
