"""The README's table is the one that the cards of the package make."""

import readme_table
from readme_table import BEGIN, END, README, table, with_table

from attention_book.family import mechanisms


def test_the_table_is_that_of_today():
    text = README.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    assert with_table(text) == text, "run make format"


def test_it_has_a_line_for_each_mechanism_and_each_says_with_what_it_is_compared():
    lines = table().splitlines()[2:]
    named = [m for m in mechanisms() if m.source]
    assert len(lines) == len(named) >= 12
    for mechanism in named:
        (line,) = [line for line in lines if line.startswith(f"| {mechanism.name} |")]
        assert mechanism.oracle
        assert mechanism.variant in line
        page = README.parent / "chapters" / mechanism.at.partition("#")[0]
        assert page.is_file()


def test_a_change_of_a_card_is_noticed(monkeypatch):
    monkeypatch.setattr(readme_table, "mechanisms", lambda: mechanisms()[:-1])
    text = README.read_text(encoding="utf-8")
    assert with_table(text) != text
