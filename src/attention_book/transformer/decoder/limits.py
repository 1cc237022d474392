"""A Transformer decoder in the family."""

import torch

from attention_book import masks
from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.layers.multi_head.limits import MULTI_HEAD
from attention_book.layers.multi_head.reference import multi_head
from attention_book.transformer.encoder.limits import ENCODER
from attention_book.transformer.encoder.reference import stack as encoder
from attention_book.transformer.norm.reference import layer_norm

from . import module, reference


def _call(n, d, source):
    decoder = module.Decoder(d, 4, 4 * d, num_layers=2)
    x, read = torch.randn(1, n, d), torch.randn(1, source, d)
    return lambda: decoder(x, read)


DECODER = Mechanism(
    "a Transformer decoder",
    reference.stack,
    "part3/transformer.ipynb#a-decoder-reads-twice",
    source="vaswani2017attention",
    oracle="`nn.TransformerDecoder` with copied weights and `norm_first=True`",
    advice=Advice(
        choose="one sequence is written while another, which is all there, is read",
        order="the causal mask gives some; positions are added to the tokens of both",
        exact="exact, in the fused kernel too",
        hardware="any; matrix products, and the fused kernel",
        time="4*n**2*d + 4*n*source*d + 28*n*d**2 + 4*source*d**2 + 12*n**2 + 12*n*source",
        memory="4*n*d",
        call=_call,
        sizes={"n": 256, "d": 64, "source": 192},
    ),
)


def _block(rng, *, cross=1.0, others=1.0):
    W = reference.new_block(4, 2, 6, rng=rng, d_kv=3)
    W["cross"]["W_o"] *= cross
    W["attend"]["W_o"] *= others
    W["feed"]["W_2"] *= others
    return W


@limit_case(
    DECODER,
    ENCODER,
    when="the $W_o$ of its cross-attention is 0, and the encoder has a causal mask",
    otherwise={"cross": 1.0},
)
def nothing_is_read(rng, cross=0.0):
    x, source = normal(rng, (5, 4), (7, 3))
    blocks = [_block(rng, cross=cross) for _ in range(2)]
    of_encoder = [
        {"norm_1": W["norm_1"], "attend": W["attend"], "norm_2": W["norm_3"], "feed": W["feed"]}
        for W in blocks
    ]
    return reference.stack(x, source, blocks), encoder(x, of_encoder, mask=masks.causal(5))


@limit_case(
    DECODER,
    MULTI_HEAD,
    when="it has one block in which all but the cross-attention adds nothing, less its input",
    otherwise={"others": 1.0},
)
def cross_attention_alone(rng, others=0.0):
    (x, source), W = normal(rng, (5, 4), (7, 3)), _block(rng, others=others)
    asked = multi_head(layer_norm(x, W["norm_2"]), source, W["cross"])
    return reference.stack(x, source, [W]) - x, asked


_STREAM = "the residual stream hands on what came in"
_NEXT = "what one token may not read in one block may come by way of an earlier token in the next"
_BLOCK = {"gives_zeros_where_nothing_may_be_seen": _STREAM}
_STACK = _BLOCK | {"ignores_what_is_masked": _NEXT}
DEPARTURES = {
    "block": _BLOCK,
    "DecoderBlock.forward": _BLOCK,
    "stack": _STACK,
    "Decoder.forward": _STACK,
}
