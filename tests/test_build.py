"""The build shows the code as it is now, fails when a cell fails, and nbval bites."""

import re
import subprocess
import sys

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
    path = book / "src/attention_book/softmax.py"
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


def test_what_an_editor_leaves_behind_is_not_built(book):
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    (book / "chapters/.ipynb_checkpoints").mkdir()
    nbformat.write(broken, book / "chapters/.ipynb_checkpoints/index-checkpoint.ipynb")
    nbformat.write(broken, book / "chapters/Untitled.ipynb")
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
            [sys.executable, *strict, str(path)], cwd=elsewhere, capture_output=True, text=True
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
