r"""A loss in PyTorch whose gradient is the score-function estimate."""

import torch

from attention_book.hard.glimpse.module import log_weights
from attention_book.shapes import number, shapes

PER_DRAW = {"reward": number("*"), "baseline": number("*")}


@shapes(torch, "scores: * S!, chosen~: * S!, mask: * S", narrows=False, **PER_DRAW)
def reinforce_loss(scores, chosen, reward, *, baseline=0.0, mask=None):
    r"""Return a loss whose gradient is minus the score-function estimate, averaged over draws.

    .. math:: -\frac1N \sum (R - b) \ln \alpha_{\text{chosen}}

    Its value means nothing; only its gradient does. Neither the reward nor the baseline is
    differentiated. A row of which nothing may be drawn adds 0. Without a draw the mean is NaN,
    as that of PyTorch's losses.

    Shapes:
        chosen: one-hot, as ``glimpse`` returns it
        returns: a number in the dtype of scores, at least in single precision

    Raises:
        ValueError: ``chosen`` is not one-hot, or is where ``mask`` hides.

    Source:
        R. J. Williams, "Simple Statistical Gradient-Following Algorithms for Connectionist
        Reinforcement Learning", 1992 (REINFORCE, with a baseline).
    """
    log_alpha, allowed = log_weights(scores, mask=mask)
    chosen = chosen.detach()
    if not (((chosen == 0) | (chosen == 1)).all() and (chosen.sum(dim=-1) <= 1).all()):
        raise ValueError("chosen is not one-hot: it needs a single 1 in each row, and zeros")
    if chosen[~allowed].any():
        raise ValueError("chosen has a position that may not be drawn")
    advantage = torch.as_tensor(reward - baseline).detach()
    chosen_log_alpha = torch.where(chosen == 0, 0, chosen * log_alpha).sum(dim=-1)  # not 0 · −∞
    return -(advantage * chosen_log_alpha).mean()
