"""The Transformer in the family."""

import torch

from attention_book.family import Advice, Mechanism, limit_case
from attention_book.transformer.language_model.limits import LANGUAGE_MODEL
from attention_book.transformer.language_model.reference import scores as language_model

from . import module, reference


def _call(n, d):
    model = module.EncoderDecoder(40, 50, d, 4, 4 * d, num_layers=1)
    source, tokens = torch.randint(40, (1, n)), torch.randint(50, (1, n))
    return lambda: model(source, tokens)


ENCODER_DECODER = Mechanism(
    "the Transformer with encoder and decoder",
    reference.scores,
    "part3/transformer.ipynb#the-whole",
    source="vaswani2017attention",
    oracle="`nn.Transformer` with copied weights and `norm_first=True`",
    advice=Advice(
        choose="one sequence is turned into another, such as speech into text",
        order="positions are added to the tokens of both sequences",
        exact="exact, in the fused kernel too",
        hardware="any; matrix products, and the fused kernel",
        time="12*n**2*d + 56*n*d**2 + 100*n*d + 36*n**2",
        memory="4*n*d",
        call=_call,
        sizes={"n": 256, "d": 64},
    ),
)


@limit_case(
    ENCODER_DECODER,
    LANGUAGE_MODEL,
    when="the $W_o$ of every cross-attention is 0",
    otherwise={"cross": 1.0},
)
def the_source_is_not_read(rng, cross=0.0):
    model = reference.new_model(7, 6, 4, 2, 8, num_layers=2, rng=rng)
    source, tokens = rng.integers(7, size=3), rng.integers(6, size=5)
    blocks = []
    for W in model["decoder"]:
        W["cross"]["W_o"] *= cross
        blocks.append({"norm_1": W["norm_1"], "attend": W["attend"]})
        blocks[-1] |= {"norm_2": W["norm_3"], "feed": W["feed"]}
    alone = {"embedding": model["embedding"], "blocks": blocks, "norm": model["decoder_norm"]}
    return reference.scores(source, tokens, model), language_model(tokens, alone)
