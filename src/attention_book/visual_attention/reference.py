r"""Visual attention in NumPy: patches, pooling a feature map, self-attention on it, glimpses."""

import numpy as np

from attention_book.attention_pooling import reference as attention_pooling
from attention_book.scaled_dot_product import reference as scaled_dot_product
from attention_book.shapes import check_count, check_map, check_projections, check_scores
from attention_book.softmax import softmax


def patchify(image, size):
    r"""Cut an image into squares of ``size`` times ``size`` pixels, each flattened to one vector.

    Every pixel goes into exactly one patch. Where ``size`` does not divide the height or the
    width, the last patches are filled up with zeros, and the mask says where.

    Shapes:
        image: (..., H, W, C), of any dtype; a grey image has C = 1
        returns: the patches (..., N, size·size·C) in the dtype of the image, row after row of
        patches, with :math:`N = \lceil H / size \rceil \lceil W / size \rceil`, and a boolean
        mask (N, size·size·C), True = belongs to the image.

    Raises:
        TypeError: ``size`` is not an integer.
        ValueError: ``size`` is below 1, or ``image`` has fewer than three dimensions or no pixel.

    Source:
        A. Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021, section 3.1. Departures:
        any height and width, with a mask for the remainder; no projection.
    """
    image, size = np.asarray(image), check_count(size, "size", least=1)
    if image.ndim < 3 or 0 in image.shape[-3:]:
        raise ValueError(f"image has shape {image.shape}; it needs (..., height, width, channels)")
    inside = np.ones(image.shape[-3:], bool)
    return _cut(image, size), _cut(inside, size)


def _cut(image, size):
    *lead, H, W, C = image.shape
    rows, columns = -(-H // size), -(-W // size)
    missing = (0, rows * size - H), (0, columns * size - W), (0, 0)
    image = np.pad(image, [(0, 0)] * len(lead) + list(missing))
    squares = image.reshape(*lead, rows, size, columns, size, C).swapaxes(-4, -3)
    return squares.reshape(*lead, rows * columns, size * size * C)


def unpatchify(patches, size, height, width):
    """Put patches back in place: the way back from :func:`patchify`.

    Shapes:
        patches: (..., N, size·size·C), row after row of patches
        returns: (..., height, width, C), without what was filled up

    Raises:
        TypeError: ``size``, ``height`` or ``width`` is not an integer.
        ValueError: one of them is below 1, or ``patches`` has another shape.

    Source:
        A. Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021, section 3.1, read
        backwards. Departure: any height and width.
    """
    patches = np.asarray(patches)
    size = check_count(size, "size", least=1)
    height, width = check_count(height, "height", least=1), check_count(width, "width", least=1)
    rows, columns = -(-height // size), -(-width // size)
    C = patches.shape[-1] // size**2 if patches.ndim else 0
    if C == 0 or patches.shape[-2:] != (rows * columns, size * size * C):
        raise ValueError(
            f"patches has shape {patches.shape}; it needs (..., {rows * columns}, "
            f"a multiple of {size**2})"
        )
    *lead, _, _ = patches.shape
    squares = patches.reshape(*lead, rows, columns, size, size, C).swapaxes(-4, -3)
    return squares.reshape(*lead, rows * size, columns * size, C)[..., :height, :width, :].copy()


def pool(x, w, *, mask=None, return_weights=False):
    r"""Ask a feature map one question: average its cells, each weighted by :math:`x_p \cdot w`.

    Shapes:
        x: (..., H, W, d), a vector for each cell
        w: (d,), of any floating-point dtype
        mask: boolean, broadcastable to (..., H, W); True = may be attended to. What it hides
        must still be finite.
        returns: (..., d), and with ``return_weights`` also the heat map (..., H, W), both in the
        dtype of x. A map of which nothing may be seen gives zeros.

    Raises:
        TypeError: ``x`` or ``w`` is not floating point, or ``mask`` is not boolean.
        ValueError: the shapes do not fit; the message names the argument.

    Source:
        K. Xu et al., "Show, Attend and Tell", 2015, section 4.2 (soft attention over the cells
        of a feature map). Departures: one learned query and a dot product as score; masks.
    """
    x = np.asarray(x)
    cells, mask = _cells(x, mask)
    output, weights = attention_pooling.pool(cells, w, mask=mask, return_weights=True)
    return (output, weights.reshape(x.shape[:-1])) if return_weights else output


def self_attention(x, W_q, W_k, W_v, *, mask=None, return_weights=False):
    r"""Ask a feature map one question from each of its cells: a feature map comes back.

    .. math:: o_p = \sum_{p'} \alpha_{pp'}\, x_{p'} W_v, \qquad
              \alpha_{pp'} = \operatorname{softmax}_{p'}\!\left(
              \frac{x_p W_q \cdot x_{p'} W_k}{\sqrt{d_k}}\right)

    Shapes:
        x: (..., H, W, d); W_q, W_k: (d, d_k); W_v: (d, d_v)
        mask: boolean, broadcastable to (..., H, W); True = may be attended to, by every cell.
        What it hides must still be finite.
        returns: (..., H, W, d_v), and with ``return_weights`` also the weights
        (..., H, W, H, W): first the cell that asks, then the cell that is looked at; both in the
        dtype of x. Where nothing may be seen, all are zeros.

    Raises:
        TypeError: an argument is not floating point, the dtypes differ, or ``mask`` is not
            boolean.
        ValueError: the shapes do not fit; the message names the argument.

    Source:
        X. Wang et al., "Non-Local Neural Networks", 2018, section 3.2 (embedded Gaussian).
        Departures: the scale of dot-product attention; no residual connection; masks.
    """
    x, W_q, W_k, W_v = map(np.asarray, (x, W_q, W_k, W_v))
    cells, mask = _cells(x, mask)
    check_projections(x, W_q, W_k, W_v, kind=np.ndarray)
    dtype = np.promote_types(x.dtype, np.float32)
    q, k, v = (cells.astype(dtype) @ W.astype(dtype) for W in (W_q, W_k, W_v))
    output, weights = scaled_dot_product.attention(q, k, v, mask=mask, return_weights=True)
    output = output.reshape(*x.shape[:-1], W_v.shape[1]).astype(x.dtype)
    weights = weights.reshape(*x.shape[:-1], *x.shape[-3:-1]).astype(x.dtype)
    return (output, weights) if return_weights else output


def glimpse(scores, uniforms, *, mask=None):
    r"""Look at one position, drawn with the softmax of the scores as probabilities.

    The position of the largest :math:`s_j - \ln(-\ln u_j)` is such a draw when the :math:`u_j`
    are independent and uniform between 0 and 1. So is that of the largest
    :math:`\ln \alpha_j - \ln(-\ln u_j)`: a row's scores and its :math:`\ln \alpha_j` differ by
    one number, and only the scores can be so large that they swallow the noise. The draw comes
    as one-hot weights: ``glimpse(scores, uniforms) @ values`` is hard attention,
    ``softmax(scores) @ values`` soft.

    Shapes:
        scores: (..., S)
        uniforms: the shape of scores, each at least 0 and below 1
        mask: boolean, broadcastable to the shape of scores; True = may be drawn
        returns: (..., S) in the dtype of scores: a single 1, or none where nothing may be drawn

    Raises:
        TypeError: ``scores`` or ``uniforms`` is not floating point, or ``mask`` is not boolean.
        ValueError: the shapes do not fit, or ``uniforms`` has a number outside [0, 1).

    Source:
        C. J. Maddison, A. Mnih, Y. W. Teh, "The Concrete Distribution", 2017, section 2 (the
        Gumbel-max trick). Departure: masks.
    """
    scores, uniforms = np.asarray(scores), np.asarray(uniforms)
    check_scores(scores, uniforms=uniforms, kind=np.ndarray)
    if not ((uniforms >= 0) & (uniforms < 1)).all():
        raise ValueError("uniforms has a number outside [0, 1)")
    # u = 0 would make the noise −∞, and a position that could never be drawn
    uniforms = np.maximum(uniforms.astype(float), np.finfo(float).tiny)
    weights = softmax(scores.astype(float), mask=mask)
    with np.errstate(divide="ignore"):  # ln 0 = −∞: never drawn, as it should be
        noisy = np.log(weights) - np.log(-np.log(uniforms))
    drawn = np.arange(scores.shape[-1]) == noisy.argmax(axis=-1)[..., None]
    return (drawn & (weights > 0)).astype(scores.dtype)


def score_function_gradient(scores, chosen, reward, *, baseline=0.0, mask=None):
    r"""Estimate from one draw how the expected reward changes with the scores.

    .. math:: (R - b)\, \frac{\partial \ln \alpha_{\text{chosen}}}{\partial s_j}
              = (R - b)\, \big(\text{chosen}_j - \alpha_j\big)

    Its average over all draws is :func:`expected_gradient`, whatever the baseline b, as long as
    b does not depend on the draw.

    Shapes:
        scores: (..., S); chosen: the same, one-hot, as :func:`glimpse` returns it
        reward, baseline: one number for each draw, of shape (...), or one number for all
        mask: boolean, broadcastable to the shape of scores; True = may be drawn
        returns: (..., S) in the dtype of scores; zeros where nothing may be drawn

    Raises:
        TypeError: ``scores`` or ``chosen`` is not floating point, ``reward`` or ``baseline`` is
            no number, or ``mask`` is not boolean.
        ValueError: the shapes do not fit, or ``chosen`` is where ``mask`` hides.

    Source:
        R. J. Williams, "Simple Statistical Gradient-Following Algorithms for Connectionist
        Reinforcement Learning", 1992 (REINFORCE, with a baseline).
    """
    scores, chosen = np.asarray(scores), np.asarray(chosen)
    check_scores(scores, chosen=chosen, kind=np.ndarray)
    dtype = np.promote_types(scores.dtype, np.float32)
    weights = softmax(scores.astype(dtype), mask=mask)
    if mask is not None and chosen[~np.broadcast_to(mask, scores.shape)].any():
        raise ValueError("chosen has a position that may not be drawn")
    advantage = _per_draw(reward, "reward", scores) - _per_draw(baseline, "baseline", scores)
    draws = chosen.sum(axis=-1, keepdims=True)  # 1, and 0 on an empty row
    return (advantage[..., None] * (chosen - draws * weights)).astype(scores.dtype)


def expected_gradient(scores, rewards, *, mask=None):
    r"""Return exactly how the expected reward changes with the scores, by trying all positions.

    .. math:: \frac{\partial}{\partial s_j} \sum_i \alpha_i R_i
              = \alpha_j \Big(R_j - \sum_i \alpha_i R_i\Big)

    That is the gradient of the soft average of the rewards.

    Shapes:
        scores: (..., S); rewards: the same, what each position would earn
        mask: boolean, broadcastable to the shape of scores; True = may be drawn. What it hides
        must still have a finite reward.
        returns: (..., S) in the dtype of scores; zeros where nothing may be drawn

    Raises:
        TypeError: ``scores`` or ``rewards`` is not floating point, or ``mask`` is not boolean.
        ValueError: the shapes do not fit; the message names the argument.

    Source:
        The sum over all draws that R. J. Williams, 1992, estimates from one of them.
    """
    scores, rewards = np.asarray(scores), np.asarray(rewards)
    check_scores(scores, rewards=rewards, kind=np.ndarray)
    dtype = np.promote_types(scores.dtype, np.float32)
    weights, rewards = softmax(scores.astype(dtype), mask=mask), rewards.astype(dtype)
    mean = (weights * rewards).sum(axis=-1, keepdims=True)
    return (weights * (rewards - mean)).astype(scores.dtype)


def _cells(x, mask):
    """Return the cells of a feature map as one sequence, and the mask over them as keys."""
    check_map(x, mask, kind=np.ndarray)
    *lead, H, W, d = x.shape
    if mask is not None:
        mask = np.broadcast_to(mask, x.shape[:-1]).reshape(*lead, 1, H * W)
    return x.reshape(*lead, H * W, d), mask


def _per_draw(numbers, name, scores):
    """Return one number for each row of scores, or one for all, at least in single precision."""
    numbers = np.asarray(numbers)
    if numbers.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {numbers.dtype}; it needs numbers")
    if numbers.shape not in ((), scores.shape[:-1]):
        raise ValueError(
            f"{name} has shape {numbers.shape}; it needs one number for each draw, "
            f"{scores.shape[:-1]}"
        )
    return numbers.astype(np.promote_types(scores.dtype, np.float32))
