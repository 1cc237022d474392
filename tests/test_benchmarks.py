"""The benchmarks compare what computes the same, and write what the page shows."""

import shutil
import sys
from pathlib import Path

import pytest
import torch

from attention_book.layers.multi_head.module import MultiHeadAttention

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import layers  # noqa: E402
import measuring  # noqa: E402
import modules  # noqa: E402
import run  # noqa: E402

WAYS = measuring.ways(24)
pytestmark = [
    pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile"),
    pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated"),  # by what others import
]
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Compile nothing: that takes a quarter of a minute."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    layers._flex.cache_clear()
    yield
    layers._flex.cache_clear()


@each_way
@pytest.mark.parametrize("name", modules.MODULES)
def test_a_module_and_the_least_that_can_be_done_compute_the_same(name, way):
    torch.manual_seed(0)
    calls = modules.MODULES[name](24, way)
    if calls is None:
        assert way.name != "causal"
        return
    ours, by_hand = calls
    torch.testing.assert_close(ours(), by_hand(), rtol=1e-4, atol=1e-5)


@each_way
@pytest.mark.parametrize("name", layers.OTHERS)
def test_a_layer_of_others_computes_the_same(name, way):
    kind = layers.OTHERS[name]
    if not layers.installed(kind):
        pytest.skip(f"{kind.package} is not installed; `make bench` installs it")
    torch.manual_seed(0)
    layer, x = MultiHeadAttention(measuring.FEATURES, measuring.HEADS), torch.randn(2, 24, 512)
    theirs, by_hand = kind(layer), layers.ByHand(layer)
    with torch.no_grad():
        found, expected = theirs(x, way), by_hand(x, way)
    if way.real is not None:  # what comes of padding is nobody's
        found, expected = found[way.real], expected[way.real]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@each_way
def test_the_forms_of_a_mask_say_the_same(way):
    q, k, v = torch.randn(3, 2, 2, 24, 8)
    scores = q @ k.mT / 8**0.5
    if way.mask is not None:
        scores = scores.masked_fill(~way.per_head, -torch.inf)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, **way.of_kernel)
    torch.testing.assert_close(torch.softmax(scores, dim=-1) @ v, expected)
    if way.real is not None:
        assert torch.equal(way.mask[:, 0], way.real)


def rows(text):
    """Return the cells of the tables' rows, without their heads."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [cells for cells in lines if cells[0] != "---" and "length" not in cells]


def test_a_quick_run_measures_everything_and_writes_it(tmp_path, monkeypatch, capsys):
    path = tmp_path / "measured.txt"
    monkeypatch.setattr(sys, "argv", ["run.py", "--quick", "--write", str(path)])
    run.main()
    assert path.read_text().splitlines() == capsys.readouterr().out.splitlines()
    found = rows(path.read_text())
    assert {cells[0] for cells in found} == {*modules.MODULES, *layers.OTHERS, "64"}
    for name in modules.MODULES:
        there = [way.name for way in WAYS if modules.MODULES[name](24, way)]
        assert [cells[2] for cells in found if cells[0] == name] == there
