r"""Luong's decoder in NumPy: take all steps, then read with the states that came of them."""

import numpy as np

from attention_book.shapes import shapes


@shapes(np, "y: * L! d_y, memory: * S d_m, start: * d_h -> * L d_h, * L d_m")
def decode(y, memory, *, start, cell, attend):
    r"""Return the state after each step, and the context that it reads.

    .. math:: s_i = \operatorname{cell}(y_{i-1}, s_{i-1}), \qquad
              c_i = \operatorname{attend}(s_i, h)

    ``y`` has what was written before each step, the words with a start sign in front;
    ``memory`` has the states h of the encoder, and ``start`` is :math:`s_0`. ``cell`` is a
    function of an input and a state that returns the next state, ``attend`` one of queries and
    memory, such as multiplicative attention. What is read changes no state.

    Source:
        M.-T. Luong, H. Pham, C. D. Manning, "Effective Approaches to Attention-based Neural
        Machine Translation", 2015, sections 3 and 3.1. Departure: without input feeding
        (their section 3.3).
    """
    state, states = start, []
    for written in np.moveaxis(y, -2, 0):
        state = cell(written, state)
        states.append(state)
    states = np.stack(states, axis=-2)
    return states, attend(states, memory)


@shapes(np, "states: ... L d_h, contexts: ... L d_m, W~: d_h d, U~: d_m d -> ... L d")
def attentional(states, contexts, *, W, U):
    r"""Return the attentional states, from which the next words are predicted.

    .. math:: \tilde s_i = \tanh(s_i W + c_i U)

    Source:
        Luong et al., 2015, equation 5. Their matrix for [c; s] is U above W here.
    """
    return np.tanh(states @ W + contexts @ U)
