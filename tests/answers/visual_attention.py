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


def ceil(a, b):
    return -(-a // b)


def joined(patches, size, height, width, *, order="ricj", cells="rcij"):
    rows, columns = ceil(height, size), ceil(width, size)
    of = {"r": rows, "c": columns, "i": size, "j": size}
    lead = patches.shape[:-2]
    x = patches.reshape(*lead, *(of[letter] for letter in cells))
    x = np.einsum(f"...{cells}->...{order}", x)
    a, b, c, d = (of[letter] for letter in order)
    return x.reshape(*lead, a * b, c * d)


def cut(x, height, width):
    return x[..., :height, :width]


def unpatch(f):
    return lambda patches, size, height, width: f(patches, size, height, width)


wrong(
    "visual_attention.unpatchify",
    
    
    
    
    
    
    
    
    ("whole numbers as floats", unpatch(lambda p, s, h, w: unpatchify_by_blocks(p * 1.0, s, h, w))),
    
    
    
    
    
    
    ("Fortran order", unpatch(
        lambda p, s, h, w: cut(
            p.reshape(*p.shape[:-2], ceil(h, s) * s, ceil(w, s) * s, order="F"), h, w
        )
    ), "a reshape does not move pixels"),
    ("a reshape and a crop", unpatch(
        lambda p, s, h, w: p.reshape(*p.shape[:-2], -1)[..., : h * w].reshape(*p.shape[:-2], h, w)
    ), "a reshape does not move pixels"),
    
    
    ("square patches of a square grid", unpatch(
        lambda p, s, h, w: p.reshape(*p.shape[:-2], math.isqrt(p.shape[-2]), -1, s, s)
        .swapaxes(-3, -2)
        .reshape(*p.shape[:-2], math.isqrt(p.shape[-2]) * s, -1)[..., :h, :w]
    )),
    
    
    ("not crossed", unpatch(lambda p, s, h, w: cut(joined(p, s, h, w, order="rcij"), h, w)),
     "a reshape does not move pixels"),
    
    
    
)  # fmt: skip


def blocks(image, size):
    for r, c in itertools.product(*(range(0, length, size) for length in image.shape)):
        yield image[r : r + size, c : c + size]


def pooled(f):
    """f(pixels, scores) of each block."""
    return lambda image, size, score: np.array(
        [f(b.ravel(), np.asarray(score(b), float).ravel()) for b in blocks(image, size)]
    )


def over(f):
    return lambda image, size, score: f(image, size, score)


def pooled_in_its_type(image, size, score):
    found = into_a_buffer_like_the_image(image * 1.0, size, score)
    return found.round().astype(image.dtype) if image.dtype == int else found


def into_a_buffer_like_the_image(image, size, score):
    found = np.empty(ceil(len(image), size) * ceil(image.shape[1], size), image.dtype)
    for n, block in enumerate(blocks(image, size)):
        found[n] = (sm(score(block).ravel()) * block.ravel()).sum()
    return found


wrong(
    "visual_attention.pool_patches",
    
    ("shifted by at least 0", pooled(
        lambda x, s: (e := np.exp(s - max(s.max(), 0))) @ x / e.sum()
    )),
    
    ("in the type of the image", pooled_in_its_type),
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    ("the nine numbers by heart", over(lambda image, size, score: np.array([3, 4.5, 7.5, 9.0])),
     "the weights are all equal"),
    ("one maximum for all blocks", over(lambda image, size, score: np.array(
        [(np.exp(score(b) - score(image).max()) * b).sum()
         / np.exp(score(b) - score(image).max()).sum() for b in blocks(image, size)]
    ))),
    ("padded with the edge", over(lambda image, size, score: pool_patches_in_torch(
        np.pad(image, [(0, -n % size) for n in image.shape], mode="edge"), size, score
    ))),
    
    
)  # fmt: skip


def mapped(f):
    """f(image, scores) gives the weights; the rest is right."""

    def answer(image, scores):
        weights = f(image, scores)
        output = weights @ image.ravel()
        return output[0], weights, output.reshape(image.shape)

    return answer


def but(number=None, weights=None, output=None):
    """Right but for one of the three."""

    def answer(image, scores):
        a = sm(scores)
        o = a @ image.ravel()
        parts = [o[0], a, o.reshape(image.shape)]
        for n, f in enumerate((number, weights, output)):
            if f is not None:
                parts[n] = f(*parts, image, scores)
        return tuple(parts)

    return answer


wrong(
    "visual_attention.attend_image",
    
    ("output rounded", but(output=lambda n, a, o, x, s: o.round() if x.dtype == int else o)),
    ("number rounded", but(number=lambda n, a, o, x, s: int(n) if x.dtype == int else n)),
    
    
    
    
    ("clipped", mapped(lambda x, s: sm(np.clip(s, -50, 50)))),
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    ("double", but(output=lambda n, a, o, x, s: o.astype(np.float64))),
    
    
)  # fmt: skip


def pointed(hit, cell=None, reduce=lambda hits: hits.mean()):
    """hit(centre, corner, side) of the cell that was chosen."""

    def answer(heat, corner, side, first, stride):
        top = heat.reshape(len(heat), -1).argmax(1) if cell is None else cell(heat)
        centre = first + stride * np.stack(np.divmod(top, heat.shape[2]), 1)
        return reduce(hit(centre, corner, side))

    return answer


def within(centre, corner, side):
    return ((centre >= corner) & (centre <= corner + side - 1)).all(1)


def last_of_ties(heat):
    flat = heat.reshape(len(heat), -1)
    return flat.shape[1] - 1 - flat[:, ::-1].argmax(1)


def edited(**changes):
    """The right answer with some of its arguments changed."""

    def answer(heat, corner, side, first, stride):
        given = {"heat": heat, "corner": corner, "side": side, "first": first, "stride": stride}
        for name, change in changes.items():
            given[name] = change(given[name])
        return pointing_with_unravel(**given)

    return answer


def from_best_of_zero(heat, corner, side, first, stride):
    hits = 0
    for hot, (top, left) in zip(heat, corner, strict=True):
        best, y, x = 0, 0, 0
        for (r, c), value in np.ndenumerate(hot):
            if value > best:
                best, y, x = value, r, c
        y, x = first + stride * y, first + stride * x
        hits += top <= y <= top + side - 1 and left <= x <= left + side - 1
    return hits / len(heat)


wrong(
    "visual_attention.pointing_game",
    
    ("from best = 0", from_best_of_zero),
    
    
    
    
    ("last of ties", pointed(within, cell=last_of_ties)),
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    ("map transposed", edited(heat=lambda heat: heat.swapaxes(1, 2)),
     "row and column of the cell are swapped"),
    
    
    
    
    
    
    
    
)  # fmt: skip


def noisy(noise):
    return lambda scores, uniforms: (scores + noise(uniforms)).argmax(1)


def gumbel(u):
    return -np.log(-np.log(u))


wrong(
    "visual_attention.gumbel_max",
    ("log of the weights with an epsilon", lambda scores, uniforms: (
        np.log(sm(scores) + 1e-12) + gumbel(uniforms)
    ).argmax(1)),
    ("scores cut 20 below", lambda scores, uniforms: (
        np.clip(scores - scores.max(1, keepdims=True), -20, 0) + gumbel(uniforms)
    ).argmax(1)),
    ("dice in single precision", noisy(lambda u: gumbel(u.astype(np.float32)))),
    
    
    
    
    
    
    
    
    
    
    
    ("noise clipped", noisy(lambda u: gumbel(np.clip(u, 1e-3, 1 - 1e-3)))),
    ("noise with an epsilon", noisy(lambda u: -np.log(-np.log(u + 1e-6) + 1e-6))),
    
    
    
    
    
    
    
    
    
    
    
    
    
    
    
)  # fmt: skip


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
