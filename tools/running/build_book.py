"""Build the book, strictly; at once when nothing changed since the last build that was good.

Usage: python tools/running/build_book.py

Whether something changed is seen by names, sizes and times, of what the book is made from and of
what was made. In doubt, Sphinx is asked, which reads only the pages that changed.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STRICT = ["-W", "-n", "--keep-going"]
# No page is made from these. Names that begin with a point are left out as well, and environments
# of Python, which a person may have made in any folder.
LEFT_OUT = {"_build", "tests", "benchmarks", "__pycache__"}


def files(folder, left_out=frozenset()):
    """Yield the path, the size and the time of every file in a folder, in order."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    if any(entry.name == "pyvenv.cfg" for entry in entries):
        return
    for entry in entries:
        if left_out and (entry.name in left_out or entry.name.startswith(".")):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from files(entry.path, left_out)
        else:
            status = entry.stat(follow_symlinks=os.path.exists(entry.path))
            yield os.path.relpath(entry.path, ROOT), status.st_size, status.st_mtime_ns


def state():
    """Return what a book depends on and what it consists of, to compare with another time."""
    git = shutil.which("git")
    asked = [["rev-parse", "HEAD"], ["config", "--get", "remote.origin.url"]] if git else []
    answers = [
        subprocess.run([git, *question], cwd=ROOT, capture_output=True, text=True).stdout
        for question in asked
    ]
    packages = os.stat(sysconfig.get_path("purelib")).st_mtime_ns
    return [
        [sys.version, packages, os.environ.get("GITHUB_REPOSITORY"), *answers],
        list(map(list, files(ROOT, LEFT_OUT))),
        list(map(list, files(ROOT / "_build/html"))) if (ROOT / "_build/html").exists() else [],
    ]


def main():
    stamp = ROOT / "_build" / "state.json"
    before = state()
    if stamp.exists() and json.loads(stamp.read_text("utf-8")) == before:
        print("Nothing changed since the last build.")
        return 0
    stamp.unlink(missing_ok=True)
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    status = subprocess.run([*command, "build", ".", *STRICT], cwd=ROOT).returncode
    after = state()
    if status == 0 and before[:2] == after[:2]:
        stamp.write_text(json.dumps(after), "utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
