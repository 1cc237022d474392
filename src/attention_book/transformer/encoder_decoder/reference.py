r"""The Transformer in NumPy: embed both sequences, encode one, decode the other, read out."""

import numpy as np

from attention_book.layers.dense_network.reference import normal
from attention_book.shapes import anything, boolean, count, shapes
from attention_book.transformer.decoder import reference as decoder
from attention_book.transformer.encoder import reference as encoder
from attention_book.transformer.language_model.reference import embed
from attention_book.transformer.norm.reference import layer_norm, new_norm


@shapes(
    np,
    source_tokens=anything("... S", "integers"),
    tokens=anything("... L", "integers"),
    mask=boolean("... 1 S"),
)
def scores(source_tokens, tokens, model, *, mask=None):
    """Return for each token written so far the scores of what may follow it, given the source.

    The mask says which tokens of the source are real; it hides the others from both that read
    them, the encoder and the decoder. ``model`` is what :func:`new_model` makes.

    Shapes:
        returns: (..., L, V)

    Source:
        A. Vaswani et al., "Attention Is All You Need", 2017, sections 3.1 to 3.5. Departures:
        pre-norm with final norms; the source has an embedding of its own, since its alphabet may
        be another; no biases in the attention, no dropout.
    """
    x = embed(source_tokens, model["source_embedding"])
    memory = encoder.encode(x, model["encoder"], model["encoder_norm"], mask=mask)
    y = embed(tokens, model["embedding"])
    states = decoder.stack(y, memory, model["decoder"], mask=mask)
    return layer_norm(states, model["decoder_norm"]) @ model["embedding"].T


@shapes(
    np,
    source_V=count(1),
    V=count(1),
    d_model=count(1),
    heads=count(1),
    d_ff=count(1),
    num_layers=count(0),
)
def new_model(source_V, V, d_model, heads, d_ff, *, num_layers, rng):
    """Return the parameters of a Transformer that reads source_V symbols and writes V.

    Shapes:
        rng: a ``numpy.random.Generator``
        returns: {"source_embedding": (source_V, d_model), "embedding": (V, d_model), "encoder"
            and "decoder": a list of blocks each, "encoder_norm" and "decoder_norm"}

    Source:
        As :func:`scores`.
    """
    sizes = d_model, heads, d_ff
    return {
        "source_embedding": normal(rng, d_model, source_V).T,
        "embedding": normal(rng, d_model, V).T,
        "encoder": [encoder.new_block(*sizes, rng=rng) for _ in range(num_layers)],
        "decoder": [decoder.new_block(*sizes, rng=rng) for _ in range(num_layers)],
        "encoder_norm": new_norm(d_model),
        "decoder_norm": new_norm(d_model),
    }
