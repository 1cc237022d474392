"""What holds for every test: nothing stays open after it, and it comes at no certain place."""

import gc
import random

import pytest

pytest_plugins = ["notebook_tests"]


def pytest_addoption(parser):
    parser.addoption("--order", metavar="SEED", help="the order of the tests (a new one each time)")


def pytest_configure(config):
    drawn = str(random.SystemRandom().randrange(10**6))
    here = config.getoption("order") or drawn
    config.order = getattr(config, "workerinput", {}).get("order", here)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Let every worker of pytest-xdist draw the order that this process draws."""
    node.workerinput["order"] = node.config.order


def pytest_report_header(config):
    return f"order of the tests: repeat it with --order {config.order}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Shuffle the files, and the tests of each file. The cells of a notebook keep their order."""
    files = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    draw = random.Random(config.order)
    order = draw.sample(sorted(files), len(files))
    order.sort(key=lambda path: path.suffix != ".ipynb")  # what takes long begins first
    for path in order:
        if path.suffix == ".py":
            draw.shuffle(files[path])
    items[:] = [item for path in order for item in files[path]]


def collect(*, all_there_is=False):
    """Collect what nobody uses, and set aside the rest, so that the next time takes no time."""
    if all_there_is:
        gc.unfreeze()
    gc.collect()
    gc.freeze()


def pytest_collection_finish(session):
    collect()


@pytest.fixture(autouse=True)
def nothing_left_open():
    """Collect what a test left, so that a warning about it fails this test and no other."""
    yield
    collect()


@pytest.fixture(autouse=True, scope="module")
def nothing_left_open_in_the_file():
    """The same for what the fixtures of a file left, and what its tests used until now."""
    yield
    collect(all_there_is=True)
