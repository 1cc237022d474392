"""An attention-only Transformer in the family."""

import torch

from attention_book.family import Advice, Mechanism, limit_case
from attention_book.layers.multi_head.limits import MULTI_HEAD
from attention_book.layers.multi_head.reference import multi_head, new_layer
from attention_book.layers.residual_stack.limits import STACK
from attention_book.layers.residual_stack.reference import stack as stack_of_one_head
from attention_book.simplest.limits import IDENTITY
from attention_book.simplest.reference import identity

from . import module, reference


def _call(n, d, layers):
    model = module.AttentionOnly(10, n, d, layers, 1)
    tokens = torch.zeros(n, dtype=torch.long)
    return lambda: model(tokens)


ATTENTION_ONLY = Mechanism(
    "an attention-only Transformer",
    reference.stack,
    "part3/what_heads_learn.ipynb#a-sum-over-paths",
    source="elhage2021mathematical",
    oracle="`nn.MultiheadAttention` with copied weights, layer by layer; loops; a sum over paths",
    advice=Advice(
        choose="what a model does has to be read from its weights: everything but the softmax is "
        "linear",
        order="only if positions were added to its tokens",
        exact="exact",
        hardware="any; matrix products, and the fused kernel",
        time="layers*(n**2*d + n*d**2)",
        memory="n**2",
        call=_call,
        sizes={"n": 1024, "d": 64, "layers": 4},
    ),
)


def _attentions(rng, heads=2, size=1.0):
    made = [new_layer(4, heads, rng=rng, d_k=3) for _ in range(2)]
    return [W | {"W_o": size * W["W_o"]} for W in made]


@limit_case(
    ATTENTION_ONLY,
    STACK,
    when="each layer has one head",
    otherwise={"heads": 2},
)
def one_head_in_each_layer(rng, heads=1):
    x, attentions = rng.standard_normal((5, 4)), _attentions(rng, heads)
    of_first = [{name: matrix[0] for name, matrix in W.items()} for W in attentions]
    return reference.stack(x, attentions), stack_of_one_head(x, of_first)


@limit_case(
    ATTENTION_ONLY, MULTI_HEAD, when="it has one layer, less its input", otherwise={"layers": 2}
)
def one_layer(rng, layers=1):
    x, attentions = rng.standard_normal((5, 4)), _attentions(rng)
    return reference.stack(x, attentions[:layers]) - x, multi_head(x, x, attentions[0])


@limit_case(
    ATTENTION_ONLY,
    IDENTITY,
    when="all its heads are ablated with zeros",
    otherwise={"size": 1.0},
)
def no_heads(rng, size=0.0):
    x, attentions = rng.standard_normal((5, 4)), _attentions(rng, size=size)
    return reference.stack(x, attentions), identity(x)


_NEXT_LAYER = "what is hidden in one layer may come by way of another token in the next"
DEPARTURES = {
    "stack": {
        "ignores_what_is_masked": _NEXT_LAYER,
        "gives_zeros_where_nothing_may_be_seen": "the residual connection hands on what came in",
    }
}
