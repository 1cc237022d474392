"""Normalisation in the family."""

from attention_book.family import Mechanism, limit_case
from attention_book.simplest.limits import IDENTITY
from attention_book.simplest.reference import identity

from . import reference

RMS_NORM = Mechanism(
    "normalisation by the root mean square",
    reference.rms_norm,
    "part3/transformer.ipynb#layer-normalisation",
    source="zhang2019root",
    oracle="`F.rms_norm`; a loop over the features",
)
LAYER_NORM = Mechanism(
    "layer normalisation",
    reference.layer_norm,
    "part3/transformer.ipynb#layer-normalisation",
    source="ba2016layer",
    oracle="`F.layer_norm`; a loop over the features",
)


def _some(rng, d=6):
    return {"gain": rng.standard_normal(d), "bias": rng.standard_normal(d)}


@limit_case(
    LAYER_NORM,
    RMS_NORM,
    when="the features of each token have mean 0, and there is no bias",
    otherwise={"mean": 1.0},
)
def centred_tokens(rng, mean=0.0):
    x, norm = rng.standard_normal((5, 6)), _some(rng)
    x += mean - x.mean(axis=-1, keepdims=True)
    of_layer = reference.layer_norm(x, norm | {"bias": 0 * norm["bias"]})
    return of_layer, reference.rms_norm(x, {"gain": norm["gain"]})


@limit_case(
    RMS_NORM,
    IDENTITY,
    when="each token has the mean square $1 - \\epsilon$, and every gain is 1",
    otherwise={"length": 2.0},
)
def one_length(rng, length=1.0):
    x = rng.standard_normal((5, 6))
    x *= length * ((1 - 1e-5) / (x**2).mean(axis=-1, keepdims=True)) ** 0.5
    return reference.rms_norm(x, {"gain": reference.new_norm(6)["gain"]}), identity(x)
