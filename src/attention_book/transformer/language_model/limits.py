"""A decoder-only language model in the family."""

import numpy as np
import torch

from attention_book import masks
from attention_book.family import Advice, Mechanism, limit_case
from attention_book.transformer.encoder.limits import ENCODER
from attention_book.transformer.encoder.reference import stack as encoder
from attention_book.transformer.norm.reference import layer_norm

from . import module, reference


def _call(n, d):
    model = module.LanguageModel(50, d, 4, 4 * d, num_layers=2)
    tokens = torch.randint(50, (1, n))
    return lambda: model(tokens)


LANGUAGE_MODEL = Mechanism(
    "a decoder-only language model",
    reference.scores,
    "part3/transformer.ipynb#a-language-model",
    source="radford2018improving",
    oracle="`nn.TransformerEncoder` with a causal mask and copied weights",
    advice=Advice(
        choose="text is to be continued: what is read and what is written are one sequence",
        order="the causal mask gives some; positions are added to the tokens",
        exact="exact, in the fused kernel too",
        hardware="any; matrix products, and the fused kernel",
        time="8*n**2*d + 48*n*d**2 + 100*n*d + 24*n**2",
        memory="4*n*d",
        call=_call,
        sizes={"n": 256, "d": 64},
    ),
)


@limit_case(
    LANGUAGE_MODEL,
    ENCODER,
    when="its embedding is $I$ and the encoder has a causal mask: its states after the final norm",
    otherwise={"causal": False},
)
def a_feature_for_each_symbol(rng, causal=True):
    model, tokens = reference.new_model(6, 6, 2, 8, num_layers=2, rng=rng), rng.integers(6, size=5)
    model["embedding"] = np.eye(6)
    x, mask = reference.embed(tokens, np.eye(6)), masks.causal(5) if causal else None
    states = layer_norm(encoder(x, model["blocks"], mask=mask), model["norm"])
    return reference.scores(tokens, model), states
