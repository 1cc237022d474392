"""The account with the five articles: complete, true to its form, and every link alive."""

import copy
import re

import pytest
from book_account import VERDICTS, place, read, tally
from links import dead
from small_book import BUILD, ROOT, copy_book, run

# How many statements, errors, questions and exercises each article has.
NUMBERS = {
    "000": (64, 30, 8, 4),
    "001": (53, 24, 4, 5),
    "002": (49, 26, 3, 3),
    "003": (42, 20, 4, 3),
    "004": (62, 25, 3, 4),
}
KEYS = {
    "statements": ({"id", "section", "says", "verdict", "at"}, {"errors", "right"}),
    "errors": ({"id", "right", "at"}, set()),
    "questions": ({"id", "asks", "statement", "at"}, set()),
    "exercises": ({"id", "exercise"}, set()),
}
HAN = re.compile(r"[\u3400-\u9fff]+")
# Statements that say the same, in one article or in several: they have the same verdict.
SAME = """
    S0-9 S1-4 S3-7 S4-4: what the article contains
    S4-54 S4-56 S4-58: a question
    S0-6 S0-7 S0-8 S0-13 S0-14 S0-15 S0-62 S1-5: where attention is applied
    S0-11 S2-7 S2-8 S3-12: attention is related to other techniques
    S0-16 S1-53: attention is an important part
    S0-5 S0-10 S0-60 S2-6 S2-11 S2-18 S4-59: it selects, and ignores the rest
    S2-32 S2-33 S2-34 S2-35 S2-47 S3-6 S4-16: it finds the key information
    S2-4 S2-45 S3-11 S3-40: it raises performance and efficiency
    S3-9 S4-3 S4-10: it attends as humans do
    S0-53 S0-61 S1-41 S2-41 S2-48 S3-36: its complexity is high
    S4-51 S4-62: real-time use is a challenge
    S4-49 S4-61: training on large data is a challenge
    S0-48 S0-63 S1-43 S1-47 S2-43 S3-38: it will, or should, become more efficient
    S0-50 S0-51 S0-52 S3-33 S3-34 S3-35 S4-52: it will come to fields where it is already
    S1-45 S1-52 S4-50 S4-60: it is, or will be, combined with other techniques
    S0-26 S1-22: the formula of scaled dot-product attention
    S0-30 S0-31 S0-32 S0-40 S1-23 S1-24 S1-25: queries, keys and values, in the singular
    S0-33 S1-26 S2-19 S2-20 S2-22 S3-23 S3-24 S4-28 S4-29 S4-30 S4-31 S4-32: a symbol is defined
    S0-41 S0-47 S1-27: the formula in words
    S0-56 S0-57 S3-39: the difference from another kind of network
    S1-12 S1-46: more flexible than a kernel or a recurrence
    S1-42 S1-44 S1-49: gradients vanish in attention
    S1-50 S1-51: clipping or accumulation against a vanishing gradient
    S1-14 S1-16 S1-30: a dense layer gives the scores
    S0-22 S2-31: a distance gives the scores
    S3-10 S3-14: a weight for each pixel
    S3-21 S3-41: one sum over pixels
    S3-15 S3-18 S3-19 S3-20 S3-27 S3-42: the four steps
    S4-2 S4-6: focusing, and ignoring distraction
    S4-14 S4-26: the components of an attention model
"""
ARTICLES = {article["id"]: article for article in read(ROOT / "chapters/account.yml")}
TOLD = {number: article for number, article in ARTICLES.items() if "statements" in article}


def expected(number):
    """Return the ids that an article must have, kind by kind."""
    digit = number[-1]
    statements, errors, questions, exercises = NUMBERS[number]
    return {
        "statements": [f"S{digit}-{n}" for n in range(1, statements + 1)],
        "errors": [f"E{digit}-{n}" for n in range(1, errors + 1)],
        "questions": [f"Q{digit}-{n}" for n in range(1, questions + 1)],
        "exercises": [f"EX{digit}-{letter}" for letter in "ABCDE"[:exercises]],
    }


def problems(article):
    """Yield what is wrong with an article's account: (what, where)."""
    for kind, ids in expected(article["id"]).items():
        found = [entry["id"] for entry in article[kind]]
        if found != ids:
            yield "the numbers are not those of the article", kind
    for kind, (needed, possible) in KEYS.items():
        for entry in article[kind]:
            if not needed <= set(entry) <= needed | possible:
                yield "keys are missing, or not known", entry["id"]
            if "at" in entry and ("#" not in entry["at"] or dead(entry["at"])):
                yield "the link is dead", entry["id"]
            for key in ("says", "right", "asks"):
                yield from bad_text(entry["id"], entry.get(key, "A text."), key)
    yield from problems_of_statements(article)
    for question in article["questions"]:
        if question["statement"] not in expected(article["id"])["statements"]:
            yield "the question is no statement", question["id"]
    for exercise in article["exercises"]:
        try:
            _, link = place(exercise["exercise"])
        except (ValueError, ModuleNotFoundError):
            yield "there is no such exercise", exercise["id"]
        else:
            if dead(link):
                yield "the link is dead", exercise["id"]


def bad_text(name, text, key):
    end = r"\S" if key == "says" else r"[.?]"  # the page ends what an article says
    if not re.search(end + "$", text) or text != " ".join(text.split()):
        yield "it is no sentence", name
    if any(len(term) > 8 for term in HAN.findall(text)) or len("".join(HAN.findall(text))) > 16:
        yield "Chinese beyond a term", name
    if len(text.split()) > (60 if key == "right" else 15):
        yield "it is too long", name


def problems_of_statements(article):
    errors = {error["id"] for error in article["errors"]}
    used = [name for statement in article["statements"] for name in statement.get("errors", ())]
    for name in sorted(errors - set(used)):
        yield "no statement refers to the error", name
    said = [statement["says"].lower() for statement in article["statements"]]
    sections = list(article["sections"])
    order = [statement["section"] for statement in article["statements"]]
    if [name for n, name in enumerate(order) if name not in order[:n]] != sections:
        yield "sections are unknown, empty or out of order", article["id"]
    for statement in article["statements"]:
        name, answers = statement["id"], statement.get("errors", [])
        if statement["verdict"] not in VERDICTS:
            yield "the verdict is unknown", name
        if (statement["verdict"] != "right") != bool(answers or statement.get("right")):
            yield "a correction is missing, or answers what is right", name
        if not set(answers) <= errors or len(set(answers)) < len(answers):
            yield "an error that is not listed, or twice", name
        if said.count(statement["says"].lower()) > 1:
            yield "two statements have the same text", name


@pytest.mark.parametrize("number", NUMBERS)
def test_all_numbers_are_there_once_and_in_order(number):
    article = ARTICLES[number]
    found = {kind: [entry["id"] for entry in article.get(kind, [])] for kind in KEYS}
    assert found == expected(number)


@pytest.mark.parametrize("number", TOLD)
def test_the_account_of_an_article_has_no_problem(number):
    assert list(problems(TOLD[number])) == []


def test_the_five_articles_have_a_title_a_line_and_a_chapter():
    assert list(ARTICLES) == list(NUMBERS)
    for article in ARTICLES.values():
        assert article["title"]
        assert article["about"].endswith(".")
        assert article["chapter"].split("/")[1].removesuffix(".ipynb").isidentifier()


def test_the_numbers_of_the_whole():
    assert [sum(column) for column in zip(*NUMBERS.values(), strict=True)] == [270, 125, 22, 19]


@pytest.mark.parametrize("group", SAME.strip().splitlines())
def test_the_same_statement_has_the_same_verdict(group):
    names = group.partition(":")[0].split()
    found = {s["id"]: s["verdict"] for a in TOLD.values() for s in a["statements"]}
    assert len(names) > 1
    assert len({found[name] for name in names}) == 1


def test_no_verdict_is_given_only_with_a_word_on_why():
    for article in TOLD.values():
        asked = {question["statement"] for question in article["questions"]}
        for statement in article["statements"]:
            if statement["verdict"] == "empty":
                assert statement["id"] in asked or "right" in statement, statement["id"]


def test_the_tally_counts_every_verdict():
    statements = [{"verdict": verdict} for verdict in VERDICTS] + [{"verdict": "wrong"}]
    line = "6 statements: 1 right, 2 wrong, 1 misleading, 1 incomplete, and 1 without a verdict"
    assert tally(statements) == line


# The checks, broken one by one -------------------------------------------------------------------


def change(kind, number, **new):
    def broken(article):
        article[kind][number] |= new

    return broken


def drop(kind, number, key=None):
    def broken(article):
        if key is None:
            del article[kind][number]
        else:
            del article[kind][number][key]

    return broken


def repeat(kind):
    return lambda article: article[kind].append(article[kind][-1])


def exchange(kind):
    return lambda article: article[kind].reverse()


NO_NUMBERS = "the numbers are not those of the article"
HAN_TEXT = "Chinese beyond a term"
NO_CORRECTION = "a correction is missing, or answers what is right"


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        *((drop(kind, 3), NO_NUMBERS) for kind in KEYS),
        *((repeat(kind), NO_NUMBERS) for kind in KEYS),
        *((exchange(kind), NO_NUMBERS) for kind in KEYS),
        (change("statements", 5, id="S0-65"), NO_NUMBERS),
        (change("statements", 5, id="S1-6"), NO_NUMBERS),
        (drop("statements", 5, "at"), "keys are missing, or not known"),
        (drop("exercises", 0, "exercise"), None),
        (change("errors", 5, At="x"), "keys are missing, or not known"),
        (change("statements", 5, at="part1/scaled_dot_product.ipynb#nowhere"), "the link is dead"),
        (change("statements", 5, at="part1/scaled_dot_product.ipynb"), "the link is dead"),
        (change("errors", 5, at="part1/nothing.ipynb#background"), "the link is dead"),
        (change("errors", 5, at="part1/scaled_dot_product#background"), "the link is dead"),
        (change("questions", 5, at="part1/scaled_dot_product.ipynb#Faq"), "the link is dead"),
        (change("statements", 1, errors=[]), NO_CORRECTION),
        (change("statements", 0, verdict="wrong"), NO_CORRECTION),
        (change("statements", 1, verdict="right"), NO_CORRECTION),
        (change("statements", 0, right="A correction."), NO_CORRECTION),
        (change("statements", 1, errors=["E0-31"]), "an error that is not listed, or twice"),
        (change("statements", 1, errors=["E1-1"]), "an error that is not listed, or twice"),
        (change("statements", 1, errors=["E0-1"] * 2), "an error that is not listed, or twice"),
        (change("statements", 2, errors=["E0-1"]), "no statement refers to the error"),
        (change("statements", 1, verdict="false"), "the verdict is unknown"),
        (change("statements", 1, verdict="Wrong"), "the verdict is unknown"),
        (change("statements", 1, section="7"), "sections are unknown, empty or out of order"),
        (change("statements", 0, section="2.1"), "sections are unknown, empty or out of order"),
        (change("statements", 9, section="2.2"), "sections are unknown, empty or out of order"),
        (change("statements", 1, says="它们无法理解自然语言，无法理解。."), HAN_TEXT),
        (change("errors", 1, right="注意力 自注意力 关注 权重 查询 键值 矩阵."), HAN_TEXT),
        (change("statements", 1, says="One more word " * 5 + "here."), "it is too long"),
        (change("errors", 1, right="word " * 60 + "word."), "it is too long"),
        (change("statements", 1, says=""), "it is no sentence"),
        (change("statements", 1, says="Two  spaces"), "it is no sentence"),
        (change("errors", 1, right="Without an end"), "it is no sentence"),
        (change("errors", 1, right=" A space."), "it is no sentence"),
        (change("statements", 13, says="machine translation is one of its applications"),
         "two statements have the same text"),
        (change("questions", 1, statement="S0-65"), "the question is no statement"),
        (change("questions", 1, statement="E0-5"), "the question is no statement"),
        (change("exercises", 1, exercise="scaled_dot_product.no"), "there is no such exercise"),
        (change("exercises", 1, exercise="nothing.attention"), "there is no such exercise"),
    ],
)  # fmt: skip
def test_a_broken_account_is_noticed(broken, what):
    article = copy.deepcopy(TOLD["000"])
    assert not list(problems(article))
    broken(article)
    if what is None:
        with pytest.raises(KeyError):
            list(problems(article))
    else:
        assert what in {found for found, _ in problems(article)}


# The page ----------------------------------------------------------------------------------------

ACCOUNT = """\
articles:
  - id: "000"
    title: "A title"
    about: "About it."
    chapter: index.md
    sections: {"1": "Background", "4 again": "The program"}
  - id: "001"
    title: "Another title"
    about: "About it, too."
    chapter: index.md
    sections: {"1": "Background"}
  - {id: "002", title: "Not told yet"}
---
statements:
  - {id: S0-1, section: "1", says: "One", verdict: wrong, errors: [E0-1], at: index.md#here}
  - {id: S0-2, section: "1", says: "Two.", verdict: empty, errors: [E0-1, E0-2], at: index.md#here}
  - {id: S0-3, section: "1", says: "$3$.", verdict: right, at: index.md#here}
  - {id: S0-4, section: "4 again", says: "4?", verdict: empty, right: "Own.", at: index.md#here}
errors:
  - {id: E0-1, right: "The first correction.", at: index.md#here}
  - {id: E0-2, right: "The second `correction`.", at: index.md#here}
questions:
  - {id: Q0-1, asks: "Why?", statement: S0-3, at: index.md#here}
exercises: []
---
statements: [{id: S1-1, section: "1", says: "One.", verdict: right, at: index.md#here}]
errors: []
questions: []
exercises: []
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A small book with an account of four statements and a page that links into it."""
    book = tmp_path_factory.mktemp("book")
    copy_book(book)
    (book / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/index\nchapters:\n  - file: chapters/other\n"
    )
    (book / "chapters/index.md").write_text(
        "# A page\n\n## Here\n\n```{account} account.yml\n```\n"
    )
    (book / "chapters/other.md").write_text("# Another\n\n[](index.md#e0-2), [](index.md#s0-3)\n")
    (book / "chapters/account.yml").write_text(ACCOUNT, encoding="utf-8")
    status, log = run(book, *BUILD)
    assert status == 0, log
    built = book / "_build/html/chapters"
    pages = {name: (built / f"{name}.html").read_text("utf-8") for name in ("index", "other")}
    return book, pages


def html(book, page):
    """Return a page as it was before any test changed the book."""
    return book[1][page]


def test_every_entry_has_an_address_that_other_pages_can_link_to(book):
    page = html(book, "index")
    names = ["s0-1", "s0-2", "s0-3", "s0-4", "e0-1", "e0-2", "q0-1"]
    sections = ["article-000", "article-000-1", "article-000-4-again", "article-001-1"]
    for name in [*names, *sections, "s1-1"]:
        assert page.count(f' id="{name}"') == 1
    for name in names:
        assert f'href="#{name}"' in page
    assert 'href="#article-000">Article 000</a>, 4 statements' in page
    assert 'href="#article-001">Article 001</a>, 1 statements' in page
    assert "article-002" not in page
    assert 'href="index.html#e0-2"' in html(book, "other")
    assert 'href="index.html#s0-3"' in html(book, "other")


def test_verdicts_are_words_and_a_correction_is_told_once(book):
    page = html(book, "index")
    for word in ("Wrong", "No verdict", "Right"):
        assert re.search(rf"<strong class=\"account-verdict \w+\">{word}</strong>", page)
    assert page.count("The first correction.") == page.count("Own.") == 1
    assert "4? <strong" in page
    assert "Two. <strong" in page
    assert re.search(r"About it\. The chapter that answers it: <a [^>]+><span [^>]+>A page<", page)
    claim = page[page.index('id="s0-1"') : page.index('id="e0-1"')]
    assert "#here" not in claim
    asked = page[page.index('id="q0-1"') : page.index('id="s0-4"')]
    assert "Why?</p>" in asked
    first = page[page.index('id="e0-1"') : page.index('id="s0-2"')]
    assert re.search(r"The first correction\. More: <a [^>]+href=\"#here\">", first)
    second = page[page.index('id="s0-2"') : page.index('id="s0-3"')]
    assert 'See <a class="reference internal" href="#e0-1">E0-1</a>' in second
    assert (
        "5 statements: 2 right, 1 wrong, 0 misleading, 0 incomplete, and 2 without a verdict"
        in page
    )
    assert "<table" not in page


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'right: "Own.", at: index.md#here',
            'right: "Own.", at: index.md#gone',
            "'gone'",
        ),
        (
            "exercises: []\n---",
            "exercises: [{id: EX0-A, exercise: scaled_dot_product.gone}]\n---",
            "EX0-A",
        ),
    ],
)
def test_a_dead_link_in_the_data_fails_the_next_build(book, old, new, said):
    assert old in ACCOUNT
    book, _ = book
    (book / "chapters/account.yml").write_text(ACCOUNT.replace(old, new), encoding="utf-8")
    status, log = run(book, *BUILD)
    assert status != 0
    assert said in log
