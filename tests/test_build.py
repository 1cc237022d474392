"""The build shows the code as it is now, fails when a cell fails, and nbval bites."""

import os
import re
import shutil
import subprocess
import sys
import time

import build_book
import nbformat
import pytest
from small_book import BUILD, copy_book, run, write

CELL = """\
from attention_book import softmax

print("one half is", softmax.softmax(__import__("numpy").zeros(2))[0])
"""


@pytest.fixture
def book(tmp_path):
    """A copy of the book whose only page prints a number that the package computes."""
    copy_book(tmp_path)
    write(tmp_path, [nbformat.v4.new_markdown_cell("# A page"), nbformat.v4.new_code_cell(CELL)])
    return tmp_path


def page(book):
    text = (book / "_build/html/chapters/index.html").read_text(encoding="utf-8")
    return re.sub(r"<[^>]+>", "", text)


def edit(book, old, new):
    path = book / "src/attention_book/softmax/reference.py"
    source = path.read_text()
    assert old in source
    path.write_text(source.replace(old, new))


def test_a_change_in_the_package_reaches_the_page(book):
    status, log = run(book, *BUILD)
    assert status == 0, log
    assert log.count("executing index.ipynb") == 1
    assert "one half is 0.5" in page(book)

    status, log = run(book, *BUILD)
    assert status == 0, log
    assert "executing" not in log.lower(), "nothing changed, so nothing is executed"

    edit(book, "return exponentials /", "return 0.5 * exponentials /")
    status, log = run(book, *BUILD)
    assert status == 0, log
    assert "one half is 0.25" in page(book)

    edit(book, "return 0.5 * exponentials /", "raise RuntimeError('broken on purpose')  #")
    status, log = run(book, *BUILD)
    assert status != 0
    assert "broken on purpose" in log
    assert "index.ipynb" in log


HEAVY = r"\b(torch|sklearn|sphinx|matplotlib|numpy)\b"


def test_without_a_change_a_build_takes_no_time_and_what_is_missing_is_made_again(book):
    status, log = run(book, *BUILD)
    assert status == 0, log
    start = time.monotonic()
    status, log = run(book, "-X", "importtime", *BUILD)
    assert time.monotonic() - start < 3
    assert status == 0
    assert "Nothing changed" in log
    assert "json" in log
    assert not re.findall(HEAVY, log)
    (book / "_build/html/chapters/index.html").unlink()
    script = book / "_static/book.js"
    script.write_text(script.read_text("utf-8") + "// 4711\n", "utf-8")
    status, log = run(book, *BUILD)
    assert status == 0, log
    assert "executing" not in log
    assert "one half is 0.5" in page(book)
    copied = (book / "_build/html/_static/book.js").read_text("utf-8")
    assert copied == script.read_text("utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with some of what a book is made from, and some of what was made."""
    for name in ("chapters/a.md", "src/a.py", "_config.yml", "_build/html/a.html", "tests/a.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    monkeypatch.setattr(build_book, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("change", ["write", "touch", "remove", "add"])
@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("chapters/a.md", True),
        ("src/a.py", True),
        ("_config.yml", True),
        ("_build/html/a.html", True),
        ("tests/a.py", False),
        (".cache/a.py", False),
        ("_build/log/a.txt", False),
        ("venv/lib/a.py", False),
        ("src/own environment/lib/a.py", False),
    ],
)
def test_a_change_is_seen_where_it_matters(folder, name, seen, change):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("one")
    for environment in ("venv", "src/own environment"):
        (folder / environment).mkdir(exist_ok=True)
        (folder / environment / "pyvenv.cfg").touch()
    before = build_book.state()
    assert before == build_book.state()
    if change == "write":
        path.write_text("three")
    elif change == "touch":
        os.utime(path, (1, 1))
    elif change == "remove":
        path.unlink()
    else:
        path.with_name("b").write_text("one")
    assert (build_book.state() != before) == seen


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_a_commit_and_another_address_are_seen(folder, monkeypatch):
    states = [build_book.state()]
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    for command in (
        ["init", "-q"],
        [*who, "commit", "-q", "--allow-empty", "-m", "One"],
        ["remote", "add", "origin", "https://github.com/somebody/a-book"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
        states.append(build_book.state())
    monkeypatch.setenv("GITHUB_REPOSITORY", "somebody/fork")
    states.append(build_book.state())
    assert len({str(state) for state in states}) == len(states) == 5


def test_a_link_that_leads_nowhere_or_round_is_no_trouble(folder):
    (folder / "chapters/gone").symlink_to("nowhere")
    (folder / "chapters/round").symlink_to(folder)
    assert build_book.state() == build_book.state()


def test_what_an_editor_leaves_behind_is_not_built(book):
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    (book / "chapters/.ipynb_checkpoints").mkdir()
    nbformat.write(broken, book / "chapters/.ipynb_checkpoints/index-checkpoint.ipynb")
    nbformat.write(broken, book / "chapters/Untitled.ipynb")
    library = book / "my own/lib/python3/site-packages"
    library.mkdir(parents=True)
    (book / "my own/pyvenv.cfg").touch()
    nbformat.write(broken, library / "a.ipynb")
    (library / "b.md").write_text("# A page {ref}`nowhere`\n")
    status, log = run(book, *BUILD)
    assert status == 0, log
    assert log.count("executing ") == 1


def test_a_warning_fails_the_build_and_the_one_after_it(book):
    cells = nbformat.read(book / "chapters/index.ipynb", as_version=4).cells
    cells[0].source = "# A page\n\nSee {ref}`nowhere`."
    write(book, cells)
    for _ in range(2):
        status, log = run(book, *BUILD)
        assert status != 0
        assert "nowhere" in log


def test_strict_nbval_sees_a_changed_number_from_any_directory(book):
    status, log = run(book, "tools/running/notebooks.py")
    assert status == 0, log
    path = book / "chapters/index.ipynb"
    strict = ["-m", "pytest", "--nbval", "--nbval-current-env", "-q", "-p", "no:cacheprovider"]
    elsewhere = book / "src"

    def nbval():
        return subprocess.run(
            [sys.executable, *strict, str(path)],
            cwd=elsewhere,
            env=os.environ | {"IPYTHONDIR": str(book / "ipython")},  # home may not be writable
            capture_output=True,
            text=True,
        )

    assert nbval().returncode == 0
    stored = path.read_text()
    assert "one half is 0.5" in stored
    path.write_text(stored.replace("one half is 0.5", "one half is 0.6"))
    assert nbval().returncode == 1


def test_make_notebooks_keeps_text_and_drops_pictures(book):
    cells = [
        nbformat.v4.new_code_cell("print('kept')"),
        nbformat.v4.new_code_cell(
            "from attention_book import plotting\n\n"
            "plotting.curves([0, 1], {'line': [0, 1]}, title='Kept', xlabel='x', ylabel='y')"
        ),
    ]
    write(book, cells)
    status, log = run(book, "tools/running/notebooks.py")
    assert status == 0, log
    first, second = nbformat.read(book / "chapters/index.ipynb", as_version=4).cells
    assert first.outputs[0].text == "kept\n"
    assert second.outputs[0].data == {"text/plain": "<Figure: Kept>"}
    assert (first.execution_count, second.execution_count) == (1, 2)
    assert second.outputs[0].metadata == {}


def test_a_failing_notebook_is_named_and_left_as_it_was(book):
    write(book, [nbformat.v4.new_code_cell("1 / 0")])
    before = (book / "chapters/index.ipynb").read_text()
    status, log = run(book, "tools/running/notebooks.py")
    assert status != 0
    assert "index.ipynb: a cell raised" in log
    assert "ZeroDivisionError" in log
    assert (book / "chapters/index.ipynb").read_text() == before
