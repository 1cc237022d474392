"""The page of symptoms: the table leads to the sections, and the checks find what they say.

Each section is built alike: what one sees and its causes, a check that runs alone, the wrong lines
and the right ones, links into the book, threads.
"""

import ast
import contextlib
import io
import re
import warnings
from typing import NamedTuple

import nbformat
import numpy as np
import pytest
import test_contract
import torch
import torch.nn.functional as F
from book_markdown import for_the_page
from links import CHAPTERS, names, text_of, threads, without_a_place
from myst_parser.mdit_to_docutils.base import default_slugify
from torch.nn.attention import SDPBackend, sdpa_kernel

from attention_book import masks
from attention_book.scores.scaled_dot_product import reference

PAGE = CHAPTERS / "symptoms.ipynb"
# Sections that are no symptom: the instrument for many of them, and the checks without one.
TOOLS = ["Who sees whom", "Six checks that find most of them"]
HERE = re.compile(r"\[([^\]]+)\]\(#([^)]+)\)")
INTO_THE_BOOK = re.compile(r"\]\(part\d/")


class Section(NamedTuple):
    title: str
    cells: tuple  # of (kind, text), in their order

    @property
    def prose(self):
        return "\n".join(text for kind, text in self.cells if kind == "markdown")

    @property
    def code(self):
        return tuple(text for kind, text in self.cells if kind == "code")


def sections(cells):
    """Return the sections of a notebook; what stands before the first is no section."""
    title, found = None, {}
    for cell in cells:
        parts = ["", cell.source]
        if cell.cell_type == "markdown":
            head, *rest = re.split(r"^## (.+)$", for_the_page(cell.source), flags=re.M)
            parts = ["", head, *rest]
        for heading, text in zip(parts[::2], parts[1::2], strict=True):
            title = heading or title
            if text.strip():
                found.setdefault(title, []).append((cell.cell_type, text))
    found.pop(None, None)
    return [Section(name, tuple(parts)) for name, parts in found.items()]


def rows(text):
    """Return the cells of each row of the table, without its head."""
    table = re.search(r"^(?:\|.*\n)+", text.partition("cards symptoms")[2], re.M)[0]
    lines = table.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def shown(text):
    """Return what a reader sees of a text with links."""
    return re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)


CELLS = nbformat.read(PAGE, as_version=4).cells
NAMES = next(cell.source for cell in CELLS if cell.cell_type == "code")  # for all that follow
SECTIONS = sections(CELLS)
SYMPTOMS = [section for section in SECTIONS if section.title not in TOOLS]
ROWS = rows(text_of(PAGE))

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: shown(row[0]))
each_symptom = pytest.mark.parametrize("section", SYMPTOMS, ids=lambda section: section.title)


# The table ---------------------------------------------------------------------------------------


def test_the_table_has_a_row_for_each_section_in_their_order():
    assert len(ROWS) >= 12
    assert [shown(row[0]) for row in ROWS] == [section.title for section in SYMPTOMS]


@each_row
def test_a_row_leads_to_its_section_and_into_the_book(row):
    symptom, cause, check, explained = row
    assert HERE.findall(symptom) == [(shown(symptom), default_slugify(shown(symptom)))]
    assert INTO_THE_BOOK.search(explained)
    assert not without_a_place(explained)
    assert cause
    assert check


@each_row
def test_a_row_is_short_enough_for_a_phone(row):
    assert all(len(shown(cell)) <= 52 for cell in row)


def test_links_within_the_page_lead_to_headings():
    here = {default_slugify(section.title) for section in SECTIONS}
    assert {slug for _, slug in HERE.findall(text_of(PAGE))} <= here


# The sections ------------------------------------------------------------------------------------


@each_symptom
class TestSection:
    def test_it_has_code_with_an_assertion(self, section):
        assert any("assert" in source for source in section.code)

    def test_it_leads_into_the_book_and_no_link_is_dead(self, section):
        assert INTO_THE_BOOK.search(section.prose)
        assert not without_a_place(section.prose)

    def test_its_threads_are_named_by_repository_and_number_once(self, section):
        found = threads(section.prose)
        labels = [label for label, _, _ in found]
        assert labels == names(found)
        assert 2 <= len(set(found)) == len(found) <= 5
        assert len(found) == section.prose.count("https://") == section.prose.count("github.com")

    def test_each_thread_says_what_happened_in_one_line(self, section):
        _, listed = section.prose.split("*It happened to*\n\n")
        happened, _, asked = listed.partition("\n\n*Asked about*\n\n")
        assert threads(happened)
        lines = [*happened.strip().splitlines(), *asked.strip().splitlines()]
        assert len(lines) == len(threads(section.prose))
        for line in lines:
            assert re.match(r"- \[[^\]]+\]\(https://github\.com/[^)]+\), .+\.$", line)
            assert len(shown(line).split()) <= 30

    def test_what_is_only_a_question_is_no_report(self, section):
        _, listed = section.prose.split("*It happened to*\n\n")
        happened, _, _ = listed.partition("\n\n*Asked about*\n\n")
        assert not re.search(r"\basks\b", happened)

    def test_no_backslash_was_swallowed(self, section):
        assert not re.search(r"[\x00-\x09\x0b-\x1f]", section.prose)


def test_thirty_threads_and_more_are_linked():
    found = {(repo, n) for section in SYMPTOMS for _, repo, n in threads(section.prose)}
    assert len(found) >= 30


def test_a_section_is_read_as_it_stands():
    cells = [
        nbformat.v4.new_markdown_cell("# Page\n\nBefore.\n\n## One\n\nText."),
        nbformat.v4.new_code_cell("1"),
        nbformat.v4.new_markdown_cell("More.\n\n## Two\n\nOther."),
        nbformat.v4.new_code_cell("2"),
    ]
    one, two = sections(cells)
    assert (one.title, one.code) == ("One", ("1",))
    assert one.prose.split() == ["Text.", "More."]
    assert [kind for kind, _ in one.cells] == ["markdown", "code", "markdown"]
    assert (two.title, two.prose.strip(), two.code) == ("Two", "Other.", ("2",))


# How a section is built ---------------------------------------------------------------------------


def faults(section):
    """Return how a section departs from what all of them share; none is right."""
    cells = [(kind, text.strip()) for kind, text in section.cells]
    if [kind for kind, _ in cells[:5]] != ["markdown", "code", "markdown", "code", "markdown"]:
        return ["cells in another order"]
    (_, opening), (_, check), (_, between), (_, tried), *_ = cells
    causes, marked, _ = opening.partition("\n\n*The check*")
    first, *more = causes.split("\n\n")
    after = section.prose.partition("*Wrong and right*")[2]
    found = {
        "no sentence on the cause": first.startswith(("-", "*")) or not marked,
        "more than a list of further causes": any(not part.startswith("- ") for part in more),
        "long before the check": len(shown(causes).split()) > 130,
        "the check is marked elsewhere": "\n\n" in opening.removeprefix(causes).strip(),
        "a long check": check.count("\n") > 20,
        "wrong and right are marked elsewhere": not between.startswith("*Wrong and right*")
        or "\n" in between,
        "no wrong line": "# wrong" not in tried,
        "no right line": "# right" not in tried,
        "no assertion": "assert" not in tried,
        "nothing printed": "print(" not in tried,
        "no link before the threads": not INTO_THE_BOOK.search(
            after.partition("*It happened to*")[0]
        ),
    }
    return [fault for fault, there in found.items() if there]


def run_quietly(source, names):
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(source, "cell", "exec"), names)


def alone(check):
    """Run a check in an empty namespace, as somebody who pastes it; return its functions."""
    tree = ast.parse(check)
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [])
        + [alias.name for alias in node.names if isinstance(node, ast.Import)]
    }
    assert imported <= {"numpy", "torch", "math"}
    names = {"__name__": "pasted"}
    run_quietly(check, names)
    return {node.name: names[node.name] for node in tree.body if isinstance(node, ast.FunctionDef)}


def answers(section, further=True):
    """Run a section, its check pasted alone; return what the check says under *Wrong and right*.

    What follows may use no other section either, unless it is not to be run, ``further=False``.
    """
    check, tried, *rest = section.code
    given = []

    def recorded(function):
        def call(*arguments, **options):
            given.append(function(*arguments, **options))
            return given[-1]

        return call

    names = {"__name__": "page"}
    run_quietly(NAMES, names)
    names |= {name: recorded(function) for name, function in alone(check).items()}
    run_quietly(tried, names)
    said = list(given)
    for source in rest if further else ():
        run_quietly(source, names)
    return said


@each_symptom
def test_a_section_is_built_like_all(section):
    assert faults(section) == []


@each_symptom
def test_a_check_runs_alone_and_tells_wrong_from_right(section):
    given = answers(section)
    assert len({repr(answer) for answer in given}) >= 2


@pytest.mark.parametrize("title", TOOLS)
def test_the_checks_of_no_section_run_alone(title):
    (section,) = [section for section in SECTIONS if section.title == title]
    assert len({repr(answer) for answer in answers(section, further=False)}) >= 2


OPENING = ("markdown", "It is this.\n\n- Or that.\n\n*The check*")
CHECK = ("code", "import numpy as np\n\n\ndef even(n):\n    return np.mod(n, 2) == 0")
MARK = ("markdown", "*Wrong and right*")
TRIED = ("code", "n = 3  # wrong\nm = 4  # right\nprint(even(n), even(m))\nassert even(m)")
CLOSING = ("markdown", "See [this](part1/a.ipynb).\n\n*It happened to*\n\n- Nobody.")
GOOD = (OPENING, CHECK, MARK, TRIED, CLOSING)


def with_cell(place, old="", new=""):
    kind, text = GOOD[place]
    assert old in text
    return (*GOOD[:place], (kind, text.replace(old, new)), *GOOD[place + 1 :])


def test_a_made_up_section_has_no_fault():
    assert faults(Section("Made up", GOOD)) == []
    assert answers(Section("Made up", GOOD)) == [False, True, True]


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ((OPENING, MARK, TRIED, CHECK, CLOSING), "cells in another order"),
        (GOOD[:1] + GOOD[2:], "cells in another order"),
        (GOOD[:3] + GOOD[4:], "cells in another order"),
        (with_cell(0, "It is this.\n\n"), "no sentence on the cause"),
        (with_cell(0, "*The check*"), "no sentence on the cause"),
        (with_cell(0, "- Or that.", "Or that."), "more than a list of further causes"),
        (with_cell(0, "that.", "that " * 140), "long before the check"),
        (with_cell(0, "*The check*", "*The check*\n\nMore."), "the check is marked elsewhere"),
        (with_cell(1, "np\n", "np\n" + 20 * "\n"), "a long check"),
        (with_cell(2, "*Wrong and right*", "See."), "wrong and right are marked elsewhere"),
        (with_cell(3, "# wrong", "# one"), "no wrong line"),
        (with_cell(3, "# right", "# two"), "no right line"),
        (with_cell(3, "assert "), "no assertion"),
        (with_cell(3, "print"), "nothing printed"),
        (with_cell(4, "part1/a.ipynb", "#here"), "no link before the threads"),
        (with_cell(4, "See", "*It happened to*\n\nSee"), "no link before the threads"),
    ],
)
def test_a_fault_of_a_section_is_named(cells, fault):
    assert fault in faults(Section("Made up", cells))


@pytest.mark.parametrize(
    ("cells", "error"),
    [
        (with_cell(1, "import numpy as np"), NameError),
        (with_cell(1, "np.mod(n, 2)", "sees(n)"), NameError),
        (with_cell(1, "import numpy as np", "from attention_book import masks"), AssertionError),
        (with_cell(1, "import numpy as np", "import attention_book.masks as np"), AssertionError),
        (with_cell(3, "even(m))", "odd(m))"), NameError),
    ],
)
def test_a_check_that_needs_another_cell_fails(cells, error):
    with pytest.raises(error):
        answers(Section("Made up", cells))


# The checks of the page find what they say -------------------------------------------------------


@pytest.fixture(scope="module")
def page():
    """What the cells of the page define, run in their order."""
    names = {"__name__": "page"}
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in CELLS:
            if cell.cell_type == "code":
                exec(compile(cell.source, cell.id, "exec"), names)
    return names


PLAIN = (
    "scores.scaled_dot_product.reference.attention",
    "scores.scaled_dot_product.module.attention",
    "kernels.gaussian.reference.attention",
    "kernels.gaussian.module.attention",
    "scores.additive.reference.attention",
    "scores.additive.module.attention",
)


def half_the_mask(q, k, v, *, mask):
    """Shows the first query everything, whatever the mask says of it."""
    shown = mask.copy()
    shown[..., 0, :] = True
    return reference.attention(q, k, v, mask=shown)


def shares_by_place(q, k, v, *, mask):
    return reference.attention(q, k, v * np.arange(1, k.shape[-2] + 1)[:, None], mask=mask)


def shows_padding(q, k, v, *, mask):
    """Takes a mask that is the same for all queries for no mask."""
    same = (mask == mask[..., :1, :]).all() and mask.shape[-2] > 1
    return reference.attention(q, k, v, mask=None if same else mask)


def doubles(q, k, v, *, mask):
    return 2 * reference.attention(q, k, v, mask=mask)


def averages_the_features(q, k, v, *, mask):
    return reference.attention(q, k, v, mask=mask).mean(axis=-1, keepdims=True)


def mixes_the_batch(q, k, v, *, mask):
    return reference.attention(q, k - k.mean(axis=0), v, mask=mask)


def drops_the_batch(q, k, v, *, mask):
    return reference.attention(q, k, v, mask=mask)[0]


def sharper_among_many(q, k, v, *, mask):
    return reference.attention(q * q.shape[-2], k, v, mask=mask)


def hides_its_own_position(q, k, v, *, mask):
    L, S = mask.shape[-2:]
    return reference.attention(q, k, v, mask=mask & np.tri(L, S, S - L - 1, dtype=bool))


def masks_after_the_softmax(q, k, v, *, mask):
    return (reference.weights(q, k) * mask) @ v


def adds_the_mean_value(q, k, v, *, mask):
    return reference.attention(q, k, v, mask=mask) + v.mean(axis=-2, keepdims=True)


def centres_the_queries(q, k, v, *, mask):
    return reference.attention(q - q.mean(axis=-2, keepdims=True), k, v, mask=mask)


def nan_on_an_empty_row(q, k, v, *, mask):
    output = reference.attention(q, k, v, mask=mask)
    return np.where(mask.any(axis=-1)[:, None], output, np.nan)


def infinite_on_an_empty_row(q, k, v, *, mask):
    output = reference.attention(q, k, v, mask=mask)
    return np.where(mask.any(axis=-1)[:, None], output, np.inf)


def crashes(q, k, v, *, mask):
    raise ZeroDivisionError


FUTURE, SET, PADDING, SIZES, EMPTY, ONE = (
    "the_future_is_hidden",
    "keys_are_a_set",
    "padding_is_ignored",
    "sizes_may_differ",
    "an_empty_row_sees_nothing",
    "one_by_one_is_all_at_once",
)
ALL = {FUTURE, SET, PADDING, SIZES, EMPTY, ONE}


@pytest.mark.parametrize("label", PLAIN)
def test_the_books_own_functions_pass_all_six(page, label):
    (subject,) = [found for found in test_contract.SUBJECTS if found.label == label]

    def attention(q, k, v, mask):
        inputs = {name: subject.native(x) for name, x in {"q": q, "k": k, "v": v}.items()}
        more = {"gamma": 0.3, "w": subject.native(np.linspace(-1, 1, q.shape[-1]))}
        inputs |= {name: x for name, x in more.items() if name in subject.declared.needs}
        return subject.run(inputs, mask=mask)[0]

    assert page["six_checks"](attention) == dict.fromkeys(ALL, True)


def test_pytorchs_function_passes_all_six_when_wrapped_as_the_page_says(page):
    def attention(q, k, v, mask):
        return F.scaled_dot_product_attention(*map(torch.from_numpy, (q, k, v, mask)))

    assert all(page["six_checks"](attention).values())


@pytest.mark.parametrize(
    ("fault", "failed"),
    [
        (half_the_mask, {FUTURE, PADDING, ONE}),
        (shares_by_place, {SET, SIZES}),
        (shows_padding, {PADDING}),
        (doubles, {SIZES}),
        (mixes_the_batch, {SIZES}),
        (averages_the_features, {SIZES}),
        (drops_the_batch, ALL - {SET}),
        (test_contract.fills_with_a_large_number, {EMPTY}),
        (nan_on_an_empty_row, {EMPTY}),
        (infinite_on_an_empty_row, {EMPTY}),
        (sharper_among_many, {ONE}),
        (hides_its_own_position, {FUTURE, SET}),
        (masks_after_the_softmax, {FUTURE, PADDING, SIZES, ONE}),
        (adds_the_mean_value, {FUTURE, PADDING, SIZES, EMPTY, ONE}),
        (centres_the_queries, {FUTURE, ONE}),
        (test_contract.takes_true_for_blocked, {FUTURE, PADDING, SIZES, EMPTY, ONE}),
        (test_contract.ignores_the_mask, {FUTURE, PADDING, EMPTY, ONE}),
        (crashes, ALL),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_six_checks_name_what_is_wrong(page, fault, failed):
    def attention(q, k, v, mask):
        return fault(q, k, v, mask=mask)

    results = page["six_checks"](attention)
    assert list(results) == [FUTURE, SET, PADDING, SIZES, EMPTY, ONE]
    assert {check for check, passed in results.items() if not passed} == failed


def test_the_checks_hand_over_copies(page):
    def writes_into_its_arguments(q, k, v, mask):
        output = reference.attention(q, k, v, mask=mask)
        for array in (q, k, v, mask):
            array[...] = 0
        return output

    assert all(page["six_checks"](writes_into_its_arguments).values())


def test_the_map_is_the_mask(page):
    for seed in range(20):
        mask = np.random.default_rng(seed).random((3, 5)) < 0.5
        attend = page["with_mask"](mask)
        assert (page["sees"](attend, 3, 5) == mask).all()
        assert (page["sees"](lambda *x, f=attend: f(*x) * [1, 0, 0, 0], 3, 5) == mask).all()


@pytest.mark.parametrize(
    ("inputs", "mask", "where"),
    [
        ((0.0, 1.0, 1.0), True, "not before the softmax"),
        ((1.0, 1.0, np.nan), True, "in the inputs"),
        ((np.inf, 1.0, 1.0), True, "in the inputs"),
        ((1e30, 1e30, 1.0), True, "in the dot products, before the scale"),
        ((1.0, 1.0, 1.0), False, "in a row that sees nothing"),
    ],
)
def test_where_nan_begins(page, inputs, mask, where):
    q, k, v = (torch.full((2, 4), x) for x in inputs)
    assert page["where_nan_begins"](q, k, v, torch.full((2, 2), mask)) == where


def test_a_row_that_sees_something_is_no_empty_row(page):
    q, k, v = torch.ones(3, 2, 4)
    half = torch.eye(2, dtype=torch.bool)
    assert page["where_nan_begins"](q, k, v, half) == "not before the softmax"


def test_tiles_are_the_softmax_in_any_size(page):
    rng = np.random.default_rng(0)
    scores, v = rng.standard_normal(7), rng.standard_normal(7)
    expected = np.exp(scores) @ v / np.exp(scores).sum()
    for size in range(1, 9):
        assert np.isclose(page["in_tiles"](scores, v, size), expected)
        hidden = np.concatenate([np.full(3, -np.inf), scores])
        found = page["in_tiles"](hidden, np.concatenate([np.zeros(3), v]), size, guard=True)
        assert np.isclose(found, expected)


def test_the_future_is_seen_where_it_is(page):
    tokens = torch.tensor([[3, 0, 1, 4, 0, 2], [0, 0, 0, 1, 1, 1]])

    def model(tokens, *, from_later=()):
        hot = F.one_hot(tokens, 5).float().cumsum(dim=1)
        for earlier, later in from_later:
            hot[1, earlier] += 1e-3 * tokens[1, later]
        return hot

    assert page["sees_the_future"](model, tokens) == []
    leaks = ((1, 5), (3, 4))
    found = page["sees_the_future"](lambda x: model(x, from_later=leaks), tokens)
    assert found == [1, 3]


@pytest.mark.parametrize("library", [np, torch])
def test_the_order_is_heard_in_either_library(page, library):
    x = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)
    x, places = (library.asarray(a) for a in (x, np.arange(5.0, dtype=np.float32)[:, None]))
    assert not page["hears_order"](lambda x: x.cumsum(1), x)
    assert page["hears_order"](lambda x: (x * places).cumsum(1), x)


def test_chunks_of_a_causal_program_agree(page):
    x = np.random.default_rng(0).standard_normal((7, 2))
    assert page["wrong_in_chunks"](lambda x, sizes: x.cumsum(0), x) == {3: [], 7: []}

    def forgets(x, sizes):
        return np.concatenate([part.cumsum(0) for part in np.split(x, np.cumsum(sizes)[:-1])])

    assert page["wrong_in_chunks"](forgets, x) == {3: [1, 2, 4, 5], 7: [1, 2, 3, 4, 5, 6]}


def test_growth_is_that_of_the_largest_tensor(page):
    assert page["growth"](lambda x: x * x) == 2
    assert page["growth"](lambda x: (x @ x.mT).exp()) == 4
    assert page["growth"](lambda x: (x.mT @ x).exp(), L=64) == 2


@pytest.mark.parametrize("left", [False, True])
def test_a_neighbour_is_heard_through_padding_alone(page, left):
    short, long = torch.tensor([[2, 1]]), torch.tensor([[3, 1, 2, 2, 1]])

    def total(tokens, real):
        return (tokens * real).sum(dim=1, keepdim=True).expand(tokens.shape).float()

    def length(tokens, real):
        return torch.full(tokens.shape, tokens.shape[1], dtype=torch.float)

    def across(tokens, real):
        return tokens.float() + tokens.sum()

    for model, heeds in ((total, False), (length, True), (across, True)):
        assert page["heeds_its_neighbour"](model, short, long, left=left) == heeds


def test_a_mask_is_read_for_its_padding(page):
    real = np.array([False, True, True])
    causal = masks.causal(3)
    found = page["padding_in"]((causal & real)[None, None], real)
    assert found == {"real sees padding": False, "sees nothing": [0]}
    assert page["padding_in"](causal, real)["real sees padding"]
    joined = real[:, None] == real
    assert page["padding_in"](joined, real) == {"real sees padding": False, "sees nothing": []}
    assert page["padding_sees_padding"](joined, real)
    assert not page["padding_sees_padding"](joined & real, real)


def test_what_a_picture_shows_and_what_is_carried(page):
    weights = np.array([[[0.5, 0.5, 0.0]], [[0.0, 0.5, 0.5]]])
    v = np.array([3.0, 1.0, 1.0])[:, None] * np.ones((2, 3, 4))
    found = page["read_picture"](torch.from_numpy(weights), v)
    used = np.exp(-(2 * 0.25 * np.log(0.25) + 0.5 * np.log(0.5)))
    np.testing.assert_allclose([*found.values()], [2, used, 0.5, 1 / 3])


def test_the_spread_of_pytorchs_scores_is_one(page):
    def attention(q, k, v):
        return F.scaled_dot_product_attention(*map(torch.from_numpy, (q, k, v))).numpy()

    for d, S in ((256, 64), (64, 32), (1024, 64)):
        assert abs(page["score_spread"](attention, d, S) - 1) < 0.03


def test_the_first_difference_is_the_first(page):
    expected = np.zeros((5, 2))
    for token in range(5):
        found = expected.copy()
        found[token:, 1] = 1
        assert page["first_difference"](found, expected) == token
    assert page["first_difference"](expected, expected) is None


def test_a_row_differs_when_one_number_does(page):
    expected = np.zeros((4, 3))
    expected[3] = np.nan
    found = expected.copy()
    found[1, 2] = 1
    assert page["rows_that_differ"](found, expected) == [1]


def test_keys_used_counts_keys(page):
    for n in range(1, 6):
        weights = np.where(np.arange(6) < n, 1 / n, 0)
        assert np.isclose(page["keys_used"](weights), n)


def test_the_difference_of_keys_does_not_depend_on_their_size(page):
    k = np.random.default_rng(0).standard_normal((6, 4))
    assert np.isclose(page["difference"](k), page["difference"](0.01 * k))
    assert page["difference"](np.tile(k[:1], (6, 1))) < 1e-12


def test_why_not_again_sees_what_is_written_into_any_input(page):
    inputs = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).unbind()
    for changed in range(3):

        def writes(*x, changed=changed):
            x[changed][0] += 1
            return x[0] + x[1] + x[2]

        found = page["why_not_again"](writes, *(x.clone() for x in inputs))
        assert found == "it changes its inputs"


# What the page says of PyTorch -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("d_v", "options", "serves"), [(8, {}, True), (4, {}, False), (8, {"dropout_p": 0.1}, False)]
)
def test_the_flash_kernel_refuses_what_it_cannot_serve(d_v, options, serves):
    q, v = torch.zeros(1, 1, 4, 8), torch.zeros(1, 1, 4, d_v)
    with warnings.catch_warnings(record=True) as said, sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        warnings.simplefilter("always")
        if serves:
            F.scaled_dot_product_attention(q, q, v, **options)
            assert not said
            return
        with pytest.raises(RuntimeError):
            F.scaled_dot_product_attention(q, q, v, **options)
        assert said


def test_is_causal_starts_at_the_first_key(page):
    def attend(q, k, v):
        q, k, v = (torch.from_numpy(x) for x in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).numpy()

    assert (page["sees"](attend, 3, 5) == np.tri(3, 5, dtype=bool)).all()
    assert (page["sees"](attend, 5, 5) == masks.causal(5)).all()
