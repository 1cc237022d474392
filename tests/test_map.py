"""The picture of the map: every mechanism and every limit case is on it, and can be read."""

import math
import os
import re
import subprocess
import sys
from itertools import combinations, pairwise
from types import SimpleNamespace

import book_map
import igraph
import pytest
from docutils import nodes
from small_book import BUILD, ROOT, copy_book, run
from sphinx.errors import ExtensionError

from attention_book.family import limit_cases, mechanisms

ARROWS = book_map.arrows_between(limit_cases())
LAYERS = book_map.in_layers(ARROWS)
COLUMN = book_map.in_a_column(LAYERS[0], ARROWS)
both = pytest.mark.parametrize("picture", [LAYERS, COLUMN], ids=["layers", "column"])
WIDTH, HEIGHT = book_map.BOX


def inside(point, centre, margin):
    return (
        abs(point[0] - centre[0]) < WIDTH / 2 - margin
        and abs(point[1] - centre[1]) < HEIGHT / 2 - margin
    )


def test_arrows_between():
    one, other, third = (SimpleNamespace(name=name) for name in ("one", "other", "third"))
    ends = [(one, other), (one, third), (other, one), (one, third)]
    cases = [SimpleNamespace(general=a, special=b) for a, b in ends]
    assert book_map.arrows_between(cases) == {("one", "other"): [1, -3], ("one", "third"): [2, 4]}


def test_every_limit_case_has_its_arrow():
    assert sorted(abs(n) for numbers in ARROWS.values() for n in numbers) == list(
        range(1, len(limit_cases()) + 1)
    )
    assert set(LAYERS[1]) == set(COLUMN[1]) == set(ARROWS)
    assert set(LAYERS[0]) == set(COLUMN[0]) == {m.name for m in mechanisms()}


@both
def test_arrows_go_down(picture):
    centres, routes = picture
    for (general, special), points in routes.items():
        assert centres[general][1] < centres[special][1]
        for end, name in ((points[0], general), (points[-1], special)):
            assert inside(end, centres[name], -1)
            assert not inside(end, centres[name], 1)


@both
def test_boxes_stand_apart(picture):
    centres, _ = picture
    for one, other in combinations(centres.values(), 2):
        assert abs(one[0] - other[0]) > WIDTH or abs(one[1] - other[1]) > HEIGHT


@both
def test_no_arrow_passes_behind_a_box(picture):
    centres, routes = picture
    for points in routes.values():
        for (x0, y0), (x1, y1) in pairwise(points):
            for share in (i / 50 for i in range(51)):
                point = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
                assert not any(inside(point, centre, 4) for centre in centres.values())


@both
def test_the_numbers_stand_apart(picture):
    svg = book_map._picture("wide", *picture, ARROWS, {m.name: "" for m in mechanisms()})
    places = re.findall(r'</?[^>]*><text x="(-?\d+)" y="(-?\d+)">([\d, ]+)<', svg)
    assert len(places) == len(ARROWS)
    for (x0, y0, _), (x1, y1, _) in combinations(places, 2):
        assert math.dist((int(x0), int(y0)), (int(x1), int(y1))) > 12


def test_a_box_stands_above_all_that_it_becomes():
    graph = igraph.Graph([[0, 1], [1, 2], [0, 2], [3, 2]], directed=True)
    assert book_map.depths(graph) == [0, 1, 2, 1]


def test_side_by_side_keeps_the_order_and_the_distances():
    place = {"a": (0, 0), "b": (5, 0), "c": (1, 1), (0, 0): (2, 1), "d": (7, 1)}
    x = book_map.side_by_side(place, [("a", "d"), ("b", "c"), ("b", (0, 0))])
    assert x["b"] - x["a"] >= WIDTH
    assert x["d"] - x[0, 0] >= WIDTH / 2
    assert x["c"] < x[0, 0] < x["d"]


def test_a_mechanism_that_nothing_joins_is_an_error():
    apart = ARROWS | {("hopping", "jumping"): [99]}
    with pytest.raises(ExtensionError, match="no limit case joins hopping, jumping to the rest"):
        book_map.in_layers(apart)


def test_the_picture_is_the_same_every_time():
    program = (
        "import sys; sys.path.append('tools/content'); import book_map as b;"
        "print(b.in_layers(b.arrows_between(b.limit_cases())))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {f"{LAYERS}\n"}


def test_what_is_drawn():
    links = [
        nodes.reference("", m.name, refuri=f"there.html#{i}") for i, m in enumerate(mechanisms())
    ]
    writer = SimpleNamespace(body=[])
    with pytest.raises(nodes.SkipNode):
        book_map.draw(writer, book_map.family_map("", *links))
    wide, narrow = writer.body
    for svg in (wide, narrow):
        assert re.findall(r'href="there.html#(\d+)"', svg) == [str(i) for i in range(len(links))]
        assert svg.count("<polygon") == len(limit_cases())
        assert svg.count("map-simple") == sum(m.source is None for m in mechanisms())
        for m in mechanisms():
            assert f'aria-label="{m.name}"' in svg
    assert 'class="family-map wide"' in wide
    assert 'class="family-map narrow"' in narrow


def test_formula():
    assert book_map.formula("n**2*d + n*d**2") == "$n^2 d + n d^2$"


def test_a_mechanism_whose_chapter_is_missing_fails_the_build(tmp_path):
    copy_book(tmp_path)
    (tmp_path / "chapters/index.md").write_text("# Book\n\n```{limit-cases}\n```\n")
    status, output = run(tmp_path, *BUILD)
    assert status != 0
    assert "part1/kernel_attention.ipynb" in output
