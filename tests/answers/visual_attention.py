"""Answers to the exercises on visual attention."""

import itertools
import math

import numpy as np
import torch
import torch.nn.functional as F

from . import right, wrong


def sm(s, axis=-1):
    e = np.exp(s - s.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


# Right answers -----------------------------------------------------------------------------------


def unpatchify_in_loops(patches, size, height, width):
    columns = (width + size - 1) // size
    image = np.empty((*patches.shape[:-2], height, width), patches.dtype)
    for r, c in itertools.product(range(height), range(width)):
        patch = (r // size) * columns + c // size
        image[..., r, c] = patches[..., patch, (r % size) * size + c % size]
    return image


def unpatchify_with_fold(patches, size, height, width):
    *lead, N, _ = patches.shape
    rows, columns = -(-height // size), -(-width // size)
    flat = torch.from_numpy(patches.copy()).double().reshape(-1, N, size * size).mT
    image = F.fold(flat, (rows * size, columns * size), size, stride=size)
    image = image.reshape(*lead, rows * size, columns * size)[..., :height, :width]
    return image.numpy().astype(patches.dtype)


def unpatchify_by_blocks(patches, size, height, width):
    columns = math.ceil(width / size)
    squares = [p.reshape(*p.shape[:-1], size, size) for p in np.moveaxis(patches, -2, 0)]
    rows = [squares[n : n + columns] for n in range(0, len(squares), columns)]
    image = np.concatenate([np.concatenate(row, axis=-1) for row in rows], axis=-2)
    return image[..., :height, :width].copy()


def unpatchify_in_einsum(patches, size, height, width):
    rows, columns = -(-height // size), -(-width // size)
    x = patches.reshape((*patches.shape[:-2], rows, columns, size, size))
    x = np.einsum("...rcij->...ricj", x)
    return x.reshape((*patches.shape[:-2], rows * size, columns * size))[..., :height, :width]


right(
    "visual_attention.unpatchify",
    unpatchify_in_loops,
    unpatchify_with_fold,
    unpatchify_by_blocks,
    unpatchify_in_einsum,
)


def pool_patches_in_floats(image, size, score):
    H, W = image.shape
    pooled = []
    for R, C in itertools.product(range(math.ceil(H / size)), range(math.ceil(W / size))):
        inside = [
            (r, c)
            for r in range(R * size, min(H, (R + 1) * size))
            for c in range(C * size, min(W, (C + 1) * size))
        ]
        scores = [float(score(np.array([image[cell]]))[0]) for cell in inside]
        shares = [math.exp(s - max(scores)) for s in scores]
        top = math.fsum(a * float(image[cell]) for a, cell in zip(shares, inside, strict=True))
        pooled.append(top / math.fsum(shares))
    return np.array(pooled)


def pool_patches_with_a_mask(image, size, score):
    H, W = image.shape
    rows, columns = -(-H // size), -(-W // size)

    def cut(a, fill):
        a = np.pad(a, ((0, rows * size - H), (0, columns * size - W)), constant_values=fill)
        return a.reshape(rows, size, columns, size).swapaxes(1, 2).reshape(-1, size**2)

    weights = sm(cut(score(image).astype(float), -np.inf))
    return (weights * cut(image, 0)).sum(axis=1)


def pool_patches_in_torch(image, size, score):
    out = []
    for strip in torch.from_numpy(image.copy()).split(size, dim=0):
        for block in strip.split(size, dim=1):
            weights = torch.softmax(torch.from_numpy(score(block.numpy())).flatten(), dim=0)
            out.append((weights * block.flatten()).sum())
    return torch.stack(out).numpy()


def pool_patches_scored_at_once(image, size, score):
    scores = score(image)
    answer = []
    for i in range(0, len(image), size):
        for j in range(0, len(image[0]), size):
            window = np.s_[i : i + size, j : j + size]
            answer += [
                np.average(image[window], weights=np.exp(scores[window] - scores[window].max()))
            ]
    return np.asarray(answer)


right(
    "visual_attention.pool_patches",
    pool_patches_in_floats,
    pool_patches_with_a_mask,
    pool_patches_in_torch,
    pool_patches_scored_at_once,
)


def attend_in_loops(image, scores):
    flat, weights = [*image.flat], np.empty_like(scores)
    for p, row in enumerate(scores):
        shares = [math.exp(float(s) - float(max(row))) for s in row]
        weights[p] = [share / math.fsum(shares) for share in shares]
    output = np.empty(image.shape, scores.dtype)
    for p, cell in enumerate(np.ndindex(*image.shape)):
        output[cell] = sum(a * x for a, x in zip(weights[p], flat, strict=True))
    return float(output[0, 0]), weights, output


def attend_in_torch(image, scores):
    weights = torch.softmax(torch.from_numpy(scores), dim=1)
    output = torch.einsum("pq,q->p", weights, torch.from_numpy(image.astype(scores.dtype)).ravel())
    return [output[0].item(), weights.numpy(), output.view(image.shape).numpy()]


def attend_with_logs(image, scores):
    weights = np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))
    H, W = image.shape
    output = np.tensordot(weights.reshape(H, W, H, W), image, axes=2)
    return np.array(output[0, 0]), weights, output


right("visual_attention.attend_image", attend_in_loops, attend_in_torch, attend_with_logs)


def pointing_in_loops(heat, corner, side, first, stride):
    hits = 0
    for hot, (top, left) in zip(heat, corner.tolist(), strict=True):
        best, where = -math.inf, None
        for r in range(hot.shape[0]):
            for c in range(hot.shape[1]):
                if hot[r, c] > best:
                    best, where = hot[r, c], (r, c)
        y, x = (first + stride * index for index in where)
        hits += top <= y <= top + side - 1 and left <= x <= left + side - 1
    return hits / len(heat)


def pointing_with_unravel(heat, corner, side, first, stride):
    B = heat.shape[0]
    cells = np.unravel_index(heat.reshape(B, -1).argmax(-1), heat.shape[1:])
    away = np.array(cells).T * stride + first - corner
    return np.mean(np.logical_and(away >= 0, away <= side - 1).all(axis=-1))


def pointing_in_torch(heat, corner, side, first, stride):
    top = torch.from_numpy(heat).flatten(1).argmax(dim=1)
    columns = heat.shape[2]
    y, x = first + stride * (top // columns), first + stride * (top % columns)
    r, c = torch.from_numpy(corner).T
    hit = (y >= r) & (y < r + side - 0.75) & (x >= c) & (x < c + side - 0.75)
    return hit.double().mean().item()


def pointing_in_single_precision(heat, corner, side, first, stride):
    top = torch.from_numpy(heat).flatten(1).argmax(dim=1)
    cell = torch.stack([top // heat.shape[2], top % heat.shape[2]], dim=1)
    away = first + stride * cell - torch.from_numpy(corner)
    hit = ((away >= 0) & (away <= side - 1)).all(dim=1)
    return hit.float().mean().item()


right(
    "visual_attention.pointing_game",
    pointing_in_loops,
    pointing_with_unravel,
    pointing_in_torch,
    pointing_in_single_precision,
)


def gumbel_in_loops(scores, uniforms):
    chosen = []
    for row, dice in zip(scores.tolist(), uniforms.tolist(), strict=True):
        noisy = [s - math.log(-math.log(u)) for s, u in zip(row, dice, strict=True)]
        chosen.append(noisy.index(max(noisy)))
    return np.array(chosen)


def gumbel_by_exponentials(scores, uniforms):
    waiting = np.log(-np.log(uniforms)) - (scores - scores.max(axis=1, keepdims=True))
    return waiting.argmin(axis=1)


def gumbel_in_torch(scores, uniforms):
    s, u = torch.from_numpy(scores), torch.from_numpy(uniforms)
    return (s - u.log().neg().log()).argmax(dim=1).numpy()


right("visual_attention.gumbel_max", gumbel_in_loops, gumbel_by_exponentials, gumbel_in_torch)


def reinforce_in_loops(scores, chosen, reward, baseline):
    N, S = len(reward), len(scores)
    weights, total = sm(scores), [0.0] * S
    for n, j in itertools.product(range(N), range(S)):
        total[j] += (reward[n] - baseline) * ((chosen[n] == j) - weights[j]) / N
    return np.array(total)


def reinforce_by_autograd(scores, chosen, reward, baseline):
    s = torch.from_numpy(scores.copy()).requires_grad_()
    log_prob = torch.distributions.Categorical(logits=s).log_prob(torch.from_numpy(chosen))
    advantage = torch.from_numpy(reward).double() - baseline
    return torch.autograd.grad((advantage * log_prob).mean(), s)[0].numpy()


def reinforce_by_counts(scores, chosen, reward, baseline):
    """What each position earned above the baseline, minus its share of all that was earned."""
    earned = np.bincount(chosen, reward - baseline, minlength=len(scores))
    return (earned - sm(scores) * earned.sum()) / len(chosen)


def reinforce_with_einsum(scores, chosen, reward, baseline):
    one_hot = (chosen[:, None] == np.arange(len(scores))).astype(float)
    weights = np.exp(scores - np.logaddexp.reduce(scores))
    return np.einsum("n,ns->s", reward - baseline, one_hot - weights) / reward.size


right(
    "visual_attention.reinforce_gradient",
    reinforce_in_loops,
    reinforce_by_autograd,
    reinforce_by_counts,
    reinforce_with_einsum,
)
right(
    "visual_attention.sizes",
    [1, 2517630976, 38416, 196],
    np.array([1, 224**4, 38416, 196]),
    (1.0, 2517630976.0, 38416.0, 196.0),
)
right("visual_attention.looked_at", [10000, 128, 753], np.array([1e4, 128.0, 753.0]))


# Wrong answers -----------------------------------------------------------------------------------


def cut(x, height, width):
    return x[..., :height, :width]


def blocks(image, size):
    for r, c in itertools.product(*(range(0, length, size) for length in image.shape)):
        yield image[r : r + size, c : c + size]


def pooled(f):
    """f(pixels, scores) of each block."""
    return lambda image, size, score: np.array(
        [f(b.ravel(), np.asarray(score(b), float).ravel()) for b in blocks(image, size)]
    )


def noisy(noise):
    return lambda scores, uniforms: (scores + noise(uniforms)).argmax(1)


RESHAPED = "a reshape does not move pixels"
IMAGES = "squares.swapaxes(-3, -2).reshape(*lead, rows * size, columns * size)"
wrong(
    "visual_attention.unpatchify",
    ("whole numbers as floats", {"return images": "return 1.0 * images"}),
    (
        "Fortran order",
        {IMAGES: 'patches.reshape(*lead, rows * size, columns * size, order="F")'},
        RESHAPED,
    ),
    (
        "a reshape and a crop",
        {
            "images[..., :height, :width]": "patches.reshape(*lead, -1)[..., : height * width]"
            ".reshape(*lead, height, width)"
        },
        RESHAPED,
    ),
    (
        "square patches of a square grid",
        {
            "rows, columns = math.ceil(height / size), math.ceil(width / size)": "rows = "
            "math.isqrt(patches.shape[-2]); columns = patches.shape[-2] // rows"
        },
    ),
    ("not crossed", {IMAGES: "squares.reshape(*lead, rows * columns, size * size)"}, RESHAPED),
)
wrong(
    "visual_attention.pool_patches",
    ("shifted by at least 0", {"scores.max()": "max(scores.max(), 0)"}),
    (
        "rounded where the pixels are whole numbers",
        {"np.array(pooled)": "(np.round if image.dtype == int else np.array)(pooled)"},
    ),
    (
        "the nine numbers by heart",
        {"np.array(pooled)": "np.array([3, 4.5, 7.5, 9.0])"},
        "the weights are all equal",
    ),
    ("one maximum for all blocks", {"scores.max()": "score(image).max()"}),
    (
        "padded with the edge",
        {
            "pooled = []": "pooled = []\n"
            '    image = np.pad(image, [(0, -n % size) for n in image.shape], mode="edge")'
        },
    ),
)
wrong(
    "visual_attention.attend_image",
    (
        "output rounded",
        {"(image.shape)": "(image.shape).round(9 * (image.dtype != int))"},
    ),
    ("number rounded", {"return output[0]": "return output[0].round(9 * (image.dtype != int))"}),
    ("clipped", {"np.exp(scores": "np.exp((scores := np.clip(scores, -50, 50))"}),
    ("double", {"(image.shape)": "(image.shape).astype(float)"}),
)
wrong(
    "visual_attention.pointing_game",
    ("from best = 0", {"heat.reshape": "np.maximum(heat, 0).reshape"}),
    (
        "last of ties",
        {"argmax(axis=1)": "shape[1] - 1 - heat.reshape(len(heat), -1)[:, ::-1].argmax(axis=1)"},
    ),
    (
        "map transposed",
        {"cell = ": "heat = heat.swapaxes(1, 2); cell = "},
        "row and column of the cell are swapped",
    ),
)
wrong(
    "visual_attention.gumbel_max",
    ("log of the weights with an epsilon", {"scores +": "np.log(softmax(scores) + 1e-12) +"}),
    ("scores cut 20 below", {"scores +": "np.maximum(scores, scores.max(1)[:, None] - 20) +"}),
    ("dice in single precision", {"(uniforms)": "(uniforms.astype(np.float32))"}),
    ("noise clipped", {"(uniforms)": "(np.clip(uniforms, 1e-3, 1 - 1e-3))"}),
    ("noise with an epsilon", {"(uniforms))": "(uniforms + 1e-6) + 1e-6)"}),
)

# The questions: what each wrong answer truly is ------------------------------------------


def table(exercise, called):
    """Wrong answers by the name that fits them, None where none does."""
    for name, answers in called.items():
        wrong(exercise, *((repr(answer), answer, name) for answer in answers))


N = 224**4
table(
    "visual_attention.sizes",
    {
        "a sum is one number": [(50176, 50176, 196, 196), (0, N, 38416, 196), (9, N, 38416, 196)],
        
        
        
        
    },
)  # fmt: skip
table(
    "visual_attention.looked_at",
    {
        "100 is the side, not the number of pixels": [ np.array([100, 128, 625])],
        "soft attention looks at everything": [
            (200, 128, 753), (128, 128, 753), (0, 128, 753), (9872, 128, 753),
        ],
        
        
        
        
    },
)  # fmt: skip
