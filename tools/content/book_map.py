"""Sphinx extension: the map of mechanisms, its limit cases, and the table to choose by.

All three are made from what the package says of itself (``attention_book.family``): an overview of
the parts of the book, a map of the families of each part, a map of the mechanisms of each family,
the conditions under the numbers of its arrows.
"""

import importlib
import re
from html import escape
from itertools import pairwise
from pathlib import PurePath

from book_chapters import parts
from docutils import nodes
from map_layout import LINE, SMALL, column, hierarchy, layered, links_between, wrapped
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from attention_book.family import limit_cases, mechanisms


class family_map(nodes.General, nodes.Element):
    """A picture, ``svg``, drawn but for the addresses of the mechanisms: its children, links."""


def setup(app):
    app.add_node(family_map, html=(draw, None))
    app.add_directive("family-map", FamilyMap)
    app.add_directive("limit-cases", LimitCases)
    app.add_directive("choose", Choose)
    return {"parallel_read_safe": True}


# What is on the map ------------------------------------------------------------------------------


def families():
    """Return the mechanisms of each family: part by part, those that others become first."""
    found = {}
    for mechanism in mechanisms():
        found.setdefault(mechanism.family, []).append(mechanism)
    folder = {family: min(map(_folder, some)) for family, some in found.items()}
    return {family: found[family] for family in sorted(found, key=folder.get)}


def in_parts():
    """Return the families by the folder of the part that begins them: the first to teach of it."""
    found = {}
    for family, some in families().items():
        found.setdefault(min(map(_folder, some)), []).append(family)
    return found


def _folder(mechanism):
    return mechanism.at.partition("/")[0]


def title(family):
    """Return the name of a family: how its package begins, before a colon."""
    return _first_line(family).partition(": ")[0]


def motto(family):
    """Return what the package of a family says behind its name, as a sentence, or nothing."""
    says = _first_line(family).partition(": ")[2]
    return f"{says[:1].upper()}{says[1:]}." if says else ""


def _first_line(family):
    text = importlib.import_module(f"attention_book.{family}").__doc__
    return text.strip().splitlines()[0].removesuffix(".")


def anchor(family):
    return f"family-{family.replace('_', '-')}"


def counted(some):
    return f"{len(some)} mechanism{'s' if len(some) > 1 else ''}"


def numbered():
    """Return the limit cases by their number, those of a family together.

    A limit case is of the family of what it starts from.
    """
    cases = limit_cases()
    check_that_all_are_joined(mechanisms(), cases)
    order = list(families())
    return dict(enumerate(sorted(cases, key=lambda case: order.index(case.general.family)), 1))


def check_that_all_are_joined(every, cases):
    """Raise an error that names the mechanisms which limit cases do not join to the most."""
    parts = [{mechanism.name} for mechanism in every]
    for case in cases:
        joined = [part for part in parts if part & {case.general.name, case.special.name}]
        parts = [part for part in parts if part not in joined] + [set().union(*joined)]
    most = max(parts, key=len)
    apart = [mechanism.name for mechanism in every if mechanism.name not in most]
    if apart:
        raise ExtensionError(f"no limit case joins {', '.join(apart)} to the rest of the map")


def link(mechanism):
    """Return MyST for a link to the place that teaches a mechanism."""
    return f"[{mechanism.name}]({mechanism.at})"


# The directives ----------------------------------------------------------------------------------


class FamilyMap(SphinxDirective):
    """``{family-map}``: the parts, and the numbers of the limit cases that lead between them."""

    def run(self):
        return [family_map("", svg=overview(captions(self.config)))]


class LimitCases(SphinxDirective):
    """``{limit-cases}``: the maps of each part and each family, a sentence for each limit case."""

    def run(self):
        cases, found = numbered(), []
        for part, some in in_parts().items():
            title = captions(self.config).get(part, part)
            section = nodes.section("", nodes.title("", title), ids=[f"map-{part}"])
            section += family_map("", svg=map_of_part(part, cases))
            section += [self.family(family, cases) for family in some]
            found.append(section)
        return found

    def family(self, family, cases):
        section = nodes.section("", nodes.title("", title(family)), ids=[anchor(family)])
        if motto(family):
            section += nodes.paragraph("", motto(family))
        links = self.parse_text_to_nodes("\n\n".join(map(link, families()[family])))
        section += family_map("", *links, svg=map_of(family, cases))
        own = {number: case for number, case in cases.items() if case.general.family == family}
        lines = [
            f"{number}. {case.general.name} is {link(case.special)} when {case.when}"
            for number, case in own.items()
        ]
        section += self.parse_text_to_nodes("\n".join(lines))
        for item, number in zip(section.findall(nodes.list_item), own, strict=True):
            item["ids"].append(f"limit-case-{number}")
        from_others = {}
        for number, case in cases.items():
            if case.special.family == family != case.general.family:
                from_others.setdefault(case.general.family, []).append(number)
        if from_others:
            section += self.from_others(from_others)
        return section

    def from_others(self, numbers):
        """Return the sentence about the limit cases that come from other families."""
        parts = [nodes.Text("From other families: ")]
        for family, some in numbers.items():
            parts += [here(title(family), anchor(family)), nodes.Text(" (")]
            for number in some:
                parts += [here(str(number), f"limit-case-{number}"), nodes.Text(", ")]
            parts[-1] = nodes.Text("), ")
        parts[-1] = nodes.Text(").")
        return nodes.paragraph("", "", *parts)


def captions(config):
    """Return what the table of contents calls each part, by the folder of its chapters."""
    written = parts(config.external_site_map)
    return {PurePath(names[0]).parent.name: caption for caption, names in written.items()}


def here(text, target):
    """Return a link to another place of the page."""
    return nodes.reference("", text, refid=target, internal=True)


class Choose(SphinxDirective):
    """``{choose}``: for each mechanism when to take it and what it costs, counted."""

    def run(self):
        advised = {f: [m for m in some if m.advice] for f, some in families().items()}
        advised = {family: some for family, some in advised.items() if some}
        head = "| take | when | cost | order | exact | hardware |"
        rows = [
            f"| {link(m)} | {a.choose} | {costs(a)} | {a.order} | {a.exact} | {a.hardware} |"
            for some in advised.values()
            for m in some
            if (a := m.advice)
        ]
        lines = [":::{table}", ":class: cards choose", "", head, "|---" * 6 + "|", *rows, ":::"]
        table = self.parse_text_to_nodes("\n".join(lines))
        body = next(node for part in table for node in part.findall(nodes.tbody))
        rows = list(body.children)
        for family, some in advised.items():
            name = nodes.paragraph("", "", here(title(family), anchor(family)))
            entry = nodes.entry("", name, morecols=5, classes=["choose-family"])
            body.insert(body.index(rows[0]), nodes.row("", entry))
            del rows[: len(some)]
        return table


def formula(text):
    """Return a formula of Python as LaTeX, each term for itself, so that a line may end after it.

    >>> print(formula("n**2*d + n*window"))
    $n^2 d$ + $n \\, \\text{window}$
    """
    return " + ".join(f"${_product(term)}$" for term in text.split(" + "))


def _product(term):
    """Return a term as LaTeX; a name of several letters stands a little apart."""
    factors = term.replace("**", "^").split("*")
    written = [re.sub(r"[A-Za-z]{2,}", r"\\text{\g<0>}", factor) for factor in factors]
    gaps = [r" \, " if "text" in left + right else " " for left, right in pairwise(written)]
    return written[0] + "".join(map("".join, zip(gaps, written[1:], strict=True)))


def costs(advice):
    """Say how time and memory grow, and count what twice the first of its sizes costs."""
    from attention_book import cost  # loads torch, which only a page with this table needs

    parts = []
    for name, measure in (("time", cost.operations), ("memory", cost.largest_tensor_bytes)):
        factor = advice.growth(measure, next(iter(advice.sizes)))
        parts.append(f"{name} {formula(getattr(advice, name))} (×\u00a0{factor:.0f})")
    return "; ".join(parts)


# The pictures ------------------------------------------------------------------------------------


def draw(self, node):
    """Write a picture with the addresses that the links of the mechanisms have on this page."""
    links = list(node.findall(nodes.reference))
    addresses = [escape(link.get("refuri") or f"#{link['refid']}") for link in links]
    self.body.append(re.sub(r"mechanism:(\d+)", lambda m: addresses[int(m[1])], node["svg"]))
    raise nodes.SkipNode


def overview(captions):
    """Return the picture of the parts. The numbers lead to where the conditions stand."""
    boxes, home = {}, {}
    for part, some in in_parts().items():
        home |= dict.fromkeys(some, part)
        every = [mechanism for family in some for mechanism in families()[family]]
        name = captions.get(part, part)
        boxes[part] = Box(f"#map-{part}", name, counted(every), kind="map-family")
    ends = {
        number: (home[case.general.family], home[case.special.family])
        for number, case in numbered().items()
    }
    ends = {number: pair for number, pair in ends.items() if pair[0] != pair[1]}
    return pictures("Map of the parts. Each leads to its own map below.", boxes, ends, True)


def map_of_part(part, cases):
    """Return the picture of the families of a part and of what they reach in other parts."""
    boxes, ends = {}, {}
    own = in_parts()[part]
    for family in own:
        note = counted(families()[family])
        boxes[family] = Box(f"#{anchor(family)}", title(family), note, kind="map-family")
    for number, case in cases.items():
        general, special = case.general.family, case.special.family
        if general in own and general != special:
            ends[number] = general, special
            if special not in own:
                boxes[special] = Box(f"#{anchor(special)}", title(special), kind="map-stub")
    label = "Map of the families of this part. Each leads to its own map below."
    return pictures(label, boxes, ends, True)


def map_of(family, cases):
    """Return the picture of a family and of what its limit cases reach in other families."""
    boxes, ends = {}, {}
    for number, mechanism in enumerate(families()[family]):
        kind = "" if mechanism.source else "map-simple"
        boxes[mechanism.name] = Box(f"mechanism:{number}", mechanism.name, kind=kind)
    for number, case in cases.items():
        if case.general.family == family:
            ends[number] = case.general.name, case.special.name
            other = case.special.family
            if other != family:
                boxes[case.special.name] = Box(
                    f"#{anchor(other)}", case.special.name, title(other), kind="map-stub"
                )
    label = (
        f"Map of the family: {title(family)}. The numbered arrows are the limit cases listed below."
    )
    return pictures(label, boxes, ends)


class Box:
    """What a box says and where it leads: a name and, smaller, a note."""

    def __init__(self, address, name, note="", kind=""):
        self.address, self.name, self.note, self.kind = address, name, note, kind
        self.says = f"{name}, {note}" if note else name
        self.lines = wrapped(name, 14, bold=kind == "map-family")
        self.small = wrapped(note, 13, most=2) if note else []
        self.height = max(42, 10 + LINE * len(self.lines) + SMALL * len(self.small))

    def svg(self, left, top, width, height):
        x = left + width / 2
        y = top + (height - LINE * len(self.lines) - SMALL * len(self.small)) / 2
        spans = ""
        for line in self.lines:
            y += LINE
            spans += f'<tspan x="{x:.1f}" y="{y - 4:.1f}">{escape(line)}</tspan>'
        for line in self.small:
            y += SMALL
            spans += f'<tspan class="map-note" x="{x:.1f}" y="{y - 3:.1f}">{escape(line)}</tspan>'
        kind = f"map-box {self.kind}".strip()
        return (
            f'<a class="{kind}" href="{escape(self.address)}" aria-label="{escape(self.says)}">'
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="5"/>'
            f"<text>{spans}</text></a>"
        )


def pictures(label, boxes, ends, linked=False):
    """Write a picture twice, for wide and for narrow places; a style sheet shows one.

    ``ends`` gives (from, to) by the number of a limit case; ``linked`` numbers lead to them.
    """
    order = hierarchy(boxes, list(ends.values()))
    links = links_between(order, ends)
    heights = {name: box.height for name, box in boxes.items()}
    drawn = ""
    for kind, made in (("wide", layered), ("narrow", column)):
        picture = made(order, links, heights)
        parts = [
            _arrow([boxes[name] for name in pair], arrow, links[pair], linked)
            for pair, arrow in picture.arrows.items()
        ]
        parts += [box.svg(*picture.boxes[name]) for name, box in boxes.items()]
        width, height = picture.width + 4, picture.height + 4
        drawn += (
            f'<svg class="{kind}" role="group" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="-2 -2 {width:.0f} {height:.0f}" aria-label="{escape(label)}">'
            f"{''.join(parts)}</svg>"
        )
    return f'<div class="family-map">{drawn}</div>'


def _arrow(ends, arrow, numbers, linked):
    course = f"M{_at(arrow.pieces[0])}"
    for before, after in pairwise(arrow.pieces):
        if before[0] == after[0] or before[1] == after[1]:
            course += f" L{_at(after)}"
        else:  # leaves and arrives upright
            half = (before[1] + after[1]) / 2
            course += f" C{before[0]:.1f},{half:.1f} {after[0]:.1f},{half:.1f} {_at(after)}"
    heads = "".join(_head(*head) for head in arrow.heads)
    labels = ""
    for label in arrow.labels:
        text = _numbers(label)
        if linked:
            number = numbers[label.upward][0]
            start, end = ends[::-1] if label.upward else ends
            says = f"{' '.join(label.lines)}: {start.name} to {end.name}"
            text = f'<a href="#limit-case-{number}" aria-label="{escape(says)}">{text}</a>'
        labels += text
    hidden = "" if linked else ' aria-hidden="true"'
    names = escape("|".join(box.says for box in ends))
    return (
        f'<g class="map-arrow"{hidden} data-ends="{names}"><path d="{course}"/>{heads}{labels}</g>'
    )


def _numbers(label):
    x = label.left + 2 if label.beside else label.left + label.width / 2
    spans = "".join(
        f'<tspan x="{x:.1f}" y="{label.top + SMALL * i - 3:.1f}">{line}</tspan>'
        for i, line in enumerate(label.lines, 1)
    )
    kind = ' class="map-beside"' if label.beside else ""
    return (
        f'<rect x="{label.left:.1f}" y="{label.top:.1f}" width="{label.width:.1f}" '
        f'height="{label.height:.1f}"/><text{kind}>{spans}</text>'
    )


def _head(before, end):
    """Return the triangle at the end of a line, which runs upright or level."""
    dx, dy = (8 * ((a < b) - (a > b)) for a, b in zip(before, end, strict=True))
    back = end[0] - dx, end[1] - dy
    corners = end, (back[0] - dy / 2, back[1] + dx / 2), (back[0] + dy / 2, back[1] - dx / 2)
    return f'<polygon points="{" ".join(map(_at, corners))}"/>'


def _at(point):
    return f"{point[0]:.1f},{point[1]:.1f}"
