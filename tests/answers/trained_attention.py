"""Answers to the exercises on training."""

import itertools
import math

import numpy as np
import torch

from . import right, wrong


def tensors(*arrays, grad=False):
    return [torch.from_numpy(array.copy()).requires_grad_(grad) for array in arrays]


# A gradient without calculus ---------------------------------------------------------------------


def gradient_flat(f, x):
    flat = x.astype(float).ravel()
    entries = []
    for i in range(flat.size):
        values = []
        for sign in (-1, 1):
            moved = flat.copy()
            moved[i] += sign * 2e-5
            values.append(f(moved.reshape(x.shape)))
        entries.append((values[1] - values[0]) / 4e-5)
    return np.array(entries).reshape(x.shape)


def gradient_by_unit_vectors(f, x):
    units = np.eye(x.size).reshape(x.size, *x.shape)
    h = 1e-6
    found = [(f(x + h * e) - f(x - h * e)) / (2 * h) for e in units]
    return np.reshape(found, x.shape)


def gradient_put_back(f, x):
    work, gradient = np.array(x, dtype=np.float64), np.zeros(np.shape(x))
    for index, old in np.ndenumerate(work.copy()):
        work[index] = old + 1e-4
        above = f(work)
        work[index] = old - 1e-4
        gradient[index] = (above - f(work)) / 2e-4
        work[index] = old
    return gradient


def gradient_of_five_points(f, x):
    def at(index, shift):
        moved = x.astype(float)
        moved[index] += shift
        return f(moved)

    gradient, h = np.zeros(x.shape), 1e-3
    for i in np.ndindex(*x.shape):
        gradient[i] = (8 * (at(i, h) - at(i, -h)) - at(i, 2 * h) + at(i, -2 * h)) / (12 * h)
    return gradient


def gradient_in_one_copy(f, x):
    x, gradient = np.array(x, dtype=np.float64, order="C"), []
    flat = x.reshape(-1)
    for i in range(x.size):
        flat[i] += 1e-5
        above = f(x)
        flat[i] -= 2e-5
        gradient.append((above - f(x)) / 2e-5)
        flat[i] += 1e-5
    return np.array(gradient).reshape(x.shape)


right(
    "trained_attention.numerical_gradient",
    gradient_flat,
    gradient_by_unit_vectors,
    gradient_put_back,
    gradient_of_five_points,
    gradient_in_one_copy,
)


# Erratum -----------------------------------------------------------------------------------------


@right("trained_attention.backward")
def backward_by_autograd(x, W_1, b_1, W_2, b_2, y, t):
    x, t = tensors(x, t)
    parameters = tensors(W_1, b_1, W_2, b_2, grad=True)
    A, a, B, b = parameters
    loss = 0.5 * ((torch.tanh(x @ A + a) @ B + b - t) ** 2).sum()
    return tuple(g.numpy() for g in torch.autograd.grad(loss, parameters))


@right("trained_attention.backward")
def backward_one_example_at_a_time(x, W_1, b_1, W_2, b_2, y, t):
    sums = [np.zeros_like(p) for p in (W_1, b_1, W_2, b_2)]
    for inputs, predicted, target in zip(x, y, t, strict=True):
        h = np.tanh(inputs @ W_1 + b_1)
        error = predicted - target
        back = (W_2 @ error) / np.cosh(inputs @ W_1 + b_1) ** 2
        for total, part in zip(
            sums, (np.outer(inputs, back), back, np.outer(h, error), error), strict=True
        ):
            total += part
    return sums


@right("trained_attention.backward")
def backward_in_einsum(x, W_1, b_1, W_2, b_2, y, t):
    h = np.tanh(np.einsum("ni,iu->nu", x, W_1) + b_1)
    z = np.einsum("no,uo,nu->nu", y - t, W_2, (1 - h) * (1 + h))
    return (
        np.einsum("ni,nu->iu", x, z),
        np.einsum("nu->u", z),
        np.einsum("nu,no->uo", h, y - t),
        np.einsum("no->o", y - t),
    )


# Make the layers real ----------------------------------------------------------------------------


@right("trained_attention.deep")
def deep_by_autograd(x, layers, grad_output):
    x, upstream = tensors(x, grad_output)
    (weights,) = tensors(layers, grad=True)
    for W in weights:
        x = x + torch.tanh(x @ W)
    ((x * upstream).sum() + 0 * weights.sum()).backward()
    return x.detach().numpy(), weights.grad.numpy()


@right("trained_attention.deep")
def deep_by_recursion(x, layers, grad_output):
    def run(x, depth):
        """Return the output, the gradients from here on, and the gradient of x."""
        if depth == len(layers):
            return x, [], grad_output
        h = np.tanh(x @ layers[depth])
        output, gradients, grad = run(x + h, depth + 1)
        back = grad * (1 - h) * (1 + h)
        return output, [x.T @ back, *gradients], grad + back @ layers[depth].T

    output, gradients, _ = run(x, 0)
    return output, np.array(gradients, dtype=layers.dtype).reshape(layers.shape)


@right("trained_attention.deep")
def deep_with_what_was_kept(x, layers, grad_output):
    kept = []
    for W in layers:
        h = np.tanh(np.einsum("ni,ij->nj", x, W))
        kept.append((x, h, W))
        x = x + h
    gradients = []
    while kept:
        inputs, h, W = kept.pop()
        back = grad_output - grad_output * h * h
        gradients.append(np.einsum("ni,nj->ij", inputs, back))
        grad_output = grad_output + np.einsum("nj,ij->ni", back, W)
    result = np.zeros(layers.shape, layers.dtype)
    for i, gradient in enumerate(reversed(gradients)):
        result[i] = gradient
    return x, result


# Every derivative of an attention layer ----------------------------------------------------------


@right("trained_attention.layer_backward")
def layer_by_autograd(x, W_q, W_k, W_v, W_o, grad_output):
    arrays = tensors(x, W_q, W_k, W_v, W_o, grad=True)
    t_x, A, B, C, D = arrays
    scores = (t_x @ A) @ (t_x @ B).T / math.sqrt(W_k.shape[1])
    y = torch.softmax(scores, dim=1) @ (t_x @ C) @ D
    return [g.numpy() for g in torch.autograd.grad(y, arrays, torch.from_numpy(grad_output))]


@right("trained_attention.layer_backward")
def layer_by_jacobians(x, W_q, W_k, W_v, W_o, grad_output):
    n, d_k = len(x), W_q.shape[1]
    q, k, v = (x @ W / 1 for W in (W_q, W_k, W_v))
    up = grad_output @ W_o.T
    a, back_q, back_k, back_v = np.zeros((n, n), x.dtype), 0 * q, 0 * k, 0 * v
    for i in range(n):
        s = k @ q[i] / np.sqrt(x.dtype.type(d_k))
        e = np.exp(s - s.max())
        a[i] = e / e.sum()
        jacobian = np.diag(a[i]) - np.outer(a[i], a[i])
        back_s = jacobian @ (v @ up[i]) / np.sqrt(x.dtype.type(d_k))
        for j in range(n):
            back_q[i] += back_s[j] * k[j]
            back_k[j] += back_s[j] * q[i]
            back_v[j] += a[i, j] * up[i]
    back_x = back_q @ W_q.T + back_k @ W_k.T + back_v @ W_v.T
    return back_x, x.T @ back_q, x.T @ back_k, x.T @ back_v, (a @ v).T @ grad_output


@right("trained_attention.layer_backward")
def layer_with_folded_scale(x, W_q, W_k, W_v, W_o, grad_output):
    """The scale is put into the queries, and the output into the values."""
    scale = W_k.shape[1] ** -0.5
    q, k, v = (x @ W_q) * scale, x @ W_k, x @ W_v
    s = np.einsum("id,jd->ij", q, k)
    a = np.exp(s - np.logaddexp.reduce(s, axis=1, keepdims=True))
    y = a @ v
    up = np.einsum("im,vm->iv", grad_output, W_o)
    delta = (up * y).sum(1)  # the mean under the weights, as FlashAttention has it
    back_s = a * (up @ v.T - delta[:, None])
    parts = back_s @ k * scale, back_s.T @ q, a.T @ up
    back_x = sum(part @ W.T for part, W in zip(parts, (W_q, W_k, W_v), strict=True))
    return (back_x, *(x.T @ part for part in parts), y.T @ grad_output)


def layer(change):
    """A layer's backward pass in which change(names) alters what reaches q, k and v."""

    def answer(x, W_q, W_k, W_v, W_o, g):
        q, k, v = x @ W_q, x @ W_k, x @ W_v
        root = math.sqrt(k.shape[1])
        s = q @ k.T / root
        a = np.exp(s - s.max(1, keepdims=True))
        a = a / a.sum(1, keepdims=True)
        up = g @ W_o.T
        da = up @ v.T
        ds = a * (da - (a * da).sum(1, keepdims=True)) / root
        r = {"q": q, "k": k, "a": a, "up": up, "da": da, "ds": ds, "root": root}
        r = r | {"dq": ds @ k, "dk": ds.T @ q, "dv": a.T @ up}
        r = r | change(r)
        dx = r["dq"] @ W_q.T + r["dk"] @ W_k.T + r["dv"] @ W_v.T
        return dx, x.T @ r["dq"], x.T @ r["dk"], x.T @ r["dv"], (a @ v).T @ g

    return answer


def scores(change):
    """The same, where change(names) is what reaches the scores."""
    return layer(lambda r: {"dq": (ds := change(r) / r["root"]) @ r["k"], "dk": ds.T @ r["q"]})


# Wrong programs ----------------------------------------------------------------------------------

wrong(
    "trained_attention.numerical_gradient",
    (
        "in the memory order of x",
        {
            "return gradient": "return gradient.ravel()"
            '.reshape(x.shape, order="CF"[x.flags.f_contiguous])'
        },
    ),
    ("in the type of x", {"return gradient": "return gradient.astype((x * 1.0).dtype)"}),
    ("keeps whole numbers", {"return gradient": "return gradient.astype(x.dtype)"}),
)
wrong(
    "trained_attention.deep",
    ("float64", {"[-1], gradient": "[-1].astype(float), gradient.astype(float)"}),
    ("a float64 output", {"return inputs[-1]": "return inputs[-1].astype(float)"}),
)
wrong(
    "trained_attention.layer_backward",
    ("scores clipped at 50", {"np.exp(scores": "np.exp((scores := np.clip(scores, -50, 50))"}),
    ("scores clipped at 700", {"np.exp(scores": "np.exp((scores := np.clip(scores, -700, 700))"}),
)

# The questions: what each wrong answer truly is --------------------------------------------------


def table(exercise, called):
    """Wrong answers by the name that fits them, None where none does."""
    for name, answers in called.items():
        wrong(exercise, *((repr(answer), answer, name) for answer in answers))


HISTORY = [1958, 1980, 1890, 1995, 1953, 1980]
right(
    "trained_attention.history",
    HISTORY,
    np.array(HISTORY),
    tuple(float(year) for year in HISTORY),
    list(map(str, HISTORY)),
    ["1958", 1980, " 1890 ", 1995.0, np.int64(1953), "1980"],
    np.array(list(map(str, HISTORY))),
)
table(
    "trained_attention.history",
    {
        "the experiment came before the theory": [[1953, 1980, 1890, 1980, 1958, 1995]],
        "1964 is the filter that weakens, not the one that blocks": [
            [1964, 1980, 1890, 1995, 1953, 1964]
        ],
        "late selection is not on the list": [[1958, 1980, 1890, 1995, 1963, 1980]],
        "2020 is the survey": [np.array([1958, 2020, 1890, 1995, 1953, 1980])],
        "six years are asked for, not their order": [[1, 2, 3, 4, 5, 6][::-1], [2, 4, 1, 6, 3, 5]],
    },
)

RULES = [[0.5, -1], [1.2, -0.9], [0.9, -0.8]]
right(
    "trained_attention.rules",
    RULES,
    np.array(RULES),
    [np.array(w) for w in RULES],
    [[0.5, -1], [1 + 0.1 * 2, -1 + 0.1], [0.5 + 0.2 * 2, -0.8]],
    [[0.5, -1], [1.2000000000000002, -0.9], [0.9, -0.8]],
    torch.tensor(RULES),
    [torch.tensor(w) for w in RULES],
    np.array(RULES, dtype=np.float32),
    tuple(map(tuple, RULES)),
)
table(
    "trained_attention.rules",
    {
        "the three vectors stand in another order": [
            [RULES[i] for i in order] for order in itertools.permutations(range(3))
        ][1:],
        "Hebb does not know the target": [[[0.9, -0.8], [1.4, -0.8], [0.9, -0.8]]],
        "Hebb adds": [[[0.5, -1], [0.8, -1.1], [0.1, -1.0]]],
        "the learning rate is missing": [
            [[0.5, -1], [1.2, -0.9], [4.5, 1.0]],
            [[0.5, -1], [3.0, 0.0], [0.9, -0.8]],
        ],
    },
)

COUNT = [12288, 12288, 102400, 47360, 94720]
right("trained_attention.count", COUNT, np.array(COUNT), tuple(map(float, COUNT)))
table(
    "trained_attention.count",
    {
        "the output projection has been forgotten": [[9216, 9216, 102400, 37120, 74240]],
        "the parameters do not depend on the number of tokens": [
            [12288, 49152, 102400, 47360, 94720],
        ],
        "a dense layer connects every number with every number": [
            [12288, 12288, 320, 47360, 94720],
        ],
        "the way back takes two products for each one forwards": [
            [12288, 12288, 102400, 47360, 142080],
        ],
    },
)

MAPS = ["yyyy", "nynn", "yyyy", "nyny", "yyyn"]
right(
    "trained_attention.is_it_attention",
    MAPS,
    tuple(word.upper() for word in MAPS),
    np.array(MAPS),
    [f" {word} " for word in MAPS],
    [" ".join(word) for word in MAPS],
    " ".join(MAPS),
    "Y, y, y, y; n, y, n, n; y, y, y, y; n, y, n, y; y, y, y, n",
    list(map(list, MAPS)),
    np.array(list(map(list, MAPS))),
    tuple("".join(MAPS)),
)


def with_word(number, word):
    return [word if n == number else right_word for n, right_word in enumerate(MAPS)]


WORDS = ["".join(letters) for letters in itertools.product("yn", repeat=4)]
table(
    "trained_attention.is_it_attention",
    {
        "five words of four letters are asked for": [
            "yyyy", 5, ["yyy"] * 5, MAPS[:4], ["jjjj"] * 5, [[True] * 4] * 5, "ynyny",
            " ".join(MAPS[:4]), [*MAPS, "y"], ["y", "yyynynn", *MAPS[2:], ""], {0: MAPS},
        ],
        "a residual connection takes nothing away": [
            with_word(0, word) for word in WORDS if word != "yyyy"
        ],
        "A is a 5 × 5 matrix: it knows five places and no more": [
            with_word(1, word) for word in ("yynn", "nyyn", "yyyn", "yyyy")
        ],
        
        "a maximum passes all four tests without being attention": [
            with_word(2, word) for word in WORDS if word != "yyyy"
        ],
        "vectors for places make a map that minds the order and has five places": [
            with_word(3, word) for word in ("yyyy", "nyyy", "yyny")
        ],
        "taking the mean away mixes positions, linearly": [
            with_word(4, word) for word in WORDS if word != "yyyn"
        ],
        None: [with_word(1, "nnnn"), with_word(3, "nynn"), with_word(3, "nnny")],
    },
)  # fmt: skip
