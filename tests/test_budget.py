"""What a model needs from its shape, against published numbers, loops and a model that is built."""

import dataclasses
import re
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from attention_book import budget, cost
from attention_book.budget import DEVICES, SHAPES, Device, Shape, step

each_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
TINY = Shape("tiny", "", 0, 2, 24, 6, 3, 4, 40, 50)
LATENT = Shape(
    "latent", "", 0, 3, 24, 6, 6, 4, 40, 50,
    R=10, turned=2, queries=14, experts=5, expert=7, shared=1, chosen=2, dense=1,
)  # fmt: skip


@each_shape
def test_parameters_are_those_that_were_published(shape):
    assert shape.parameters() == pytest.approx(shape.published, rel=0.01)


def test_one_count_is_published_to_the_last_digit():
    assert budget.shape("Gemma 2 9B").parameters() == 9_242_164_736


def test_parameters_that_a_token_uses():
    """Of DeepSeek-V3 36.6e9, the output's 0.9e9 included; of DeepSeek-V2 21e9."""
    v3 = budget.shape("DeepSeek-V3").parameters(active=True)
    assert v3 == pytest.approx(36.6e9, rel=0.002)
    assert budget.shape("DeepSeek-V2").parameters(active=True) == pytest.approx(21e9, rel=0.01)


def linear(*sizes, bias=False):
    return torch.nn.Linear(*sizes, bias=bias, device="meta")


def counted(*modules):
    return sum(p.numel() for module in modules for p in module.parameters())


@pytest.mark.parametrize("changes", [{}, {"biased": True}, {"tied": True}, {"norms": 4}])
def test_parameters_are_those_of_a_model_that_is_built(changes):
    shape = dataclasses.replace(TINY, **changes)
    bias, d, h = shape.biased, 24, 40
    block = [linear(d, size, bias=bias) for size in (24, 12, 12)] + [linear(24, d)]
    block += [linear(d, h), linear(d, h), linear(h, d)]
    block += [torch.nn.RMSNorm(d, device="meta") for _ in range(shape.norms)]
    ends = [torch.nn.Embedding(50, d, device="meta"), torch.nn.RMSNorm(d, device="meta")]
    out = [] if shape.tied else [linear(d, 50)]
    assert shape.parameters() == 2 * counted(*block) + counted(*ends, *out)
    assert shape.parameters(active=True) == 2 * counted(*block) + 24 + counted(linear(d, 50))


def test_parameters_of_latents_and_experts_are_those_of_a_model_that_is_built():
    d, norm = 24, lambda size: torch.nn.RMSNorm(size, device="meta")
    attention = [linear(d, 14), norm(14), linear(14, 6 * (4 + 2))]
    attention += [linear(d, 10 + 2), norm(10), linear(10, 6 * 8), linear(6 * 4, d)]
    attention += [norm(d), norm(d)]

    def gated(size):
        return counted(linear(d, size), linear(d, size), linear(size, d))

    ends = counted(linear(d, 50), norm(d))
    for active, used, tables in ((False, 5, 1), (True, 2, 0)):
        blocks = 2 * ((used + 1) * gated(7) + counted(linear(d, 5))) + gated(40)
        expected = 3 * counted(*attention) + blocks + ends + tables * 50 * d
        assert LATENT.parameters(active) == expected


@each_shape
@pytest.mark.parametrize("n", [1, 7, 4096, 4099])
def test_a_prompt_is_the_sum_of_its_tokens(shape, n):
    with_weights, in_attention = shape.prompt(n)
    assert with_weights == n * 2 * shape.parameters(active=True)
    seen = sum(shape.seen(t) for t in range(1, n + 1))
    assert in_attention == seen * shape.for_each_seen(absorbed=False)


def test_a_window_bounds_what_is_seen_and_kept():
    mistral, gemma = budget.shape("Mistral 7B"), budget.shape("Gemma 2 9B")
    assert mistral.seen(100) == 32 * 100
    assert mistral.seen(10**6) == mistral.seen(4096) == 32 * 4096
    assert gemma.seen(8192) == 21 * 8192 + 21 * 4096
    assert mistral.kept(5000) == 4096 * 32 * 2 * 8 * 128


def test_operations_for_each_token_seen_are_those_of_the_products():
    """A score of d features is d products and sums; so is a weighted sum, and for all heads."""
    q, k = torch.randn(6, 1, 4), torch.randn(6, 9, 4)
    with FlopCounterMode(display=False) as counter:
        (q @ k.mT) @ k
    assert counter.get_total_flops() == 9 * TINY.for_each_seen()
    wide, rows = torch.randn(6, 1, 12), torch.randn(1, 9, 12).expand(6, 9, 12)
    with FlopCounterMode(display=False) as counter:
        (wide @ rows.mT) @ rows[..., 2:]
    assert counter.get_total_flops() == 9 * LATENT.for_each_seen()
    keys, values = torch.randn(6, 9, 6), torch.randn(6, 9, 4)
    with FlopCounterMode(display=False) as counter:
        (torch.randn(6, 1, 6) @ keys.mT) @ values
    assert counter.get_total_flops() == 9 * LATENT.for_each_seen(absorbed=False)


@each_shape
def test_after_the_crossing_attention_is_more_than_the_weights(shape):
    for factor in (0.9, 1.1):
        seen = shape.layers * round(factor * shape.crossing())
        more = seen * shape.for_each_seen() > 2 * shape.parameters(active=True)
        assert more == (factor > 1)


def multiplied(shape, batch, context):
    """Count the products of a step, written with PyTorch; the norms are left out."""
    d, H, h = shape.width, shape.heads, shape.head

    def gated(x, size, n=1):
        for _ in range(n):
            linear(size, d)(linear(d, size)(x) * linear(d, size)(x))

    def plain(x):
        q, k, v = (linear(d, n * h)(x) for n in (H, shape.groups, shape.groups))
        rows = q.view(batch, shape.groups, H // shape.groups, h)
        keys = k.view(batch, shape.groups, 1, h).expand(-1, -1, context, -1)
        values = v.view(batch, shape.groups, 1, h).expand(-1, -1, context, -1)
        return (rows @ keys.mT) @ values

    def absorbed(x):
        q = linear(shape.queries, H * (h + shape.turned))(linear(d, shape.queries)(x))
        kept = linear(d, shape.R + shape.turned)(x).view(batch, 1, -1).expand(-1, context, -1)
        up_keys, up_values = (torch.empty(H, h, shape.R, device="meta") for _ in range(2))
        q, turned = q.view(batch, H, -1).split([h, shape.turned], dim=-1)
        q = torch.cat([(q.transpose(0, 1) @ up_keys).transpose(0, 1), turned], dim=-1)
        read = (q @ kept.mT) @ kept[..., : shape.R]
        return read.transpose(0, 1) @ up_values.mT

    x = torch.empty(batch, d, device="meta")
    with FlopCounterMode(display=False) as counter:
        for layer in range(shape.layers):
            read = (absorbed if shape.R else plain)(x)
            linear(H * h, d)(read.reshape(batch, H * h))
            if shape.experts and layer >= shape.dense:
                linear(d, shape.experts)(x)
                gated(x, shape.expert, shape.chosen + shape.shared)
            else:
                gated(x, shape.hidden)
        linear(d, shape.V)(x)
    return counter.get_total_flops()


@pytest.mark.parametrize("shape", [TINY, LATENT, *SHAPES], ids=lambda shape: shape.name)
def test_operations_of_a_step_are_those_of_a_model_that_is_built(shape):
    """All but the norms and biases, of which a number is counted as a weight."""
    batch, context = 3, 11
    norms = (shape.norms * shape.layers + 1) * shape.width
    norms += shape.layers * (shape.queries + shape.R)
    norms += shape.layers * shape.biased * (shape.heads + 2 * shape.groups) * shape.head
    found = step(shape, context, batch=batch).operations
    assert found - 2 * batch * norms == multiplied(shape, batch, context)


def test_bytes_of_a_step_are_those_of_a_cache_that_is_held():
    """A shape with every size its own: keys and values of 5 texts, in float16."""
    kept = [torch.zeros(5, TINY.groups, 9, TINY.head).half() for _ in range(2 * TINY.layers)]
    assert step(TINY, 9, batch=5).cache == cost.bytes_held(kept)
    latents = [torch.zeros(5, 9, LATENT.R + LATENT.turned).half() for _ in range(LATENT.layers)]
    assert step(LATENT, 9, batch=5).cache == cost.bytes_held(latents)


def test_a_step_of_one_text_in_numbers():
    """The weights of Llama 3 8B are 16 GB; a token keeps 128 KiB in all layers."""
    found = step(budget.shape("Llama 3 8B"), 8192, device=Device("", 1e15, 1e12))
    assert found.weights == 2 * 8_030_261_248
    assert found.cache == 8192 * 128 * 2**10 == 2**30
    assert found.operations == 2 * 7_504_924_672 + 32 * 8192 * 4 * 32 * 128
    assert found.moved == 2 * 7_504_924_672 + 2**30
    assert found.binds == "bytes"
    assert found.seconds == found.moved / 1e12


@each_shape
def test_what_is_shared_and_what_is_not(shape):
    one, eight = (step(shape, 1000, batch=batch) for batch in (1, 8))
    assert eight.weights == one.weights
    assert eight.cache == 8 * one.cache
    assert eight.operations == 8 * one.operations
    assert eight.moved - eight.cache == one.moved - one.cache
    four_bits = step(shape, 1000, batch=8, bits=4)
    assert (four_bits.weights, four_bits.cache) == (eight.weights / 4, eight.cache)
    assert step(shape, 1000, cache_bits=8).cache == one.cache / 2
    assert step(shape, 1000, bits=4).operations == one.operations


def test_which_of_the_two_binds():
    device = Device("", 300.0, 2.0)
    assert device.ridge == 150
    assert (device.seconds(299, 2), device.binds(299, 2)) == (1, "bytes")
    assert (device.seconds(600, 2), device.binds(600, 2)) == (2, "operations")
    model = budget.shape("Llama 3 8B")
    binds = [step(model, 256, batch=batch, device=DEVICES[1]).binds for batch in (1, 64, 4096)]
    assert binds == ["bytes", "bytes", "operations"]


def test_a_cache_that_grows_with_the_batch_keeps_the_step_bound_by_bytes():
    model = budget.shape("LLaMA 7B")
    assert step(model, 4096, batch=10**6).binds == "bytes"
    assert model.for_each_seen() / (2 * 2 * model.groups * model.head) < DEVICES[1].ridge


def test_this_machine_is_measured():
    device = budget.this_machine(n=128, megabytes=4, rounds=3)
    assert device.operations > 1e8
    assert device.bandwidth > 1e7


def test_this_machine_counts_sums_of_products_and_bytes_that_come_and_go(monkeypatch):
    times = iter([0.5, 0.25])
    monkeypatch.setattr(budget.cost, "seconds", lambda call, rounds: next(times))
    device = budget.this_machine(n=10, megabytes=4)
    assert device.operations == 2 * 10**3 / 0.5
    assert device.bandwidth == 2 * 4 * 2**20 / 0.25


@pytest.mark.parametrize(("memory", "fits"), [(900, True), (899, False)])
def test_weights_and_cache_together_fit_or_do_not(memory, fits):
    small = Shape("small", "", 0, 1, 4, 1, 1, 4, 8, 5)
    whole = step(small, 10, bits=16)
    assert (whole.weights, whole.cache) == (2 * (4 * 16 + 3 * 32 + 2 * 20 + 12), 2 * 10 * 8)
    device = Device("", 1, 1, memory=whole.weights + whole.cache + memory - 900)
    assert step(small, 10, device=device).fits is fits
    assert step(budget.shape("Llama 3 405B"), 10, device=Device("", 1, 1)).fits


def test_the_calculator_of_the_page_has_these_shapes_and_devices():
    path = Path(__file__).parents[1] / "_extra/live/calculator.js"
    text = path.read_text(encoding="utf-8")
    models = dict(re.findall(r'^    "(.+)": \[(\d+, .+)\],$', text, re.MULTILINE))
    assert {name: [int(n) for n in row.split(", ")] for name, row in models.items()} == {
        s.name: [
            s.parameters(), s.parameters(active=True), s.kept(1) // s.layers, s.for_each_seen(),
            s.layers, s.windowed, s.window,
        ]
        for s in SHAPES
    }  # fmt: skip
    devices = re.findall(r'"?(\w[\w ]*)"?: \[([\de]+), ([\de]+), ([\de]+)\]', text)
    assert [(name, *map(float, row)) for name, *row in devices] == [
        (d.name, d.operations, d.bandwidth, d.memory) for d in DEVICES
    ]


@pytest.mark.parametrize("name", ["context", "batch", "bits", "cache_bits"])
@pytest.mark.parametrize("value", [0, -2, float("nan"), float("inf"), "8", None])
def test_bad_input_is_named(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value!r}; it must be a positive number"):
        step(TINY, **{"context": 5, name: value})


def test_an_unknown_model_is_named():
    with pytest.raises(ValueError, match="no model is called 'GPT-7'; there are LLaMA 7B, Llama"):
        budget.shape("GPT-7")
