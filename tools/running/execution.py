"""Execute notebooks, two at a time, each in a kernel of its own."""

import copy
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbclient
import nbformat

WORKERS = 2
CELL_TIMEOUT = 120  # seconds

# What every kernel finds around it: one thread, this environment's own kernel, and no trace of
# what the person at the keyboard has solved.
KERNEL_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "JUPYTER_PREFER_ENV_PATH": "1",
    "ATTENTION_BOOK_PROGRESS": str(Path(tempfile.gettempdir()) / "attention-book-build.json"),
}


class NotebookFailed(Exception):
    """A cell of a notebook raised; the message holds the notebook's name and the traceback."""


def execute(paths, report=print):
    """Execute notebooks and yield (path, executed notebook, seconds) as each is done.

    Raises:
        NotebookFailed: a cell raised or ran out of time. Notebooks still running are finished,
            those waiting are not begun.
    """
    os.environ.update(KERNEL_ENVIRONMENT)
    with ThreadPoolExecutor(WORKERS) as pool:
        runs = [pool.submit(_execute, path, report) for path in paths]
        try:
            for run in runs:
                yield run.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _execute(path, report):
    report(f"executing {path.name}")
    start = time.monotonic()
    notebook = nbformat.read(path, as_version=4)
    metadata = copy.deepcopy(notebook.metadata)
    client = nbclient.NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute()
    except nbclient.exceptions.CellExecutionError as error:
        raise NotebookFailed(f"{path}: a cell raised\n{error}") from None
    except nbclient.exceptions.CellTimeoutError as error:
        raise NotebookFailed(f"{path}: a cell ran longer than {CELL_TIMEOUT} s\n{error}") from None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = merge_streams(cell.outputs)
    notebook.metadata = metadata  # the cache finds a notebook by the kernel it names in git
    seconds = time.monotonic() - start
    report(f"executed {path.name} in {seconds:.1f} s")
    return path, notebook, seconds


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
