"""The pictures of the map: every mechanism and limit case is on them, and can be read.

What is true of the book's own has to be true of a family of sixty as well, which is made up.
"""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from functools import cache
from itertools import combinations, pairwise
from types import ModuleType, SimpleNamespace

import book_map
import map_layout
import pytest
from docutils import nodes
from made_up_family import install
from small_book import BUILD, ROOT, copy_book, run
from sphinx.errors import ExtensionError

from attention_book.family import limit_cases, mechanisms


def numbers_in(text):
    """Return the numbers that a label means.

    >>> numbers_in("1, 4–6")
    [1, 4, 5, 6]
    """
    found = [word.split("–") for word in re.findall(r"\d+(?:–\d+)?", text)]
    return [number for some in found for number in range(int(some[0]), int(some[-1]) + 1)]


def along(course):
    """Return points of a drawn line, close to each other, and whether each is a corner."""
    points = []
    for command, text in re.findall(r"([MLC])([^MLC]+)", course):
        corners = [tuple(map(float, pair.split(","))) for pair in text.split()]
        if command == "M":
            points += corners
            continue
        known = [points[-1], *corners]
        if command == "L":
            known = [known[0], known[0], known[1], known[1]]
        for i in range(1, 41):
            t = i / 40
            weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            points.append(
                tuple(
                    sum(w * p[axis] for w, p in zip(weights, known, strict=True)) for axis in (0, 1)
                )
            )
    return points


def read(svg):
    """Return what a picture shows, as it is written for a browser."""

    def rectangle(element):
        x, y, w, h = (float(element.get(name)) for name in ("x", "y", "width", "height"))
        return x, y, x + w, y + h

    boxes = {a.get("aria-label"): rectangle(a[0]) for a in svg if a.tag == "a"}
    arrows = []
    for g in svg.iterfind("g"):
        arrows.append(
            SimpleNamespace(
                ends=g.get("data-ends").split("|"),
                points=along(g.find("path").get("d")),
                tips=[
                    tuple(map(float, p.get("points").split()[0].split(",")))
                    for p in g.iterfind("polygon")
                ],
                numbers=[numbers_in(" ".join(text.itertext())) for text in g.iter("text")],
                labels=[rectangle(element) for element in g.iter("rect")],
            )
        )
    left, top, width, height = map(float, svg.get("viewBox").split())
    return SimpleNamespace(
        boxes=boxes, arrows=arrows, frame=(left, top, left + width, top + height), svg=svg
    )


def drawn():
    """Return the pictures of the overview and of each family by (name, kind)."""
    cases = book_map.numbered()
    texts = {"overview": book_map.overview({})}
    texts |= {part: book_map.map_of_part(part, cases) for part in book_map.in_parts()}
    texts |= {family: book_map.map_of(family, cases) for family in book_map.families()}
    return {
        (name, svg.get("class")): read(svg)
        for name, text in texts.items()
        for svg in ET.fromstring(text)
    }


BOOKS = {"the book": {}, "sixty": {"seed": 0}, "others": {"seed": 1}, "more": {"seed": 2}}
BOOKS |= {"close": {"seed": 3, "cases": 200}, "ninety": {"seed": 4, "size": 90, "cases": 120}}
BOOKS |= {"whole": {"seed": 5, "size": 90, "cases": 140, "families": 25}}


@cache
def made(name):
    """Return mechanisms, limit cases and the pictures of them."""
    with pytest.MonkeyPatch.context() as patch:
        if name != "the book":
            install(patch, book_map, **BOOKS[name])
        return SimpleNamespace(
            cases=book_map.numbered(),
            families=book_map.families(),
            parts=book_map.in_parts(),
            titles={family: book_map.title(family) for family in book_map.families()},
            pictures=drawn(),
        )


@pytest.fixture(params=BOOKS)
def book(request):
    return made(request.param)


def apart(one, other, by=0.0):
    return (
        one[2] + by <= other[0]
        or other[2] + by <= one[0]
        or one[3] + by <= other[1]
        or other[3] + by <= one[1]
    )


def within(point, box, margin=0.0):
    return (
        box[0] + margin < point[0] < box[2] - margin
        and box[1] + margin < point[1] < box[3] - margin
    )


# On every picture --------------------------------------------------------------------------------


def test_the_made_up_family_is_as_large_as_the_book_may_become(monkeypatch):
    every, cases = install(monkeypatch, book_map)
    assert (len(every), len(cases), len(book_map.families())) == (60, 80, 9)
    assert len({m.name for m in every}) == 60
    between = {(c.general.family, c.special.family) for c in cases}
    assert sum(a != b for a, b in between) >= 20
    assert any((b, a) in between for a, b in between if a != b)


def test_each_picture_has_its_boxes(book):
    counts = {
        f: f"{book.titles[f]}, {len(some)} mechanism{'s' * (len(some) > 1)}"
        for f, some in book.families.items()
    }
    for kind in ("wide", "narrow"):
        sizes = {
            part: sum(len(book.families[family]) for family in some)
            for part, some in book.parts.items()
        }
        assert set(book.pictures["overview", kind].boxes) == {
            f"{part}, {size} mechanism{'s' * (size > 1)}" for part, size in sizes.items()
        }
        for part, some in book.parts.items():
            reached = {c.special.family for c in book.cases.values() if c.general.family in some}
            others = {book.titles[family] for family in reached.difference(some)}
            assert set(book.pictures[part, kind].boxes) == {counts[f] for f in some} | others
        for family, some in book.families.items():
            reached = {c.special for c in book.cases.values() if c.general.family == family}
            others = {f"{m.name}, {book.titles[m.family]}" for m in reached if m.family != family}
            assert set(book.pictures[family, kind].boxes) == {m.name for m in some} | others


def ends_of(book, name, case):
    """Return how the boxes of a limit case begin on a picture, and whether it is there."""
    ends = case.general, case.special
    families = [mechanism.family for mechanism in ends]
    if name == "overview":
        home = {family: part for part, some in book.parts.items() for family in some}
        parts = [home[family] for family in families]
        return parts, parts[0] != parts[1]
    if name in book.parts:
        there = families[0] in book.parts[name] and families[0] != families[1]
        return [book.titles[family] for family in families], there
    return [mechanism.name for mechanism in ends], families[0] == name


def test_each_limit_case_has_its_number_at_the_head_of_its_arrow(book):
    for (name, _), picture in book.pictures.items():
        found = {}
        for arrow in picture.arrows:
            assert len(arrow.tips) == len(arrow.labels) == len(arrow.numbers) in (1, 2)
            for tip, numbers, label in zip(arrow.tips, arrow.numbers, arrow.labels, strict=True):
                (at,) = (e for e in arrow.ends if not apart(picture.boxes[e], (*tip, *tip), by=0.2))
                (start,) = (end for end in arrow.ends if end != at)
                found |= dict.fromkeys(numbers, (start, at))
                assert not apart(label, (*tip, *tip), by=12)
        for number, ends in found.items():
            wanted, _ = ends_of(book, name, book.cases[number])
            for end, says in zip(ends, wanted, strict=True):
                assert end.startswith(says)
        assert set(found) == {
            number for number, case in book.cases.items() if ends_of(book, name, case)[1]
        }


def test_each_limit_case_between_families_is_on_the_map_of_one_part(book):
    for case in book.cases.values():
        shown = [part for part in book.parts if ends_of(book, part, case)[1]]
        assert len(shown) == (case.general.family != case.special.family)


def test_boxes_stand_apart(book):
    for picture in book.pictures.values():
        for one, other in combinations(picture.boxes.values(), 2):
            assert apart(one, other, by=9)


def test_no_arrow_passes_behind_a_box(book):
    for picture in book.pictures.values():
        for arrow in picture.arrows:
            for end, name in ((0, arrow.ends[0]), (-1, arrow.ends[1])):
                point = arrow.points[end]
                assert not apart(picture.boxes[name], (*point, *point), by=0.2)
            for box in picture.boxes.values():
                assert not any(within(point, box, 0.2) for point in arrow.points)


def test_the_numbers_stand_apart(book):
    for picture in book.pictures.values():
        labels = [label for arrow in picture.arrows for label in arrow.labels]
        for one, other in combinations(labels, 2):
            assert apart(one, other, by=-0.2)
        for label in labels:
            assert all(apart(label, box) for box in picture.boxes.values())


def test_no_other_arrow_passes_behind_a_number(book):
    for picture in book.pictures.values():
        for arrow, other in combinations(picture.arrows, 2):
            for one, two in ((arrow, other), (other, arrow)):
                for label in one.labels:
                    assert not any(within(point, label, 0.2) for point in two.points)


def test_in_a_column_only_arrows_of_one_box_share_a_lane(book):
    for (_, kind), picture in book.pictures.items():
        if kind == "wide":
            continue
        lanes = [
            (max(x for x, _ in arrow.points), *sorted((arrow.points[0][1], arrow.points[-1][1])))
            for arrow in picture.arrows
        ]
        for (one, a), (other, b) in combinations(zip(picture.arrows, lanes, strict=True), 2):
            assert (
                one.ends[0] == other.ends[0] or abs(a[0] - b[0]) > 1 or a[2] < b[1] or b[2] < a[1]
            )


def test_a_picture_has_room_in_its_frame_and_the_frame_on_a_page(book):
    for (_, kind), picture in book.pictures.items():
        frame = picture.frame
        for box in picture.boxes.values():
            assert within(box[:2], frame)
            assert within(box[2:], frame)
        for arrow in picture.arrows:
            assert all(within(point, frame) for point in arrow.points)
            assert all(within(label[:2], frame) for label in arrow.labels)
            assert all(within(label[2:], frame) for label in arrow.labels)
        assert (
            frame[2] - frame[0] <= {"wide": map_layout.WIDE, "narrow": map_layout.NARROW}[kind] + 4
        )
        assert int(picture.svg.get("width")) == frame[2] - frame[0]  # drawn in its own size


def test_the_style_sheet_shows_the_wide_picture_where_it_has_room():
    style = (ROOT / "_static/book.css").read_text("utf-8")
    (width,) = re.findall(r"@container \(min-width: (\d+)px\)", style)
    assert int(width) == map_layout.WIDE + 4


def test_arrows_lead_down_unless_they_lead_in_a_circle(book):
    for picture in book.pictures.values():
        for arrow in picture.arrows:
            upper, lower = (picture.boxes[end] for end in arrow.ends)
            assert upper[3] < lower[1]


def test_two_that_are_each_other_share_a_line():
    names = {
        number: str(case).split(" when ")[0] for number, case in made("the book").cases.items()
    }
    for kind in ("wide", "narrow"):
        picture = made("the book").pictures["part1", kind]
        (line,) = [arrow for arrow in picture.arrows if len(arrow.tips) > 1]
        heads = [{names[number] for number in numbers} for numbers in line.numbers]
        kernel, dot_product = "kernel attention", "scaled dot-product attention"
        for each in (f"{kernel} is {dot_product}", f"{dot_product} is {kernel}"):
            assert sum(each in some for some in heads) == 1


# The parts ---------------------------------------------------------------------------------------


def test_hierarchy():
    ends = [("d", "c"), ("c", "a"), ("d", "a"), ("b", "a")]
    order = map_layout.hierarchy("abcd", ends)
    assert all(order.index(start) > order.index(end) for start, end in ends)
    circle = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]
    order = map_layout.hierarchy("abcd", circle)
    assert sum(order.index(start) < order.index(end) for start, end in circle) == 1


def test_links_between():
    ends = {1: ("one", "other"), 2: ("one", "third"), 3: ("other", "one"), 4: ("one", "third")}
    links = map_layout.links_between(["third", "other", "one"], ends)
    assert links == {("one", "other"): ([1], [3]), ("one", "third"): ([2, 4], [])}


def test_in_lines():
    assert map_layout.in_lines([7]) == ["7"]
    assert map_layout.in_lines([1, 2, 4, 5, 6]) == ["1, 2, 4–6"]
    assert map_layout.in_lines([10, 12, 14, 17, 18, 19, 23]) == ["10, 12, 14,", "17–19, 23"]
    assert map_layout.in_lines([]) == []


def test_in_rows():
    links = [("b", "a"), ("c", "a"), ("d", "a"), ("d", "c")]
    order = ["alone", "a", "b", "c", "d"]
    assert map_layout.in_rows(order, links, 4) == [["a", "alone"], ["b", "c"], ["d"]]
    assert map_layout.in_rows(order, links, 1) == [["a"], ["b"], ["c"], ["d"], ["alone"]]


def test_rising():
    assert map_layout.rising([(1, 1), (5, 1), (2, 2)]) == [1, 3, 3]
    assert map_layout.rising([(3, 1), (2, 1), (1, 1), (4, 1)]) == [2, 2, 2, 4]


def test_few_crossings():
    rows = [["a", "b", "c"], ["d", "e", "f"]]
    steps = [("a", "f"), ("b", "e"), ("c", "d"), ("a", "e")]
    untangled = map_layout.with_few_crossings(rows, steps)
    assert sorted(map(sorted, untangled)) == rows
    below = {"a": ["f", "e"], "b": ["e"], "c": ["d"]}
    assert map_layout.crossings(rows, {**below, "d": [], "e": [], "f": []}) == 4
    assert map_layout.crossings(untangled, {**below, "d": [], "e": [], "f": []}) == 0


def test_lanes():
    spans = {"long": (0, 9), "early": (0, 3), "late": (4, 9), "middle": (2, 5)}
    assert map_layout.in_lanes(spans) == {"early": 0, "middle": 1, "late": 0, "long": 2}


def test_wrapped():
    assert map_layout.wrapped("self-attention over a feature map", 14) == [
        "self-attention over",
        "a feature map",
    ]
    long = "self-attention over the cells of a feature map"
    assert map_layout.wrapped(long, 14, most=2) == ["self-attention over", "the cells of …"]


def test_a_mechanism_that_nothing_joins_is_an_error():
    every = [SimpleNamespace(name=name) for name in ("walking", "hopping", "running", "jumping")]
    cases = [SimpleNamespace(general=every[2], special=every[0])]
    with pytest.raises(ExtensionError, match="no limit case joins hopping, jumping to the rest"):
        book_map.check_that_all_are_joined(every, cases)
    cases += [SimpleNamespace(general=every[i], special=every[0]) for i in (1, 3)]
    book_map.check_that_all_are_joined(every, cases)


def test_the_pictures_are_the_same_every_time():
    program = (
        "import sys; sys.path += ['tools/content', 'tools/look', 'tests'];"
        "import book_map as b, made_up_family, pytest;"
        "own = b.overview({});"
        "made_up_family.install(pytest.MonkeyPatch(), b);"
        "print(own, b.overview({}), *(b.map_of_part(p, b.numbered()) for p in b.in_parts()),"
        "*(b.map_of(f, b.numbered()) for f in b.families()))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONUTF8": "1"},
            capture_output=True,
            encoding="utf-8",
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    (text,) = found
    assert text.count("<svg") == 2 * (1 + 1 + 7 + 9)


def test_nothing_heavy_is_loaded_before_the_map_is_made():
    program = (
        "import sys; sys.path += ['tools/content', 'tools/look']; import book_map;"
        "print(sorted({'igraph', 'sklearn', 'scipy', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_what_is_drawn():
    family = next(iter(book_map.families()))
    own = book_map.families()[family]
    links = [nodes.reference("", m.name, refuri=f"there.html#{i}") for i, m in enumerate(own)]
    writer = SimpleNamespace(body=[])
    node = book_map.family_map("", *links, svg=book_map.map_of(family, book_map.numbered()))
    with pytest.raises(nodes.SkipNode):
        book_map.draw(writer, node)
    (text,) = writer.body
    for svg in ET.fromstring(text):
        addresses = {a.get("aria-label"): a.get("href") for a in svg.iter("a")}
        for i, m in enumerate(own):
            assert addresses[m.name] == f"there.html#{i}"
        others = {a for name, a in addresses.items() if name not in {m.name for m in own}}
        known = {f"#{book_map.anchor(f)}" for f in book_map.families()}
        assert others <= known
        simple = [a for a in svg.iter("a") if "map-simple" in a.get("class")]
        assert {a.get("aria-label") for a in simple} == {m.name for m in own if not m.source}


def test_the_maps_of_parts_lead_to_the_families_and_to_the_conditions():
    pictures = {
        f"#map-{part}": book_map.map_of_part(part, book_map.numbered())
        for part in book_map.in_parts()
    }
    for svg in ET.fromstring(book_map.overview({})):
        assert boxes_and_conditions(svg) == set(pictures)
    for text in pictures.values():
        for svg in ET.fromstring(text):
            assert boxes_and_conditions(svg) <= {
                f"#{book_map.anchor(f)}" for f in book_map.families()
            }


def boxes_and_conditions(svg):
    """Return where the boxes lead, after a look at where the numbers lead."""
    addresses = {a.get("href"): "".join(a.itertext()) for a in svg.iter("a")}
    conditions = {a: text for a, text in addresses.items() if a.startswith("#limit-case-")}
    for address, text in conditions.items():
        assert numbers_in(text)[0] == int(address.removeprefix("#limit-case-"))
    assert conditions
    return set(addresses) - set(conditions)


def test_a_family_stands_in_the_part_that_begins_it():
    found = book_map.in_parts()
    assert list(found) == sorted(found)
    assert [family for some in found.values() for family in some] == list(book_map.families())
    for part, some in found.items():
        for family in some:
            first, *_ = sorted(mechanism.at for mechanism in book_map.families()[family])
            assert first.startswith(f"{part}/")
    assert {"scores", "layers"} <= set(found["part1"])  # later parts add to both


def test_the_parts_are_called_as_in_the_table_of_contents():
    tree = SimpleNamespace(
        subtrees=[
            SimpleNamespace(numbered=False, caption=None, items=["chapters/map"]),
            SimpleNamespace(numbered=True, caption="Part I. One", items=["chapters/part1/first"]),
        ]
    )
    config = SimpleNamespace(external_site_map=SimpleNamespace(root=tree))
    assert book_map.captions(config) == {"part1": "Part I. One"}
    assert "Part I. One, " in book_map.overview(book_map.captions(config))
    assert "part1, " in book_map.overview({})


def test_a_family_is_named_by_its_package(monkeypatch):
    for family in {mechanism.family for mechanism in mechanisms()}:
        whole = sys.modules[f"attention_book.{family}"].__doc__
        assert whole.startswith(book_map.title(family))
    for says, name, motto in (
        ("Kernels.\n\nMore.", "Kernels", ""),
        ("Pooling: one query, one\u00a0vector.", "Pooling", "One query, one\u00a0vector."),
    ):
        package = ModuleType("attention_book.made_up_family", says)
        monkeypatch.setitem(sys.modules, package.__name__, package)
        assert (book_map.title("made_up_family"), book_map.motto("made_up_family")) == (name, motto)


def test_the_limit_cases_of_a_family_have_numbers_in_a_row(book):
    assert list(book.cases) == list(range(1, len(book.cases) + 1))
    order = [case.general.family for case in book.cases.values()]
    assert 1 + sum(a != b for a, b in pairwise(order)) == len(set(order))


def test_every_limit_case_has_a_number():
    assert sorted(map(str, book_map.numbered().values())) == sorted(map(str, limit_cases()))


def test_formula():
    assert book_map.formula("n**2*d + n*d**2") == "$n^2 d$ + $n d^2$"
    assert book_map.formula("n*window") == r"$n \, \text{window}$"
    assert book_map.formula("2*heads*n*d**2") == r"$2 \, \text{heads} \, n d^2$"


def test_a_mechanism_whose_chapter_is_missing_fails_the_build(tmp_path):
    copy_book(tmp_path)
    (tmp_path / "chapters/index.md").write_text("# Book\n\n```{limit-cases}\n```\n")
    status, output = run(tmp_path, *BUILD)
    assert status != 0
    assert "part1/kernel_attention.ipynb" in output
