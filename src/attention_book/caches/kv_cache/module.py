r"""A cache of keys and values in PyTorch: as a state that is handed on, and as one that is kept."""

import torch

from attention_book.positions.rope.module import OMEGA, rotate
from attention_book.scores.scaled_dot_product.module import attention
from attention_book.shapes import anything, boolean, count, shapes

REAL = boolean("... n")


@shapes(torch, "rows: ... n d", widens=False, real=REAL, omega=OMEGA)
def append(rows, *, state=None, real=None, omega=None):
    r"""Put the rows of new tokens after those of a state, and return them as they are kept.

    A row is what a layer keeps of a token, such as its key beside its value. With R frequencies
    its first 2R features are turned by the token's position, which goes on where the state ends.
    ``real`` is False for padding: it takes no position (-1 stands for one), and nobody sees it.

    Shapes:
        state: None, or what an earlier call returned, {"rows": (..., S, d), "positions": (..., S),
            "length": (...)}, with the real tokens so far in ``length``
        returns: the new rows (..., n, d), and the next state, in which they come last

    Raises:
        ValueError: the state has rows of another size.

    Source:
        As :func:`attend`; J. Su et al., "RoFormer", 2021, equation 34, for the turning.
    """
    n, d = rows.shape[-2:]
    everyone = torch.ones(n, dtype=torch.bool, device=rows.device)
    real = everyone if real is None else real & everyone
    if state is None:
        nothing = torch.zeros(0, dtype=torch.long, device=rows.device)
        state = {"rows": rows[..., :0, :], "positions": nothing, "length": nothing.sum()}
    kept = state["rows"]
    if kept.shape[:-2] != rows.shape[:-2] or kept.shape[-1] != d:
        needed = (*rows.shape[:-2], "S", d)
        raise ValueError(f"state has rows {tuple(kept.shape)}; it needs {needed}")
    here = state["length"].unsqueeze(-1) + real.cumsum(-1) - 1
    here = here.masked_fill(~real, -1)
    if omega is not None:
        rows = rotate(rows, here, omega=omega)
    return rows, {
        "rows": torch.cat([kept, rows], dim=-2),
        "positions": _beside(state["positions"], here),
        "length": state["length"] + real.sum(-1),
    }


@shapes(torch, positions=anything("... S", "as a state has them"), n=count(), window=count(1))
def visible(positions, n, *, window=None):
    r"""Return which rows each of the last n tokens may see: the real ones up to its own position.

    With a window of W they are the W newest of these, its own included.

    Shapes:
        returns: (..., n, S), boolean

    Source:
        As :func:`attend`.
    """
    asks = positions[..., positions.shape[-1] - n :].unsqueeze(-1)
    kept = positions.unsqueeze(-2)
    seen = (kept >= 0) & (kept <= asks)
    return seen if window is None else seen & (kept > asks - window)


@shapes(
    torch,
    "q: ... n d_k, k: ... n d_k, v: ... n d_v",
    widens=False,
    real=REAL,
    window=count(1),
    omega=OMEGA,
)
def attend(q, k, v, *, state=None, real=None, window=None, omega=None):
    r"""Let new tokens read themselves and those before them, whose keys and values were kept.

    Any way to cut a sequence into calls gives the same outputs. Keys are kept as they were turned,
    for :func:`rotate` needs their own position only. With a window the rows that no later token
    can see are left out of the next state. A padding token gets zeros.

    Shapes:
        state: None, or what an earlier call returned, as :func:`append` says
        returns: the outputs (..., n, d_v), and the next state

    Raises:
        ValueError: the state has rows of another size.

    Source:
        N. Shazeer, "Fast Transformer Decoding: One Write-Head is All You Need", 2019, section
        2.4. Departures: a window, padding, rotary positions, any number of tokens at a time.
    """
    n, d_k = k.shape[-2:]
    _, state = append(_beside(k, v), state=state, real=real, omega=omega)
    positions = state["positions"]
    if omega is not None:
        q = rotate(q, positions[..., positions.shape[-1] - n :], omega=omega)
    keys, values = state["rows"].tensor_split([d_k], dim=-1)
    seen = visible(positions, n, window=window)
    output = attention(q, keys, values, mask=None if seen.all() else seen)
    return output, state if window is None else _what_is_still_seen(state, window)


class KVCache(torch.nn.Module):
    """Attention over all that came since the last :meth:`reset`, or the window's newest of it.

    For a sequence, or a batch of them, at a time. What keeps several beginnings hands on a state,
    as :func:`attend` does: nothing is hidden there, and nothing has to be reset.

    Source:
        As :func:`attend`.
    """

    @shapes(torch, window=count(1))
    def __init__(self, *, window=None):
        super().__init__()
        self.window, self.state = window, None

    def reset(self):
        """Forget everything."""
        self.state = None

    @shapes(torch, "q: ... n d_k, k: ... n d_k, v: ... n d_v -> ... n d_v", widens=False, real=REAL)
    def forward(self, q, k, v, *, real=None):
        """Keep the keys and values of new tokens, and answer their queries."""
        output, self.state = attend(q, k, v, state=self.state, real=real, window=self.window)
        return output


def _what_is_still_seen(state, window):
    wanted = state["positions"] > state["length"].unsqueeze(-1) - window
    wanted = wanted.reshape(wanted.shape[:-1].numel(), -1).any(0)
    first = int(wanted.int().argmax()) if wanted.any() else len(wanted)
    return (
        state
        | {
            "rows": state["rows"][..., first:, :].clone(),  # a view would keep all that was read
            "positions": state["positions"][..., first:],
        }
    )


def _beside(one, other):
    lead = torch.broadcast_shapes(one.shape[:-1], other.shape[:-1])
    return torch.cat([x.expand(*lead, x.shape[-1]) for x in (one, other)], dim=-1)
