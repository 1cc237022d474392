"""The book's modules that a fused kernel can serve, each beside the least that can be done.

``MODULES`` has a function for each: it takes a length and a :class:`measuring.Way`, and returns
two calls that compute the same, the module's and one written by hand for this case alone, or None
where the module has no such mask.
"""

import math

import torch
import torch.nn.functional as F
from layers import ByHand
from measuring import BATCH, FEATURES, HEADS

from attention_book.caches.grouped_query.module import GroupedQueryAttention
from attention_book.caches.latent.module import LatentAttention
from attention_book.layers.multi_head.module import MultiHeadAttention
from attention_book.positions.alibi import module as alibi
from attention_book.positions.rope import module as rope
from attention_book.positions.t5_bias import module as t5
from attention_book.scores.scaled_dot_product import module as scaled_dot_product
from attention_book.transformer.encoder.module import EncoderBlock

WIDTH, GROUPS, LATENT = FEATURES // HEADS, 2, 128


def dot_product(L, way):
    """One product of scores, softmax and average."""
    q, k, v = _heads(L)
    return (
        lambda: scaled_dot_product.attention(q, k, v, mask=way.per_head),
        lambda: F.scaled_dot_product_attention(q, k, v, **way.of_kernel),
    )


def multi_head(L, way):
    """A layer with its four matrices."""
    layer, x = MultiHeadAttention(FEATURES, HEADS), _tokens(L)
    by_hand = ByHand(layer)
    return lambda: layer(x, x, mask=way.mask), lambda: by_hand(x, way)


def rotary(L, way):
    """RoPE: by hand with sines and cosines that are there already."""
    (q, k, v), turned = _heads(L), _turning(L)
    return (
        lambda: rope.attention(q, k, v, mask=way.per_head),
        lambda: F.scaled_dot_product_attention(turned(q), turned(k), v, **way.of_kernel),
    )


def linear_biases(L, way):
    """ALiBi: by hand with a bias that is there already, and masked already."""
    q, k, v = _heads(L)
    slopes, places = alibi.slopes(HEADS), torch.arange(L)
    bias = -slopes[:, None, None] * (places[:, None] - places).abs()
    bias = _masked(bias, way)
    return (
        lambda: alibi.attention(q, k, v, slopes, mask=way.per_head),
        lambda: F.scaled_dot_product_attention(q, k, v, attn_mask=bias),
    )


def bucketed_biases(L, way):
    """T5's bias: by hand the buckets are there already, and the look-up is done."""
    (q, k, v), table = _heads(L), torch.randn(HEADS, 32, requires_grad=True)
    places = torch.arange(L)
    found = t5.buckets(places - places[:, None], 32)
    return (
        lambda: t5.attention(q, k, v, table, mask=way.per_head),
        lambda: F.scaled_dot_product_attention(
            q, k, v, attn_mask=_masked(table[:, found], way), scale=1.0
        ),
    )


def grouped(L, way):
    """Grouped-query attention with rotary positions, which is causal."""
    if way.name != "causal":
        return None
    layer, x = GroupedQueryAttention(FEATURES, HEADS, GROUPS), _tokens(L)
    turned = _turning(L)

    def by_hand():
        q = (x @ layer.W_q).unflatten(-1, (HEADS, WIDTH)).transpose(1, 2)
        kv = (x @ layer.W_kv).unflatten(-1, (2, GROUPS, WIDTH)).permute(2, 0, 3, 1, 4)
        k, v = kv.repeat_interleave(HEADS // GROUPS, dim=2)
        heads = F.scaled_dot_product_attention(turned(q), turned(k), v, is_causal=True)
        return heads.transpose(1, 2).flatten(-2) @ layer.W_o

    return lambda: layer(x)[0], by_hand


def latent(L, way):
    """Latent attention in its plain form, which is causal."""
    if way.name != "causal":
        return None
    layer, x, turned = LatentAttention(FEATURES, HEADS, LATENT, WIDTH), _tokens(L), _turning(L)

    def by_hand():
        k_r, c = (x @ layer.W_dkv).split([WIDTH, LATENT], dim=-1)
        c = F.rms_norm(c, (LATENT,), layer.gain, eps=1e-5)
        q = (x @ layer.W_q).unflatten(-1, (HEADS, 2 * WIDTH)).transpose(1, 2)
        k, v = (c @ layer.W_ukv).unflatten(-1, (HEADS, 2 * WIDTH)).transpose(1, 2).chunk(2, dim=-1)
        k_r = turned(k_r)[:, None].expand(-1, HEADS, -1, -1)
        q = torch.cat([turned(q[..., :WIDTH]), q[..., WIDTH:]], dim=-1)
        k = torch.cat([k_r, k], dim=-1)
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return heads.transpose(1, 2).flatten(-2) @ layer.W_o

    return lambda: layer(x)[0], by_hand


def encoder_block(L, way):
    """A pre-norm block of a Transformer."""
    block, x = EncoderBlock(FEATURES, HEADS, 4 * FEATURES), _tokens(L)
    attend, feed = ByHand(block.attend), block.feed

    def by_hand():
        y = x + attend(F.layer_norm(x, (FEATURES,), block.norm_1.weight, block.norm_1.bias), way)
        read = F.layer_norm(y, (FEATURES,), block.norm_2.weight, block.norm_2.bias)
        return y + F.linear(F.relu(F.linear(read, feed.W_1.T, feed.b_1)), feed.W_2.T, feed.b_2)

    return lambda: block(x, mask=way.mask), by_hand


MODULES = {
    "scaled dot-product attention": dot_product,
    "multi-head attention": multi_head,
    "rotary positions": rotary,
    "grouped-query attention": grouped,
    "latent attention": latent,
    "ALiBi": linear_biases,
    "T5's relative bias": bucketed_biases,
    "Transformer block": encoder_block,
}


def _heads(L):
    return [torch.randn(BATCH, HEADS, L, WIDTH, requires_grad=True) for _ in range(3)]


def _tokens(L):
    return torch.randn(BATCH, L, FEATURES)


def _turning(L):
    """Return a function that turns the pairs of features of L tokens."""
    angles = torch.outer(torch.arange(L), 10000.0 ** (-torch.arange(0, WIDTH, 2) / WIDTH))
    cos, sin = angles.cos(), angles.sin()

    def turned(x):
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(-2)

    return turned


def _masked(bias, way):
    return bias if way.mask is None else torch.where(way.per_head, bias, -math.inf)
