"""What every page keeps: headings, alternative texts, citations, exercises, no network."""

import ast
import doctest
import re
from pathlib import Path

import nbformat
import notebooks
import pytest
import yaml
from book_markdown import for_the_page
from links import text_of as prose

from attention_book.checking.catalogue import all_chapters, all_exercises

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = ROOT / "chapters"
NOTEBOOKS = notebooks.chapters()
TAUGHT = [path for path in NOTEBOOKS if path.parent.name.startswith("part")]
PAGES = [*NOTEBOOKS, *sorted(CHAPTERS.glob("*.md"))]
SECTIONS = [
    "Background",
    "Concepts",
    "Formula",
    "Code",
    "Outlook",
    "FAQ",
    "Exercises",
    "Sources",
]
HELP = re.compile(r"```\{hints-and-solution\} (\w+)\.(\w+)\n```")
# What a chapter may import: nothing that fetches, and nothing the requirements do not name.
IMPORTS = {"attention_book", "copy", "itertools", "math", "numpy", "pydoc_data", "sklearn", "torch"}


def name(path):
    return path.relative_to(CHAPTERS).as_posix()


def cells(path, kind):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def code(path):
    return [cell.source for cell in cells(path, "code")]


def imported(sources):
    """Return the top-level names that a list of Python sources imports."""
    found = set()
    for node in ast.walk(ast.parse("\n".join(sources))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add(node.module.split(".")[0])
    return found


def test_there_are_chapters_and_each_is_in_the_table_of_contents():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = [toc["root"]] + [page["file"] for part in toc["parts"] for page in part["chapters"]]
    assert len(TAUGHT) >= 1
    assert sorted(listed) == sorted(f"chapters/{name(page)}".rsplit(".", 1)[0] for page in PAGES)


@pytest.mark.parametrize("path", TAUGHT, ids=name)
def test_sections_stand_in_the_order_of_every_chapter(path):
    assert re.findall(r"^## (.+)$", prose(path), re.M) == SECTIONS


@pytest.mark.parametrize("path", TAUGHT, ids=name)
def test_a_chapter_opens_with_its_idea_its_length_and_what_it_needs(path):
    first = for_the_page(cells(path, "markdown")[0].source)
    assert re.match(r"# .+\n\n\*[^*]+\.\*\n\n\*\*To read:\*\* .+ \*\*You need:\*\* ", first)
    assert "### Limit case" in prose(path)


@pytest.mark.parametrize("path", TAUGHT, ids=name)
def test_a_picture_that_asks_stands_before_the_first_section(path):
    _, picture, caption, background = nbformat.read(path, as_version=4).cells[:4]
    assert picture.metadata.tags == ["hide-input", "opening"]
    assert "<Figure" in picture.outputs[0].data["text/plain"]
    asked = re.fullmatch(r'<div class="figure-says">\n\n(.+)\n\n</div>', caption.source)[1]
    assert asked.endswith("?")
    assert len(re.findall(r"[.?](?: |$)", asked)) <= 2
    assert "## Background" in background.source.splitlines()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_every_figure_has_an_alternative_text_and_no_picture_is_stored(path):
    for cell in cells(path, "code"):
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        assert not any(kind.startswith("image/") for kind in kinds), cell.source
        shown = "".join(o.get("data", {}).get("text/plain", "") for o in cell.outputs)
        if "<Figure" in shown or "<Axes" in shown:
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt.split()) >= 10, f"no alternative text that says what is seen: {shown}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_every_cell_was_run_in_order_without_an_error(path):
    counts = [cell.execution_count for cell in cells(path, "code")]
    assert counts == list(range(1, len(counts) + 1))
    kinds = {output.output_type for cell in cells(path, "code") for output in cell.outputs}
    assert "error" not in kinds


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_citation_is_in_the_bibliography(path):
    known = set(re.findall(r"^@\w+\{([^,]+),", (CHAPTERS / "references.bib").read_text(), re.M))
    cited = re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", prose(path))
    assert {key.strip() for keys in cited for key in keys.split(",")} <= known


def test_the_examples_of_the_notation_are_true():
    failed, tried = doctest.testfile(str(CHAPTERS / "notation.md"), module_relative=False)
    assert tried >= 8
    assert failed == 0


def test_how_to_use_shows_the_verdicts_that_one_gets(monkeypatch, tmp_path):
    monkeypatch.setenv("ATTENTION_BOOK_PROGRESS", str(tmp_path / "progress.json"))
    text = prose(CHAPTERS / "how_to_use.md")
    shown = re.findall(
        r"```python\n(.+?)(\w+\.check\(\w+\))\n```\n\n```text\n(.+?)\n```", text, re.S
    )
    assert len(shown) == 2
    names = {}
    for source, call, verdict in shown:
        exec(source.rpartition("```python\n")[2], names)
        assert str(eval(call, names)) == verdict


def test_the_bibliography_has_no_key_twice():
    keys = re.findall(r"^@\w+\{([^,]+),", (CHAPTERS / "references.bib").read_text(), re.M)
    assert len(keys) == len(set(keys)) > 40


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_no_absolute_path_of_a_machine(path):
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"(?:/home|/Users|/root|/work|/tmp|[A-Z]:\\\\)[/\\]\w+", text)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_code_uses_only_what_the_book_installs_and_nothing_of_the_network(path):
    sources = code(path)
    assert not [source for source in sources if re.match(r"\s*[!%]", source)]
    assert imported(sources) <= IMPORTS
    assert not re.search(r"https?://|fetch_|download", "\n".join(sources))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_code_is_seeded(path):
    assert not re.search(r"np\.random\.(?!default_rng)|default_rng\(\)", "\n".join(code(path)))


def exercises_of_a_page(path):
    """Return (variant, name) of each exercise on a page, as its folded help names it."""
    return HELP.findall(prose(path))


def test_every_exercise_of_the_package_is_on_a_page_and_the_other_way_round():
    on_pages = [found for path in TAUGHT for found in exercises_of_a_page(path)]
    in_package = [(chapter, e.name) for chapter in all_chapters() for e in all_exercises(chapter)]
    assert sorted(on_pages) == sorted(in_package)


def test_the_exercises_stand_in_the_order_of_the_book():
    contents = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    chapters = re.findall(r"chapters/part\d+/(\w+)", contents)
    assert all_chapters() == [chapter for chapter in chapters if chapter in all_chapters()]


@pytest.mark.parametrize("path", TAUGHT, ids=name)
def test_the_page_of_an_exercise_says_what_the_package_says(path):
    text = prose(path)
    for number, (variant, exercise_name) in enumerate(exercises_of_a_page(path), 1):
        (exercise,) = [e for e in all_exercises(variant) if e.name == exercise_name]
        head = f"### Exercise {number}: {exercise.title}\n\n"
        head += f"*{exercise.difficulty}, {exercise.minutes} minutes*, on "
        _, found, below = text.partition(head)
        assert found
        section = re.match(r"\[([^]]+)\]\(#[^)]+\)\n\n", below)[1]
        assert re.search(rf"^##+ {re.escape(section)}$", text, re.M)
        assert any(f"{exercise_name}.check(" in source for source in code(path))


@pytest.mark.parametrize("path", TAUGHT, ids=name)
def test_exercises_rise_in_number_and_one_is_an_erratum(path):
    found = exercises_of_a_page(path)
    assert 4 <= len(found) <= 8
    titles = re.findall(r"^### Exercise \d+: (.+)$", prose(path), re.M)
    assert any(title.startswith("Erratum") for title in titles)


def test_the_checks_bite():
    assert imported(["import requests", "from urllib.request import urlopen"]) - IMPORTS
    assert HELP.findall("```{hints-and-solution} a.b\n```") == [("a", "b")]
