r"""Visual attention in PyTorch: patches, pooling a feature map, self-attention on it, glimpses."""

from numbers import Real

import torch
import torch.nn.functional as F

from attention_book.attention_pooling import module as attention_pooling
from attention_book.masks import as_tensor
from attention_book.scaled_dot_product import module as scaled_dot_product
from attention_book.shapes import (
    check_count,
    check_floating,
    check_map,
    check_mask,
    check_projections,
    check_scores,
)


def patchify(image, size):
    r"""Cut an image into squares of ``size`` times ``size`` pixels, each flattened to one vector.

    Shapes:
        image: (..., H, W, C), of any dtype; a grey image has C = 1
        returns: the patches (..., N, size·size·C) in the dtype of the image, row after row of
        patches, with :math:`N = \lceil H / size \rceil \lceil W / size \rceil`, and a boolean
        mask (N, size·size·C), True = belongs to the image; the rest of a patch is zeros.

    Raises:
        TypeError: ``image`` is not a tensor, or ``size`` is not an integer.
        ValueError: ``size`` is below 1, or ``image`` has fewer than three dimensions or no pixel.

    Source:
        A. Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021, section 3.1. Departures:
        any height and width, with a mask for the remainder; no projection.
    """
    _check_tensor(image, "image")
    size = check_count(size, "size", least=1)
    if image.ndim < 3 or 0 in image.shape[-3:]:
        raise ValueError(
            f"image has shape {tuple(image.shape)}; it needs (..., height, width, channels)"
        )
    inside = torch.ones(image.shape[-3:], dtype=torch.bool, device=image.device)
    return _cut(image, size), _cut(inside, size)


def _cut(image, size):
    H, W = image.shape[-3:-1]
    image = F.pad(image, (0, 0, 0, -W % size, 0, -H % size))
    squares = image.unfold(-3, size, size).unfold(-3, size, size)  # (..., rows, columns, C, size²)
    return squares.movedim(-3, -1).flatten(-3).flatten(-3, -2)


def unpatchify(patches, size, height, width):
    """Put patches back in place: the way back from :func:`patchify`.

    Shapes:
        patches: (..., N, size·size·C), row after row of patches
        returns: (..., height, width, C), without what was filled up

    Raises:
        TypeError: ``patches`` is not a tensor, or ``size``, ``height`` or ``width`` no integer.
        ValueError: one of them is below 1, or ``patches`` has another shape.

    Source:
        A. Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021, section 3.1, read
        backwards. Departure: any height and width.
    """
    _check_tensor(patches, "patches")
    size = check_count(size, "size", least=1)
    height, width = check_count(height, "height", least=1), check_count(width, "width", least=1)
    rows, columns = -(-height // size), -(-width // size)
    C = patches.shape[-1] // size**2 if patches.ndim else 0
    if C == 0 or patches.shape[-2:] != (rows * columns, size * size * C):
        raise ValueError(
            f"patches has shape {tuple(patches.shape)}; it needs (..., {rows * columns}, "
            f"a multiple of {size**2})"
        )
    lead = patches.shape[:-2]
    squares = patches.reshape(*lead, rows, columns, size, size, C)
    image = squares.transpose(-4, -3).flatten(-5, -4).flatten(-3, -2)
    return image[..., :height, :width, :].clone()


def pool(x, w, *, mask=None, return_weights=False):
    r"""Ask a feature map one question: average its cells, each weighted by :math:`x_p \cdot w`.

    Shapes:
        x: (..., H, W, d), a vector for each cell (a convolution returns (..., d, H, W): move the
        axis with ``movedim(-3, -1)``)
        w: (d,), of any floating-point dtype
        mask: boolean tensor or NumPy array, broadcastable to (..., H, W); True = may be attended
        to. What it hides must still be finite.
        returns: (..., d), and with ``return_weights`` also the heat map (..., H, W), both in the
        dtype of x. A map of which nothing may be seen gives zeros.

    Raises:
        TypeError: ``x`` or ``w`` is not a floating-point tensor, or ``mask`` is not boolean.
        ValueError: the shapes do not fit; the message names the argument.

    Source:
        K. Xu et al., "Show, Attend and Tell", 2015, section 4.2 (soft attention over the cells
        of a feature map). Departures: one learned query and a dot product as score; masks.
    """
    cells, mask = _cells(x, mask)
    check_floating(w, "w", kind=torch.Tensor)
    result = attention_pooling.pool(cells, w, mask=mask, return_weights=return_weights)
    return (result[0], result[1].reshape(x.shape[:-1])) if return_weights else result


def self_attention(x, W_q, W_k, W_v, *, mask=None, return_weights=False):
    r"""Ask a feature map one question from each of its cells: a feature map comes back.

    Shapes:
        x: (..., H, W, d); W_q, W_k: (d, d_k); W_v: (d, d_v)
        mask: boolean tensor or NumPy array, broadcastable to (..., H, W); True = may be attended
        to, by every cell. What it hides must still be finite.
        returns: (..., H, W, d_v), and with ``return_weights`` also the weights
        (..., H, W, H, W): first the cell that asks, then the cell that is looked at; both in the
        dtype of x. Where nothing may be seen, all are zeros.

    Raises:
        TypeError: an argument is not a floating-point tensor, the dtypes differ, or ``mask`` is
            not boolean.
        ValueError: the shapes do not fit; the message names the argument.

    Source:
        X. Wang et al., "Non-Local Neural Networks", 2018, section 3.2 (embedded Gaussian).
        Departures: the scale of dot-product attention; no residual connection; masks.
    """
    cells, mask = _cells(x, mask)
    check_projections(x, W_q, W_k, W_v, kind=torch.Tensor)
    dtype = torch.promote_types(x.dtype, torch.float32)
    q, k, v = (cells.to(dtype) @ W.to(dtype) for W in (W_q, W_k, W_v))
    shape = *x.shape[:-1], W_v.shape[1]
    if not return_weights:
        return scaled_dot_product.attention(q, k, v, mask=mask).reshape(shape).to(x.dtype)
    output, weights = scaled_dot_product.attention(q, k, v, mask=mask, return_weights=True)
    weights = weights.reshape(*x.shape[:-1], *x.shape[-3:-1])
    return output.reshape(shape).to(x.dtype), weights.to(x.dtype)


def glimpse(scores, uniforms, *, temperature=1.0, mask=None):
    r"""Look at one position, drawn with the softmax of the scores as probabilities.

    What comes out is one-hot. What goes back is the gradient of a softmax of the same noisy
    scores, as if the draw had been soft: the straight-through estimator. It has a bias and needs
    the derivative of the reward. For REINFORCE, which has no bias, ``detach()`` the result and
    hand it to :func:`reinforce_loss`.

    Shapes:
        scores: (..., S)
        uniforms: the shape of scores, each at least 0 and below 1, as ``torch.rand`` makes them
        temperature: one number above 0, of the softmax that goes back
        mask: boolean tensor or NumPy array, broadcastable to the shape of scores; True = may be
        drawn
        returns: (..., S) in the dtype of scores: a single 1, or none where nothing may be drawn

    Raises:
        TypeError: ``scores`` or ``uniforms`` is not a floating-point tensor, or ``mask`` is not
            boolean, or ``temperature`` is not one number.
        ValueError: the shapes do not fit, ``uniforms`` has a number outside [0, 1), or
            ``temperature`` is not above 0.

    Source:
        E. Jang, S. Gu, B. Poole, "Categorical Reparameterization with Gumbel-Softmax", 2017,
        section 2.2 (straight-through). Departure: masks.
    """
    check_scores(scores, uniforms=uniforms, kind=torch.Tensor)
    if not ((uniforms >= 0) & (uniforms < 1)).all():
        raise ValueError("uniforms has a number outside [0, 1)")
    _check_temperature(temperature)
    # u = 0 would make the noise −∞, and a position that could never be drawn
    wide = uniforms.double().clamp_min(torch.finfo(torch.double).tiny)
    log_weights, mask = _log_weights(scores.double(), mask)
    noisy = log_weights - torch.log(-torch.log(wide))
    best, drawn = noisy.detach().max(dim=-1, keepdim=True)
    soft = scaled_dot_product.masked_softmax((noisy - best) / temperature, mask)
    hard = F.one_hot(drawn[..., 0], scores.shape[-1]) * mask
    return (hard + (soft - soft.detach())).to(scores.dtype)


def reinforce_loss(scores, chosen, reward, *, baseline=0.0, mask=None):
    r"""Return a loss whose gradient is minus the score-function estimate, averaged over draws.

    .. math:: -\frac1N \sum (R - b) \ln \alpha_{\text{chosen}}

    Its value means nothing; only its gradient does. Neither the reward nor the baseline is
    differentiated.

    Shapes:
        scores: (..., S); chosen: the same, one-hot, as :func:`glimpse` returns it
        reward, baseline: one number for each draw, a tensor (...), or one number for all
        mask: boolean tensor or NumPy array, broadcastable to the shape of scores; True = may be
        drawn
        returns: a number in the dtype of scores, at least in single precision. A row of which
        nothing may be drawn adds 0. Without a draw the mean is NaN, as that of PyTorch's losses.

    Raises:
        TypeError: ``scores`` or ``chosen`` is not a floating-point tensor, ``reward`` or
            ``baseline`` is no number, or ``mask`` is not boolean.
        ValueError: the shapes do not fit, or ``chosen`` is where ``mask`` hides.

    Source:
        R. J. Williams, "Simple Statistical Gradient-Following Algorithms for Connectionist
        Reinforcement Learning", 1992 (REINFORCE, with a baseline).
    """
    check_scores(scores, chosen=chosen, kind=torch.Tensor)
    advantage = _per_draw(reward, "reward", scores) - _per_draw(baseline, "baseline", scores)
    log_weights, mask = _log_weights(scores.to(advantage.dtype), mask)
    chosen = chosen.detach()
    if chosen[~mask].any():
        raise ValueError("chosen has a position that may not be drawn")
    chosen_log_weight = torch.where(chosen == 0, 0, chosen * log_weights).sum(dim=-1)  # not 0 · −∞
    return -(advantage * chosen_log_weight).mean()


def _cells(x, mask):
    """Return the cells of a feature map as one sequence, and the mask over them as keys."""
    check_map(x, mask, kind=torch.Tensor)
    if mask is not None:
        mask = as_tensor(mask, x.device).expand(x.shape[:-1]).flatten(-2).unsqueeze(-2)
    return x.flatten(-3, -2), mask


def _log_weights(scores, mask):
    """Return ln α, and where may be drawn, in the shape of scores: a score of −∞ hides, too."""
    allowed = scores != -torch.inf
    if mask is not None:
        check_mask(mask, scores.shape)
        allowed = allowed & as_tensor(mask, scores.device)
    empty = ~allowed.any(dim=-1, keepdim=True)  # has no softmax: any numbers but NaN will do
    scores = scores.masked_fill(~allowed, -torch.inf).masked_fill(empty, 0)
    return torch.log_softmax(scores, dim=-1), allowed


def _per_draw(numbers, name, scores):
    """Return one number for each row of scores, or one for all, at least in single precision."""
    dtype = torch.promote_types(scores.dtype, torch.float32)
    try:
        numbers = torch.as_tensor(numbers, dtype=dtype, device=scores.device).detach()
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{name} is a {type(numbers).__name__}; it needs numbers") from None
    if numbers.shape not in ((), scores.shape[:-1]):
        raise ValueError(
            f"{name} has shape {tuple(numbers.shape)}; it needs one number for each draw, "
            f"{tuple(scores.shape[:-1])}"
        )
    return numbers


def _check_temperature(temperature):
    if not isinstance(temperature, Real) and getattr(temperature, "shape", None) != ():
        raise TypeError(f"temperature is {temperature!r}; it needs one number")
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; it must be above 0")


def _check_tensor(array, name):
    if not isinstance(array, torch.Tensor):
        raise TypeError(f"{name} is a {type(array).__name__}; it needs a Tensor")
