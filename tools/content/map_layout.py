"""Where boxes and arrows stand, for a wide window in rows and for a narrow one in a column.

Every arrow keeps to places that no box has: it leaves a box at its lower edge, crosses the free
band between two rows and enters the next box from above; past a row that it only passes it has a
place of its own between the boxes. In a column the arrows run beside the boxes. The numbers stand
at the heads, and a box is so large that there is room for each of them. So no arrow runs behind a
box and no two numbers meet, however many there are.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

WIDE, NARROW = 656, 328  # pixels: what an article offers on paper, and on a small phone
BOX = 150  # the least width of a box
GAP = 14  # between boxes, and for an arrow between them
LINE = 17  # from line to line within a box
SMALL = 15  # from line to line of what is smaller: notes and numbers
# The widths of letters in DejaVu Sans, which is wide, as parts of the size of type. What has no
# width here is of middle width.
WIDTHS = dict.fromkeys(" ,.:;'’ijlI", 0.32) | dict.fromkeys("()-ftr", 0.42)
WIDTHS |= dict.fromkeys("mwMW@—", 1.0)
MIDDLE, CAPITAL, BOLD = 0.64, 0.78, 1.13
HEAD = 9  # the length of an arrow's head
NUMBERS = 76  # the width of a line of numbers, at most


@dataclass
class Label:
    """Numbers at the head of an arrow, and the place that they cover.

    They stand in the middle of it, or from its left ``beside`` a box.
    """

    left: float
    top: float
    lines: list
    upward: bool = False
    beside: bool = False

    @property
    def width(self):
        return breadth(self.lines) + 4

    @property
    def height(self):
        return SMALL * len(self.lines)


@dataclass
class Arrow:
    """``pieces`` are the points of a course; ``heads`` pairs of points, the second is the tip."""

    pieces: list
    heads: list = field(default_factory=list)
    labels: list = field(default_factory=list)


@dataclass
class Picture:
    """``boxes`` are (left, top, width, height) by name, ``arrows`` by (upper, lower)."""

    boxes: dict
    arrows: dict
    width: float
    height: float


# What is above what ------------------------------------------------------------------------------


def hierarchy(names, ends):
    """Return the names from the foot of a picture to its top.

    As few as possible of the arrows, (from, to), lead upward: none, unless some lead in a circle.
    """
    left, foot, top = list(dict.fromkeys(names)), [], []
    while left:
        after = {name: {b for a, b in ends if a == name and b in left and b != a} for name in left}
        before = {name: sum(name in after[other] for other in left) for name in left}
        last = next((name for name in left if not after[name]), None)
        first = max(left, key=lambda name: (not before[name], len(after[name]) - before[name]))
        (foot if last else top).append(last or first)
        left.remove(last or first)
    return foot + top[::-1]


def links_between(order, ends):
    """Return the numbers of the arrows by (upper, lower): those down, and those up.

    ``ends`` gives (from, to) by number. Arrows between the same two are one line.
    """
    links = {}
    for number, (start, end) in ends.items():
        upward = order.index(start) < order.index(end)
        pair = (end, start) if upward else (start, end)
        links.setdefault(pair, ([], []))[upward].append(number)
    return links


def in_lines(numbers):
    """Return numbers as lines of text, three and more in a row as a span.

    >>> in_lines([10, 12, 14, 17, 18, 19])
    ['10, 12, 14,', '17–19']
    """
    runs = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = []
    for run in runs:
        words += [f"{run[0]}–{run[-1]}"] if len(run) > 2 else map(str, run)
    lines = []
    for word in words:
        if lines and text_width(f"{lines[-1]}, {word},", 13) <= NUMBERS:
            lines[-1] += f", {word}"
        else:
            lines.append(word)
    return [f"{line}," for line in lines[:-1]] + lines[-1:]


def text_width(text, size, bold=False):
    """Return about how many pixels wide a text is."""
    wide = sum(WIDTHS.get(c, CAPITAL if c.isupper() else MIDDLE) for c in text)
    return wide * size * (BOLD if bold else 1)


def breadth(lines):
    """Return the width that lines of numbers take."""
    return max((text_width(line, 13) for line in lines), default=0)


def wrapped(text, size, bold=False, most=9):
    """Return the lines of a text in a box, at most so many: what is left out leaves an ellipsis."""
    lines = [""]
    for part in re.findall(r"[^\s-]*-|[^\s-]+\s*|\s+", text):
        if lines[-1] and text_width((lines[-1] + part).strip(), size, bold) > BOX - 8:
            lines.append("")
        lines[-1] += part
    lines = [line.strip() for line in lines]
    if len(lines) > most:
        lines[most - 1] = re.sub(r"\W*\s\S+$", "", lines[most - 1]) + " …"
    return lines[:most]


def in_rows(order, links, most):
    """Return the rows of a picture from its foot, at most so many boxes in each.

    A box stands above all that an arrow leads to from it. What no arrow touches fills up.
    """
    lower = {name: [b for a, b in links if a == name] for name in order}
    touched = {name for pair in links for name in pair}
    row, rows = {}, defaultdict(list)
    for name in sorted(order, key=lambda name: name not in touched):
        row[name] = 1 + max((row[other] for other in lower[name]), default=-1)
        while len(rows[row[name]]) == most:
            row[name] += 1
        rows[row[name]].append(name)
    return [rows[number] for number in range(len(rows))]


# In rows -----------------------------------------------------------------------------------------


def layered(order, links, heights):
    """Return the picture for wide windows: as many boxes in a row as there is room for."""
    for most in range((WIDE + GAP) // (BOX + GAP), 0, -1):
        picture = _layered(in_rows(order, links, most)[::-1], links, heights)
        if picture:
            return picture
    return column(order, links, heights)


def _layered(rows, links, heights):
    row = {name: number for number, names in enumerate(rows) for name in names}
    # an arrow on its way past a row has a place in it
    chains = {
        (a, b): [a, *((a, b, between) for between in range(row[a] + 1, row[b])), b]
        for a, b in links
    }
    for chain in chains.values():
        for number, item in enumerate(chain[1:-1], row[chain[0]] + 1):
            rows[number] = [*rows[number], item]
    slots = {pair: [breadth(in_lines(numbers)) + GAP for numbers in links[pair]] for pair in links}
    width = {item: GAP for names in rows for item in names}
    for name in row:
        enter = sum(slots[pair][0] for pair in links if pair[1] == name)
        leave = sum(slots[pair][1] for pair in links if pair[0] == name)
        width[name] = max(BOX, enter, leave) + GAP
    if max(sum(width[item] for item in names) for names in rows) > WIDE + GAP:
        return None
    steps = [step for chain in chains.values() for step in pairwise(chain)]
    rows = with_few_crossings(rows, steps)
    x = side_by_side(rows, width, steps)

    # the ports: where the arrows of a box leave and enter
    start, end = {}, {}
    for name in row:
        beside = [pair for pair in links if pair[1] == name]
        beside.sort(key=lambda pair: x[chains[pair][-2]])
        end |= _spread(x[name], width[name] - GAP, {p: slots[p][0] for p in beside})
        beside = [pair for pair in links if pair[0] == name]
        beside.sort(key=lambda pair: x[chains[pair][1]])
        start |= _spread(x[name], width[name] - GAP, {p: slots[p][1] for p in beside})
    place = {}  # of each step: its x above and below
    for pair, chain in chains.items():
        at = [start[pair], *(x[item] for item in chain[1:-1]), end[pair]]
        place[pair] = list(pairwise(at))

    # the bands: numbers under a row, the free space, numbers above the next row
    tall = [max((heights[n] for n in names if n in row), default=0) for names in rows]
    top, out, into = [0.0], [], []
    for number in range(len(rows)):
        down = [len(in_lines(links[p][0])) for p in links if row[p[1]] == number]
        up = [len(in_lines(links[p][1])) for p in links if row[p[0]] == number]
        into.append(max(down, default=0) * SMALL + HEAD + 4)
        out.append(max(up, default=0) * SMALL + (HEAD + 4 if any(up) else 4))
    for number in range(1, len(rows)):
        crossing = [
            abs(steps[number - 1 - row[pair[0]]][1] - steps[number - 1 - row[pair[0]]][0])
            for pair, steps in place.items()
            if row[pair[0]] < number <= row[pair[1]]
        ]
        free = 22 + min(60, 0.12 * max(crossing, default=0))
        top.append(top[-1] + tall[number - 1] + out[number - 1] + free + into[number])

    boxes = {
        name: (
            x[name] - (width[name] - GAP) / 2,
            top[row[name]],
            width[name] - GAP,
            tall[row[name]],
        )
        for name in row
    }
    arrows = {}
    for pair, steps in place.items():
        number = row[pair[0]]
        points = [(steps[0][0], top[number] + tall[number])]
        for above, below in steps:
            points.append((above, top[number] + tall[number] + out[number]))
            number += 1
            points.append((below, top[number] - into[number]))
        points.append((steps[-1][1], top[number]))
        arrows[pair] = _with_heads(points, links[pair])
    return _framed(boxes, arrows)


def _spread(middle, room, slots):
    """Return the middles of slots that share a room evenly."""
    spare = (room - sum(slots.values())) / (len(slots) or 1)
    at, found = middle - room / 2, {}
    for key, size in slots.items():
        found[key] = at + (size + spare) / 2
        at += size + spare
    return found


def _with_heads(points, numbers):
    """Return an arrow in rows: its numbers stand over its head, or under that of an arrow up."""
    arrow = Arrow(points)
    for upward, (some, tip, before) in enumerate(
        zip(numbers, (points[-1], points[0]), (points[-2], points[1]), strict=True)
    ):
        if some:
            lines = in_lines(some)
            label = Label(0, tip[1] + HEAD + 1, lines, bool(upward))
            label.left = tip[0] - label.width / 2
            if not upward:
                label.top = tip[1] - HEAD - 1 - label.height
            arrow.heads.append((before, tip))
            arrow.labels.append(label)
    return arrow


def with_few_crossings(rows, steps):
    """Return the rows, each in an order in which few of the steps between them cross."""
    above, below = defaultdict(list), defaultdict(list)
    for a, b in steps:
        above[b].append(a)
        below[a].append(b)
    rows = [list(row) for row in rows]
    best = crossings(rows, below), rows
    for sweep in range(24):
        down = sweep % 2 == 0
        rows = [list(row) for row in rows]
        for number in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            beside = {item: i for i, item in enumerate(rows[number - 1 if down else number + 1])}
            ties = above if down else below
            place = {item: i for i, item in enumerate(rows[number])}
            wanted = {
                item: sum(beside[other] for other in ties[item]) / len(ties[item])
                if ties[item]
                else place[item] * len(beside) / len(place)
                for item in rows[number]
            }
            rows[number].sort(key=wanted.get)
        best = min(best, (crossings(rows, below), rows), key=lambda found: found[0])
    return _exchanged(best[1], below)


def _exchanged(rows, below):
    """Return the rows after exchanges of neighbours, as long as one saves a crossing."""
    best, better = crossings(rows, below), True
    while better:
        better = False
        for row in rows:
            for i in range(len(row) - 1):
                row[i : i + 2] = row[i : i + 2][::-1]
                count = crossings(rows, below)
                if count < best:
                    best, better = count, True
                else:
                    row[i : i + 2] = row[i : i + 2][::-1]
    return rows


def crossings(rows, below):
    """Count the pairs of steps that cross."""
    count = 0
    for upper, lower in pairwise(rows):
        place = {item: i for i, item in enumerate(lower)}
        ends = [sorted(place[other] for other in below[item]) for item in upper]
        flat = [(i, end) for i, some in enumerate(ends) for end in some]
        count += sum(i < j and a > b for i, a in flat for j, b in flat)
    return count


def side_by_side(rows, width, steps):
    """Return the middle of each item, near to what it is tied to, in the order that its row has.

    The nearest places that keep order and distances are an isotonic regression, row by row.
    """
    tied = defaultdict(list)
    for a, b in steps:
        weight = 1 if isinstance(a, str) or isinstance(b, str) else 8  # a long way is straight
        tied[a].append((b, weight))
        tied[b].append((a, weight))
    x, offset = {}, {}
    for row in rows:
        at = 0.0
        for item in row:
            offset[item] = at + width[item] / 2
            at += width[item]
        x |= {item: offset[item] + (WIDE + GAP - at) / 2 for item in row}
    for _ in range(60):
        for row in rows:
            wanted = [
                (sum(w * x[other] for other, w in tied[item]), sum(w for _, w in tied[item]))
                if tied[item]
                else (x[item], 1)
                for item in row
            ]
            goal = [(total / w - offset[i], w) for i, (total, w) in zip(row, wanted, strict=True)]
            spare = WIDE + GAP - sum(width[item] for item in row)
            for item, place in zip(row, rising(goal), strict=True):
                x[item] = offset[item] + min(max(place, 0), spare)
    return x


def rising(goal):
    """Return the numbers that never fall and are nearest to (value, weight), by least squares.

    >>> rising([(1, 1), (5, 1), (2, 2)])
    [1.0, 3.0, 3.0]
    """
    blocks = []
    for value, weight in goal:
        blocks.append((value * weight, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] > blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = tuple(map(sum, zip(blocks[-1], last, strict=True)))
    return [total / weight for total, weight, count in blocks for _ in range(count)]


# In a column -------------------------------------------------------------------------------------


def column(order, links, heights):
    """Return the picture for narrow windows: the boxes in a column, the arrows beside it.

    What leaves a box runs down one lane and branches off it, to the heads.
    """
    names = order[::-1]
    row = {name: number for number, name in enumerate(names)}
    # A net is what runs down one lane: all that leaves a box, or a line with two heads.
    net = {pair: pair if links[pair][1] else pair[0] for pair in links}
    span = {}
    for pair, key in net.items():
        start, end = span.get(key, (row[pair[0]] + 0.2, 0))
        span[key] = start, max(end, row[pair[1]] - 0.2)
    lane = in_lanes(span)

    top, boxes, port = 0.0, {}, {}
    for name in names:
        # Lanes further in are met first on the way down, and left last: so they cross less.
        enter = sorted((p for p in links if p[1] == name), key=lambda p: lane[net[p]])
        leave = sorted({net[p] for p in links if p[0] == name}, key=lambda key: -lane[key])
        slots = {("in", p): max(1, len(in_lines(links[p][0]))) * SMALL for p in enter}
        for key in leave:
            up = links[key][1] if key in links else []
            slots["out", key] = max(1, len(in_lines(up))) * SMALL
        height = max(heights[name], sum(slots.values()) + 6)
        port |= _spread(top + height / 2, height - 6, slots)
        boxes[name] = 0, top, BOX, height
        top += height + 10

    every = [in_lines(numbers) for link in links.values() for numbers in link]
    room = BOX + HEAD + max(map(breadth, every), default=0) + 12  # where the lanes begin
    step = min(12, (NARROW - room) / (max(lane.values(), default=0) + 1))
    arrows = {}
    for pair, key in net.items():
        x, start, end = room + step * lane[key], port["out", key], port["in", pair]
        arrow = Arrow([(BOX, start), (x, start), (x, end), (BOX, end)])
        for upward, (numbers, y) in enumerate(zip(links[pair], (end, start), strict=True)):
            if numbers:
                lines = in_lines(numbers)
                arrow.heads.append(((x, y), (BOX, y)))
                top = y - len(lines) * SMALL / 2
                arrow.labels.append(Label(BOX + HEAD + 1, top, lines, bool(upward), beside=True))
        arrows[pair] = arrow
    return _framed(boxes, arrows)


def in_lanes(span):
    """Return the lane of each span, so that those of one lane do not meet; short ones go first."""
    lanes, found = [], {}
    for key in sorted(span, key=lambda key: (span[key][1] - span[key][0], span[key])):
        start, end = span[key]
        free = (lane for lane in lanes if all(end < a or b < start for a, b in lane))
        lane = next(free, None)
        if lane is None:
            lanes.append(lane := [])
        lane.append((start, end))
        found[key] = lanes.index(lane)
    return found


def _framed(boxes, arrows):
    """Return a picture whose corner is at 0, as large as what is in it."""
    points = [p for arrow in arrows.values() for p in arrow.pieces]
    points += [
        (x + a * w, y + b * h) for x, y, w, h in boxes.values() for a in (0, 1) for b in (0, 1)
    ]
    left, top = (min(values) for values in zip(*points, strict=True))
    right, foot = (max(values) for values in zip(*points, strict=True))

    def moved(point):
        return point[0] - left, point[1] - top

    for arrow in arrows.values():
        arrow.pieces = list(map(moved, arrow.pieces))
        arrow.heads = [tuple(map(moved, head)) for head in arrow.heads]
        for label in arrow.labels:
            label.left, label.top = moved((label.left, label.top))
    boxes = {name: (*moved(box[:2]), *box[2:]) for name, box in boxes.items()}
    return Picture(boxes, arrows, right - left, foot - top)
