"""Luong's decoder in the family."""

from attention_book.family import Mechanism, limit_case, normal
from attention_book.scores.multiplicative.limits import MULTIPLICATIVE
from attention_book.scores.multiplicative.reference import attention as multiplicative

from . import reference

LUONG = Mechanism(
    "Luong's decoder",
    reference.decode,
    "part2/alignment.ipynb#which-state-asks",
    source="luong2015effective",
    oracle="loops written from the paper; the module with PyTorch's cell",
)


@limit_case(
    LUONG,
    MULTIPLICATIVE,
    when="its cell remembers nothing: it hands on its input",
    otherwise={"memory": 1.0},
)
def forgetful_cell(rng, memory=0.0):
    y, states, start, W = normal(rng, (3, 6), (5, 4), 6, (6, 4))

    def attend(q, k):
        return multiplicative(q, k, k, W=W)

    _, contexts = reference.decode(
        y, states, start=start, cell=lambda x, state: x + memory * state, attend=attend
    )
    return contexts, attend(y, states)


DEPARTURES = {
    "LuongDecoder.forward": {
        "sees_what_is_not_masked": "what is read changes no state, only the contexts",
        "gives_zeros_where_nothing_may_be_seen": "the states do not depend on what is read",
    }
}
