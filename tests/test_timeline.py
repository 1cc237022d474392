"""The timeline: true to the bibliography, in order, every link alive, every chapter on it."""

import copy
import re

import pytest
from book_timeline import ERA, fault, read
from links import CHAPTERS, dead, listed, text_of
from myst_parser.mdit_to_docutils.base import default_slugify
from pybtex.database import parse_file
from small_book import BUILD, copy_book, run

ERAS = read(CHAPTERS / "timeline.yml")
BIBLIOGRAPHY = parse_file(CHAPTERS / "references.bib", "bibtex").entries
PAGES = listed()
CITED = re.compile(r"\{cite:[pt]\}`([^`]+)`")


def section(link):
    """Return the prose that a link leads to: a page, or one heading of it and what is under it."""
    page, _, anchor = link.partition("#")
    text = text_of(CHAPTERS / page)
    if not anchor:
        return text
    headings = list(re.finditer(r"^(#{1,3}) (.+)$", text, re.M))
    start = next(heading for heading in headings if default_slugify(heading[2]) == anchor)
    ends = [h.start() for h in headings if h.start() > start.start() and len(h[1]) <= len(start[1])]
    return text[start.start() : min(ends, default=len(text))]


def tells(text, entry):
    """Return whether a text cites an entry's publication, or has every word of its mechanism."""
    if entry["key"] in text:
        return True
    words = re.findall(r"[a-z]+", entry.get("what", "").lower())
    text = text.lower()
    return bool(words) and all(
        word.removesuffix("s") in text for word in words if word not in {"and", "of", "by", "the"}
    )


def problems(eras):
    """Yield what is wrong with the eras and their entries: (what, where)."""
    before = 0
    for era in eras:
        if set(era) != ERA:
            yield "the fields of an era", era.get("name")
        yield from bad_text(era["name"], era["asks"], "?")
        if era["years"][0] < before:
            yield "an era begins before the one before it", era["name"]
        before = era["years"][0]
        for entry in era["entries"]:
            name = entry.get("key")
            found = fault(entry, BIBLIOGRAPHY)
            if found:
                yield found, name
                continue
            year = int(BIBLIOGRAPHY[name].fields["year"])
            if year < before:
                yield "the years do not ascend", name
            if not era["years"][0] <= year <= era["years"][1]:
                yield "the year is not of its era", name
            before = max(before, year)
            yield from bad_text(name, entry["new"], ".")
            if "at" in entry and dead(entry["at"]):
                yield "the link is dead", name
            elif "at" in entry and not tells(section(entry["at"]), entry):
                yield "the place does not name it", name
            for keys in CITED.findall(entry["new"]):
                if not set(keys.split(",")) <= set(BIBLIOGRAPHY):
                    yield "it cites what is not in the bibliography", name
    names = [entry.get("what") or entry.get("found") for era in eras for entry in era["entries"]]
    for name in {name for name in names if names.count(name) > 1}:
        yield "two entries have the same name", name


def bad_text(name, text, end):
    if not text.endswith(end) or text != " ".join(text.split()):
        yield "it is no sentence", name
    if len(CITED.sub("name", text).split()) > 65:
        yield "it is too long", name


ENTRIES = [entry for era in ERAS for entry in era["entries"]]


def test_the_timeline_has_no_problem():
    assert list(problems(ERAS)) == []


def test_an_era_begins_and_ends_with_an_entry():
    for era in ERAS:
        years = [int(BIBLIOGRAPHY[entry["key"]].fields["year"]) for entry in era["entries"]]
        assert [years[0], years[-1]] == era["years"]


def test_every_chapter_of_part_one_is_on_it():
    linked = {
        entry["at"].partition("#")[0].removesuffix(".ipynb") for entry in ENTRIES if "at" in entry
    }
    part = {page.removeprefix("chapters/") for page in PAGES if page.startswith("chapters/part1/")}
    assert part
    assert part <= linked


def test_an_insight_is_one_sentence_and_perhaps_when_it_was_first_shown():
    insights = [entry for entry in ENTRIES if "found" in entry]
    assert len(insights) >= 5
    for entry in insights:
        sentences = re.split(r"(?<=\.) (?=[A-Z])", entry["new"])
        assert all(sentence.startswith("First shown in ") for sentence in sentences[1:]), entry[
            "key"
        ]


def test_misdatings_cite_what_is_earlier():
    text = text_of(CHAPTERS / "timeline.md").partition("## Often misdated")[2]
    wrong = re.findall(r'^\*\*"(.+)"\*\*', text, re.M)
    assert len(wrong) == 4
    for paragraph in text.strip().split("\n\n"):
        keys = [key for keys in CITED.findall(paragraph) for key in keys.split(",")]
        assert keys
        assert set(keys) <= set(BIBLIOGRAPHY)


# The checks, broken one by one -------------------------------------------------------------------


def change(**new):
    return lambda eras: eras[1]["entries"][4].update(new)


def change_era(**new):
    return lambda eras: eras[1].update(new)


def remove(name):
    return lambda eras: eras[1]["entries"][4].pop(name)


FIELDS = "an entry needs key, what or found, new, and may have at; it has "
LINK = "part1/scaled_dot_product.ipynb"


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        (change(key="nobody1999nothing"), "there is no such key in the bibliography"),
        (change(key="nadaraya1964estimating"), "the years do not ascend"),
        (change(key="vaswani2017attention"), "the year is not of its era"),
        (change(key="graves2013generating"), "the year is not of its era"),
        (lambda eras: eras[1]["entries"].reverse(), "the years do not ascend"),
        (lambda eras: eras.reverse(), "an era begins before the one before it"),
        (change_era(years=[2014, 2015]), "the year is not of its era"),
        (change_era(name="A", asks="It asks."), "it is no sentence"),
        (change_era(more="x"), "the fields of an era"),
        (remove("what"), FIELDS + "key, new, at"),
        (remove("new"), FIELDS + "key, what, at"),
        (remove("key"), FIELDS + "what, new, at"),
        (change(found="Both."), FIELDS + "key, what, new, at, found"),
        (change(year=2015), FIELDS + "key, what, new, at, year"),
        (change(at=f"{LINK}#nowhere"), "the link is dead"),
        (change(at="part1/nothing.ipynb"), "the link is dead"),
        (change(at="part1/scaled_dot_product.md"), "the link is dead"),
        (change(at="references.bib"), "the link is dead"),
        (change(at=f"{LINK}#no-order"), "the place does not name it"),
        (change(at=f"{LINK}#what-the-softmax-does"), "the place does not name it"),
        (lambda eras: eras[2]["entries"][2].update(at=f"{LINK}#what-it-costs"),
         "the place does not name it"),
        (change(new="No end"), "it is no sentence"),
        (change(new="Two  spaces."), "it is no sentence"),
        (change(new="word " * 65 + "word."), "it is too long"),
        (change(new="By {cite:t}`nobody1999no`."), "it cites what is not in the bibliography"),
        (change(what="Softmax"), "two entries have the same name"),
    ],
)  # fmt: skip
def test_a_broken_timeline_is_noticed(broken, what):
    eras = copy.deepcopy(ERAS)
    broken(eras)
    assert what in {found for found, _ in problems(eras)}


def test_a_publication_without_a_year_is_noticed():
    entry = {"key": "one", "what": "One", "new": "It is."}
    publications = copy.deepcopy(BIBLIOGRAPHY)
    publications["one"] = copy.deepcopy(publications["vaswani2017attention"])
    assert fault(entry, publications) is None
    publications["one"].fields["year"] = "to appear"
    assert fault(entry, publications) == "this publication has no year"
    del publications["one"].fields["year"]
    assert fault(entry, publications) == "this publication has no year"


# The page ----------------------------------------------------------------------------------------

TIMELINE = """\
- years: [1964, 2013]
  name: Averaging
  asks: How much?
  entries:
    - {key: nadaraya1964estimating, what: The *first*, new: "With {cite:t}`watson1964smooth`."}
    - {key: graves2013generating, what: A window, new: "$a^2$.", at: index.md#here}
- years: [2017, 2017]
  name: Alone
  asks: Why?
  entries:
    - {key: vaswani2017attention, found: Why it is so, new: "So."}
"""
PAGE = """\
# A page

## Here

```{timeline} timeline.yml
```
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A small book with a timeline of three entries and, on a page of its own, its sources."""
    book = tmp_path_factory.mktemp("book")
    copy_book(book)
    (book / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/index\nchapters:\n  - file: chapters/sources\n"
    )
    (book / "chapters/sources.md").write_text("# Sources\n\n```{bibliography}\n```\n")
    (book / "chapters/index.md").write_text(PAGE)
    (book / "chapters/timeline.yml").write_text(TIMELINE, encoding="utf-8")
    status, log = run(book, *BUILD)
    assert status == 0, log
    return book, html(book)


@pytest.fixture
def page(book):
    """The page as it was before any test changed the book."""
    return book[1]


def html(book):
    return (book / "_build/html/chapters/index.html").read_text(encoding="utf-8")


def text(html):
    return " ".join(re.sub(r"<[^>]+>", "", html).replace("¶", "").replace("#", "").split())


def test_an_entry_shows_the_year_and_the_authors_of_the_bibliography(page):
    lists = re.findall(r'<ol class="[^"]*\btimeline\b[^"]*">(.*?)</ol>', page, re.S)
    assert len(lists) == 2
    entries = [text(entry) for part in lists for entry in re.findall(r"<li>.*?</li>", part, re.S)]
    assert entries == [
        "1964 The first Nadaraya With Watson [1964].",
        "2013 A window Graves a2. In this book: Here.",
        "2017 Why it is so insight Vaswani et al. So.",
    ]
    assert re.search(r'<a [^>]*href="sources.html#id\d+"[^>]*>Nadaraya</a>', page)
    assert '<a class="reference internal" href="#here">' in page
    assert "<em>first</em>" in page


def test_eras_are_sections_with_their_years_and_their_question(page):
    for name, title, question in (
        ("from-1964", "1964–2013: Averaging", "How much?"),
        ("from-2017", "2017: Alone", "Why?"),
    ):
        assert page.count(f'<section id="{name}">') == 1
        section = page[page.index(f'<section id="{name}">') :]
        assert text(section).startswith(f"{title} {question}")


def test_a_year_that_is_put_right_in_the_bibliography_is_right_after_the_next_build(book):
    book, _ = book
    (book / "chapters/timeline.yml").write_text(TIMELINE, encoding="utf-8")
    path = book / "chapters/references.bib"
    before, entry, after = path.read_text(encoding="utf-8").partition("{graves2013generating,")
    path.write_text(before + entry + after.replace("{2013}", "{2012}", 1), encoding="utf-8")
    status, log = run(book, *BUILD)
    assert status == 0, log
    assert "2012 A window Graves" in text(html(book))


FAULTS = [
    ("graves2013generating", "graves2013nothing", "graves2013nothing: there is no such key"),
    ("what: A window", "name: A window", "graves2013generating: an entry needs key"),
    ("key: graves2013generating, ", "", "without a key: an entry needs key"),
    ("asks: Why?", "ask: Why?", "an era needs asks, entries, name, years; it has"),
    ("watson1964smooth", "watson1964nothing", "watson1964nothing"),
    ("index.md#here", "index.md#gone", "'gone'"),
    ('new: "So."', 'new: "So.", at: gone.md', "gone.md"),
]


@pytest.fixture(scope="module")
def log_with_faults(tmp_path_factory):
    """What a build says of a book that has each fault on a page of its own."""
    book = tmp_path_factory.mktemp("book")
    copy_book(book)
    (book / "chapters/index.md").write_text("# A page\n\n## Here\n\n```{bibliography}\n```\n")
    pages = []
    for number, (old, new, _) in enumerate(FAULTS):
        assert old in TIMELINE
        data = TIMELINE.replace(old, new)
        (book / f"chapters/timeline{number}.yml").write_text(data, encoding="utf-8")
        page = f"# Fault {number}\n\n```{{timeline}} timeline{number}.yml\n```\n"
        (book / f"chapters/fault{number}.md").write_text(page)
        pages.append(f"  - file: chapters/fault{number}\n")
    (book / "_toc.yml").write_text(f"{(book / '_toc.yml').read_text()}chapters:\n{''.join(pages)}")
    status, log = run(book, *BUILD)
    assert status != 0
    return log


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_a_fault_in_the_data_fails_the_build_and_is_named_with_its_page(log_with_faults, number):
    lines = [line for line in log_with_faults.splitlines() if f"/fault{number}.md" in line]
    assert any(FAULTS[number][2] in line for line in lines), log_with_faults
