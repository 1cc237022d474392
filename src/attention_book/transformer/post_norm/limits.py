"""A post-norm encoder in the family."""

import torch

from attention_book.family import Advice, Mechanism, limit_case
from attention_book.simplest.limits import IDENTITY
from attention_book.simplest.reference import identity
from attention_book.transformer.encoder.limits import ENCODER, normalised
from attention_book.transformer.encoder.reference import new_block
from attention_book.transformer.encoder.reference import stack as pre_norm
from attention_book.transformer.norm.reference import layer_norm, new_norm

from . import module, reference


def _call(n, d, layers):
    encoder, x = module.PostNormEncoder(d, 4, 4 * d, num_layers=layers), torch.randn(1, n, d)
    return lambda: encoder(x)


POST_NORM = Mechanism(
    "a post-norm encoder",
    reference.stack,
    "part3/transformer.ipynb#pre-norm-and-post-norm",
    source="vaswani2017attention",
    oracle="`nn.TransformerEncoder` with copied weights and `norm_first=False`",
    advice=Advice(
        choose="you load weights that were trained so, as BERT's; it needs a warm-up",
        order="no: positions are added to the tokens before the first block",
        exact="exact, in the fused kernel too",
        hardware="any; matrix products, and the fused kernel",
        time="layers*(4*n**2*d + 24*n*d**2 + 12*n**2)",
        memory="4*n*d",
        call=_call,
        sizes={"n": 256, "d": 64, "layers": 2},
    ),
)


def _blocks(rng, n, attend=0.0, feed=0.0):
    blocks = [new_block(4, 2, 6, rng=rng) for _ in range(n)]
    for W in blocks:
        W["attend"]["W_o"] *= attend
        W["feed"]["W_2"] *= feed
    return blocks


@limit_case(
    POST_NORM,
    IDENTITY,
    when="$W_o = 0$ and $W_2 = 0$ in every block, and its tokens come normalised",
    otherwise={"length": 2.0},
)
def nothing_to_do(rng, length=1.0):
    x = normalised(rng, length)
    return reference.stack(x, _blocks(rng, 2)), identity(x)


@limit_case(
    POST_NORM,
    ENCODER,
    when="it has one block with $W_o = 0$, its tokens come normalised, and the encoder has its "
    "final norm",
    otherwise={"attend": 1.0},
)
def one_sum(rng, attend=0.0):
    x, blocks = normalised(rng), _blocks(rng, 1, attend, feed=1.0)
    return reference.stack(x, blocks), layer_norm(pre_norm(x, blocks), new_norm(4))


_STREAM = "the residual stream hands on what came in"
_NEXT = "what is hidden in one block may come by way of another token in the next"
_BLOCK = {"gives_zeros_where_nothing_may_be_seen": _STREAM}
_STACK = _BLOCK | {"ignores_what_is_masked": _NEXT}
DEPARTURES = {
    "block": _BLOCK,
    "PostNormBlock.forward": _BLOCK,
    "stack": _STACK,
    "PostNormEncoder.forward": _STACK,
}
