"""A notebook is executed once for the book and its tests, and again when what it needs changed."""

import re

import copies
import dependencies
import execution
import nbformat
import pytest
from small_book import BUILD, ROOT, copy_book, run, write

# What a notebook depends on -------------------------------------------------------------------

PACKAGE = {
    "__init__": "",
    "plain": "from . import shared",
    "shared": "",
    "alone": "",
    "group.__init__": "",
    "group.one": "from .two import deep",
    "group.two": "def deep():\n    from ..alone import x",
    "lazy.__init__": "from .catalogue import listed, named\nfrom . import given",
    "lazy.given": "",
    "lazy.catalogue": (
        "import importlib\n"
        "def listed():\n    return [importlib.import_module(name) for name in names()]\n"
        "def named(part):\n    return importlib.import_module(f'book.group.{part}')\n"
        "def through():\n    return listed()\n"
        "class Shelf:\n    def books(self):\n        return listed()\n"
    ),
    "shown.__init__": (
        "import importlib\n"
        "def __getattr__(name):\n    return importlib.import_module(f'.{name}', __name__)\n"
    ),
    "shown.a": "",
    "shown.b": "",
    "early": "import importlib\nthings = [importlib.import_module(n) for n in ('x',)]",
    "broken": "def (",
}
GROUP = {"group", "group.one", "group.two", "alone"}
LAZY = {"lazy", "lazy.catalogue", "lazy.given"}
EVERYTHING = {name.removesuffix("__init__").rstrip(".") for name in PACKAGE} - {""}


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """The modules of a package that imports in many ways."""
    root = tmp_path_factory.mktemp("root")
    for name, source in PACKAGE.items():
        path = root / "src/book" / (name.replace(".", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return dependencies.modules(root)


def reached(code, known):
    found = dependencies.reached(code if isinstance(code, list) else [code], known)
    return {name.removeprefix("book").removeprefix(".") for name in found} - {""}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import math", set()),
        ("import book", set()),
        ("from book import plain", {"plain", "shared"}),
        ("import book.plain as p", {"plain", "shared"}),
        ("from book.shared import anything", {"shared"}),
        ("def later():\n    from book import shared", {"shared"}),
        ("from book.group.one import deep", GROUP),
        ("from book.group import two", GROUP - {"group.one"}),
        ("from book.group import *", GROUP),
        ("from book import lazy", LAZY),
        ("from book.lazy import given\ngiven.read()", LAZY),
        ("from book.lazy import named\nnamed('one')", LAZY | GROUP),
        ("from book import shown", {"shown", "shown.a", "shown.b"}),
        (["from book import plain", "from book import alone"], {"plain", "shared", "alone"}),
        ("from torch import nn\nnn.Module().eval()", set()),
        ("import re\nre.compile('a')", set()),
        ("from book import alone\nexec(source, alone.f.__globals__, names)", {"alone"}),
        ("import importlib\nimportlib.import_module(f'book.{x}.one')", GROUP),
        ("import importlib\nimportlib.import_module(f'{x}.one')", GROUP),
    ],
)
def test_a_notebook_depends_on_what_its_code_imports(code, expected, known):
    assert reached(code, known) == expected


@pytest.mark.parametrize(
    "code",
    [
        "from book import lazy\nlazy.listed()",
        "from book.lazy import listed\nlisted()",
        "from book.lazy import listed as names\nnames()",
        "from book.lazy.catalogue import through\nthrough()",
        "from book.lazy.catalogue import Shelf\nShelf().books()",
        "from book import lazy\ngetattr(lazy, 'listed')()",
        "from book import lazy\ndef mine():\n    return lazy.listed()",
        "from book import early",
        "import importlib\nimportlib.import_module(name)",
        "from importlib import import_module as load\nload('book.plain')",
        "__import__('book.plain')",
        "exec('import book.plain')",
        "exec('import book.plain', f.__dict__)",
        "import subprocess as s\ns.run(['python'])",
        "from subprocess import run\nrun(['python'])",
        "from book import broken",
        "x ==",
        "%run other.ipynb",
        "!python other.py",
    ],
)
def test_in_doubt_it_depends_on_everything(code, known):
    assert reached(code, known) == EVERYTHING


def test_the_modules_that_a_chapter_loads_are_among_those_found():
    """While a chapter is executed, what it loads is compared; here, that the comparison bites."""
    path = ROOT / "chapters/index.ipynb"
    notebook = nbformat.read(path, as_version=4)
    loads = ["attention_book", "attention_book.cost"]
    done = execution.Run(path, notebook, 1.0, 1.0, loads)
    with pytest.raises(RuntimeError, match=r"loads attention_book.cost, which dependencies.py"):
        copies.keep(done, ROOT)


# When it is executed --------------------------------------------------------------------------

FIRST = """\
import numpy

from attention_book import shapes

print(numpy.ones(2) / 2)
"""


@pytest.fixture
def book(tmp_path):
    copy_book(tmp_path)
    (tmp_path / "src/attention_book/elsewhere.py").write_text("NUMBER = 1\n")
    return tmp_path


def put(book, *sources, tags=()):
    """Write and execute a notebook whose cells have these sources."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    for cell in cells:
        cell.metadata.tags = list(tags)
    write(book, cells)


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("src/attention_book/shapes.py", True),
        ("src/attention_book/__init__.py", True),
        ("src/attention_book/elsewhere.py", False),
        ("src/attention_book/new.py", False),
        ("src/attention_book/numbers.json", True),
        ("tools/look/book_fonts.py", False),
        ("tools/running/execution.py", True),
        ("requirements.txt", True),
        ("pyproject.toml", True),
        ("_static/book.css", False),
    ],
)
def test_what_changed_decides_whether_a_notebook_is_executed_again(book, changed, again):
    put(book, FIRST)
    ask = "import copies, dependencies; print(dependencies.key('chapters/index.ipynb', '.'))"
    path = [f"import sys; sys.path.append('tools/running'); {ask}"]
    before = run(book, "-c", *path)
    assert before[0] == 0, before[1]
    with (book / changed).open("a") as file:
        file.write("\n# changed\n")
    assert (run(book, "-c", *path) != before) == again


@pytest.mark.parametrize("change", ["code", "tag", "prose", "output"])
def test_only_the_code_of_a_notebook_counts(book, change):
    put(book, FIRST)
    path = book / "chapters/index.ipynb"
    before = dependencies.key(path, book)
    notebook = nbformat.read(path, as_version=4)
    if change == "code":
        notebook.cells[0].source += "\n# more"
    elif change == "tag":
        notebook.cells[0].metadata.tags = ["raises-exception"]
    elif change == "prose":
        notebook.cells.append(nbformat.v4.new_markdown_cell("Text."))
    else:
        notebook.cells[0].outputs = [nbformat.v4.new_output("stream", text="x")]
    nbformat.write(notebook, path)
    assert (dependencies.key(path, book) != before) == (change in ("code", "tag"))


TEST = ["-m", "pytest", "chapters", "-v", "-p", "no:cacheprovider"]


def verdicts(log):
    return dict(re.findall(r"index\.ipynb::(Cell \d+|time) (PASSED|FAILED)", log))


def test_the_tests_and_the_book_execute_a_notebook_once(book):
    count = book / "count"
    put(book, f"{FIRST}\nwith open({str(count)!r}, 'a') as file:\n    _ = file.write('x')")
    assert run(book, "tools/running/notebooks.py")[0] == 0
    assert count.read_text() == "x"
    for _ in range(2):
        status, log = run(book, *TEST)
        assert status == 0, log
        assert verdicts(log) == {"Cell 0": "PASSED", "time": "PASSED"}
        assert re.search(r"computing  on the clock\n +\d+\.\d s +\d+\.\d s  index.ipynb\n", log)
    status, log = run(book, *BUILD)
    assert status == 0, log
    assert "executing" not in log
    assert count.read_text() == "x"
    with (book / "src/attention_book/elsewhere.py").open("a") as file:
        file.write("OTHER = 2\n")
    assert run(book, *TEST)[0] == 0
    assert count.read_text() == "x"
    with (book / "src/attention_book/shapes.py").open("a") as file:
        file.write("OTHER = 2\n")
    assert run(book, *TEST)[0] == 0
    assert count.read_text() == "xx"


# What a comparison finds ----------------------------------------------------------------------


def stored(book, number, old, new):
    """Change what is stored of the output of a cell."""
    path = book / "chapters/index.ipynb"
    notebook = nbformat.read(path, as_version=4)
    output = notebook.cells[number].outputs[0]
    assert old in str(output)
    if "text" in output:
        output.text = output.text.replace(old, new)
    else:
        output.data["text/plain"] = output.data["text/plain"].replace(old, new)
    nbformat.write(notebook, path)


@pytest.mark.parametrize("source", ["print('one half is', 1 / 2)", "1 / 2"])
def test_a_number_that_is_not_the_copy_s_fails(book, source):
    put(book, source, "2 + 2")
    assert run(book, "tools/running/notebooks.py")[0] == 0
    stored(book, 0, "0.5", "0.6")
    status, log = run(book, *TEST)
    assert status == 1
    assert verdicts(log) == {"Cell 0": "FAILED", "Cell 1": "PASSED", "time": "PASSED"}
    assert "Cell outputs differ" in log


def test_an_output_that_is_to_be_ignored_is(book):
    put(book, "1 / 2", tags=["nbval-ignore-output"])
    assert run(book, "tools/running/notebooks.py")[0] == 0
    stored(book, 0, "0.5", "0.6")
    assert run(book, *TEST)[0] == 0


def test_an_output_that_is_not_stored_fails(book):
    put(book, "2 + 2")
    assert run(book, "tools/running/notebooks.py")[0] == 0
    path = book / "chapters/index.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].outputs = []
    nbformat.write(notebook, path)
    assert run(book, *TEST)[0] == 1


def test_a_cell_that_raises_fails_and_those_below_it(book):
    put(book, "1 + 1", "1 / 1", "3")
    assert run(book, "tools/running/notebooks.py")[0] == 0
    path = book / "chapters/index.ipynb"
    path.write_text(path.read_text().replace('"1 / 1"', '"1 / 0"'))
    status, log = run(book, *TEST)
    assert status == 1
    cells = {"Cell 0": "PASSED", "Cell 1": "FAILED", "Cell 2": "FAILED", "time": "FAILED"}
    assert verdicts(log) == cells
    assert "ZeroDivisionError" in log
    assert "Not executed: a cell above raised" in log


def test_an_error_that_is_to_be_shown_is_compared(book):
    put(book, "1 / 0", "3", tags=["raises-exception"])
    assert run(book, "tools/running/notebooks.py")[0] == 0
    assert run(book, *TEST)[0] == 0
    path = book / "chapters/index.ipynb"
    path.write_text(path.read_text().replace("division by zero", "division by one"))
    assert run(book, *TEST)[0] == 1


def test_a_cell_that_takes_too_long_fails(book):
    settings = book / "tools/running/execution.py"
    settings.write_text(settings.read_text().replace("CELL_TIMEOUT = 600", "CELL_TIMEOUT = 1"))
    put(book, "2", "import time\ntime.sleep(9)")
    notebook = nbformat.read(book / "chapters/index.ipynb", as_version=4)
    for number, cell in enumerate(notebook.cells, 1):
        cell.execution_count = number
    notebook.cells[0].outputs = [
        nbformat.v4.new_output("execute_result", {"text/plain": "2"}, execution_count=1)
    ]
    nbformat.write(notebook, book / "chapters/index.ipynb")
    status, log = run(book, *TEST)
    assert status == 1
    assert verdicts(log) == {"Cell 0": "PASSED", "Cell 1": "FAILED", "time": "FAILED"}
    assert "longer than 1 s" in log


def test_a_notebook_that_computes_for_long_is_marked(book):
    settings = book / "tools/running/notebook_tests.py"
    settings.write_text(settings.read_text().replace("LIMIT = 25\n", "LIMIT = 0.01\n"))
    put(book, "2")
    assert run(book, "tools/running/notebooks.py")[0] == 0
    status, log = run(book, *TEST)
    assert status == 0
    assert verdicts(log) == {"Cell 0": "PASSED", "time": "PASSED"}
    assert "index.ipynb  more than 0.01 s" in log
