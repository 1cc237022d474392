"""Execute notebooks, two at a time, each in a kernel of its own."""

import ast
import copy
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbclient
import nbformat
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

WORKERS = 2
CELL_TIMEOUT = 600  # seconds, on a machine that is slow and has other work

# What every kernel finds around it: one thread, none of the settings that a person keeps at home
# (which may not be writable), and no trace of what the person at the keyboard has solved.
HOME = Path(__file__).resolve().parents[2] / "_build" / ".home"
KERNEL_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "IPYTHONDIR": str(HOME / "ipython"),
    "MPLCONFIGDIR": str(HOME / "matplotlib"),
    "ATTENTION_BOOK_PROGRESS": str(Path(tempfile.gettempdir()) / "attention-book-build.json"),
}
# Asked of the kernel after the last cell: seconds of computing, and the modules of the book.
QUESTION = (
    "(__import__('time').process_time(),"
    " [m for m in __import__('sys').modules if m.partition('.')[0] == 'attention_book'])"
)


class NotebookFailed(Exception):
    """A cell of a notebook raised; the message holds the notebook's name and the traceback."""


@dataclass
class Run:
    """A notebook that was executed, as far as its cells did not raise.

    ``seconds`` passed on the clock; the kernel computed for ``computed`` seconds, and its cells
    loaded the ``modules`` of the book. ``error`` says what a cell raised, or is None.
    """

    path: Path
    notebook: nbformat.NotebookNode
    seconds: float
    computed: float
    modules: list
    error: str | None = None


class KernelsOfThisEnvironment(KernelSpecManager):
    """Every notebook runs on the Python that executes it, whatever kernels a person installed."""

    def get_kernel_spec(self, kernel_name):
        return KernelSpec(resource_dir="", **get_kernel_dict())


class KernelManager(AsyncKernelManager):
    def __init__(self, **options):
        super().__init__(kernel_spec_manager=KernelsOfThisEnvironment(), **options)


def execute(paths, report=print):
    """Execute notebooks and yield a :class:`Run` as each is done.

    Raises:
        NotebookFailed: a cell raised or ran out of time. Notebooks still running are finished,
            those waiting are not begun.
    """
    with ThreadPoolExecutor(WORKERS) as pool:
        waiting = [pool.submit(run, path, report) for path in paths]
        try:
            for future in waiting:
                done = future.result()
                if done.error:
                    raise NotebookFailed(f"{done.path}: {done.error}")
                yield done
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def run(path, report=print):
    """Execute a notebook up to its end, or to the cell that raises."""
    report(f"executing {path.name}")
    start = time.monotonic()
    notebook = nbformat.read(path, as_version=4)
    metadata = copy.deepcopy(notebook.metadata)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    question = nbformat.v4.new_code_cell(QUESTION)
    notebook.cells.append(question)
    client = nbclient.NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        kernel_manager_class=KernelManager,
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    error = None
    for name in ("IPYTHONDIR", "MPLCONFIGDIR"):
        Path(KERNEL_ENVIRONMENT[name]).mkdir(parents=True, exist_ok=True)
    try:
        client.execute(env=os.environ | KERNEL_ENVIRONMENT)
    except nbclient.exceptions.CellExecutionError as raised:
        error = f"a cell raised\n{raised}"
    except nbclient.exceptions.CellTimeoutError as raised:
        error = f"a cell ran longer than {CELL_TIMEOUT} s\n{raised}"
    notebook.cells.pop()
    computed, modules = 0.0, []
    if error is None:
        computed, modules = ast.literal_eval(question.outputs[0].data["text/plain"])
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = merge_streams(cell.outputs)
    notebook.metadata = metadata  # the cache finds a notebook by the kernel it names in git
    seconds = time.monotonic() - start
    report(f"executed {path.name} in {seconds:.1f} s, of which {computed:.1f} s of computing")
    return Run(path, notebook, seconds, computed, sorted(modules), error)


def merge_streams(outputs):
    """Join what a cell printed, which arrives in pieces that differ from run to run."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged
