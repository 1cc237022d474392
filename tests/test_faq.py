"""The page of questions: the articles' are all there, and every answer is short and leads on."""

import re
from collections import Counter
from typing import NamedTuple

import pytest
from links import CHAPTERS, LINK, anchors, names, text_of, threads, without_a_place
from myst_parser.mdit_to_docutils.base import default_slugify

PAGE = CHAPTERS / "faq.ipynb"
# The appendices of the articles: in which section they stand, and how many questions they ask.
IN_ARTICLES = {"000": (6, 8), "001": (6, 4), "002": (8, 3), "003": (6, 4), "004": (6, 3)}

ARTICLE = re.compile(r"article (\d{3}), section (\d)(?:\.(\d)(?!\d)|, question (\d)(?!\d))")


class Entry(NamedTuple):
    question: str
    source: str  # the line under the heading: where it was asked, or the bug was seen
    answer: str


def entries(text):
    """Return the questions of a page; anything between a heading and its source is an error."""
    found = []
    for part in re.split(r"^### ", text, flags=re.M)[1:]:
        part = re.split(r"^## ", part, flags=re.M)[0]
        match = re.fullmatch(r"(.+)\n\n\*((?:Asked|Seen) in .+)\*\n\n(.+)\s*", part, re.S)
        assert match, f"no question, source and answer: {part}"
        assert "\n" not in match[1] + match[2], f"no source under the heading: {part}"
        found.append(Entry(*match.groups()))
    return found


def article_numbers(entry):
    """Return (article, section, question) for each article whose question this is."""
    found = ARTICLE.findall(entry.source)
    return [(article, int(section), int(a or b)) for article, section, a, b in found]


def sentences(answer):
    """Count sentences, after formulas, code and the targets of links are gone."""
    text = re.sub(r"\{cite:\w\}`[^`]+`", "name", answer)
    text = re.sub(r"`[^`]+`|\$[^$]+\$", "name", text)
    text = re.sub(r"\]\([^)]+\)", "]", text)
    return len(re.findall(r"[.!?][\"”)*\]]*(?=\s|$)", text))


ENTRIES = entries(text_of(PAGE))


def test_every_question_of_the_articles_is_there_once():
    asked = Counter(number for entry in ENTRIES for number in article_numbers(entry))
    wanted = [
        (article, section, number)
        for article, (section, count) in IN_ARTICLES.items()
        for number in range(1, count + 1)
    ]
    assert len(wanted) == 22
    assert asked == Counter(wanted)


def test_there_are_more_questions_from_threads_than_from_articles():
    assert sum(bool(threads(entry.source)) for entry in ENTRIES if not article_numbers(entry)) >= 25


def test_the_articles_questions_stand_at_the_end_and_nowhere_else_is_an_article_answered():
    theirs = [bool(article_numbers(entry)) for entry in ENTRIES]
    assert theirs == sorted(theirs)
    for entry in ENTRIES[: theirs.index(True)]:
        assert not re.search(r"\barticles?\b", entry.answer, re.IGNORECASE), entry.question


def test_links_within_the_page_lead_to_headings():
    assert set(re.findall(r"\]\(#([^)]+)\)", text_of(PAGE))) <= anchors(PAGE)


def test_no_question_stands_there_twice():
    for kind in (lambda e: e.question.casefold(), lambda e: default_slugify(e.question)):
        assert not [name for name, count in Counter(map(kind, ENTRIES)).items() if count > 1]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: default_slugify(entry.question))
class TestEntry:
    def test_it_is_a_question(self, entry):
        assert entry.question.endswith("?")

    def test_no_backslash_was_swallowed(self, entry):
        assert not re.search(r"[\x00-\x09\x0b-\x1f]", "".join(entry))

    def test_somebody_asked_it(self, entry):
        assert article_numbers(entry) or threads(entry.source)

    def test_each_thread_is_named_by_its_repository_and_number_once(self, entry):
        found = threads(entry.source)
        labels = [label for label, _, _ in found]
        assert labels == names(found)
        assert len(set(labels)) == len(labels) == entry.source.count("https://")

    def test_the_answer_has_two_to_six_sentences(self, entry):
        assert 2 <= sentences(entry.answer) <= 6

    def test_the_answer_leads_into_the_book(self, entry):
        assert LINK.search(entry.answer)

    def test_its_links_lead_to_headings(self, entry):
        assert not without_a_place(entry.answer)


GOOD = """\
### Why?

*Asked in article 000, section 6, question 2; article 004, section 6.3.*

Because of $a. b$. See [here](part1/scaled_dot_product.ipynb#no-order).

## Other

### What?

*Seen in [pytorch #1](https://github.com/pytorch/pytorch/issues/1).*

One. Two `a. b` {cite:p}`a. b`! "Three." Four? Five
"""


def test_an_entry_is_read_as_it_stands():
    first, second = entries(GOOD)
    assert article_numbers(first) == [("000", 6, 2), ("004", 6, 3)]
    assert article_numbers(second) == threads(first.source) == []
    assert threads(second.source) == [("pytorch #1", "pytorch/pytorch", "1")]
    assert (sentences(first.answer), sentences(second.answer)) == (2, 4)
    assert not without_a_place(first.answer)


def test_an_anchor_is_a_heading_and_no_other_label():
    kernel = anchors(CHAPTERS / "part1/kernel_attention.ipynb")
    assert {"a-dot-product-in-disguise", "what-it-costs"} <= kernel
    assert "kernel-as-dot-product" not in kernel


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("#no-order", "#no-such-heading"),
        ("scaled_dot_product.ipynb", "no_such_page.ipynb"),
    ],
)
def test_a_lost_link_is_seen(old, new):
    assert without_a_place(entries(GOOD.replace(old, new))[0].answer)


def test_a_question_without_its_source_is_an_error():
    with pytest.raises(AssertionError, match="no question, source and answer"):
        entries(GOOD.replace("*Asked in", "*Heard in"))
