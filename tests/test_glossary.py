"""The glossary: every Chinese name of an entry stands in the table, and leads to that entry."""

import re

import pytest
from small_book import ROOT

TEXT = (ROOT / "chapters/glossary.md").read_text(encoding="utf-8")
# Names that a reader types, and that stand for themselves: no arrow leads from them to another.
IN_USE = """
    池化 填充 嵌入 编码器 解码器 暂退法 丢弃法 KV缓存 旋转位置编码 滑动窗口 直通估计器 层规范化
    软性注意力 硬性注意力 赫布法则 掩蔽 上下文变量 热力图 规范化 计算复杂性 分割
"""
NAME = re.compile(r"(?:softmax|KV)?[\u4e00-\u9fff]+")


def openings(text):
    """Return, for each term, the Chinese names with which its entry opens."""
    body = re.search(r"```\{glossary\}\n:sorted:\n(.*?)\n```", text, re.S)[1]
    found = {}
    for entry in body.strip().split("\n\n"):
        *terms, definition = entry.strip().split("\n")
        assert definition.startswith("  "), entry
        assert ". " in definition, entry
        for term in terms:
            found[term] = set(NAME.findall(definition.partition(". ")[0]))
    return found


def rows(text):
    """Return the rows of the table: a Chinese name, the terms that it leads to."""
    table = text.partition("| 中文 | English | articles |\n|---|---|---|\n")[2]
    return [
        (line.split(" | ")[0].removeprefix("| ").partition(" → ")[0],
         re.findall(r"\{term\}`([^`]+)`", line))
        for line in table.strip().split("\n")
    ]  # fmt: skip


def problems(text):
    """Yield what is wrong with the names of the glossary: (what, where)."""
    found, listed = openings(text), rows(text)
    names = [name for name, _ in listed]
    for name in {name for name in names if names.count(name) > 1}:
        yield "it is listed twice", name
    for term, opening in found.items():
        if not opening:
            yield "it has no Chinese name", term
        for name in opening - set(names):
            yield "it is not in the table", name
    for name, terms in listed:
        for term in terms:
            if name not in found.get(term, ()):
                yield "its entry does not open with it", name
        if not terms:
            yield "it leads to no entry", name


def test_the_names_and_the_table_agree():
    assert list(problems(TEXT)) == []
    assert len(rows(TEXT)) > 120


@pytest.mark.parametrize("name", IN_USE.split())
def test_a_name_in_use_is_found_and_not_replaced_by_another(name):
    assert [line for line in TEXT.split("\n") if line.startswith(f"| {name} | ")]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("| 池化 | {term}`pooling` | – |\n", "", "it is not in the table"),
        ("| 池化 | {term}`pooling`", "| 掩码 | {term}`pooling`", "it is listed twice"),
        ("| 池化 | {term}`pooling`", "| 池化 | {term}`mask`", "its entry does not open with it"),
        ("| 池化 | {term}`pooling`", "| 池化 | pooling", "it leads to no entry"),
        ("  填充. ", "  Filling. ", "it has no Chinese name"),
    ],
)
def test_a_broken_glossary_is_noticed(old, new, what):
    assert TEXT.count(old) == 1
    assert what in {found for found, _ in problems(TEXT.replace(old, new))}
