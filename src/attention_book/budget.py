"""What a language model needs, from its shape: weights, cache, operations, and time at least."""

from dataclasses import dataclass
from math import inf
from numbers import Real

import torch

from attention_book import cost


@dataclass(frozen=True)
class Device:
    """A machine: its peak, in operations a second, its bytes a second, and the bytes it holds.

    A product of two numbers is one operation, and adding it to a sum is another.
    """

    name: str
    operations: float
    bandwidth: float
    memory: float = inf

    @property
    def ridge(self):
        """The operations that have to be done with each byte for the peak to be reached."""
        return self.operations / self.bandwidth

    def seconds(self, operations, moved):
        """Return the time that a call takes at least: what takes longer, computing or moving."""
        return max(operations / self.operations, moved / self.bandwidth)

    def binds(self, operations, moved):
        """Return which of the two takes longer."""
        return "operations" if operations >= self.ridge * moved else "bytes"


DEVICES = (
    Device("A100", 312e12, 2039e9, memory=80e9),
    Device("H100", 989e12, 3350e9, memory=80e9),
    Device("two cores", 200e9, 20e9, memory=16e9),  # an example, near this book's own machine
)


def this_machine(n=1024, megabytes=64, rounds=12):
    """Return this machine as PyTorch uses it now: the best of some products, and of some copies."""
    a, x = torch.randn(n, n), torch.randn(megabytes * 2**18)
    y = torch.empty_like(x)
    product = cost.seconds(lambda: a @ a, rounds)
    copy = cost.seconds(lambda: y.copy_(x), rounds)
    return Device("this machine", 2 * n**3 / product, 2 * x.nbytes / copy)


@dataclass(frozen=True)
class Shape:
    """The shape of a language model, and the number of parameters that its authors state.

    A block has ``heads`` query heads of size ``head`` in ``groups``, or a latent of ``R`` numbers
    and ``turned`` more for positions, with queries from a latent of ``queries``. Its feed-forward
    layer is gated, three matrices of ``hidden``. Where there are experts, all blocks but the first
    ``dense`` have ``experts`` of size ``expert`` and ``shared`` more, of which a token uses
    ``chosen`` and the shared ones. ``windowed`` of the layers see ``window`` tokens.
    """

    name: str
    source: str
    published: float
    layers: int
    width: int
    heads: int
    groups: int
    head: int
    hidden: int
    V: int
    tied: bool = False
    biased: bool = False
    norms: int = 2
    window: int = 0
    windowed: int = 0
    R: int = 0
    turned: int = 0
    queries: int = 0
    experts: int = 0
    expert: int = 0
    shared: int = 0
    chosen: int = 0
    dense: int = 0

    @property
    def attention(self):
        """The parameters of the projections of one layer."""
        out = self.heads * self.head * self.width
        if self.R:
            asks = self.width + self.heads * (self.head + self.turned) + 1
            keeps = self.width * (self.R + self.turned) + self.R * (2 * self.heads * self.head + 1)
            return self.queries * asks + keeps + out
        made = (self.heads + 2 * self.groups) * self.head
        return made * (self.width + self.biased) + out

    def feed_forward(self, active=False):
        """The parameters of all feed-forward layers, or those that one token uses."""
        dense = self.dense if self.experts else self.layers
        used = self.shared + (self.chosen if active else self.experts)
        block = 3 * self.width * self.expert * used + self.width * self.experts
        return dense * 3 * self.width * self.hidden + (self.layers - dense) * block

    def parameters(self, active=False):
        """Return the number of parameters, or of those that one token is multiplied with.

        An embedding is looked up, not multiplied; a tied one is the last matrix as well.
        """
        tables = 1 if active or self.tied else 2
        norms = (self.norms * self.layers + 1) * self.width
        blocks = self.layers * self.attention + self.feed_forward(active)
        return tables * self.V * self.width + blocks + norms

    def seen(self, context):
        """Return the tokens that a new one sees, itself included, summed over the layers."""
        near = min(context, self.window) if self.windowed else 0
        return (self.layers - self.windowed) * context + self.windowed * near

    def kept(self, context):
        """Return the numbers in the cache of one text."""
        return self.seen(context) * (self.R + self.turned or 2 * self.groups * self.head)

    def for_each_seen(self, absorbed=True):
        """Return the operations of all heads of a layer for each token that is seen.

        A score and a weighted sum, two operations a feature; with a latent a step works on the
        latent, and a prompt (``absorbed=False``) on keys and values that are made from it.
        """
        size = self.R if self.R and absorbed else self.head
        return 2 * self.heads * (2 * size + self.turned)

    def prompt(self, n):
        """Return the operations of reading n tokens: with the weights, and in attention."""
        pairs = n * (n + 1) // 2
        beyond = max(0, n - self.window) if self.windowed else 0
        seen = self.layers * pairs - self.windowed * (beyond * (beyond + 1) // 2)
        return 2 * n * self.parameters(active=True), seen * self.for_each_seen(absorbed=False)

    def crossing(self):
        """Return the tokens after which a step computes more in attention than with the weights.

        The layers must see everything; a window may never let it happen.
        """
        return 2 * self.parameters(active=True) / (self.layers * self.for_each_seen())


@dataclass(frozen=True)
class Step:
    """What one step of decoding needs, for a batch of texts. Memory and traffic in bytes.

    ``fits`` says whether weights and cache are no more than the memory of the device.
    """

    weights: float
    cache: float
    operations: float
    moved: float
    seconds: float
    binds: str
    fits: bool


def step(shape, context, *, batch=1, bits=16, cache_bits=16, device=DEVICES[1]):
    """Return what a step costs that writes one token to each text of a batch.

    Each text has ``context`` tokens, the new one included. The time is a lower bound: each weight
    that a token uses and the whole cache are read once, nothing else is moved, and neither the
    peak nor the bandwidth is ever missed. With experts all texts are taken to choose the same.
    Where it does not fit, the time is that of a device with as much memory as it takes.
    """
    sizes = {"context": context, "batch": batch, "bits": bits, "cache_bits": cache_bits}
    for name, value in sizes.items():
        if not (isinstance(value, Real) and 0 < value < inf):
            raise ValueError(f"{name} is {value!r}; it must be a positive number")
    active, seen = shape.parameters(active=True), shape.seen(context)
    operations = batch * (2 * active + seen * shape.for_each_seen())
    weights = shape.parameters() * bits / 8
    cache = batch * shape.kept(context) * cache_bits / 8
    moved = active * bits / 8 + cache
    return Step(
        weights=weights,
        cache=cache,
        operations=operations,
        moved=moved,
        seconds=device.seconds(operations, moved),
        binds=device.binds(operations, moved),
        fits=weights + cache <= device.memory,
    )


_LLAMA_3 = {"source": "grattafiori2024llama", "groups": 8, "head": 128, "V": 128256}
SHAPES = (
    Shape("LLaMA 7B", "touvron2023llama", 6.7e9, 32, 4096, 32, 32, 128, 11008, 32000),
    Shape("Llama 3 8B", published=8e9, layers=32, width=4096, heads=32, hidden=14336, **_LLAMA_3),
    Shape("Llama 3 70B", published=70e9, layers=80, width=8192, heads=64, hidden=28672, **_LLAMA_3),
    Shape(
        "Llama 3 405B", published=405e9, layers=126, width=16384, heads=128, hidden=53248,
        **_LLAMA_3,
    ),
    Shape(
        "Mistral 7B", "jiang2023mistral", 7.3e9, 32, 4096, 32, 8, 128, 14336, 32000,
        window=4096, windowed=32,
    ),
    Shape("Qwen2.5 7B", "qwen2024qwen25", 7.61e9, 28, 3584, 28, 4, 128, 18944, 152064, biased=True),
    Shape(
        "Gemma 2 9B", "gemma2024gemma2", 8_324_201_984 + 917_962_752, 42, 3584, 16, 8, 256, 14336,
        256128, tied=True, norms=4, window=4096, windowed=21,
    ),
    Shape(
        "DeepSeek-V2", "deepseek2024v2", 236e9, 60, 5120, 128, 128, 128, 12288, 102400,
        R=512, turned=64, queries=1536, experts=160, expert=1536, shared=2, chosen=6, dense=1,
    ),
    Shape(
        "DeepSeek-V3", "deepseek2024v3", 671e9, 61, 7168, 128, 128, 128, 18432, 129280,
        R=512, turned=64, queries=1536, experts=256, expert=2048, shared=1, chosen=8, dense=3,
    ),
)  # fmt: skip


def shape(name):
    """Return the shape of a published model by its name."""
    found = {shape.name: shape for shape in SHAPES}
    if name not in found:
        raise ValueError(f"no model is called {name!r}; there are {', '.join(found)}")
    return found[name]
