"""A Transformer encoder in the family."""

import torch

from attention_book.family import Advice, Mechanism, limit_case
from attention_book.layers.multi_head.limits import MULTI_HEAD
from attention_book.layers.multi_head.reference import multi_head
from attention_book.layers.residual_stack.limits import STACK
from attention_book.layers.residual_stack.reference import stack as residual_stack
from attention_book.simplest.limits import IDENTITY
from attention_book.simplest.reference import identity
from attention_book.transformer.feed_forward.limits import FEED_FORWARD
from attention_book.transformer.feed_forward.reference import feed_forward
from attention_book.transformer.norm.reference import layer_norm

from . import module, reference


def _call(n, d, layers):
    encoder, x = module.Encoder(d, 4, 4 * d, num_layers=layers), torch.randn(1, n, d)
    return lambda: encoder(x)


ENCODER = Mechanism(
    "a Transformer encoder",
    reference.stack,
    "part3/transformer.ipynb#a-block",
    source="vaswani2017attention",
    oracle="`nn.TransformerEncoder` with copied weights and `norm_first=True`; a loop over tokens",
    advice=Advice(
        choose="all of a sequence is there from the start, and each token is to know of all others",
        order="no: positions are added to the tokens before the first block",
        exact="exact, in the fused kernel too",
        hardware="any; matrix products, and the fused kernel",
        time="layers*(4*n**2*d + 24*n*d**2 + 12*n**2)",
        memory="4*n*d",
        call=_call,
        sizes={"n": 256, "d": 64, "layers": 2},
    ),
)


def _block(rng, attend=1.0, feed=1.0):
    """A block whose layers add as much more or less."""
    W = reference.new_block(4, 1, 6, rng=rng)
    W["attend"]["W_o"] *= attend
    W["feed"]["W_2"] *= feed
    return W


def normalised(rng, length=1.0):
    """Tokens that the norm leaves as they are: of mean 0 and variance 1 - ε."""
    x = rng.standard_normal((5, 4))
    x -= x.mean(axis=-1, keepdims=True)
    return length * x * ((1 - 1e-5) / x.var(axis=-1, keepdims=True)) ** 0.5


@limit_case(
    ENCODER, IDENTITY, when="$W_o = 0$ and $W_2 = 0$ in every block", otherwise={"size": 1.0}
)
def silent_blocks(rng, size=0.0):
    x, blocks = rng.standard_normal((5, 4)), [_block(rng, size, size), _block(rng, size, size)]
    return reference.stack(x, blocks), identity(x)


@limit_case(
    ENCODER,
    MULTI_HEAD,
    when="it has one block with $W_2 = 0$, less its input: of the tokens after the norm",
    otherwise={"size": 1.0},
)
def attention_alone(rng, size=0.0):
    x, W = rng.standard_normal((5, 4)), _block(rng, feed=size)
    y = layer_norm(x, W["norm_1"])
    return reference.stack(x, [W]) - x, multi_head(y, y, W["attend"])


@limit_case(
    ENCODER,
    FEED_FORWARD,
    when="it has one block with $W_o = 0$, less its input: of the tokens after the norm",
    otherwise={"size": 1.0},
)
def network_alone(rng, size=0.0):
    x, W = rng.standard_normal((5, 4)), _block(rng, attend=size)
    return reference.stack(x, [W]) - x, feed_forward(layer_norm(x, W["norm_2"]), W["feed"])


@limit_case(
    ENCODER,
    STACK,
    when="it has one block of one head with $W_2 = 0$, and its tokens come normalised",
    otherwise={"length": 2.0},
)
def normalised_already(rng, length=1.0):
    x, W = normalised(rng, length), _block(rng, feed=0.0)
    of_head = {name: matrix[0] for name, matrix in W["attend"].items()}
    return reference.stack(x, [W]), residual_stack(x, [of_head])


_STREAM = "the residual stream hands on what came in"
_NEXT = "what is hidden in one block may come by way of another token in the next"
_BLOCK = {"gives_zeros_where_nothing_may_be_seen": _STREAM}
_STACK = _BLOCK | {"ignores_what_is_masked": _NEXT}
DEPARTURES = {
    "block": _BLOCK,
    "EncoderBlock.forward": _BLOCK,
    "stack": _STACK,
    "encode": _STACK,
    "Encoder.forward": _STACK,
}
