"""The executed copies of the notebooks, which the book shows and the tests compare.

They lie in the cache of myst-nb, each with the digest of what its outputs depend on: a copy that
was made from anything else is not taken.
"""

from contextlib import contextmanager
from pathlib import Path

import nbformat
from dependencies import key, modules, reached
from execution import execute, run
from filelock import FileLock
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn


@contextmanager
def _cache(root):
    """Open the cache, for one process at a time."""
    folder = Path(root) / "_build" / ".jupyter_cache"  # where myst-nb looks by default
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        cache = get_cache(folder)
        try:
            yield cache
        finally:
            cache.db.dispose()


def found(path, root):
    """Return the executed copy of a notebook and what is noted of its run, or None."""
    with _cache(root) as cache:
        try:
            record = cache.match_cache_notebook(nbformat.read(path, as_version=4))
            bundle = cache.get_cache_bundle(record.pk)
        except KeyError:
            return None
    return (bundle.nb, record.data) if record.data.get("key") == key(path, root) else None


def fill(paths, root, report=print):
    """Execute the notebooks of which there is no valid copy, two at a time, and keep the copies.

    The longest files come first, so that no long notebook is left alone at the end.

    Raises:
        NotebookFailed: a cell raised or ran out of time.
    """
    missing = [path for path in paths if found(path, root) is None]
    missing.sort(key=lambda path: -path.stat().st_size)
    for done in execute(missing, report):
        keep(done, root)


def one(path, root, report=print):
    """Return the executed copy of a notebook, what is noted of its run, and its error or None."""
    here = found(path, root)
    if here is not None:
        return *here, None
    done = run(Path(path), report)
    return done.notebook, keep(done, root) if done.error is None else {}, done.error


def keep(done, root):
    """Put an executed copy into the cache and return what is noted of its run."""
    cells = [cell.source for cell in done.notebook.cells if cell.cell_type == "code"]
    known = modules(root)
    unseen = {name for name in done.modules if name in known} - reached(cells, known)
    if unseen:
        raise RuntimeError(
            f"{done.path} loads {', '.join(sorted(unseen))}, which dependencies.py does not find "
            "in its code: the notebook would not be executed again when they change"
        )
    noted = {
        "key": key(done.path, root),
        "execution_seconds": done.seconds,
        "computed_seconds": done.computed,
    }
    with _cache(root) as cache:
        bundle = CacheBundleIn(done.notebook, str(done.path), data=noted)
        cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    return noted
