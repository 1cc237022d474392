"""Questions answered on the page: the verdict is Python's, and what was passed is remembered."""

import importlib
import json
from datetime import date, timedelta

import pytest
from answers import WRONG
from answers.made import wrong_values
from book_exercises import contents
from conftest import ROOT, new_page

from attention_book.checking.catalogue import all_chapters, all_exercises, all_pauses
from attention_book.checking.exercise import plain

FIND = ("off_diagonal", "positions", "silent_failure")
CHAPTERS = all_chapters()
for chapter in CHAPTERS:
    importlib.import_module(f"answers.{chapter}")


PLACES = {chapter["name"]: f"{chapter['page']}.html" for chapter in contents(ROOT)}


def page_of(chapter):
    return PLACES[chapter]


def questions(chapter):
    return [e for e in (*all_exercises(chapter), *all_pauses(chapter)) if not hasattr(e, "cases")]


@pytest.fixture(autouse=True)
def _progress_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTENTION_BOOK_PROGRESS", str(tmp_path / "progress.json"))


# Ways of writing ---------------------------------------------------------------------------------


def as_python(value):
    return repr(value)


def as_lines(value):
    """Plain, with blanks between numbers and a line for each row."""
    if not isinstance(value, list):
        return str(value)
    rows = all(isinstance(part, list) for part in value)
    inner = [" ".join(map(str, part)) if rows else bracketed(part) for part in value]
    return ("\n" if rows else " ").join(inner)


def bracketed(part):
    return f"({', '.join(map(str, part))})" if isinstance(part, list) else str(part)


def as_elsewhere(value):
    """Full-width digits and Chinese punctuation, as another keyboard writes them."""
    text = as_python(value).replace("'", "")
    wide = {ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789()"}
    return text.replace(", ", "，").translate(wide).replace("-", "−")


def with_decimal_commas(value):
    """Decimal commas, and semicolons between the numbers."""
    numbers = value if isinstance(value, list) else [value]
    return "; ".join(str(number).replace(".", ",") for number in numbers)


def ways(question):
    right = plain(question.solve())
    found = [as_python(right), as_lines(right), as_elsewhere(right)]
    parts = right if isinstance(right, list) else [right]
    if all(isinstance(part, float | int) for part in parts):
        found.append(with_decimal_commas(right))
    return found


def wrong_answers(question):
    """What the page cannot be given as text is left out."""
    given = [wrong for mistake in question.mistakes for wrong in mistake.wrongs]
    given += [wrong.answer for wrong in WRONG.get(question.id, [])]
    if isinstance(plain(question.solve()), list | str) and not getattr(question, "choices", None):
        given += wrong_values(question, question.name in FIND)
    else:
        given += [2.5, -1, 0, 10**6, "zzz", 1e-4, 17, 0.123, 99, 12]
    return [answer for answer in map(plain, given) if written(answer)]


def written(answer):
    if isinstance(answer, list):
        return len(answer) > 0 and all(map(written, answer))
    if isinstance(answer, str):
        return answer.isalnum() and not answer[0].isdigit()
    return isinstance(answer, float | int) and answer == answer and abs(answer) < 1e300


# On the page -------------------------------------------------------------------------------------

ANSWER = """([id, texts]) => {
    const box = document.querySelector(`[data-question="${id}"]`);
    const field = box.querySelector("textarea, input[type=text]");
    return texts.map((text) => {
        const choice = box.querySelector(`input[value="${CSS.escape(text)}"]`);
        if (field) field.value = text;
        else if (choice) choice.checked = true;
        else return null;
        box.querySelector("form").requestSubmit();
        const verdict = box.querySelector(".question-verdict");
        return {
            status: /question-(passed|wrong|unread)/.exec(verdict.className)[1],
            headline: verdict.querySelector("strong").textContent,
            lines: [...verdict.querySelectorAll("p")].slice(1).map((p) => p.textContent),
        };
    });
}"""


def answer(page, question, texts):
    """Answer a question on the page one time after the other; pair each text with its verdict.

    A verdict is None where the text is none of the choices.
    """
    return zip(texts, page.evaluate(ANSWER, [question, texts]), strict=True)


@pytest.fixture(scope="module")
def asked(browser, address):
    """Return a function that gives the page of a chapter, loaded once."""
    pages = {}

    def page(chapter):
        if chapter not in pages:
            pages[chapter] = new_page(browser, f"{address}/{page_of(chapter)}")
            pages[chapter].locator(".question-form").first.wait_for()
        return pages[chapter]

    yield page
    for open_ in pages.values():
        open_.context.close()


each_question = pytest.mark.parametrize(
    "question",
    [question for chapter in CHAPTERS for question in questions(chapter)],
    ids=lambda question: question.id,
)


@each_question
def test_a_right_answer_is_right_however_it_is_written(question, asked):
    page = asked(question.id.split(".")[0])
    texts = [question.solve()] if getattr(question, "choices", None) else ways(question)
    for text, found in answer(page, question.id, texts):
        assert found["status"] == "passed", (text, found)
        assert found["lines"] == [question.why.replace("`", "")] * bool(question.why)


@each_question
def test_a_wrong_answer_gets_the_verdict_that_python_gives(question, asked):
    page, compared = asked(question.id.split(".")[0]), 0
    given = wrong_answers(question)
    verdicts = [question.check(wrong) for wrong in given]
    texts = [wrong if isinstance(wrong, str) else as_python(wrong) for wrong in given]
    for verdict, (text, found) in zip(verdicts, answer(page, question.id, texts), strict=True):
        if verdict:  # one of the numbers that are tried on every question
            continue
        if found is None:  # there is no such choice
            continue
        assert found["status"] == "wrong", (text, found)
        named = verdict.mistake or "Not right yet"
        assert found["headline"].removeprefix("✗ ") == named.replace("`", "")
        lines = [line.replace("`", "") for line in verdict.lines if not line.startswith("hint() ")]
        assert found["lines"][: len(lines)] == lines, text
        compared += 1
    assert compared >= (2 if getattr(question, "choices", None) else 7)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Nothing has been written yet."),
        ("(1, 2", "A “)” is missing."),
        ("1,000; 2; 3", "may mean"),
        ("1 # 2", "was not understood"),
        ("1/0", "no finite number"),
    ],
)
def test_what_cannot_be_read_is_said_and_is_no_wrong_answer(text, words, asked):
    page = asked("scaled_dot_product")
    [(_, found)] = answer(page, "scaled_dot_product.similarity", [text])
    assert found["status"] == "unread"
    assert words in found["headline"]


def test_no_answer_stands_in_clear_in_the_page(asked):
    for chapter in CHAPTERS:
        source = asked(chapter).context.request.get(asked(chapter).url).text()
        for question in questions(chapter):
            if hasattr(question, "cases") or getattr(question, "choices", None):
                continue
            for mistake in question.mistakes:
                assert mistake.hint not in source


def test_hints_come_one_by_one_and_then_the_solution(open_page):
    page = open_page(page_of("scaled_dot_product"))
    box = page.locator('[data-question="scaled_dot_product.similarity"]')
    box.locator("input").fill("0, 1, 2")
    hints = page.locator("section.exercise", has=box).locator("details.exercise-help")
    for number in range(1, hints.count() + 1):
        box.get_by_role("button", name="Check").click()
        box.get_by_role("button", name=f"Show hint {number} of").click()
        assert hints.nth(number - 1).evaluate("e => e.open")
    box.get_by_role("button", name="Check").click()
    box.get_by_role("button", name="Show the solution").click()
    assert "return" in box.locator(".question-solution").inner_text()
    box.locator("input").fill("2, 0, 1")
    box.locator("input").press("Enter")
    kept = json.loads(page.evaluate("localStorage.getItem('attention-book')"))
    entry = kept["scaled_dot_product.similarity"]
    assert entry == {"day": date.today().isoformat(), "hints": hints.count()}


def test_the_verdict_is_announced_and_the_form_has_names(open_page):
    page = open_page(page_of("scaled_dot_product"))
    box = page.locator('[data-question="scaled_dot_product.similarity"]')
    assert box.get_by_role("textbox", name="Your answer").count() == 1
    assert box.get_by_role("status").count() == 1
    choices = page.locator('[data-question="scaled_dot_product.longer_key"]')
    assert choices.get_by_role("radio").count() >= 3
    assert choices.get_by_role("group", name="Choose one").count() == 1


# What is remembered ------------------------------------------------------------------------------

PAST = (date.today() - timedelta(days=5)).isoformat()
KEPT = {
    "scaled_dot_product.similarity": {"day": PAST, "hints": 2},
    "scaled_dot_product.spread": {"day": PAST, "hints": 0},
}
OLD = {"scaled_dot_product.similarity": PAST}


def keep(page, entries):
    page.evaluate("text => localStorage.setItem('attention-book', text)", json.dumps(entries))
    page.reload()


def test_what_was_passed_is_marked_in_the_page_and_in_the_contents(open_page):
    page = open_page(page_of("scaled_dot_product"))
    keep(page, KEPT)
    page.locator(".study-mark").first.wait_for()
    assert page.locator("section.exercise .study-mark").count() == 2
    total = len(all_exercises("scaled_dot_product")) + len(all_pauses("scaled_dot_product"))
    count = page.locator(".bd-sidebar-primary .study-count")
    assert count.first.inner_text().startswith(f"2/{total}")


@pytest.mark.parametrize("entries", [KEPT, OLD])
def test_the_page_of_progress_says_what_is_left_and_what_to_repeat(open_page, entries):
    page = open_page("chapters/progress.html")
    keep(page, entries)
    row = page.locator('[data-chapter="scaled_dot_product"]')
    tasks = all_exercises("scaled_dot_product")
    row.locator(".progress-exercises", has_text=f"{len(entries)} of {len(tasks)}").wait_for()
    left = sum(task.minutes for task in tasks if task.id not in entries)
    assert row.locator(".progress-minutes").inner_text() == f"{left} min"
    again = page.locator(".progress-again li")
    assert again.count() == (entries is KEPT)
    if entries is KEPT:
        again.locator("a").click()
        page.wait_for_url("**/scaled_dot_product.html#exercise-similarity")


def test_python_reads_what_the_page_saves_and_the_other_way_round(open_page, tmp_path, monkeypatch):
    from attention_book.checking import store
    from attention_book.exercises import export_progress, import_progress

    page = open_page("chapters/progress.html")
    keep(page, KEPT)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as a file").click()
    saved = tmp_path / "saved.json"
    download.value.save_as(saved)
    import_progress(saved)
    assert store.solved()["scaled_dot_product.similarity"] == (PAST, 2)
    store.load({"kernel_attention.three_points": store.Solved(PAST)})
    export_progress(tmp_path / "from_python.json")

    other = open_page("chapters/progress.html")
    other.locator("input[type=file]").set_input_files(tmp_path / "from_python.json")
    other.get_by_text("Added what from_python.json says: 3 passed.").wait_for()
    row = other.locator('[data-chapter="kernel_attention"] .progress-exercises')
    assert row.inner_text().startswith("1 of ")


@pytest.mark.parametrize("text", ["not json", "[1]", '{"a.b": 5}', '{"a.b": "2026-13-45"}', ""])
def test_a_damaged_file_changes_nothing_and_says_why(open_page, tmp_path, text):
    page = open_page("chapters/progress.html")
    keep(page, KEPT)
    file = tmp_path / "damaged.json"
    file.write_text(text)
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_text("Nothing was changed. damaged.json is no file of progress:").wait_for()
    assert json.loads(page.evaluate("localStorage.getItem('attention-book')")) == KEPT


def test_a_damaged_store_is_kept_beside_a_new_one(open_page):
    page = open_page("chapters/progress.html")
    page.evaluate("localStorage.setItem('attention-book', 'damaged')")
    page.goto(page.url.replace("progress", "part1/scaled_dot_product"))
    box = page.locator('[data-question="scaled_dot_product.similarity"]')
    box.locator("input").fill("2 0 1")
    box.locator("input").press("Enter")
    box.get_by_text("Right").wait_for()
    assert page.evaluate("localStorage.getItem('attention-book-unreadable')") == "damaged"
    assert "similarity" in page.evaluate("localStorage.getItem('attention-book')")


def test_reset_asks_and_then_forgets(open_page):
    page = open_page("chapters/progress.html")
    keep(page, KEPT)
    button = page.get_by_role("button", name="Forget everything")
    button.click()
    page.get_by_text("Press again").wait_for()
    assert json.loads(page.evaluate("localStorage.getItem('attention-book')")) == KEPT
    button.click()
    assert page.evaluate("localStorage.getItem('attention-book')") == "{}"


def test_two_tabs_lose_nothing(browser, address):
    context = browser.new_context()
    one, other = context.new_page(), context.new_page()
    for page in (one, other):
        page.goto(f"{address}/{page_of('scaled_dot_product')}")
        page.locator(".question-form").first.wait_for()
    for page, name, answer in (
        (one, "similarity", "2 0 1"),
        (other, "silent_failure", "709.7, 709.6, 709.5"),
    ):
        box = page.locator(f'[data-question="scaled_dot_product.{name}"]')
        box.locator("input").fill(answer)
        box.locator("input").press("Enter")
        box.get_by_text("Right").wait_for()
    kept = json.loads(one.evaluate("localStorage.getItem('attention-book')"))
    assert {"scaled_dot_product.similarity", "scaled_dot_product.silent_failure"} <= set(kept)
    one.locator("section.exercise .study-mark").nth(1).wait_for()
    context.close()


@pytest.mark.parametrize(
    "trouble",
    [
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error('off'); }})",
        "Storage.prototype.setItem = () => { throw new Error('full'); }",
    ],
)
def test_where_nothing_can_be_kept_the_page_still_answers_and_says_so(browser, address, trouble):
    context = browser.new_context()
    context.add_init_script(trouble)
    page = context.new_page()
    page.goto(f"{address}/{page_of('scaled_dot_product')}")
    box = page.locator('[data-question="scaled_dot_product.similarity"]')
    box.locator("input").fill("2 0 1")
    box.locator("input").press("Enter")
    box.get_by_text("Right").wait_for()
    page.locator("section.exercise .study-mark").first.wait_for()
    assert "keeps nothing" in box.locator(".question-verdict").inner_text()
    context.close()
