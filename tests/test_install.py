"""A copy of the book can be installed in any folder, whatever the language of the system."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from small_book import ROOT


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize("folder", ["plain", "ein Bücherregal, 注意力"])
def test_make_installs_the_package_where_the_system_knows_only_ascii(tmp_path, folder):
    """Without a network: of the requirements, only the package itself is installed."""
    book = tmp_path / folder
    book.mkdir()
    shutil.copytree(ROOT / "src", book / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    shutil.copytree(ROOT / "tools", book / "tools")
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, book / name)
    (book / "requirements.txt").write_text("-e .\n")
    plain = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C"}
    done = subprocess.run(
        ["make", ".venv/installed", f"PYTHON={sys.executable}"],
        cwd=book,
        env=plain
        | {
            "PIP_NO_DEPS": "1",
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",
            "PYTHONPATH": sysconfig.get_path("purelib"),  # for setuptools
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    elsewhere = [
        book / ".venv/bin/python",
        "-c",
        "import attention_book as b; print(b.__path__[0])",
    ]
    for language in ("C", "C.UTF-8"):
        found = subprocess.run(
            elsewhere, cwd=tmp_path, env=plain | {"LC_ALL": language}, capture_output=True
        )
        assert os.path.samefile(os.fsdecode(found.stdout.strip()), book / "src/attention_book")
        assert not found.stderr


@pytest.mark.parametrize(
    "command", [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["codespell"]]
)
def test_an_environment_that_a_person_made_in_the_folder_is_not_checked(tmp_path, command):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    library = tmp_path / "my own/lib/python3/site-packages/library"
    library.mkdir(parents=True)
    (tmp_path / "my own/pyvenv.cfg").touch()
    (library / "a.py").write_text(f"import os # {'recie' + 've'}\n")
    program = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    assert subprocess.run(program, cwd=tmp_path).returncode == 0
    shutil.copy(library / "a.py", tmp_path)
    assert subprocess.run(program, cwd=tmp_path).returncode != 0
