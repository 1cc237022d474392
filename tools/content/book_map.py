"""Sphinx extension: the map of mechanisms, its limit cases, and the table to choose by.

All three are made from what the package says of itself (``attention_book.family``).
"""

import math
import textwrap
from collections import defaultdict
from html import escape
from itertools import chain, pairwise

import igraph
import numpy as np
from docutils import nodes
from sklearn.isotonic import isotonic_regression
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from attention_book import cost
from attention_book.family import limit_cases, mechanisms

BOX = 150, 42  # width and height
STEP = 96  # from row to row


class family_map(nodes.General, nodes.Element):
    """The picture. Its children are links to the mechanisms, in their order."""


def setup(app):
    app.add_node(family_map, html=(draw, None))
    app.add_directive("family-map", FamilyMap)
    app.add_directive("limit-cases", LimitCases)
    app.add_directive("choose", Choose)
    return {"parallel_read_safe": True}


def link(mechanism):
    """Return MyST for a link to the place that teaches a mechanism."""
    return f"[{mechanism.name}]({mechanism.at})"


class FamilyMap(SphinxDirective):
    """``{family-map}``: the mechanisms, and an arrow for every limit case."""

    def run(self):
        return [family_map("", *self.parse_text_to_nodes("\n\n".join(map(link, mechanisms()))))]


class LimitCases(SphinxDirective):
    """``{limit-cases}``: one numbered sentence each."""

    def run(self):
        lines = [
            f"{number}. {case.general.name} is {link(case.special)} when {case.when}"
            for number, case in enumerate(limit_cases(), 1)
        ]
        return self.parse_text_to_nodes("\n".join(lines))


class Choose(SphinxDirective):
    """``{choose}``: for each mechanism when to take it and what it costs, counted."""

    def run(self):
        head = "| take | when | cost | order | exact | hardware |"
        rows = [
            f"| {link(m)} | {a.choose} | {costs(a)} | {a.order} | {a.exact} | {a.hardware} |"
            for m in mechanisms()
            if (a := m.advice)
        ]
        lines = [":::{table}", ":class: cards choose", "", head, "|---" * 6 + "|", *rows, ":::"]
        return self.parse_text_to_nodes("\n".join(lines))


def formula(text):
    """Return a formula of Python as one of LaTeX.

    >>> formula("n**2*d + n*d**2")
    '$n^2 d + n d^2$'
    """
    return f"${text.replace('**', '^').replace('*', ' ')}$"


def costs(advice):
    """Say how time and memory grow, and count what twice as many positions cost."""
    parts = []
    for name, measure in (("time", cost.operations), ("memory", cost.largest_tensor_bytes)):
        factor = measure(advice.call(2048, 16)) / measure(advice.call(1024, 16))
        parts.append(f"{name} {formula(getattr(advice, name))} (×\u00a0{factor:.0f})")
    return "; ".join(parts)


# The picture -------------------------------------------------------------------------------------


def draw(self, node):
    """Write the picture twice, for wide and for narrow windows; a style sheet shows one."""
    addresses = {ref.astext(): ref["refuri"] for ref in node.findall(nodes.reference)}
    arrows = arrows_between(limit_cases())
    layers = in_layers(arrows)
    column = in_a_column(layers[0], arrows)
    for kind, (centres, routes) in {"wide": layers, "narrow": column}.items():
        self.body.append(_picture(kind, centres, routes, arrows, addresses))
    raise nodes.SkipNode


def arrows_between(cases):
    """Return the numbers of the limit cases by (general, special), those of one pair together.

    Where each of two mechanisms can become the other, that is one arrow with two heads. Its
    numbers have a sign, which says the direction.
    """
    arrows = {}
    for number, case in enumerate(cases, 1):
        pair = case.general.name, case.special.name
        if pair[::-1] in arrows:
            arrows[pair[::-1]].append(-number)
        else:
            arrows.setdefault(pair, []).append(number)
    return arrows


def in_layers(arrows):
    """Return the centres of the boxes and the course of each arrow, the simplest at the foot."""
    names = list(dict.fromkeys(chain.from_iterable(arrows)))
    graph = igraph.Graph([[*map(names.index, pair)] for pair in arrows], directed=True)
    if not graph.is_connected(mode="weak"):
        apart = [names[n] for n in list(graph.connected_components(mode="weak"))[-1]]
        raise ExtensionError(f"no limit case joins {', '.join(apart)} to the rest of the map")
    drawn = graph.layout_sugiyama(layers=depths(graph), maxiter=1000)
    # what stands in the rows: the boxes, and the places where an arrow passes a row
    chains = [
        [names[e.source], *((e.index, n) for n in range(len(bends))), names[e.target]]
        for e, bends in zip(graph.es, drawn.edge_routing, strict=True)
    ]
    place = dict(zip(names, drawn.coords, strict=True))
    for e, bends in enumerate(drawn.edge_routing):
        place |= {(e, n): bend for n, bend in enumerate(bends)}
    x = side_by_side(place, [link for points in chains for link in pairwise(points)])
    at = {item: (x[item], place[item][1] * STEP) for item in place}
    routes = {}
    for pair, (start, *bends, end) in zip(arrows, chains, strict=True):
        down = [(at[bend][0], at[bend][1] + y) for bend in bends for y in (-BOX[1] / 2, BOX[1] / 2)]
        routes[pair] = _from_border_to_border([at[start], *down, at[end]])
    return {name: at[name] for name in names}, routes


def depths(graph):
    """Return the row of each box, counted from above: as low as what it becomes allows."""
    height = {}
    for v in reversed(graph.topological_sorting()):
        height[v] = 1 + max((height[below] for below in graph.successors(v)), default=-1)
    return [max(height.values()) - height[v] for v in range(graph.vcount())]


def side_by_side(place, links):
    """Return x for each item: near to what it is linked with, in the order that its row has.

    The nearest places that keep order and distances are an isotonic regression, row by row.
    """
    tied = defaultdict(list)
    for a, b in links:
        tied[a].append(b)
        tied[b].append(a)
    rows = defaultdict(list)
    for item in sorted(place, key=lambda item: place[item][0]):
        rows[place[item][1]].append(item)
    width = {item: BOX[0] + 14 if isinstance(item, str) else 24 for item in place}
    x = {item: (BOX[0] + 14) * place[item][0] for item in place}
    for _ in range(100):
        for row in rows.values():
            start = np.cumsum([width[item] for item in row]) - [width[item] / 2 for item in row]
            wanted = [np.mean([x[other] for other in tied[item]]) for item in row]
            x |= zip(row, isotonic_regression(wanted - start) + start, strict=True)
    return x


def _from_border_to_border(points):
    """Return the points of an arrow between two centres, cut where it leaves and enters a box."""

    def border(centre, towards):
        dx, dy = towards[0] - centre[0], towards[1] - centre[1]
        share = 1 / max(abs(dx) / (BOX[0] / 2), abs(dy) / (BOX[1] / 2))
        return centre[0] + share * dx, centre[1] + share * dy

    return [border(points[0], points[1]), *points[1:-1], border(points[-1], points[-2])]


def in_a_column(centres, arrows):
    """Return the same boxes one under the other, in the order of the layers, arrows beside them.

    Each arrow has a lane of its own as long as it is on its way, the shorter ones further in.
    """
    names = sorted(centres, key=lambda name: (centres[name][1], centres[name][0]))
    height = {name: number * (BOX[1] + 10) for number, name in enumerate(names)}
    ports = {name: [pair for pair in arrows if name in pair] for name in names}

    def port(name, pair):
        among = sorted(ports[name], key=lambda p: sum(height[n] for n in p))
        step = (among.index(pair) + 1) / (len(among) + 1) - 0.5
        return height[name] + step * BOX[1]

    routes, lanes = {}, []
    for pair in sorted(arrows, key=lambda pair: abs(height[pair[0]] - height[pair[1]])):
        start, end = port(pair[0], pair), port(pair[1], pair)
        upper, lower = sorted([start, end])
        free = (lane for lane in lanes if all(lower < a - 8 or b + 8 < upper for a, b in lane))
        lane = next(free, None)
        if lane is None:
            lanes.append(lane := [])
        lane.append((upper, lower))
        x, border = BOX[0] / 2 + 16 + 13 * lanes.index(lane), BOX[0] / 2
        routes[pair] = [(border, start), (x, start), (x, end), (border, end)]
    return {name: (0, y) for name, y in height.items()}, routes


def _picture(kind, centres, routes, arrows, addresses):
    corners = [
        (x + a * BOX[0] / 2, y + a * BOX[1] / 2) for x, y in centres.values() for a in (-1, 1)
    ]
    xs, ys = zip(*corners, *chain(*routes.values()), strict=True)
    left, top, width, height = min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)
    drawn, taken = [], []
    for pair, points in routes.items():
        label = max(_places(points), key=lambda p: min((math.dist(p, t) for t in taken), default=0))
        taken.append(label)
        drawn.append(_arrow(pair, arrows[pair], points, label))
    drawn += [_box(m, addresses[m.name], centres[m.name]) for m in mechanisms()]
    return (
        f'<svg class="family-map {kind}" role="group" viewBox="{left - 10:.0f} {top - 4:.0f} '
        f'{width + 20:.0f} {height + 8:.0f}" aria-label="Map of mechanisms. Each is a link to its '
        'chapter. The numbered arrows are the limit cases listed below.">'
        f"{''.join(drawn)}</svg>"
    )


def _middle(one, other):
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def _places(points):
    """Return where the numbers of an arrow may stand: on the middle of a long piece of it."""
    pieces = list(pairwise(points))
    longest = max(math.dist(*piece) for piece in pieces)
    return [_middle(*piece) for piece in pieces if math.dist(*piece) > longest / 2]


def _arrow(ends, numbers, points, label):
    course = f"M{_at(points[0])}"
    for corner, after in pairwise(points[1:]):
        course += f" Q{_at(corner)} {_at(_middle(corner, after))}"
    heads = [_head(*points[-2:])]
    if min(numbers) < 0:
        heads.append(_head(points[1], points[0]))
    text = ", ".join(str(abs(number)) for number in numbers)
    return (
        f'<g class="map-arrow" aria-hidden="true" data-ends="{escape("|".join(ends))}">'
        f'<path d="{course} L{_at(points[-1])}"/>'
        f'{"".join(heads)}<text x="{label[0]:.0f}" y="{label[1] + 4:.0f}">{text}</text></g>'
    )


def _head(before, end):
    """Return the triangle at the end of a line."""
    dx, dy = end[0] - before[0], end[1] - before[1]
    length = math.hypot(dx, dy)
    dx, dy = 8 * dx / length, 8 * dy / length
    back = end[0] - dx, end[1] - dy
    corners = end, (back[0] - dy / 2, back[1] + dx / 2), (back[0] + dy / 2, back[1] - dx / 2)
    return f'<polygon points="{" ".join(map(_at, corners))}"/>'


def _at(point):
    return f"{point[0]:.0f},{point[1]:.0f}"


def _box(mechanism, address, centre):
    x, y = centre
    lines = textwrap.wrap(mechanism.name, 19)
    top = y + 5 - 8.5 * (len(lines) - 1)
    spans = "".join(
        f'<tspan x="{x:.0f}" y="{top + 17 * i:.0f}">{escape(line)}</tspan>'
        for i, line in enumerate(lines)
    )
    kind = "" if mechanism.source else " map-simple"
    return (
        f'<a class="map-box{kind}" href="{escape(address)}" aria-label="{escape(mechanism.name)}">'
        f'<rect x="{x - BOX[0] / 2:.0f}" y="{y - BOX[1] / 2:.0f}" width="{BOX[0]}" '
        f'height="{BOX[1]}" rx="5"/><text>{spans}</text></a>'
    )
