r"""The gradient of a draw in NumPy, from one draw and over all of them."""

import numpy as np

from attention_book.shapes import number, shapes
from attention_book.softmax import softmax

PER_DRAW = {"reward": number("*"), "baseline": number("*")}


@shapes(np, "scores: * S!, chosen~: * S!, mask: * S -> * S", **PER_DRAW)
def score_function_gradient(scores, chosen, reward, *, baseline=0.0, mask=None):
    r"""Estimate from one draw how the expected reward changes with the scores.

    .. math:: (R - b)\, \frac{\partial \ln \alpha_{\text{chosen}}}{\partial s_j}
              = (R - b)\, \big(\text{chosen}_j - \alpha_j\big)

    Its average over all draws is :func:`expected_gradient`, whatever the baseline b, as long as
    b does not depend on the draw. Where nothing may be drawn, zeros come back.

    Shapes:
        chosen: one-hot, as ``glimpse`` returns it

    Raises:
        ValueError: ``chosen`` is not one-hot, or is where ``mask`` hides.

    Source:
        R. J. Williams, "Simple Statistical Gradient-Following Algorithms for Connectionist
        Reinforcement Learning", 1992 (REINFORCE, with a baseline).
    """
    weights = softmax(scores, mask=mask)
    draws = chosen.sum(axis=-1, keepdims=True)  # 1, and 0 on an empty row
    if not (np.isin(chosen, (0, 1)).all() and (draws <= 1).all()):
        raise ValueError("chosen is not one-hot: it needs a single 1 in each row, and zeros")
    if mask is not None and chosen[~np.broadcast_to(mask, scores.shape)].any():
        raise ValueError("chosen has a position that may not be drawn")
    return np.asarray(reward - baseline)[..., None] * (chosen - draws * weights)


@shapes(np, "scores: * S!, rewards~: * S!, mask: * S -> * S")
def expected_gradient(scores, rewards, *, mask=None):
    r"""Return exactly how the expected reward changes with the scores, by trying all positions.

    .. math:: \frac{\partial}{\partial s_j} \sum_i \alpha_i R_i
              = \alpha_j \Big(R_j - \sum_i \alpha_i R_i\Big)

    That is the gradient of the soft average of the rewards. What the mask hides must still have
    a finite reward. Where nothing may be drawn, zeros come back.

    Shapes:
        rewards: what each position would earn

    Source:
        The sum over all draws that R. J. Williams, 1992, estimates from one of them.
    """
    weights = softmax(scores, mask=mask)
    mean = (weights * rewards).sum(axis=-1, keepdims=True)
    return weights * (rewards - mean)
