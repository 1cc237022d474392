"""The short questions on a page: all that is asked can be seen, also on a phone."""

import pytest
from book_exercises import contents
from conftest import ROOT, SIZES

from attention_book.checking.catalogue import all_pauses

CHAPTERS = [chapter for chapter in contents(ROOT) if chapter["pauses"]]
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=[c["name"] for c in CHAPTERS])

# The options as a reader sees them, and whether the browser puts letters before them.
OPTIONS = """box => ({
  texts: [...box.querySelectorAll("label, ol > li")].map((option) => option.innerText.trim()),
  lettered: box.querySelector("ol") && getComputedStyle(box.querySelector("ol")).listStyleType,
})"""
HIDDEN = "box => [...box.querySelectorAll('pre')].some((pre) => pre.scrollWidth > pre.clientWidth)"


@each_chapter
def test_all_that_is_asked_can_be_seen(open_page, chapter):
    page = open_page(f"{chapter['page']}.html", width=SIZES["phone"])
    page.locator(".question-form").first.wait_for()
    assert page.locator(".question-pause").count() == len(chapter["pauses"])
    for pause in all_pauses(chapter["name"]):
        question = page.locator(".question", has=page.locator(f"#exercise-{pause.name}"))
        found = question.evaluate(OPTIONS)
        assert found["texts"] == [text.replace("`", "") for text in pause.choices.values()]
        is_order = bool(pause.choices) and len(pause.solve()) > 1
        assert (found["lettered"] == "lower-alpha") == is_order
        assert not question.evaluate(HIDDEN), pause.name
        first_words = " ".join(pause.task.replace("`", "").split()[:6])
        assert first_words in " ".join(question.inner_text().split())


def test_an_order_is_answered_with_the_letters_that_are_shown(open_page):
    asked = [
        (chapter, pause)
        for chapter in CHAPTERS
        for pause in all_pauses(chapter["name"])
        if pause.choices and len(pause.solve()) > 1
    ]
    assert len(asked) >= 3
    chapter, pause = asked[0]
    page = open_page(f"{chapter['page']}.html")
    question = page.locator(".question", has=page.locator(f"#exercise-{pause.name}"))
    for answer, said in (
        (pause.mistakes[0].wrongs[0], pause.mistakes[0].hint),
        (pause.solve(), pause.why),
    ):
        question.locator("input").fill(", ".join(answer))
        question.locator("button").click()
        assert said in question.locator(".question-verdict").inner_text()
