"""Several processes that compute one thing: how they are started, find each other, and end.

:func:`run` starts them from a test or a notebook, on this machine. ``torchrun`` starts the same
program on one machine or on many; a program that opens :func:`group` does not see the difference.
"""

import contextlib
import datetime
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

STORE = "ATTENTION_BOOK_STORE"


class RankFailed(RuntimeError):
    """One of the processes ended in an error, or was killed; all of them have been ended."""


class Launch:
    """``python -m module arguments``, once for each rank; leaving the block ends what still runs.

    The processes meet over a file in a folder of their own, so no port has to be free. Each holds
    a pipe to this process, and ends when that closes, however this process ends.
    """

    def __init__(self, module, ranks, *arguments):
        self._folder = tempfile.TemporaryDirectory(prefix="attention-book-")
        self.processes = []
        try:
            for rank in range(ranks):
                self.processes.append(self._start(module, ranks, rank, arguments))
        except BaseException:
            self.end()
            raise

    def _start(self, module, ranks, rank, arguments):
        environment = {
            "OMP_NUM_THREADS": "1",
            **os.environ,
            "RANK": str(rank),
            "WORLD_SIZE": str(ranks),
            STORE: str(Path(self._folder.name, "store")),
        }
        with open(self._file(rank, "out"), "wb") as out, open(self._file(rank, "err"), "wb") as err:
            return subprocess.Popen(
                [sys.executable, "-m", module, *map(str, arguments)],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
            )

    def _file(self, rank, kind):
        return Path(self._folder.name, f"{rank}.{kind}")

    def output(self, rank):
        """Return what a rank has printed so far."""
        return self._file(rank, "out").read_text("utf-8")

    def speaking(self, timeout):
        """Wait until every rank has printed something: it is in the middle of its work.

        Raises:
            RankFailed: a rank ended before.
            TimeoutError: one has said nothing for ``timeout`` seconds.
        """
        until = time.monotonic() + timeout
        while not all(self.output(rank) for rank in range(len(self.processes))):
            self._still(until, timeout)

    def wait(self, timeout):
        """Return what each rank printed, when all have ended well.

        Raises:
            RankFailed: a rank did not end well; the message says which came first, and how.
            TimeoutError: they did not end within ``timeout`` seconds.
        """
        until = time.monotonic() + timeout
        while self._still(until, timeout):
            pass
        return [self.output(rank) for rank in range(len(self.processes))]

    def _still(self, until, timeout):
        """Return whether some still run, after a moment; an error if one failed, or time is up."""
        codes = [process.poll() for process in self.processes]
        if any(codes):
            codes = [process.poll() for process in self.processes]  # also who failed before these
            failed = [rank for rank, code in enumerate(codes) if code]
            rank = min(failed, key=lambda rank: codes[rank])  # one that was killed comes first
            how, said = _how(codes[rank]), self._file(rank, "err").read_text("utf-8", "replace")
            self._end_processes()
            raise RankFailed(f"rank {rank} {how}{'' if 'SIGKILL' in how else _last(said)}")
        if time.monotonic() > until:
            self._end_processes()
            raise TimeoutError(f"the processes did not end within {timeout:g} seconds")
        time.sleep(0.02)
        return None in codes

    def end(self):
        """End every process that still runs, wait for it, and remove the folder."""
        self._end_processes()
        self._folder.cleanup()

    def _end_processes(self):
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
            process.stdin.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.end()


def run(module, ranks, *arguments, timeout=600):
    """Run ``python -m module arguments`` as a group; return what each rank printed.

    Raises:
        RankFailed: a rank did not end well.
        TimeoutError: they did not end within ``timeout`` seconds.
    """
    with Launch(module, ranks, *arguments) as started:
        return started.wait(timeout)


@contextlib.contextmanager
def group(timeout=300):
    """Join the processes that were started together; give the rank of this one and their number.

    ``timeout`` is how many seconds a message may take before it is an error.
    """
    import torch.distributed as dist

    store, found = os.environ.get(STORE), {}
    if store is not None:
        threading.Thread(target=_end_with_the_starter, daemon=True).start()
        found = {"init_method": Path(store).as_uri()}
        found |= {"rank": int(os.environ["RANK"]), "world_size": int(os.environ["WORLD_SIZE"])}
    dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=timeout), **found)
    try:
        yield dist.get_rank(), dist.get_world_size()
    finally:
        dist.destroy_process_group()


def _end_with_the_starter():
    while os.read(0, 1):
        pass
    os._exit(1)


def _how(code):
    if code > 0:
        return f"ended with exit status {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def _last(said):
    return f": {said.strip().splitlines()[-1]}" if said.strip() else ""
