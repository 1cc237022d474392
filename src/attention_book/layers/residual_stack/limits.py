"""A residual stack in the family."""

from attention_book.family import Mechanism, limit_case
from attention_book.layers.self_attention.limits import SELF_ATTENTION
from attention_book.layers.self_attention.reference import new_layer, self_attention
from attention_book.simplest.limits import IDENTITY
from attention_book.simplest.reference import identity

from . import reference

STACK = Mechanism(
    "a residual stack",
    reference.stack,
    "part1/trained_attention.ipynb#depth",
    source="vaswani2017attention",
    oracle="finite differences; autograd",
)


@limit_case(STACK, SELF_ATTENTION, when="it has one layer, less its input", otherwise={"layers": 2})
def one_layer(rng, layers=1):
    x, W = rng.standard_normal((5, 4)), new_layer(4, 3, rng=rng)
    return reference.stack(x, layers * [W]) - x, self_attention(x, W)


@limit_case(STACK, IDENTITY, when="$W_o = 0$ in every layer", otherwise={"size": 1.0})
def silent_layers(rng, size=0.0):
    x, layers = rng.standard_normal((5, 4)), [new_layer(4, 3, rng=rng), new_layer(4, 3, rng=rng)]
    silent = [W | {"W_o": size * W["W_o"]} for W in layers]
    return reference.stack(x, silent), identity(x)


_NEXT_LAYER = "what is hidden in one layer may come by way of another token in the next"
_STACK = {
    "ignores_what_is_masked": _NEXT_LAYER,
    "gives_zeros_where_nothing_may_be_seen": "the residual connection hands on what came in",
}
DEPARTURES = {"stack": _STACK, "Stack.forward": _STACK}
