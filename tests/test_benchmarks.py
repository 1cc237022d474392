"""The benchmarks compare what computes the same, and write what the page shows."""

import re
import shutil
import sys
from pathlib import Path

import pytest
import torch

from attention_book.layers.multi_head.module import MultiHeadAttention

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import flash  # noqa: E402
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


def tables(text):
    """Return the tables of a Markdown text by their titles: the head, and the rows."""
    found, title = {}, None
    for line in text.splitlines():
        if line.startswith("### "):
            title = line[4:]
        elif line.startswith("| ") and "| --- |" not in line:
            found.setdefault(title, []).append(line[2:-2].split(" | "))
    return found


def expected(lengths):
    """Return what each row of the long tables begins with."""
    return {
        run.OF_MODULES: [
            [name, str(L), way.name]
            for name, made in modules.MODULES.items()
            for L in lengths
            for way in WAYS
            if made(24, way)
        ],
        run.OF_OTHERS: [
            [name, str(L), way.name] for name in layers.OTHERS for L in lengths for way in WAYS
        ],
    }


def test_a_quick_run_measures_everything_and_writes_it(tmp_path, monkeypatch, capsys):
    path = tmp_path / "measured.txt"
    monkeypatch.setattr(sys, "argv", ["run.py", "--quick", "--write", str(path)])
    run.main()
    found = tables(path.read_text("utf-8"))
    printed = capsys.readouterr().out.splitlines()
    for title in (run.OF_MODULES, run.OF_OTHERS, run.OF_TILES, run.OF_SIZES):
        assert set(map(run.line, found[title])) <= set(printed)
    there = [name for name, kind in layers.OTHERS.items() if layers.installed(kind)]
    for title, rows in expected([16]).items():
        measured = [cells[:3] for cells in found[title][1:] if "not installed" not in cells]
        assert measured == [row for row in rows if row[0] not in layers.OTHERS or row[0] in there]
    assert [cells[0] for cells in found["In short"][1:]] == [
        *modules.MODULES, "what", *layers.OTHERS,
    ]  # fmt: skip


def test_in_short_is_the_median_of_medians_with_the_least_and_the_most():
    rows = [
        ("one", "16", "none", "1.50 (1.00–2.00)", "no", "1.0", "1.0"),
        ("one", "16", "causal", "1.00 (0.50–9.00)", "no", "1.0", "1.0"),
        ("one", "32", "none", "3.00 (1.00–4.00)", "no", "1.0", "1.0"),
        ("two", "", "", "not installed", "not installed", "", ""),
    ]
    assert list(run.in_short(rows)) == [
        ["one", "1.50 (1.00–3.00)", "no"],
        ["two", "not installed", "not installed"],
    ]


STORED = ROOT / "chapters/benchmarks_measured.txt"


def test_the_page_shows_every_case_with_the_machine_and_the_day():
    text = STORED.read_text("utf-8")
    assert re.match(r"\d\d \w+ 20\d\d, .+, one thread, torch \d.+, Python 3.+: ", text)
    found = tables(text)
    for title, rows in expected(measuring.LENGTHS).items():
        assert [cells[:3] for cells in found[title][1:]] == rows
    assert [cells[0] for cells in found[run.OF_TILES][1::2]] == list(map(str, flash.LENGTHS))
    sizes = [cells[1] for cells in found[run.OF_SIZES][1:]]
    assert sizes == [f"{rows} × {columns}" for rows, columns in flash.SIZES]
    ratios = re.findall(r"\| ([\d.]+) \(([\d.]+)–([\d.]+)\) (?=\|)", text)
    assert len(ratios) > 2 * len(expected(measuring.LENGTHS)[run.OF_MODULES])
    for ratio in ratios:
        median, least, most = map(float, ratio)
        assert 0 < least <= median <= most


def test_in_short_the_page_says_what_its_long_tables_say():
    found = tables(STORED.read_text("utf-8"))
    of_modules, of_others = (found[title][1:] for title in (run.OF_MODULES, run.OF_OTHERS))
    head = list(run.HEAD_IN_SHORT)
    short = [head, *run.in_short(of_modules), head, *run.in_short(of_others)]
    assert found["In short"] == short
