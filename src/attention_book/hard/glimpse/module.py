r"""A glimpse in PyTorch: the Gumbel-max trick forwards, straight through backwards."""

import torch
import torch.nn.functional as F

from attention_book.shapes import number, shapes
from attention_book.softmax.module import softmax


@shapes(torch, "scores: * S!, uniforms~: * S!, mask: * S -> * S", temperature=number())
def glimpse(scores, uniforms, *, temperature=1.0, mask=None):
    r"""Look at one position, drawn with the softmax of the scores as probabilities.

    What comes out is one-hot: a single 1, or none where nothing may be drawn. What goes back is
    the gradient of a softmax of the same noisy scores, as if the draw had been soft: the
    straight-through estimator. It has a bias and needs the derivative of the reward. For
    REINFORCE, which has no bias, ``detach()`` the result and hand it to ``reinforce_loss``.

    Shapes:
        uniforms: each at least 0 and below 1, as ``torch.rand`` makes them
        temperature: above 0, of the softmax that goes back

    Raises:
        ValueError: ``uniforms`` has a number outside [0, 1), ``scores`` a NaN, or ``temperature``
            is not above 0.

    Source:
        E. Jang, S. Gu, B. Poole, "Categorical Reparameterization with Gumbel-Softmax", 2017,
        section 2.2 (straight-through). Departure: masks.
    """
    if not ((uniforms >= 0) & (uniforms < 1)).all():
        raise ValueError("uniforms has a number outside [0, 1)")
    if not temperature > 0:
        raise ValueError(f"temperature is {float(temperature):g}; it must be above 0")
    # u = 0 would make the noise −∞, and a position that could never be drawn
    wide = uniforms.double().clamp_min(torch.finfo(torch.double).tiny)
    log_alpha, mask = log_weights(scores.double(), mask=mask)
    noisy = log_alpha - torch.log(-torch.log(wide))
    best, drawn = noisy.detach().max(dim=-1, keepdim=True)
    soft = softmax((noisy - best) / temperature, mask=mask)
    hard = F.one_hot(drawn[..., 0], scores.shape[-1]) * mask
    return hard + (soft - soft.detach())


@shapes(torch, "scores: ... S!, mask: ... S -> ... S, ... S", widens=False)
def log_weights(scores, *, mask=None):
    """Return ln α, and where may be drawn, in the shape of scores: a score of −∞ hides, too.

    Source:
        As :func:`glimpse`.
    """
    allowed = scores != -torch.inf
    if mask is not None:
        allowed = allowed & mask
    if scores[allowed].isnan().any():
        raise ValueError("scores has a NaN where a position may be drawn")
    empty = ~allowed.any(dim=-1, keepdim=True)  # has no softmax: any numbers but NaN will do
    scores = scores.masked_fill(~allowed, -torch.inf).masked_fill(empty, 0)
    return torch.log_softmax(scores, dim=-1), allowed
