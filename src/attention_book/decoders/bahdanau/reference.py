r"""Bahdanau's decoder in NumPy: read with the state before, then take the step."""

import numpy as np

from attention_book.shapes import shapes


@shapes(np, "y: * L! d_y, memory: * S d_m, start: * d_h -> * L d_h, * L d_m")
def decode(y, memory, *, start, cell, attend):
    r"""Return the state after each step, and the context that went into it.

    .. math:: c_i = \operatorname{attend}(s_{i-1}, h), \qquad
              s_i = \operatorname{cell}([y_{i-1}, c_i], s_{i-1})

    ``y`` has what was written before each step, the words with a start sign in front;
    ``memory`` has the states h of the encoder, and ``start`` is :math:`s_0`. ``cell`` is a
    function of an input and a state that returns the next state, ``attend`` one of queries and
    memory, such as additive attention.

    Source:
        D. Bahdanau, K. Cho, Y. Bengio, "Neural Machine Translation by Jointly Learning to Align
        and Translate", 2015, section 3.1.
    """
    state, states, contexts = start, [], []
    for written in np.moveaxis(y, -2, 0):
        context = attend(state[..., None, :], memory)[..., 0, :]
        state = cell(np.concatenate([written, context], axis=-1), state)
        states.append(state)
        contexts.append(context)
    return np.stack(states, axis=-2), np.stack(contexts, axis=-2)
