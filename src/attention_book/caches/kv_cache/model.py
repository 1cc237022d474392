"""A language model whose layers keep a cache, and a way to write with it.

``Model`` takes its attention layers from outside, of any kind that hands a state on, as
``GroupedQueryAttention`` and ``LatentAttention`` do. ``extend`` is the same for the language
model of the Transformer, whose positions are sines. A state of a model is a list, one of each
layer; ``cut`` takes tokens off its end.
"""

import math

import torch
import torch.nn.functional as F

from attention_book.caches.kv_cache.module import attend
from attention_book.layers.multi_head.module import merge_heads, split_heads
from attention_book.positions.sinusoidal.module import add
from attention_book.transformer.feed_forward.module import FeedForward


class Model(torch.nn.Module):
    """A decoder-only language model of pre-norm blocks, with one embedding at both ends.

    Positions are a matter of the attention layers. ``decode`` names the method of these that
    serves one token at a time, such as "absorbed".
    """

    def __init__(self, V, d_ff, layers, *, decode="forward"):
        super().__init__()
        d, self.decode = layers[0].d_model, decode
        self.embedding = torch.nn.Parameter(torch.randn(V, d) / math.sqrt(d))
        self.attend = torch.nn.ModuleList(layers)
        self.feed = torch.nn.ModuleList(FeedForward(d, d_ff) for _ in layers)
        self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(d) for _ in range(2 * len(layers) + 1))
        with torch.no_grad():
            for attention, feed in zip(self.attend, self.feed, strict=True):
                attention.W_o /= math.sqrt(2 * len(layers))
                feed.W_2 /= math.sqrt(2 * len(layers))

    def forward(self, tokens):
        """Return for each token, (..., n), the scores of what may follow it, (..., n, V)."""
        return self.extend(tokens)[0]

    def extend(self, tokens, *, state=None, real=None):
        """Return the scores after new tokens, and the state that has them."""
        d, following = self.embedding.shape[1], []
        x = math.sqrt(d) * F.embedding(tokens, self.embedding)
        form = "forward" if tokens.shape[-1] > 1 else self.decode
        for n, (attention, feed) in enumerate(zip(self.attend, self.feed, strict=True)):
            kept = None if state is None else state[n]
            read, kept = getattr(attention, form)(self.norms[2 * n](x), state=kept, real=real)
            following.append(kept)
            x = x + read
            x = x + feed(self.norms[2 * n + 1](x))
        return self.norms[-1](x) @ self.embedding.T, following


def extend(model, tokens, *, state=None):
    """Return what a ``LanguageModel`` says after new tokens, (..., n, V), and the next state.

    Each block keeps the keys and values of its heads; the sines go on where the state ends.
    """
    start, following = 0 if state is None else int(state[0]["length"]), []

    def read(number, q, k, v):
        output, kept = attend(q, k, v, state=None if state is None else state[number])
        following.append(kept)
        return output

    return through(model, tokens, start, read), following


def through(model, tokens, start, read):
    """Return the scores of a ``LanguageModel`` after tokens that stand from ``start`` on.

    ``read(number, q, k, v)`` is the attention of a block, over whatever it keeps.
    """
    x = math.sqrt(model.d_model) * F.embedding(tokens, model.embedding)
    x = add(x, positions=torch.arange(start, start + tokens.shape[-1]))
    for number, block in enumerate(model.encoder.blocks):
        layer, y = block.attend, block.norm_1(x)
        three = y @ layer.W_q, *(y @ layer.W_kv).chunk(2, dim=-1)
        q, k, v = (split_heads(part, heads=layer.heads) for part in three)
        x = x + merge_heads(read(number, q, k, v)) @ layer.W_o
        x = x + block.feed(block.norm_2(x))
    return model.encoder.norm(x) @ model.embedding.T


def cut(state, length):
    """Return a state of a model with the first tokens alone; nothing is copied.

    For sequences without padding and without a window.
    """
    return [
        {
            "rows": kept["rows"][..., :length, :],
            "positions": kept["positions"][..., :length],
            "length": kept["length"].new_tensor(length),
        }
        for kept in state
    ]


def floats(state):
    """Return how many numbers the rows of a state hold."""
    return sum(kept["rows"].numel() for kept in state)


class Writer:
    """The scores after each of a list of tokens, for the functions of ``decoding``.

    It remembers what it has read. From the tokens that it is given it computes those that are new
    or differ, so a text may be taken back, and nothing has to be reset. ``computed`` counts the
    tokens that it computed, ``calls`` how often it was asked.
    """

    def __init__(self, extend):
        self.extend, self.tokens, self.scores, self.state = extend, [], None, None
        self.computed = self.calls = 0

    @torch.no_grad()
    def __call__(self, tokens):
        """Return the scores after the last token, a NumPy array (V,)."""
        return self.all(tokens)[-1]

    @torch.no_grad()
    def all(self, tokens):
        """Return the scores after each token, a NumPy array (n, V)."""
        same = 0
        for one, other in zip(self.tokens, tokens, strict=False):
            if one != other:
                break
            same += 1
        new = torch.tensor(tokens[same:])
        state = cut(self.state, same) if same else None
        kept = [] if self.scores is None else self.scores[:same]
        if len(new):
            scores, state = self.extend(new, state=state)
            kept = torch.cat([*([kept] if same else []), scores])
        self.tokens, self.scores, self.state = list(tokens), kept, state
        self.computed, self.calls = self.computed + len(new), self.calls + 1
        return kept.numpy()
