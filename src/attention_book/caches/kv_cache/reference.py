r"""A cache of keys and values in NumPy: ``state ← state + new rows``, then attention over all."""

import numpy as np

from attention_book.positions.rope.reference import OMEGA, rotate
from attention_book.scores.scaled_dot_product.reference import attention
from attention_book.shapes import anything, boolean, count, shapes

REAL = boolean("... n")


@shapes(np, "rows: ... n d", real=REAL, omega=OMEGA)
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
    lead, (n, d) = rows.shape[:-2], rows.shape[-2:]
    everyone = np.ones(n, dtype=bool)
    real = everyone if real is None else real & everyone
    if state is None:
        state = _empty(lead, d, rows.dtype)
    if state["rows"].shape[:-2] != lead or state["rows"].shape[-1] != d:
        raise ValueError(f"state has rows {state['rows'].shape}; it needs {(*lead, 'S', d)}")
    here = np.where(real, state["length"][..., None] + np.cumsum(real, axis=-1) - 1, -1)
    if omega is not None:
        rows = rotate(rows, here, omega=omega)
    return rows, {
        "rows": np.concatenate([state["rows"], rows], axis=-2),
        "positions": _joined(state["positions"], here),
        "length": state["length"] + real.sum(axis=-1),
    }


@shapes(np, positions=anything("... S", "as a state has them"), n=count(), window=count(1))
def visible(positions, n, *, window=None):
    r"""Return which rows each of the last n tokens may see: the real ones up to its own position.

    With a window of W they are the W newest of these, its own included.

    Shapes:
        returns: (..., n, S), boolean

    Source:
        As :func:`attend`.
    """
    asks, kept = positions[..., positions.shape[-1] - n :, None], positions[..., None, :]
    seen = (kept >= 0) & (kept <= asks)
    return seen if window is None else seen & (asks - kept < window)


@shapes(np, "q: ... n d_k, k: ... n d_k, v: ... n d_v", real=REAL, window=count(1), omega=OMEGA)
def attend(q, k, v, *, state=None, real=None, window=None, omega=None):
    r"""Let new tokens read themselves and those before them, whose keys and values were kept.

    .. math:: o_t = \operatorname{softmax}\!\left(\frac{q_t K_{\le t}^\top}{\sqrt{d_k}}\right)
              V_{\le t}, \qquad K_{\le t} = [K_{<t};\ k_t],\quad V_{\le t} = [V_{<t};\ v_t]

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
    _, state = append(_joined(k, v), state=state, real=real, omega=omega)
    positions = state["positions"]
    if omega is not None:
        q = rotate(q, positions[..., positions.shape[-1] - n :], omega=omega)
    keys, values = state["rows"][..., :d_k], state["rows"][..., d_k:]
    output = attention(q, keys, values, mask=visible(positions, n, window=window))
    return output, state if window is None else _without_the_past(state, window)


def _without_the_past(state, window):
    """Return a state without the rows that nobody sees any more: they come first."""
    wanted = state["positions"] > state["length"][..., None] - window
    wanted = wanted.any(axis=tuple(range(wanted.ndim - 1)))
    first = int(wanted.argmax()) if wanted.any() else len(wanted)
    return state | {
        "rows": state["rows"][..., first:, :],
        "positions": state["positions"][..., first:],
    }


def _empty(lead, d, dtype):
    positions = np.zeros(0, dtype=int)
    return {"rows": np.zeros((*lead, 0, d), dtype), "positions": positions, "length": np.array(0)}


def _joined(one, other):
    """Return two arrays one after the other in their last axis, the others made to fit."""
    lead = np.broadcast_shapes(one.shape[:-1], other.shape[:-1])
    parts = [np.broadcast_to(x, (*lead, x.shape[-1])) for x in (one, other)]
    return np.concatenate(parts, axis=-1)
