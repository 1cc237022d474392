"""Oracles: PyTorch's own layers and model with copied weights, loops, enumeration for decoding."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from witnesses import average_by_loop, close, dot, some_mask, tensors

from attention_book import decoding, masks
from attention_book.exercises import transformer as exercises
from attention_book.layers.multi_head.module import MultiHeadAttention
from attention_book.transformer.decoder import module as torch_decoder
from attention_book.transformer.decoder import reference as decoder
from attention_book.transformer.encoder import module as torch_encoder
from attention_book.transformer.encoder import reference as encoder
from attention_book.transformer.encoder_decoder import reference as whole
from attention_book.transformer.encoder_decoder.module import EncoderDecoder
from attention_book.transformer.feed_forward import module as torch_network
from attention_book.transformer.feed_forward import reference as network
from attention_book.transformer.language_model import module as torch_language
from attention_book.transformer.language_model import reference as language
from attention_book.transformer.language_model.module import LanguageModel
from attention_book.transformer.norm import module as torch_norm
from attention_book.transformer.norm import reference as norm
from attention_book.transformer.post_norm import module as torch_post
from attention_book.transformer.post_norm import reference as post

B, L, S, D, H, FF, KV = 2, 5, 7, 12, 3, 20, 10
few = settings(deadline=None, max_examples=25)


def normal(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def shaken(parts, rng):
    """The same parameters with noise, so that no gain is 1 and no bias is 0."""
    if isinstance(parts, dict):
        return {name: shaken(part, rng) for name, part in parts.items()}
    if isinstance(parts, list):
        return [shaken(part, rng) for part in parts]
    return parts + 0.3 * rng.standard_normal(parts.shape)


def blocks(new_block, n=2, seed=0, **options):
    rng = np.random.default_rng(seed)
    made = [new_block(D, H, FF, rng=rng, **options) for _ in range(n)]
    return shaken(made, rng)


# Parameters of the reference, put into modules ----------------------------------------------------


def put(module, W):
    """Copy the parameters of the reference into one of the book's modules."""
    with torch.no_grad():
        if isinstance(module, torch.nn.LayerNorm):
            module.weight.copy_(torch.from_numpy(W["gain"]))
            module.bias.copy_(torch.from_numpy(W["bias"]))
        elif isinstance(module, MultiHeadAttention):
            for name, matrix in module.matrices().items():
                matrix.copy_(torch.from_numpy(W[name]))
        elif isinstance(module, torch_network.FeedForward):
            for name, matrix in W.items():
                getattr(module, name).copy_(torch.from_numpy(matrix))
        else:
            for name, part in W.items():
                put(getattr(module, name), part)
    return module


def in_torch(kind, W, final=None, **options):
    """A stack of blocks in PyTorch with the parameters of the reference."""
    made = kind(D, H, FF, num_layers=len(W), **options).double()
    for module, parameters in zip(made.blocks, W, strict=True):
        put(module, parameters)
    if final is not None:
        put(made.norm, final)
    return made


def language_model(model):
    V, d_model = model["embedding"].shape
    sizes = d_model, *_heads_and_width(model["blocks"])
    made = LanguageModel(V, *sizes, num_layers=len(model["blocks"])).double()
    with torch.no_grad():
        made.embedding.copy_(torch.from_numpy(model["embedding"]))
    for module, W in zip(made.encoder.blocks, model["blocks"], strict=True):
        put(module, W)
    put(made.encoder.norm, model["norm"])
    return made


def encoder_decoder(model):
    V, d_model = model["embedding"].shape
    sizes = d_model, *_heads_and_width(model["encoder"])
    made = EncoderDecoder(
        len(model["source_embedding"]), V, *sizes, num_layers=len(model["encoder"])
    ).double()
    with torch.no_grad():
        for name in ("embedding", "source_embedding"):
            getattr(made, name).copy_(torch.from_numpy(model[name]))
    for side in ("encoder", "decoder"):
        for module, W in zip(getattr(made, side).blocks, model[side], strict=True):
            put(module, W)
        put(getattr(made, side).norm, model[f"{side}_norm"])
    return made


def _heads_and_width(W):
    return len(W[0]["attend"]["W_q"]), len(W[0]["feed"]["b_1"])


# PyTorch's layers, with the parameters of the reference -------------------------------------------


def theirs_attention(layer, W):
    joined = [torch.from_numpy(np.concatenate(W[n], axis=1).T) for n in ("W_q", "W_k", "W_v")]
    with torch.no_grad():
        if layer.in_proj_weight is None:
            for name, matrix in zip("qkv", joined, strict=True):
                getattr(layer, f"{name}_proj_weight").copy_(matrix)
        else:
            layer.in_proj_weight.copy_(torch.cat(joined))
        layer.in_proj_bias.zero_()
        layer.out_proj.weight.copy_(torch.from_numpy(np.concatenate(W["W_o"], axis=0).T))
        layer.out_proj.bias.zero_()


def theirs_block(layer, W):
    """Fill a ``TransformerEncoderLayer`` or ``TransformerDecoderLayer``."""
    theirs_attention(layer.self_attn, W["attend"])
    if "cross" in W:
        theirs_attention(layer.multihead_attn, W["cross"])
    with torch.no_grad():
        for number in (1, 2):
            linear = getattr(layer, f"linear{number}")
            linear.weight.copy_(torch.from_numpy(W["feed"][f"W_{number}"].T))
            linear.bias.copy_(torch.from_numpy(W["feed"][f"b_{number}"]))
    for number in (1, 2, 3) if "cross" in W else (1, 2):
        put(getattr(layer, f"norm{number}"), W[f"norm_{number}"])


def theirs_encoder(W, final=None):
    layer = torch.nn.TransformerEncoderLayer(
        D, H, FF, dropout=0.0, batch_first=True, norm_first=final is not None
    )
    last = None if final is None else put(torch.nn.LayerNorm(D).double(), final)
    made = torch.nn.TransformerEncoder(layer, len(W), norm=last, enable_nested_tensor=False)
    made = made.double()
    for layer, parameters in zip(made.layers, W, strict=True):
        theirs_block(layer, parameters)
    return made


def theirs_decoder(W, final):
    layer = torch.nn.TransformerDecoderLayer(
        D, H, FF, dropout=0.0, batch_first=True, norm_first=True
    )
    made = torch.nn.TransformerDecoder(
        layer, len(W), norm=put(torch.nn.LayerNorm(D).double(), final)
    )
    made = made.double()
    for layer, parameters in zip(made.layers, W, strict=True):
        theirs_block(layer, parameters)
    return made


CAUSAL = torch.from_numpy(masks.causal(L))


@pytest.mark.parametrize("causal", [False, True])
def test_the_encoder_against_pytorchs(causal):
    (x,), W = normal((B, L, D)), blocks(encoder.new_block)
    final = shaken(norm.new_norm(D), np.random.default_rng(5))
    expected = theirs_encoder(W, final)(*tensors(x), mask=~CAUSAL if causal else None)
    mask = masks.causal(L) if causal else None
    close(encoder.encode(x, W, final, mask=mask), expected)
    close(in_torch(torch_encoder.Encoder, W, final)(*tensors(x), mask=mask), expected)


@pytest.mark.parametrize("padded", [False, True])
def test_the_post_norm_encoder_against_pytorchs(padded):
    (x,), W = normal((B, L, D)), blocks(encoder.new_block)
    mask = masks.padding([3, L], L) if padded else None
    hidden = ~torch.from_numpy(mask[:, 0]) if padded else None
    expected = theirs_encoder(W)(*tensors(x), src_key_padding_mask=hidden)
    close(post.stack(x, W, mask=mask), expected)
    close(in_torch(torch_post.PostNormEncoder, W)(*tensors(x), mask=mask), expected)


@pytest.mark.parametrize("padded", [False, True])
def test_the_decoder_against_pytorchs(padded):
    (x, source), W = normal((B, L, D), (B, S, D)), blocks(decoder.new_block)
    final = shaken(norm.new_norm(D), np.random.default_rng(5))
    mask = masks.padding([3, S], S) if padded else None
    hidden = ~torch.from_numpy(mask[:, 0]) if padded else None
    expected = theirs_decoder(W, final)(
        *tensors(x, source), tgt_mask=~CAUSAL, memory_key_padding_mask=hidden
    )
    close(norm.layer_norm(decoder.stack(x, source, W, mask=mask), final), expected)
    ours = in_torch(torch_decoder.Decoder, W, final)
    close(ours(*tensors(x, source), mask=mask), expected)


def small_model(seed=0, n=2):
    rng = np.random.default_rng(seed)
    return shaken(whole.new_model(9, 8, D, H, FF, num_layers=n, rng=rng), rng)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_the_whole_against_pytorchs():
    """``nn.Transformer`` with the three masks that translation needs, between sines and Eᵀ."""
    model, rng = small_model(), np.random.default_rng(1)
    source, tokens = rng.integers(9, size=(B, S)), rng.integers(8, size=(B, L))
    mask = masks.padding([4, S], S)
    theirs = torch.nn.Transformer(
        D, H, 2, 2, FF, dropout=0.0, batch_first=True, norm_first=True
    ).double()
    for side in ("encoder", "decoder"):
        for layer, W in zip(getattr(theirs, side).layers, model[side], strict=True):
            theirs_block(layer, W)
        put(getattr(theirs, side).norm, model[f"{side}_norm"])
    omega = 10_000 ** -(np.arange(D) // 2 * 2 / D)
    shift = np.pi / 2 * (np.arange(D) % 2)
    x, y = (
        math.sqrt(D) * model[name][ids] + np.sin(np.arange(ids.shape[1])[:, None] * omega + shift)
        for name, ids in (("source_embedding", source), ("embedding", tokens))
    )
    hidden = ~torch.from_numpy(mask[:, 0])
    states = theirs(
        *tensors(x, y), tgt_mask=~CAUSAL, src_key_padding_mask=hidden,
        memory_key_padding_mask=hidden,
    )  # fmt: skip
    expected = states @ torch.from_numpy(model["embedding"]).T
    close(whole.scores(source, tokens, model, mask=mask), expected, 1e-11)
    ours = encoder_decoder(model)
    close(ours(*tensors(source, tokens), mask=mask), expected, 1e-11)


def test_the_language_model_against_pytorchs_encoder():
    rng = np.random.default_rng(2)
    model = shaken(language.new_model(8, D, H, FF, num_layers=2, rng=rng), rng)
    tokens = rng.integers(8, size=(B, L))
    x = language.embed(tokens, model["embedding"])
    states = theirs_encoder(model["blocks"], model["norm"])(*tensors(x), mask=~CAUSAL)
    expected = states @ torch.from_numpy(model["embedding"]).T
    close(language.scores(tokens, model), expected, 1e-11)
    close(language_model(model)(*tensors(tokens)), expected, 1e-11)


# Loops --------------------------------------------------------------------------------------------


def norm_by_loop(token, W, eps=1e-5):
    mean = math.fsum(token) / len(token)
    variance = math.fsum((f - mean) ** 2 for f in token) / len(token)
    scale = 1 / math.sqrt(variance + eps)
    return [(f - mean) * scale * g + b for f, g, b in zip(token, W["gain"], W["bias"], strict=True)]


def network_by_loop(token, W):
    hidden = [max(0.0, dot(token, w) + b) for w, b in zip(W["W_1"].T, W["b_1"], strict=True)]
    return [dot(hidden, w) + b for w, b in zip(W["W_2"].T, W["b_2"], strict=True)]


def attention_by_loop(x, source, W, mask=None):
    x, source = np.array(x), np.array(source)
    total = np.zeros((len(x), W["W_o"].shape[-1]))
    for h in range(len(W["W_q"])):
        q, k, v = x @ W["W_q"][h], source @ W["W_k"][h], source @ W["W_v"][h]
        q = q / math.sqrt(q.shape[1])
        found, _ = average_by_loop(
            q.tolist(), k.tolist(), v.tolist(), lambda a, b: math.exp(dot(a, b)), mask
        )
        total += found @ W["W_o"][h]
    return total.tolist()


def add(x, y):
    return [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(x, y, strict=True)]


def normed(x, W):
    return [norm_by_loop(token, W) for token in x]


def fed(x, W):
    return [network_by_loop(token, W) for token in x]


def test_a_pre_norm_block_token_by_token():
    (x,), (W,), mask = normal((L, D)), blocks(encoder.new_block, 1), some_mask(L, L)
    y = normed(x.tolist(), W["norm_1"])
    z = add(x.tolist(), attention_by_loop(y, y, W["attend"], mask))
    z = add(z, fed(normed(z, W["norm_2"]), W["feed"]))
    close(encoder.block(x, **W, mask=mask), np.array(z))


def test_a_post_norm_block_token_by_token():
    (x,), (W,), mask = normal((L, D)), blocks(encoder.new_block, 1), some_mask(L, L)
    z = normed(add(x.tolist(), attention_by_loop(x, x, W["attend"], mask)), W["norm_1"])
    z = normed(add(z, fed(z, W["feed"])), W["norm_2"])
    close(post.block(x, **W, mask=mask), np.array(z))


def test_a_decoder_block_token_by_token():
    """With a source of another width, as the published one has not."""
    (x, source), (W,) = normal((L, D), (S, KV)), blocks(decoder.new_block, 1, d_kv=KV)
    mask = some_mask(L, S)
    y = normed(x.tolist(), W["norm_1"])
    z = add(x.tolist(), attention_by_loop(y, y, W["attend"], np.tri(L, dtype=bool)))
    z = add(z, attention_by_loop(normed(z, W["norm_2"]), source, W["cross"], mask))
    z = add(z, fed(normed(z, W["norm_3"]), W["feed"]))
    close(decoder.block(x, source, **W, mask=mask), np.array(z))
    made = put(torch_decoder.DecoderBlock(D, H, FF, d_kv=KV).double(), W)
    close(made(*tensors(x, source), mask=mask), np.array(z))


def test_a_block_by_hand():
    """Two tokens of two features: attention adds (1, 1) and (−1, −1), the network (0, 3) and 0."""
    ln3 = math.log(3)
    column = np.array([[[1.0], [0]]])
    attend = {
        "W_q": column,
        "W_k": ln3 / 2 * column,
        "W_v": 2 * column,
        "W_o": np.array([[[1.0, 1]]]),
    }
    feed = {
        "W_1": np.array([[1.0], [0]]), "b_1": np.zeros(1),
        "W_2": np.array([[0.0, 3]]), "b_2": np.zeros(2),
    }  # fmt: skip
    x, plain = np.array([[3.0, 1], [1, 3]]), norm.new_norm(2)
    found = encoder.block(x, plain, attend, plain, feed)
    np.testing.assert_allclose(found, [[4, 5], [0, 2]], atol=2e-4)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_norms_against_loops_and_pytorch(library):
    (x, gain, bias), room = normal((B, L, D), D, D), norm if library == "numpy" else torch_norm
    x = 3 * x + 2
    W = {"gain": gain, "bias": bias}
    given = (x, W)
    if library == "torch":
        given = (tensors(x)[0], dict(zip(W, tensors(gain, bias), strict=True)))
    by_loop = np.array([[norm_by_loop(t, W) for t in sample] for sample in x.tolist()])
    close(room.layer_norm(*given), by_loop)
    close(room.layer_norm(*given), F.layer_norm(*tensors(x)[:1], (D,), *tensors(gain, bias)))
    only_gain = {"gain": given[1]["gain"]}
    close(room.rms_norm(given[0], only_gain), F.rms_norm(*tensors(x), (D,), *tensors(gain), 1e-5))
    lengths = [[math.sqrt(math.fsum(f * f for f in t) / D + 1e-5) for t in s] for s in x.tolist()]
    close(room.rms_norm(given[0], only_gain), x / np.array(lengths)[..., None] * gain)
    exact = np.asarray(room.layer_norm(*given, eps=0.0)), np.asarray(room.layer_norm(*given))
    assert 0 < np.abs(exact[0] - exact[1]).max() < 1e-4


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_networks_against_loops_and_pytorch(library):
    x, W_1, b_1, W_2, b_2, V = normal((B, L, D), (D, FF), FF, (FF, D), D, (D, FF))
    room = network if library == "numpy" else torch_network

    def run(function, **W):
        if library == "numpy":
            return function(x, W)
        return function(tensors(x)[0], {name: tensors(part)[0] for name, part in W.items()})

    W = {"W_1": W_1, "b_1": b_1, "W_2": W_2, "b_2": b_2}
    by_loop = np.array([[network_by_loop(t, W) for t in s] for s in x.tolist()])
    close(run(room.feed_forward, **W), by_loop)
    x_t, W_t, V_t, W_2t = tensors(x, W_1, V, W_2)
    expected = F.linear(F.silu(F.linear(x_t, W_t.T)) * F.linear(x_t, V_t.T), W_2t.T)
    close(run(room.gated, W=W_1, V=V, W_2=W_2), expected)
    close(run(room.gated, W=100 * W_1, V=V, W_2=W_2).sum(), np.asarray(
        (np.maximum(100 * x @ W_1, 0) * (x @ V) @ W_2).sum()), 1e-2)  # fmt: skip


# What a block is ----------------------------------------------------------------------------------


@few
@given(seed=st.integers(0, 999), scale=st.floats(0.5, 20), shift=st.floats(-20, 20))
def test_a_norm_sees_neither_scale_nor_shift(seed, scale, shift):
    """Up to the ε under the root, which is small beside the variance."""
    (x,), W = normal((L, D), seed=seed), {"gain": np.ones(D), "bias": np.zeros(D)}
    moved = norm.layer_norm(scale * x + shift, W, eps=0.0)
    np.testing.assert_allclose(moved, norm.layer_norm(x, W, eps=0.0), atol=1e-10)
    rms = norm.rms_norm(scale * x, {"gain": W["gain"]}, eps=0.0)
    np.testing.assert_allclose(rms, norm.rms_norm(x, {"gain": W["gain"]}, eps=0.0), atol=1e-12)


def test_the_stream_is_the_sum_of_what_was_added():
    (x,), W = normal((L, D)), blocks(encoder.new_block, 3)
    y, added = x, []
    for parameters in W:
        added.append(encoder.block(y, **parameters) - y)
        y = y + added[-1]
    close(encoder.stack(x, W), x + sum(added))


@few
@given(seed=st.integers(0, 999))
def test_an_encoder_is_equivariant(seed):
    rng, W = np.random.default_rng(seed), blocks(encoder.new_block)
    (x,), order = normal((L, D), seed=seed), rng.permutation(L)
    for stack in (encoder.stack, post.stack):
        np.testing.assert_allclose(stack(x[order], W), stack(x, W)[order], atol=1e-10)


def test_pre_norm_adds_the_same_to_a_stream_of_any_size():
    """What a block adds does not grow with its input, so early sums weigh less in a large one."""
    (x,), (W,) = normal((L, D)), blocks(encoder.new_block, 1)
    W["feed"]["W_2"][:] = 0
    large, small = encoder.block(1000 * x, **W) - 1000 * x, encoder.block(x, **W) - x
    np.testing.assert_allclose(large, small, atol=1e-3)


def test_without_residual_connections_the_tokens_become_one():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        x = y = rng.standard_normal((6, 64))
        for _ in range(6):
            W = encoder.new_block(64, 1, 256, rng=rng)
            x, y = attention_by_loop(x, x, W["attend"]), encoder.block(y, **W)
        alone, block = (np.std(z, axis=0).max() / np.abs(z).max() for z in (x, y))
        assert alone < 1e-8
        assert block > 0.1


# Who sees whom ------------------------------------------------------------------------------------


def moved(before, after):
    return (before != after).any(axis=-1)


def test_no_later_token_moves_an_earlier_score():
    rng = np.random.default_rng(0)
    small = language.new_model(8, D, H, FF, num_layers=2, rng=rng)
    model, ids = small_model(), rng.integers(7, size=(B, L))
    source = rng.integers(9, size=(B, S))
    torch_whole, torch_small = encoder_decoder(model), language_model(small)
    for run in (
        lambda t: whole.scores(source, t, model),
        lambda t: language.scores(t, small),
        lambda t: torch_whole(*tensors(source, t)).detach().numpy(),
        lambda t: torch_small(*tensors(t)).detach().numpy(),
    ):
        before = run(ids)
        for t in range(L):
            changed = ids.copy()
            changed[:, t:] = 7
            after = run(changed)
            assert not moved(before, after)[:, :t].any()
            assert moved(before, after)[:, t:].all()
        np.testing.assert_allclose(run(ids[:, :3]), before[:, :3], atol=1e-12)


def test_what_is_masked_in_the_source_reaches_nobody():
    """Not by way of the encoder, and not straight into the decoder; and all else is read."""
    model, rng = small_model(), np.random.default_rng(0)
    source, tokens = rng.integers(8, size=(B, S)), rng.integers(8, size=(B, L))
    mask, made = masks.padding([3, S], S), encoder_decoder(model)
    for run in (
        lambda s: whole.scores(s, tokens, model, mask=mask),
        lambda s: made(*tensors(s, tokens), mask=mask).detach().numpy(),
    ):
        for j in range(S):
            changed = source.copy()
            changed[:, j] = 8
            by_sample = moved(run(source), run(changed))
            assert by_sample[0].all() == by_sample[0].any() == (j < 3)
            assert by_sample[1].all()


def test_a_sentence_alone_and_beside_a_longer_one():
    made, rng = encoder_decoder(small_model()), np.random.default_rng(3)
    source, tokens = rng.integers(8, size=(B, S)), rng.integers(8, size=(B, L))
    together = made(*tensors(source, tokens), mask=masks.padding([3, S], S))[:1]
    alone = made(*tensors(source[:1, :3], tokens[:1]))
    torch.testing.assert_close(together, alone)


def test_writing_in_two_steps_is_one_call():
    made, rng = encoder_decoder(small_model()), np.random.default_rng(3)
    source, tokens = tensors(rng.integers(8, size=(B, S)), rng.integers(8, size=(B, L)))
    mask = masks.padding([3, S], S)
    memory = made.encode(source, mask=mask)
    assert memory.shape == (B, S, D)
    assert torch.equal(made.decode(tokens, memory, mask=mask), made(source, tokens, mask=mask))


# The start, and gradients -------------------------------------------------------------------------


def test_gradients():
    torch.manual_seed(0)
    made = [
        torch_encoder.EncoderBlock(6, 2, 5),
        torch_post.PostNormBlock(6, 2, 5),
        torch_decoder.DecoderBlock(6, 2, 5, d_kv=4),
    ]
    x, source = torch.randn(3, 6).double().requires_grad_(), torch.randn(4, 4).double()
    for block in made:
        block.double()
        given = (x, source) if isinstance(block, torch_decoder.DecoderBlock) else (x,)
        mask = some_mask(3, given[-1].shape[-2])
        names, values = zip(*block.named_parameters(), strict=True)

        def call(x, *values, block=block, names=names, rest=given[1:], mask=mask):
            parameters = dict(zip(names, values, strict=True))
            return torch.func.functional_call(block, parameters, (x, *rest), {"mask": mask})

        assert torch.autograd.gradcheck(call, (x, *values))


def test_every_layer_keeps_the_variance_at_the_start():
    torch.manual_seed(0)
    x = torch.randn(4096, 64)
    y = torch_network.FeedForward(64, 256)(x)
    assert abs(y.var().item() - 1) < 0.1
    W = network.new_feed_forward(64, 256, rng=np.random.default_rng(0))
    assert abs(network.feed_forward(x.double().numpy(), W).var() - 1) < 0.1
    small = LanguageModel(50, 64, 4, 256, num_layers=1)
    for model in (small, EncoderDecoder(9, 50, 64, 4, 64, num_layers=1)):
        assert abs(model.embedding.var().item() * 64 - 1) < 0.1
    rng = np.random.default_rng(0)
    embedding = language.new_model(50, 64, 4, 256, num_layers=0, rng=rng)["embedding"]
    assert abs(embedding.var() * 64 - 1) < 0.1


def test_the_sum_of_all_layers_stays_as_large_as_one():
    """The book's start: the last matrices shrink with the depth; in the reference they do not."""
    grown = []
    for n in (2, 24):
        torch.manual_seed(0)
        made, x = torch_encoder.Encoder(32, 4, 128, num_layers=n), torch.randn(4, 16, 32)
        y = x
        for block in made.blocks:
            y = block(y)
        grown.append((y - x).var().item())
        other = torch_decoder.Decoder(32, 4, 128, num_layers=n)
        for block in other.blocks:
            for W, fan_in in ((block.attend.W_o, 32), (block.cross.W_o, 32), (block.feed.W_2, 64)):
                assert abs(W.std().item() * math.sqrt(fan_in * 3 * n) - 1) < 0.15
    assert max(grown) < 2
    rng = np.random.default_rng(0)
    x = rng.standard_normal((16, 32))
    W = [encoder.new_block(32, 4, 128, rng=rng) for _ in range(24)]
    assert encoder.stack(x, W).var() > 15


@pytest.mark.parametrize("room", [language, torch_language])
def test_tokens_that_have_no_row(room):
    table = np.ones((4, 6)) if room is language else torch.ones(4, 6)

    def call(*tokens, dtype=int):
        ids = np.array(tokens, dtype=dtype)
        return room.embed(ids if room is language else torch.from_numpy(ids), table)

    assert call(0, 3).shape == (2, 6)
    for wrong in (-1, 4):
        with pytest.raises(ValueError, match=f"tokens has {wrong}; the embedding has rows 0 to 3"):
            call(0, wrong)
    with pytest.raises(TypeError, match=r"tokens has dtype .*float64; it needs integers"):
        call(0, 1, dtype=float)


def test_the_embedding_is_scaled_before_positions_are_added():
    table = normal((4, 6))[0]
    found = language.embed(np.array([2, 2]), table)
    first = math.sqrt(6) * table[2] + np.array([0, 1, 0, 1, 0, 1])
    close(found[0], first)
    assert np.abs(found[1] - found[0]).max() > 0.5


def test_no_blocks_give_a_copy():
    (x,) = normal((L, D))
    y = encoder.stack(x, [])
    assert y is not x
    assert np.array_equal(y, x)


# Writing ------------------------------------------------------------------------------------------


def table(seed=0, V=4):
    """A made-up language: the scores of the next token depend on the last two."""
    scores = 2 * np.random.default_rng(seed).standard_normal((V + 1, V, V))
    return lambda tokens: scores[tokens[-2] if len(tokens) > 1 else V, tokens[-1]]


def log_probability(next_scores, tokens, start):
    total = 0.0
    for n in range(start, len(tokens)):
        scores = [float(s) for s in next_scores(tokens[:n])]
        total += scores[tokens[n]] - math.log(math.fsum(map(math.exp, scores)))
    return total


def every_sequence(V, steps, end):
    """All that can be written in some steps: up to the end sign, or to the last step."""
    for tokens in itertools.product(range(V), repeat=steps):
        if end in tokens:
            tokens = tokens[: tokens.index(end) + 1]
        yield tokens


@pytest.mark.parametrize("end", [None, 2])
@pytest.mark.parametrize("penalty", [0.0, 0.8])
@pytest.mark.parametrize("seed", range(5))
def test_a_beam_that_keeps_all_finds_the_best_of_all(seed, penalty, end):
    ask = table(seed)
    found = decoding.beam(ask, [1], width=4**4, steps=4, end=end, penalty=penalty)
    expected = []
    for tokens in sorted(set(every_sequence(4, 4, end))):
        total = log_probability(ask, [1, *tokens], 1)
        expected.append(([1, *tokens], total / ((5 + len(tokens)) / 6) ** penalty))
    expected.sort(key=lambda pair: -pair[1])
    assert [tokens for tokens, _ in found] == [tokens for tokens, _ in expected]
    np.testing.assert_allclose([c for _, c in found], [c for _, c in expected], rtol=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_a_beam_of_one_is_greedy(seed):
    ask = table(seed)
    ((tokens, total),) = decoding.beam(ask, [1], width=1, steps=6)
    assert tokens == decoding.greedy(ask, [1], steps=6)
    assert total == pytest.approx(log_probability(ask, tokens, 1))


def test_a_wider_beam_may_find_what_greedy_misses():
    better = [
        decoding.beam(table(seed), [1], width=3, steps=6)[0][1]
        - decoding.beam(table(seed), [1], width=1, steps=6)[0][1]
        for seed in range(20)
    ]
    assert min(better) > -1e-12
    assert sum(gain > 1e-6 for gain in better) >= 5


def test_what_has_ended_takes_no_place_of_the_beam():
    """The best beginning ends at once, so the second and the third go on; the third wins."""
    after = {0: [5.0, 4.0, 3.0], 1: [0.0, 0.0, 0.0], 2: [-9.0, -9.0, 9.0]}
    found = decoding.beam(lambda t: after[t[-1]], [0], width=2, steps=2, end=0)
    assert [tokens for tokens, _ in found] == [[0, 0], [0, 2, 2]]


def test_greedy_stops_at_the_end():
    assert decoding.greedy(lambda t: [0.0, 1.0, 2.0], [0], steps=5, end=2) == [0, 2]
    assert decoding.greedy(lambda t: [0.0, 1.0], [0], steps=3, end=0) == [0, 1, 1, 1]
    start = (0, 1)
    assert decoding.greedy(lambda t: [1.0, 0.0], start, steps=0) == [0, 1]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.4, 0.1, 0.3, 0.2]),
        ({"top_k": 2}, [4 / 7, 0, 3 / 7, 0]),
        ({"top_k": 9}, [0.4, 0.1, 0.3, 0.2]),
        ({"top_p": 0.5}, [4 / 7, 0, 3 / 7, 0]),
        ({"top_p": 0.39}, [1, 0, 0, 0]),
        ({"top_p": 0.75}, [4 / 9, 0, 3 / 9, 2 / 9]),
        ({"top_k": 3, "top_p": 0.5}, [4 / 7, 0, 3 / 7, 0]),
        ({"temperature": 0.5}, [16 / 30, 1 / 30, 9 / 30, 4 / 30]),
    ],
)
def test_what_is_drawn_from(options, expected):
    p = decoding.probabilities(np.log([0.4, 0.1, 0.3, 0.2]), **options)
    np.testing.assert_allclose(p, expected, atol=1e-12)


@few
@given(seed=st.integers(0, 999), top_p=st.floats(0.05, 0.99))
def test_the_nucleus_is_the_smallest_set_that_reaches_p(seed, top_p):
    scores = np.random.default_rng(seed).standard_normal(6)
    p = np.exp(scores) / np.exp(scores).sum()
    kept = set(np.flatnonzero(decoding.probabilities(scores, top_p=top_p)).tolist())
    reaches = [
        set(subset)
        for n in range(1, 7)
        for subset in itertools.combinations(range(6), n)
        if p[list(subset)].sum() >= top_p
    ]
    assert len(kept) == min(map(len, reaches))
    assert kept in reaches


def test_draws_have_the_frequencies_that_they_should():
    rng = np.random.default_rng(0)
    scores = np.log([0.5, 0.3, 0.2])
    drawn = decoding.sample(lambda t: scores, [0], steps=4000, rng=rng, temperature=0.7)[1:]
    expected = decoding.probabilities(scores, temperature=0.7)
    np.testing.assert_allclose(np.bincount(drawn) / 4000, expected, atol=0.03)
    assert set(decoding.sample(lambda t: scores, [0], steps=200, rng=rng, top_k=2)) == {0, 1}
    ended = decoding.sample(lambda t: scores, [0], steps=500, rng=rng, end=2)
    assert ended.count(2) == 1
    assert ended[-1] == 2


def test_writing_refuses_what_cannot_be():
    def ask(tokens):
        return [0.0, 1.0]

    rng = np.random.default_rng(0)
    for call, message in (
        (lambda: decoding.greedy(ask, [0], steps=-1), "steps is -1; it must be at least 0"),
        (lambda: decoding.greedy(lambda t: [[0.0]], [0], steps=1), r"scores have shape \(1, 1\)"),
        (lambda: decoding.beam(ask, [0], width=0, steps=1), "width is 0; it must be at least 1"),
        (lambda: decoding.probabilities([0.0], temperature=0), "temperature is 0; it needs"),
        (lambda: decoding.probabilities([0.0], top_p=0), "top_p is 0; it needs a number above 0"),
        (lambda: decoding.probabilities([0.0], top_p=1.5), "top_p is 1.5; it needs a number"),
        (lambda: decoding.probabilities([0.0], top_k=0), "top_k is 0; it must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match=r"rng is a int; it needs a numpy\.random\.Generator"):
        decoding.sample(ask, [0], steps=1, rng=3)
    with pytest.raises(TypeError, match=r"steps is 1\.5; it needs an integer"):
        decoding.sample(ask, [0], steps=1.5, rng=rng)


# The exercises, answered by the package ----------------------------------------------------------


def test_the_block_that_is_counted_has_so_many_parameters():
    block = torch_encoder.EncoderBlock(48, 4, 192)
    parts = block.attend, block.feed, torch.nn.ModuleList([block.norm_1, block.norm_2])
    counted = tuple(sum(p.numel() for p in part.parameters()) for part in parts)
    assert exercises.counts.solve() == counted


def test_the_block_of_the_exercise_by_hand():
    first, second = np.array([[1.0], [0]]), np.array([[0.0], [1]])
    head = {"W_q": first, "W_k": math.log(4) / 4 * second, "W_v": 6 * first - 4 * second}
    attend = {name: W[None] for name, W in (head | {"W_o": np.array([[1.0, -2]])}).items()}
    feed = {"W_1": 2 * second, "b_1": np.zeros(1), "W_2": np.ones((1, 2)), "b_2": np.zeros(2)}
    plain = norm.new_norm(2)
    shifted = plain | {"bias": np.ones(2)}
    found = encoder.block(np.array([[5.0, 1], [2, 6]]), shifted, attend, plain, feed)
    np.testing.assert_allclose(found.ravel(), exercises.by_hand.solve(), atol=1e-3)


def test_the_solutions_agree_with_the_package():
    (x, gain, bias), W = (
        normal((L, D), D, D),
        encoder.new_block(D, 1, FF, rng=np.random.default_rng(0)),
    )
    parameters = {"gain": gain, "bias": bias}
    close(exercises.layer_norm.solve(x, gain, bias), norm.layer_norm(x, parameters))
    matrices = [W["attend"][name][0] for name in ("W_q", "W_k", "W_v", "W_o")]
    found = exercises.block.solve(x, *matrices, W["feed"]["W_1"], W["feed"]["W_2"])
    close(found, encoder.block(x, **W, mask=masks.causal(L)))
    p = np.random.default_rng(0).dirichlet(np.ones(7))
    wanted = decoding.probabilities(np.log(p), top_p=0.7)
    close(exercises.nucleus.solve(p, 0.7), wanted)
