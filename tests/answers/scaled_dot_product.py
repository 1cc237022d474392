"""Answers to the exercises on scaled dot-product attention."""

import functools
import itertools
import math

import numpy as np
import scipy.special
import torch

from . import right, wrong

# The parts ---------------------------------------------------------------------------------------


def t(x):
    return np.swapaxes(x, -1, -2)


def scores_of(q, k, scale=None):
    return q @ t(k) / (math.sqrt(q.shape[-1]) if scale is None else scale)


def unshifted(scores, axis=-1):
    exponentials = np.exp(scores)
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


def softmax(scores, axis=-1):
    return unshifted(scores - scores.max(axis=axis, keepdims=True), axis)


def attend(scores=scores_of, weights=softmax, values=lambda v: v):
    """Attention with one part exchanged."""
    return lambda q, k, v: weights(scores(q, k)) @ values(v)


def attention(q, k, v):
    return softmax(scores_of(q, k)) @ v


def tensors(*arrays):
    return [torch.from_numpy(array) for array in arrays]


def cast(function, dtype):
    """Compute in another number type and come back."""

    def answer(*arrays):
        narrow = [a.astype(dtype) if a.dtype != bool else a for a in arrays]
        return function(*narrow).astype(arrays[0].dtype)

    return answer


# scaled_dot_product.similarity -------------------------------------------------------------------

right(
    "scaled_dot_product.similarity",
    (2, 0, 1),
    [2, 0, 1],
    tuple(np.array([2, 0, 1])),
    (np.int8(2), np.uint64(0), np.float32(1)),
    (2.0, 0.0, 1.0),
    np.array([2, 0, 1]),
    np.array([2.0, 0.0, 1.0]),
    torch.tensor([2, 0, 1]),
)

NOT_THREE_KEYS = "three key numbers are asked for"
NAMED_TRIPLES = {
    (2, 0, 2): "a distance is not a similarity",
    (2, 2, 1): "the cosine was taken without dividing by the lengths",
    (0, 2, 1): "dot product and cosine are exchanged",
    (0, 0, 0): "the three measures do not agree here",
    (1, 1, 1): "the three measures do not agree here",
    (2, 2, 2): "the three measures do not agree here",
    (0, 2, 2): "the smallest score was taken",
}
wrong(
    "scaled_dot_product.similarity",
    *(
        (str(answer), answer, NAMED_TRIPLES.get(answer))
        for answer in itertools.product(range(3), repeat=3)
        if answer != (2, 0, 1)
    ),
    ("distance, counted from 1", (3, 1, 3), NOT_THREE_KEYS),
    ("the scores", (6.0, 1.0, -0.1), NOT_THREE_KEYS),
    ("two of three", (2, 0), NOT_THREE_KEYS),
    ("four", (2, 0, 1, 0), NOT_THREE_KEYS),
    ("a text", "2, 0, 1", NOT_THREE_KEYS),
    ("a matrix", np.array([[2, 0, 1]]), NOT_THREE_KEYS),
    ("names", ("key 2", "key 0", "key 1"), NOT_THREE_KEYS),
)


# scaled_dot_product.spread -----------------------------------------------------------------------

right(
    "scaled_dot_product.spread",
    lambda d, sigma_q, sigma_k: np.sqrt(d) * sigma_q * sigma_k,
    lambda d, sigma_q, sigma_k: (d * sigma_q**2 * sigma_k**2) ** 0.5,
    lambda d, sigma_q, sigma_k: math.hypot(*[sigma_q * sigma_k] * d),
    lambda d, sigma_q, sigma_k: np.linalg.norm(np.full(d, sigma_q * sigma_k)),
    lambda d, sigma_q, sigma_k: math.exp(math.log(d * sigma_q**2 * sigma_k**2) / 2),
    lambda d, sigma_q, sigma_k: np.array(math.sqrt(d) * sigma_k) * sigma_q,
    lambda d, sigma_q, sigma_k: torch.full((d,), sigma_q * sigma_k).double().norm().item(),
)


# scaled_dot_product.silent_failure ---------------------------------------------------------------

right(
    "scaled_dot_product.silent_failure",
    (709.5, 709.6, 709.7),
    np.array([709.7, 709.6, 709.5]),
    [709.78, 709.7, 0],
    [709, 709.2, 709.5],
    (np.float64(709.5), np.float32(709.75), 709.25),
    [-1000, 709.7, 709.6],
    torch.tensor([709.5, 709.6, 0.0], dtype=torch.float64),
)

SHAPE = "three finite scores are asked for"
OVERFLOW = "this one shouts: an exponential overflows and inf/inf is NaN"
EQUAL = "the three scores shall differ"
UNDERFLOW = "this one shouts: all exponentials underflow and 0/0 is NaN"
FINITE = "the sum of the exponentials is still finite"
HARMLESS = "nothing breaks: these weights are right"

wrong(
    "scaled_dot_product.silent_failure",
    ("one score", 709.5, SHAPE),
    ("four scores", [709.5] * 4, SHAPE),
    ("a row", [[709.5, 709.5, 709.5]], SHAPE),
    ("a column", np.full((3, 1), 709.5), SHAPE),
    ("infinity", [np.inf, 0, 0], SHAPE),
    ("NaN", [np.nan, 709.5, 709.5], SHAPE),
    ("words", ["a", "b", "c"], SHAPE),
    ("complex scores", [709.5j, 709.5j, 709.5j], SHAPE),
    ("numbers beyond float64", [10**400] * 3, SHAPE),
    ("a text", "709.5", SHAPE),
    ("a dictionary", {"scores": [709.5] * 3}, SHAPE),
    ("two equal ones", [709.6, 709.6, 0], EQUAL),
    ("all equal, far above", np.full(3, 1e6), EQUAL),
    ("all zero", (0, 0, 0), EQUAL),
    ("one above the limit", [709.79, 0, 1], OVERFLOW),
    ("the opposite ends", [1000, -1000, 0], OVERFLOW),
    ("all far above", [1e6, 2e6, 3e6], OVERFLOW),
    ("all far below", [-746, -1000, -2000], UNDERFLOW),
    ("all very far below", [-1e300, -2e300, -3e300], UNDERFLOW),
    ("one just below the limit", [709.78, 0, 1], FINITE),
    ("three that sum to just below it", [708.68, 708.67, 708.66], FINITE),
    ("three near 700", [705.0, 704.0, 703.0], FINITE),
    ("ordinary", (0, 1, 0.5), HARMLESS),
    ("negative", [-1, -2, -3], HARMLESS),
    ("nearly the smallest exponentials", [-700.0, -701.0, -702.0], HARMLESS),
    ("large for float32", [88.7, 88.8, 88.9], HARMLESS),
)


# scaled_dot_product.attention --------------------------------------------------------------------

right(
    "scaled_dot_product.attention",
    attend(weights=lambda s: scipy.special.softmax(s, axis=-1)),
    attend(weights=lambda s: np.exp(scipy.special.log_softmax(s, axis=-1))),
    attend(weights=lambda s: np.exp(s - scipy.special.logsumexp(s, axis=-1, keepdims=True))),
    attend(weights=lambda s: np.exp(s - np.logaddexp.reduce(s, axis=-1, keepdims=True))),
    attend(weights=lambda s: softmax(s - 5)),
    attend(weights=lambda s: 1 / np.exp(s[..., None, :] - s[..., :, None]).sum(axis=-1)),
    attend(scores=lambda q, k: q / math.sqrt(q.shape[-1]) @ t(k)),
    attend(scores=lambda q, k: q @ t(k) * q.shape[-1] ** -0.5),
    attend(scores=lambda q, k: (q * q.shape[-1] ** -0.25) @ t(k * k.shape[-1] ** -0.25)),
    attend(scores=lambda q, k: q @ t(k) / np.sqrt(q.dtype.type(q.shape[-1]))),
    attend(scores=lambda q, k: (q[..., None, :] * k[..., None, :, :]).sum(-1) / len(q[0].T) ** 0.5),
    cast(attention, np.float64),
    cast(attention, np.longdouble),
    lambda q, k, v: t(t(v) @ softmax(t(scores_of(q, k)), axis=-2)),
    lambda q, k, v: np.vectorize(attention, signature="(l,d),(s,d),(s,e)->(l,e)")(q, k, v),
    lambda q, k, v: np.asfortranarray(attention(q, k, v)),
    lambda q, k, v: torch.nn.functional.scaled_dot_product_attention(*tensors(q, k, v)).numpy(),
)


@right("scaled_dot_product.attention")
def attention_by_einsum(q, k, v):
    scores = np.einsum("...id,...jd->...ij", q, k) / math.sqrt(q.shape[-1])
    return np.einsum("...ij,...je->...ie", softmax(scores), v)


@right("scaled_dot_product.attention")
def attention_by_torch(q, k, v):
    q, k, v = tensors(q, k, v)
    return (torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), dim=-1) @ v).numpy()


@right("scaled_dot_product.attention")
def attention_by_loops(q, k, v):
    output = np.zeros((*q.shape[:-1], v.shape[-1]), q.dtype)
    for query in np.ndindex(q.shape[:-1]):
        keys, values = k[query[:-1]], v[query[:-1]]
        scores = [
            math.fsum(a * b for a, b in zip(q[query].tolist(), key.tolist(), strict=True))
            / math.sqrt(q.shape[-1])
            for key in keys
        ]
        weights = [math.exp(score - max(scores)) for score in scores]
        for weight, value in zip(weights, values, strict=True):
            output[query] += value * output.dtype.type(weight / math.fsum(weights))
    return output


@right("scaled_dot_product.attention")
def attention_one_key_at_a_time(q, k, v):
    peak = np.full((*q.shape[:-1], 1), -np.inf, q.dtype)
    total, output = np.zeros_like(peak), np.zeros((*q.shape[:-1], v.shape[-1]), q.dtype)
    for j in range(k.shape[-2]):
        score = scores_of(q, k[..., j : j + 1, :])
        new_peak = np.maximum(peak, score)
        shrink, weight = np.exp(peak - new_peak), np.exp(score - new_peak)
        total = total * shrink + weight
        output = output * shrink + weight * v[..., j : j + 1, :]
        peak = new_peak
    return output / total


@right("scaled_dot_product.attention")
def attention_divided_at_the_end(q, k, v):
    scores = scores_of(q, k)
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    both = exponentials @ np.concatenate([v, np.ones_like(v[..., :1])], axis=-1)
    return both[..., :-1] / both[..., -1:]


# scaled_dot_product.masked_attention -------------------------------------------------------------


def masked(fill=-np.inf, weights=softmax, empty=True):
    """Masked attention with one part exchanged; ``empty`` sets the rows that see nothing to 0."""

    def answer(q, k, v, mask):
        scores = scores_of(q, k)
        hidden = fill(scores) if callable(fill) else fill
        output = weights(np.where(mask, scores, hidden)) @ v
        return np.where(mask.any(axis=-1, keepdims=True), output, 0) if empty else output

    return answer


masked_attention = masked()

right(
    "scaled_dot_product.masked_attention",
    masked_attention,
    masked(fill=np.finfo(np.float64).min),
    masked(weights=lambda s: np.nan_to_num(scipy.special.softmax(s, axis=-1)), empty=False),
    masked(weights=lambda s: np.nan_to_num(softmax(s)), empty=False),
    lambda q, k, v, mask: np.nan_to_num(softmax(scores_of(q, k) + np.where(mask, 0, -np.inf))) @ v,
)


@right("scaled_dot_product.masked_attention")
def masked_attention_by_torch(q, k, v, mask):
    return torch.nn.functional.scaled_dot_product_attention(
        *tensors(q, k, v), attn_mask=torch.from_numpy(mask)
    ).numpy()


@right("scaled_dot_product.masked_attention")
def masked_attention_by_masked_fill(q, k, v, mask):
    q, k, v, mask = tensors(q, k, v, mask)
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~mask, -torch.inf)
    return (torch.softmax(scores, dim=-1).nan_to_num(0) @ v).numpy()


@right("scaled_dot_product.masked_attention")
def masked_attention_that_leaves_keys_out(q, k, v, mask):
    mask = np.broadcast_to(mask, (*q.shape[:-1], k.shape[-2]))
    output = np.zeros((*q.shape[:-1], v.shape[-1]))
    for query in np.ndindex(q.shape[:-1]):
        seen = mask[query]
        if seen.any():
            keys, values = k[query[:-1]][seen], v[query[:-1]][seen]
            output[query] = softmax(keys @ q[query] / math.sqrt(q.shape[-1])) @ values
    return output


@right("scaled_dot_product.masked_attention")
def masked_attention_by_where(q, k, v, mask):
    scores = scores_of(q, k)
    mask = np.broadcast_to(mask, scores.shape)
    peak = scores.max(axis=-1, keepdims=True, where=mask, initial=-np.inf)
    weights = np.zeros_like(scores)
    np.exp(scores - np.maximum(peak, -1.7e308), where=mask, out=weights)
    total = weights.sum(axis=-1, keepdims=True)
    return np.divide(weights, total, where=total > 0, out=weights) @ v


@right("scaled_dot_product.masked_attention")
def masked_attention_by_a_masked_array(q, k, v, mask):
    scores = scores_of(q, k)
    scores = np.ma.masked_array(scores, np.broadcast_to(~mask, scores.shape))
    weights = np.ma.exp(scores - scores.max(axis=-1, keepdims=True))
    return (weights / weights.sum(axis=-1, keepdims=True)).filled(0) @ v


@right("scaled_dot_product.masked_attention")
def masked_attention_with_a_floor_under_the_sum(q, k, v, mask):
    scores = np.where(mask, scores_of(q, k), -np.inf)
    peak = scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isneginf(peak), 0, peak))
    return weights / np.maximum(weights.sum(axis=-1, keepdims=True), 1e-9) @ v  # the sum is >= 1


# scaled_dot_product.off_diagonal -----------------------------------------------------------------

right(
    "scaled_dot_product.off_diagonal",
    [[1, 0], [3, 0]],
    ((1.0, 0.0), (1.5, 0.5)),
    np.array([[1.0], [2.0]]),
    np.array([[1, 0], [2, 0]], dtype=np.float32),
    torch.tensor([[1.0, 0.0], [3.0, 0.0]]),
    [[0.001, 0.0], [0.003, 0.0]],
    [[1e-6], [2e-6]],
    [[1e100, 0], [2e100, 1e100]],
    [[-1, 0], [-2, 0], [0, 5]],
    [[100.0, 0.0], [100.1, 0.0]],
    np.random.default_rng(0).standard_normal((8, 2)),
)

MATRIX = "X must be a matrix of finite numbers, one token a row"
ONE = "one token can only attend to itself"
TIE = "all scores are equal, so nothing is larger"
LENGTH = "these tokens have the same length"
ANGLE = "these tokens are at right angles"
AWAY = "no token points the way of another"
SHORT = "no other token is long enough for its angle"

wrong(
    "scaled_dot_product.off_diagonal",
    ("a number", 3.0, MATRIX),
    ("a vector", np.array([1.0, 3.0]), MATRIX),
    ("a ragged list", [[1, 2], [3]], MATRIX),
    ("tokens without features", [[], []], MATRIX),
    ("a batch", [[[1, 0], [3, 0]]], MATRIX),
    ("a NaN", [[np.nan, 0], [3, 0]], MATRIX),
    ("an infinity", [[1, 0], [np.inf, 0]], MATRIX),
    ("a text", "identity", MATRIX),
    ("words", [["a"], ["b"]], MATRIX),
    ("complex tokens", [[1j, 0], [3j, 0]], MATRIX),
    ("one token", np.ones((1, 5)), ONE),
    ("ones", np.ones((3, 3)), TIE),
    ("zeros", np.zeros((2, 4)), TIE),
    ("the identity", np.eye(3), LENGTH),
    ("two opposite tokens", [[1.0, 2.0], [-1.0, -2.0]], LENGTH),
    ("a token twice", [[1, 0], [1, 0], [0, 1]], LENGTH),
    ("points of a circle", [[math.cos(a), math.sin(a)] for a in (0, 0.1, 2)], LENGTH),
    ("tiny tokens of one length", [[1e-9, 0], [0, 1e-9]], LENGTH),
    ("a diagonal", np.diag([1, 2, 3]), ANGLE),
    ("a zero token", [[0, 0], [1, 2]], ANGLE),
    ("opposite, one longer", [[1.0, 0.0], [-5.0, 0.0]], AWAY),
    ("all at blunt angles", [[1, 0], [-1, 1], [-1, -3]], AWAY),
    ("a tie with the longer one", [[1, 0], [1, 5]], SHORT),
    ("nearly the same length", [[1.0, 0.0], [0.9, 0.9]], SHORT),
    ("longer, but nearly at right angles", [[2.0, 0.0], [0.5, 3.0]], SHORT),
)


# scaled_dot_product.attention_backward -----------------------------------------------------------


def jacobian(p, g, axis=-1):
    return p * (g - (p * g).sum(axis=axis, keepdims=True))


def backward(through=jacobian, scale=None, weights=lambda q, k: softmax(scores_of(q, k))):
    """The backward pass with one part exchanged."""

    def answer(q, k, v, grad_output):
        p = weights(q, k)
        factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale(q, k, v)
        grad_scores = through(p, grad_output @ t(v)) * factor
        return grad_scores @ k, t(grad_scores) @ q, t(p) @ grad_output

    return answer


gradients = backward()


def backward_by_steps(quotient):
    """The derivative by each number, from the loss at a step along it."""

    def answer(q, k, v, grad_output):
        def loss(q, k, v):
            scores = scores_of(q, k)
            weights = unshifted(scores - scores.real.max(axis=-1, keepdims=True))
            return (weights @ v * grad_output).sum()

        def moved(x, step, h):
            return loss(*(y + h * step if y is x else y for y in (q, k, v)))

        def gradient(x):
            steps = np.eye(x.size).reshape(-1, *x.shape)
            derivatives = [quotient(functools.partial(moved, x, step)) for step in steps]
            return np.reshape(derivatives, x.shape)

        return tuple(map(gradient, (q, k, v)))

    return answer


right(
    "scaled_dot_product.attention_backward",
    backward(lambda p, g: p * g - p * (p * g).sum(axis=-1, keepdims=True)),
    backward(lambda p, g: p * ((g[..., :, None] - g[..., None, :]) * p[..., None, :]).sum(axis=-1)),
    backward(
        lambda p, g: np.einsum(
            "...jm,...m->...j",
            p[..., :, None] * np.eye(p.shape[-1]) - p[..., :, None] * p[..., None, :],
            g,
        )
    ),
    lambda *arguments: list(gradients(*arguments)),
    backward_by_steps(lambda loss: loss(1e-30j).imag / 1e-30),
)


@right("scaled_dot_product.attention_backward")
def backward_by_autograd(q, k, v, grad_output):
    leaves = [tensor.clone().requires_grad_() for tensor in tensors(q, k, v)]
    output = torch.nn.functional.scaled_dot_product_attention(*leaves)
    output.backward(torch.from_numpy(grad_output))
    return tuple(leaf.grad.numpy() for leaf in leaves)


@right("scaled_dot_product.attention_backward")
def backward_by_the_output(q, k, v, grad_output):
    """As FlashAttention does it: the inner sum is that of output and its gradient."""
    p = softmax(scores_of(q, k))
    inner = (p @ v * grad_output).sum(axis=-1, keepdims=True)
    grad_scores = p * (grad_output @ t(v) - inner) / math.sqrt(q.shape[-1])
    return grad_scores @ k, t(grad_scores) @ q, t(p) @ grad_output


@right("scaled_dot_product.attention_backward")
def backward_query_by_query(q, k, v, grad_output):
    grad_q, grad_k, grad_v = (np.zeros_like(x) for x in (q, k, v))
    for query in np.ndindex(q.shape[:-1]):
        batch = query[:-1]
        p = softmax(scores_of(q[query][None], k[batch]))[0]
        grad_p = v[batch] @ grad_output[query]
        grad_s = p * (grad_p - p @ grad_p) / math.sqrt(q.shape[-1])
        grad_q[query] = grad_s @ k[batch]
        grad_k[batch] += np.outer(grad_s, q[query])
        grad_v[batch] += np.outer(p, grad_output[query])
    return grad_q, grad_k, grad_v


# scaled_dot_product.multiplications --------------------------------------------------------------


def layer(L, S, d_model, d_k, d_v):
    return L * d_model * d_k + S * d_model * (d_k + d_v) + L * S * (d_k + d_v)


def product(*shapes):
    """The multiplications of a chain of matrix products, each given as (rows, inner, columns)."""
    return sum(rows * inner * columns for rows, inner, columns in shapes)


right(
    "scaled_dot_product.multiplications",
    layer,
    lambda L, S, d_model, d_k, d_v: product(
        (L, d_model, d_k), (S, d_model, d_k), (S, d_model, d_v), (L, d_k, S), (L, S, d_v)
    ),
    lambda L, S, d_model, d_k, d_v: d_k * ((L + S) * d_model + L * S) + d_v * S * (d_model + L),
    lambda L, S, d_model, d_k, d_v: float(layer(L, S, d_model, d_k, d_v)),
    lambda L, S, d_model, d_k, d_v: layer(*map(np.int64, (L, S, d_model, d_k, d_v))),
    lambda L, S, d_model, d_k, d_v: np.array(layer(L, S, d_model, d_k, d_v)),
)

# Wrong programs ----------------------------------------------------------------------------------

wrong(
    "scaled_dot_product.spread",
    ("the whole root", {"math.sqrt": "math.isqrt"}),
    ("single precision", {"math.sqrt(d)": "float(np.float32(math.sqrt(d)))"}),
    ("only sigma_q", {" * sigma_k": ""}),
    ("only sigma_k", {"sigma_q * ": ""}),
    ("sigma_q twice", {"* sigma_k": "* sigma_q"}),
    ("sigmas averaged", {"sigma_q * sigma_k": "(sigma_q + sigma_k) / 2"}),
    ("sigmas squared", {"sigma_q * sigma_k": "(sigma_q * sigma_k) ** 2"}),
    (
        "1/√d",
        {"math.sqrt(d) * sigma_q * sigma_k": "1 / math.sqrt(d)"},
        "that is the factor that undoes the spread",
    ),
)
wrong(
    "scaled_dot_product.multiplications",
    ("queries from the S tokens", {"L * d_model": "S * d_model"}),
    ("keys from the L tokens", {"+ S * d_model * (d_k + d_v)": "+ d_model * (L * d_k + S * d_v)"}),
    ("d_v for d_k", {"d_k": "d_v", "S, d_model, d_v, d_v)": "S, d_model, _, d_v)"}),
    ("square projections", {"d_model * d_k": "d_model**2", "* (d_k + d_v)\n": "* 2 * d_model\n"}),
    ("S²", {"L * S": "S * S"}),
    ("L and S exchanged", {"L * d_model": "S * d_model", "+ S * d_model": "+ L * d_model"}),
    ("no more queries than keys", {"+ S * d_model": "+ max(L, S) * d_model"}),
    ("a thousandth too many", {"return ": "return 1e-3 + "}),
)

EXPONENTIALS = "weights.sum(axis=-1, keepdims=True)"
EPSILON = "an epsilon in the denominator makes every weight a little too small"
NO_SHIFT = {"scores - scores.max(axis=-1, keepdims=True)": "scores"}
NO_SCALE = {" / math.sqrt(q.shape[-1])": ""}
FOR_THREE_AXES = {
    "np.swapaxes(k, -1, -2)": "(k.transpose(0, 2, 1) if k.ndim == 3 else k.T)",
}
wrong(
    "scaled_dot_product.attention",
    (
        "causal when L = S",
        {
            "np.exp(scores)": "np.exp(scores)"
            " * (np.tri(len(q[0])) if scores.shape[-2] == scores.shape[-1] else 1)"
        },
    ),
    (
        "less the maximum over the first axis",
        {"max(axis=-1, keepdims=True)": "max(axis=0)"},
        "the maximum was taken over the queries",
    ),
    ("wrong for a batch of heads", {"weights @ v": "weights @ v * (1 + (q.ndim == 4))"}),
    ("transpose(0, 2, 1)", FOR_THREE_AXES),
    *(
        (f"an epsilon of {small}", {EXPONENTIALS: f"({EXPONENTIALS} + {small})"}, EPSILON)
        for small in ("1e-3", "1e-5", "1e-12", "np.finfo(np.float32).eps")
    ),
    ("no scale, and no shift", NO_SCALE | NO_SHIFT, "the scale is missing"),
    ("no scale, and axis=1", NO_SCALE | {"axis=-1": "axis=1"}, "the scale is missing"),
    (
        "the root is float64, and no shift",
        {"math.sqrt": "np.sqrt"} | NO_SHIFT,
        "the exponentials overflow or underflow: the largest score was not subtracted",
    ),
    (
        "divided by d_k, and one maximum",
        {"math.sqrt(q.shape[-1])": "q.shape[-1]", "max(axis=-1, keepdims=True)": "max()"},
        "the scores are divided by d_k",
    ),
)
wrong("scaled_dot_product.attention_backward", ("transpose(0, 2, 1)", FOR_THREE_AXES))

PEAK, TOTAL = "np.where(np.isneginf(peak), 0, peak)", "np.where(total == 0, 1, total)"
RETURNED = f"return weights / {TOTAL} @ v"
EMPTY_ROWS = {RETURNED: "return np.where(mask.any(axis=-1)[..., None], weights / total @ v, 0)"}
BY_SEQUENCE = """output = weights / total @ v
    for i in range(len(mask)):
        if not mask[i].any():
            output[i] = 0
    return output"""
TURNED = "the mask is read the wrong way round"
wrong(
    "scaled_dot_product.masked_attention",
    ("zeros for a sequence instead of a query", {PEAK: "peak", RETURNED: BY_SEQUENCE}),
    ("below the smallest score by 30", {"-np.inf": "scores.min() - 30"} | EMPTY_ROWS),
    (
        "below the row's smallest by 50",
        {"-np.inf": "scores.min(axis=-1, keepdims=True) - 50"} | EMPTY_ROWS,
    ),
    ("mask * -1e9", {"np.where(mask, scores, -np.inf)": "scores + mask * -1e9"}, TURNED),
    ("one maximum for all", {"max(axis=-1, keepdims=True)": "max()"}),
    (
        "no shift, and NaN replaced",
        {f" - {PEAK}": "", RETURNED: "return np.nan_to_num(weights / total) @ v"},
    ),
    ("turned, and NaN", {"(mask,": "(~mask,", PEAK: "peak", TOTAL: "total"}, TURNED),
    ("turned, and -1e9", {"(mask,": "(~mask,", "-np.inf": "-1e9"}, TURNED),
)
