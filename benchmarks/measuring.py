"""How two calls are compared, and the cases in which they are: lengths, masks, with a gradient."""

import statistics
from dataclasses import dataclass

import torch

from attention_book import cost, masks

BATCH, HEADS, FEATURES = 2, 8, 512
LENGTHS = (128, 512, 1024)
PAIRS = 7
DIRECTIONS = ("inference", "training")


@dataclass(frozen=True)
class Way:
    """A mask in the forms in which it is asked for.

    ``mask`` has True where a query may attend, for the book's modules; ``of_kernel`` are the
    arguments of ``F.scaled_dot_product_attention`` for the same, and ``real`` the tokens that are
    no padding, or None.
    """

    name: str
    mask: torch.Tensor | None
    of_kernel: dict
    real: torch.Tensor | None = None

    @property
    def per_head(self):
        """The mask with an axis for the heads, if it has one for the sequences."""
        return self.mask[:, None] if self.mask is not None and self.mask.ndim > 2 else self.mask


def ways(L):
    """Return the three ways in which a sequence of L tokens is seen."""
    lengths = [L, L // 3]
    padded = masks.as_tensor(masks.padding(lengths, L))
    real = torch.arange(L) < torch.tensor(lengths)[:, None]
    return [
        Way("none", None, {}),
        Way("padding", padded, {"attn_mask": padded[:, None]}, real),
        Way("causal", masks.as_tensor(masks.causal(L)), {"is_causal": True}),
    ]


@dataclass(frozen=True)
class Comparison:
    """The times of one call over those of another, and what each allocates at most, in bytes."""

    ratios: list
    allocated: int
    of_other: int

    def __str__(self):
        return spread(self.ratios)


def spread(ratios):
    """Say the median of ratios, the least and the most."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def compared(one, other, direction, *, pairs=PAIRS):
    """Measure two calls in one direction, and what each of them allocates."""
    run = {"inference": without_gradient, "training": with_gradient}[direction]
    return beside(run(one), run(other), pairs=pairs)


def beside(one, other, *, pairs=PAIRS):
    """Measure two calls in turn, and what each of them allocates."""
    often = max(1, round(0.02 / cost.seconds(one, repeats=2)))
    ratios = [
        cost.seconds(lambda: [one() for _ in range(often)], repeats=1)
        / cost.seconds(lambda: [other() for _ in range(often)], repeats=1)
        for _ in range(pairs)
    ]
    allocated = cost.peak_allocation(one), cost.peak_allocation(other)
    return Comparison(ratios, *allocated)


def without_gradient(function):
    """Return a call of the function that records no graph."""

    def run():
        with torch.no_grad():
            return function()

    return run


def with_gradient(function):
    """Return a call of the function and of its backward pass."""
    return lambda: function().sum().backward()
