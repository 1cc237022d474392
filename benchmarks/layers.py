"""Multi-head self-attention by several hands, with the same parameters: the layers compared.

Each is made from the book's layer and is a call of tokens (batch, length, features) and a
:class:`measuring.Way`. What is not installed, or cannot compute a case, says so.
"""

import functools
import importlib.util
import shutil

import torch
import torch.nn.functional as F
from measuring import FEATURES, HEADS
from torch.nn.attention.flex_attention import create_block_mask, flex_attention


class ByHand(torch.nn.Module):
    """The least that can be done: one product, views for the heads, the kernel, one product."""

    def __init__(self, layer):
        super().__init__()
        self.qkv = torch.nn.Parameter(torch.cat([layer.W_q, layer.W_kv], dim=1).detach().clone())
        self.out = torch.nn.Parameter(layer.W_o.detach().clone())

    def forward(self, x, way):
        return self.merged(F.scaled_dot_product_attention(*self.heads(x), **way.of_kernel))

    def heads(self, x):
        batch, length, _ = x.shape
        return (x @ self.qkv).view(batch, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)

    def merged(self, heads):
        return heads.transpose(1, 2).flatten(-2) @ self.out


class Flex(ByHand):
    """FlexAttention in the place of the kernel, compiled where there is a C++ compiler.

    On a CPU it has no way back, so it cannot be trained.
    """

    trains = False

    def forward(self, x, way):
        return self.merged(_flex()(*self.heads(x), block_mask=_block_mask(way, x.shape[1])))


@functools.cache
def _flex():
    compiler = any(map(shutil.which, ("c++", "g++", "clang++")))
    return torch.compile(flex_attention) if compiler else flex_attention


@functools.cache
def _blocks(name, length, real):
    lengths, batch = (torch.tensor(real), len(real)) if real else (None, None)

    def seen(b, h, i, j):
        return i >= j if name == "causal" else j < lengths[b]

    return create_block_mask(seen, batch, None, length, length, device="cpu")


def _block_mask(way, length):
    if way.mask is None:
        return None
    real = None if way.real is None else tuple(way.real.sum(1).tolist())
    return _blocks(way.name, length, real)


class OfPyTorch(torch.nn.Module):
    """``torch.nn.MultiheadAttention``, which has a path of its own for inference."""

    def __init__(self, layer):
        super().__init__()
        self.layer = torch.nn.MultiheadAttention(FEATURES, HEADS, bias=False, batch_first=True)
        with torch.no_grad():
            self.layer.in_proj_weight.copy_(torch.cat([layer.W_q, layer.W_kv], dim=1).T)
            self.layer.out_proj.weight.copy_(layer.W_o.T)

    def forward(self, x, way):
        self.layer.train(torch.is_grad_enabled())
        blocked = None if way.real is None else ~way.real
        causal = ~way.mask if way.name == "causal" else None
        return self.layer(
            x, x, x, key_padding_mask=blocked, attn_mask=causal, is_causal=causal is not None,
            need_weights=False,
        )[0]  # fmt: skip


class OfXTransformers(torch.nn.Module):
    """``x_transformers.Attention`` with ``flash=True``."""

    package = "x-transformers"

    def __init__(self, layer):
        from x_transformers.x_transformers import Attention

        super().__init__()
        of_head = FEATURES // HEADS
        self.layers = torch.nn.ModuleDict({
            name: Attention(FEATURES, of_head, heads=HEADS, flash=True, causal=name == "causal")
            for name in ("none", "causal")
        })  # fmt: skip
        W_k, W_v = layer.W_kv.chunk(2, dim=1)
        with torch.no_grad():
            for one in self.layers.values():
                for name, W in (("q", layer.W_q), ("k", W_k), ("v", W_v), ("out", layer.W_o)):
                    getattr(one, f"to_{name}").weight.copy_(W.T)

    def forward(self, x, way):
        one = self.layers["causal" if way.name == "causal" else "none"]
        return one(x, mask=way.real)


class OfTransformers(torch.nn.Module):
    """``transformers``: the attention of Llama through SDPA, its rotary positions all at 0."""

    package = "transformers"

    def __init__(self, layer):
        from transformers.models.llama.modeling_llama import LlamaAttention, LlamaConfig

        super().__init__()
        config = LlamaConfig(
            hidden_size=FEATURES, num_attention_heads=HEADS, num_key_value_heads=HEADS
        )
        config._attn_implementation = "sdpa"
        self.layer = LlamaAttention(config, 0)
        W_k, W_v = layer.W_kv.chunk(2, dim=1)
        with torch.no_grad():
            for name, W in (("q", layer.W_q), ("k", W_k), ("v", W_v), ("o", layer.W_o)):
                getattr(self.layer, f"{name}_proj").weight.copy_(W.T)

    def forward(self, x, way):
        self.layer.is_causal = way.name == "causal"
        ones = x.new_ones(1, x.shape[1], FEATURES // HEADS)
        return self.layer(x, (ones, 0 * ones), way.of_kernel.get("attn_mask"))[0]


OTHERS = {
    "nn.MultiheadAttention": OfPyTorch,
    "FlexAttention": Flex,
    "x-transformers": OfXTransformers,
    "transformers (Llama)": OfTransformers,
}


def installed(layer):
    """Return whether the package of a layer is there."""
    package = getattr(layer, "package", None)
    return package is None or bool(importlib.util.find_spec(package.replace("-", "_")))
