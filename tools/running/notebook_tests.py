"""Plugin for pytest: each cell of a notebook, as it is stored, against an executed copy of it.

nbval compares, with its own rules and tags; only the kernel is another one: it does not compute,
it repeats what the executed copy says. The book shows the same copy, so that a notebook is executed
once for both. With ``--nbval``, nbval does all of it, and executes the notebook itself.
"""

import pytest
from copies import one
from nbval.plugin import IPyNbCell, IPyNbFile

# Seconds of computing that a notebook should take on one core. More is marked and fails nothing:
# the same notebook takes 20 s on one machine and 54 s on another.
LIMIT = 25


class Recording:
    """What nbval asks of a kernel, answered from an executed copy."""

    def __init__(self, path, root):
        copy, self.noted, self.error = one(path, root, report=lambda line: None)
        self.cells = [cell for cell in copy.cells if cell.cell_type == "code"]
        self.now = 0
        self.messages = iter(())

    def execute_cell_input(self, source, allow_stdin=None):
        outputs = self.cells[self.now].outputs
        messages = [(output.output_type, output) for output in outputs]
        messages.append(("status", {"execution_state": "idle"}))
        self.messages = iter(messages)
        return self.now

    def get_message(self, stream, timeout=None):
        kind, content = next(self.messages)
        return {"msg_type": kind, "content": content, "parent_header": {"msg_id": self.now}}

    def is_alive(self):
        return True

    def await_reply(self, *arguments, **options):
        pass

    await_idle = interrupt = stop = await_reply


class Notebook(IPyNbFile):
    """A notebook, with a test for each of its cells, and one that notes the time that they take."""

    def setup(self):
        self.setup_sanitize_files()
        self.kernel = Recording(self.path, self.config.rootpath)

    def collect(self):
        for cell in super().collect():
            given = {name: getattr(cell, name) for name in ("name", "cell_num", "cell", "options")}
            yield Cell.from_parent(self, **given)
        yield Time.from_parent(self, name="time")


class Cell(IPyNbCell):
    """A cell whose outputs must be those of the copy, as nbval compares them."""

    def runtest(self):
        kernel = self.parent.kernel
        kernel.now = self.cell_num
        last = max((n for n, cell in enumerate(kernel.cells) if cell.execution_count), default=-1)
        if kernel.error and self.cell_num >= last:
            above = self.cell_num > last
            self.raise_cell_error("Not executed: a cell above raised" if above else kernel.error)
        super().runtest()

    def reportinfo(self):
        return self.path, 0, self.name


class Time(pytest.Item):
    """How long the notebook takes."""

    def runtest(self):
        noted = self.parent.kernel.noted
        if not noted:
            pytest.fail("the notebook was not executed to its end", pytrace=False)
        name = self.path.relative_to(self.config.rootpath / "chapters").as_posix()
        computed = noted["computed_seconds"]
        self.user_properties.append(("notebook", (computed, noted["execution_seconds"], name)))


def pytest_collect_file(file_path, parent):
    option = parent.config.option
    if file_path.suffix == ".ipynb" and not (option.nbval or option.nbval_lax):
        return Notebook.from_parent(parent, path=file_path)


def pytest_terminal_summary(terminalreporter):
    """Say what each notebook cost, the slowest first."""
    reports = [report for kind in terminalreporter.stats.values() for report in kind]
    properties = [p for report in reports for p in getattr(report, "user_properties", ())]
    costs = sorted({tuple(value) for name, value in properties if name == "notebook"}, reverse=True)
    if costs:
        terminalreporter.section("notebooks, the slowest first")
        terminalreporter.write_line("computing  on the clock")
    for computed, seconds, name in costs:
        much = f"  more than {LIMIT} s" if computed > LIMIT else ""
        terminalreporter.write_line(f"{computed:7.1f} s  {seconds:10.1f} s  {name}{much}")
