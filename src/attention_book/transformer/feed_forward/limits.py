"""Feed-forward layers in the family."""

import numpy as np

from attention_book.family import Mechanism, limit_case, normal
from attention_book.simplest.limits import LINEAR
from attention_book.simplest.reference import linear_map

from . import reference

FEED_FORWARD = Mechanism(
    "a feed-forward layer",
    reference.feed_forward,
    "part3/transformer.ipynb#feed-forward",
    source="vaswani2017attention",
    oracle="`nn.Linear` and `F.relu`; a loop over hidden units",
)
GATED = Mechanism(
    "a gated feed-forward layer",
    reference.gated,
    "part3/transformer.ipynb#what-is-built-today",
    source="shazeer2020glu",
    oracle="`F.silu` and `F.linear`; a loop over hidden units",
)


@limit_case(
    FEED_FORWARD,
    LINEAR,
    when="every hidden unit is above 0, and $b_2 = -b_1 W_2$",
    otherwise={"shift": 0.0},
    within=1e-10,
)
def nothing_is_cut(rng, shift=1e3):
    x, W = rng.standard_normal((5, 4)), reference.new_feed_forward(4, 6, rng=rng)
    W |= {"b_1": np.full(6, shift), "b_2": -shift * W["W_2"].sum(axis=0)}
    return reference.feed_forward(x, W), linear_map(x, W["W_1"] @ W["W_2"])


@limit_case(
    GATED,
    FEED_FORWARD,
    when="$W$ grows without bound, and $V$ reads a feature that is the same in all tokens",
    otherwise={"size": 1.0},
)
def an_open_gate(rng, size=1e9):
    (x,), W = normal(rng, (5, 4)), reference.new_feed_forward(4, 6, rng=rng)
    x[:, 0] = 1.0
    V = np.zeros((4, 6))
    V[0] = 1 / size
    wide = {"W": size * W["W_1"], "V": V, "W_2": W["W_2"]}
    return reference.gated(x, wide), reference.feed_forward(x, W)


DEPARTURES = {
    "gated": {
        "stays_finite": "a product of two branches grows with the square of its input, and half "
        "precision ends at 65504"
    }
}
