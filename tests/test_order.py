"""A test that leaves something open fails itself, and tests do not depend on their order."""

import re
import subprocess
import sys

import pytest
from small_book import ROOT

TESTS = """\
import pytest

def leave_open():
    file = open(__file__)
    circle = [file]
    circle.append(circle)  # only the garbage collector finds it

@pytest.fixture(scope="module")
def careless():
    yield
    leave_open()

def test_leaks():
    leave_open()

def test_one(): pass
def test_two(): pass
"""
FILE = "\ndef test_alone(careless): pass\n"


def run(folder, *arguments):
    """Run these tests with the settings of the book's own, and return what is said of each."""
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", "."]
    command += ["-p", "no:cacheprovider", "-v", ".", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return re.findall(r"^(\S+)::(\S+) (PASSED|FAILED|ERROR)", done.stdout, re.M), done.stdout


@pytest.fixture
def folder(tmp_path):
    """Two files of tests; a test and a fixture leave a file open."""
    (tmp_path / "conftest.py").write_text((ROOT / "conftest.py").read_text())
    (tmp_path / "test_a.py").write_text(TESTS)
    (tmp_path / "test_b.py").write_text(TESTS[: TESTS.index("def test_leaks")] + FILE)
    (tmp_path / "test_c.py").write_text("def test_three(): pass\ndef test_four(): pass\n")
    return tmp_path


@pytest.mark.parametrize("seed", range(4))
def test_what_a_test_leaves_open_fails_that_test_in_any_order(folder, seed):
    found, log = run(folder, f"--order={seed}")
    bad = sorted((name, verdict) for _, name, verdict in found if verdict != "PASSED")
    assert bad == [("test_alone", "ERROR"), ("test_leaks", "ERROR")], log
    assert len({name for _, name, _ in found}) == 6


def test_without_that_it_would_not_be_seen_where_it_happens(folder):
    found, log = run(folder, "--noconftest")
    assert ("test_a.py", "test_leaks", "PASSED") in found, log
    assert ("test_a.py", "test_leaks", "ERROR") not in found, log


def test_an_order_can_be_repeated_and_another_is_another(folder):
    orders = [[name for _, name, _ in run(folder, f"--order={seed}")[0]] for seed in (1, 1, 2, 3)]
    assert orders[0] == orders[1]
    assert len(set(map(tuple, orders))) > 1


def test_all_workers_draw_the_same_order_and_its_number_is_said(folder):
    _, log = run(folder, "-n", "2")
    assert "Different tests were collected" not in log
    (seed,) = re.findall(r"repeat it with --order (\d+)", log)
    assert f"--order {seed}" in run(folder, f"--order={seed}")[1]
