r"""Visual attention in PyTorch: patches, pooling a feature map, self-attention on it, glimpses."""

import torch
import torch.nn.functional as F

from attention_book.attention_pooling import module as attention_pooling
from attention_book.masks import as_tensor
from attention_book.scaled_dot_product import module as scaled_dot_product
from attention_book.shapes import check_mask


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
    _check_tensors(image=image)
    _check_counts(size=size)
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
    _check_tensors(patches=patches)
    _check_counts(size=size, height=height, width=width)
    rows, columns = -(-height // size), -(-width // size)
    if patches.ndim < 2 or patches.shape[-2] != rows * columns or patches.shape[-1] % size**2:
        raise ValueError(
            f"patches has shape {tuple(patches.shape)}; it needs (..., {rows * columns}, "
            f"a multiple of {size**2})"
        )
    lead = patches.shape[:-2]
    squares = patches.reshape(*lead, rows, columns, size, size, patches.shape[-1] // size**2)
    image = squares.transpose(-4, -3).flatten(-5, -4).flatten(-3, -2)
    return image[..., :height, :width, :].clone()


def pool(x, w, *, mask=None, return_weights=False):
    r"""Ask a feature map one question: average its cells, each weighted by :math:`x_p \cdot w`.

    Shapes:
        x: (..., H, W, d), a vector for each cell (a convolution returns (..., d, H, W): move the
        axis with ``movedim(-3, -1)``)
        w: (d,), of any floating-point dtype
        mask: boolean tensor or NumPy array, broadcastable to (..., H, W); True = may be attended
        to
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
    result = attention_pooling.pool(cells, w, mask=mask, return_weights=return_weights)
    return (result[0], result[1].reshape(x.shape[:-1])) if return_weights else result


def self_attention(x, W_q, W_k, W_v, *, mask=None, return_weights=False):
    r"""Ask a feature map one question from each of its cells: a feature map comes back.

    Shapes:
        x: (..., H, W, d); W_q, W_k: (d, d_k); W_v: (d, d_v)
        mask: boolean tensor or NumPy array, broadcastable to (..., H, W); True = may be attended
        to, by every cell
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
    _check_matrices(x, W_q=W_q, W_k=W_k, W_v=W_v)
    dtype = torch.promote_types(x.dtype, torch.float32)
    q, k, v = (cells.to(dtype) @ W.to(dtype) for W in (W_q, W_k, W_v))
    result = scaled_dot_product.attention(q, k, v, mask=mask, return_weights=return_weights)
    output = result[0] if return_weights else result
    output = output.reshape(*x.shape[:-1], W_v.shape[1]).to(x.dtype)
    if not return_weights:
        return output
    return output, result[1].reshape(*x.shape[:-1], *x.shape[-3:-1]).to(x.dtype)


def glimpse(scores, uniforms, *, temperature=1.0, mask=None):
    r"""Look at one position, drawn with the softmax of the scores as probabilities.

    What comes out is one-hot. What goes back is the gradient of a softmax of the same noisy
    scores, as if the draw had been soft: the straight-through estimator. It has a bias and needs
    the derivative of the reward. For REINFORCE, which has no bias, ``detach()`` the result and
    hand it to :func:`reinforce_loss`.

    Shapes:
        scores: (..., S)
        uniforms: the shape of scores, each at least 0 and below 1, as ``torch.rand`` makes them
        temperature: above 0, of the softmax that goes back
        mask: boolean tensor or NumPy array, broadcastable to the shape of scores; True = may be
        drawn
        returns: (..., S) in the dtype of scores: a single 1, or none where nothing may be drawn

    Raises:
        TypeError: ``scores`` or ``uniforms`` is not a floating-point tensor, or ``mask`` is not
            boolean.
        ValueError: the shapes do not fit, ``uniforms`` has a number outside [0, 1), or
            ``temperature`` is not above 0.

    Source:
        E. Jang, S. Gu, B. Poole, "Categorical Reparameterization with Gumbel-Softmax", 2017,
        section 2.2 (straight-through). Departure: masks.
    """
    _check_scores(scores, uniforms=uniforms)
    if not ((uniforms >= 0) & (uniforms < 1)).all():
        raise ValueError("uniforms has a number outside [0, 1)")
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; it must be above 0")
    wide = uniforms.double().clamp_min(torch.finfo(torch.double).tiny)  # ln 0 is no number
    noisy = scores.double() - torch.log(-torch.log(wide))
    soft = scaled_dot_product.masked_softmax(noisy / temperature, mask)
    if mask is None:
        mask = torch.ones_like(scores, dtype=torch.bool)
    mask = as_tensor(mask, scores.device).expand(scores.shape)
    chosen = noisy.masked_fill(~mask, -torch.inf).argmax(dim=-1)
    hard = F.one_hot(chosen, scores.shape[-1]) * mask
    return (hard + (soft - soft.detach())).to(scores.dtype)


def reinforce_loss(scores, chosen, reward, *, baseline=0.0):
    r"""Return a loss whose gradient is minus the score-function estimate, averaged over draws.

    .. math:: -\frac1N \sum (R - b) \ln \alpha_{\text{chosen}}

    Its value means nothing; only its gradient does. Neither the reward nor the baseline is
    differentiated.

    Shapes:
        scores: (..., S); chosen: the same, one-hot, as :func:`glimpse` returns it
        reward, baseline: tensors (...), or one number for all
        returns: a number

    Raises:
        TypeError: ``scores`` or ``chosen`` is not a floating-point tensor.
        ValueError: the shapes do not fit; the message names the argument.

    Source:
        R. J. Williams, "Simple Statistical Gradient-Following Algorithms for Connectionist
        Reinforcement Learning", 1992 (REINFORCE, with a baseline).
    """
    _check_scores(scores, chosen=chosen)
    reward, baseline = (torch.as_tensor(x).detach() for x in (reward, baseline))
    for name, numbers in (("reward", reward), ("baseline", baseline)):
        if numbers.shape not in ((), scores.shape[:-1]):
            raise ValueError(
                f"{name} has shape {tuple(numbers.shape)}; it needs one number for each draw, "
                f"{tuple(scores.shape[:-1])}"
            )
    log_weight = (torch.log_softmax(scores, dim=-1) * chosen.detach()).sum(dim=-1)
    return -((reward - baseline) * log_weight).mean()


def _cells(x, mask):
    """Return the cells of a feature map as one sequence, and the mask over them as keys."""
    _check_tensors(floating=True, x=x)
    if x.ndim < 3 or x.shape[-1] == 0:
        raise ValueError(f"x has shape {tuple(x.shape)}; it needs (..., height, width, features)")
    if mask is not None:
        check_mask(mask, x.shape[:-1])
        mask = as_tensor(mask, x.device).expand(x.shape[:-1]).flatten(-2).unsqueeze(-2)
    return x.flatten(-3, -2), mask


def _check_tensors(*, floating=False, **arguments):
    for name, value in arguments.items():
        if not isinstance(value, torch.Tensor) or (floating and not value.is_floating_point()):
            found = getattr(value, "dtype", type(value).__name__)
            kind = "floating-point tensor" if floating else "tensor"
            raise TypeError(f"{name} is {found}; it needs a {kind}")


def _check_counts(**counts):
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} is {value!r}; it needs an integer")
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be at least 1")


def _check_matrices(x, **matrices):
    _check_tensors(floating=True, **matrices)
    for name, W in matrices.items():
        if W.dtype != x.dtype:
            raise TypeError(f"{name} has dtype {W.dtype}; it must equal that of x, {x.dtype}")
        if W.ndim != 2 or len(W) != x.shape[-1] or W.shape[1] == 0:
            raise ValueError(
                f"{name} has shape {tuple(W.shape)}; it needs one row for each feature of x, "
                f"({x.shape[-1]}, ...)"
            )
    if matrices["W_k"].shape != matrices["W_q"].shape:
        raise ValueError(
            f"W_k has shape {tuple(matrices['W_k'].shape)}; it must equal that of W_q, "
            f"{tuple(matrices['W_q'].shape)}"
        )


def _check_scores(scores, **others):
    _check_tensors(floating=True, scores=scores, **others)
    for name, array in {"scores": scores, **others}.items():
        if array.ndim < 1 or array.shape[-1] == 0:
            raise ValueError(f"{name} has shape {tuple(array.shape)}; it needs (..., positions)")
        if array.shape != scores.shape:
            raise ValueError(
                f"{name} has shape {tuple(array.shape)}; it must equal that of scores, "
                f"{tuple(scores.shape)}"
            )
