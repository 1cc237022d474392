"""Sphinx extension: what the pages show is always computed from the code as it is now.

myst-nb caches an executed notebook by its cells alone, and Sphinx reads a page again only when its
file changed. Neither sees a change in the package. So the cache and the pages read so far are
dropped whenever the package, the requirements or the book's tools change; the notebooks that are
missing in the cache are executed, two at a time, before the first page is read; and a build that
ends with an error or a warning is not built upon.
"""

import hashlib
import shutil
import sys
from pathlib import Path

from execution import NotebookFailed, execute
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbformat import read
from sphinx.errors import SphinxError
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
SOURCES = ("src/**/*.py", "tools/**/*.py", "requirements.txt", "pyproject.toml")


def setup(app):
    app.connect("env-get-outdated", read_all_after_a_change)
    app.connect("env-before-read-docs", fill_the_cache)
    app.connect("build-finished", remember_a_good_build)
    return {"parallel_read_safe": True}


def key(root):
    """Return a digest of everything outside a notebook that its outputs depend on."""
    digest = hashlib.sha256(sys.version.encode())
    for pattern in SOURCES:
        for path in sorted(Path(root).glob(pattern)):
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def fill_the_cache(app, env, docnames):
    """Execute the notebooks about to be read whose outputs are not in the cache, or not valid."""
    folder = Path(app.outdir).parent / ".jupyter_cache"  # where myst-nb looks by default
    stamp = folder / "sources"
    if not stamp.exists() or stamp.read_text() != key(app.srcdir):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        stamp.write_text(key(app.srcdir))
    cache = get_cache(folder)
    missing = []
    for path in sorted(Path(env.doc2path(name)) for name in docnames):
        if path.suffix != ".ipynb":
            continue
        try:
            cache.match_cache_notebook(read(path, as_version=4))
        except KeyError:
            missing.append(path)
    try:
        for path, notebook, seconds in execute(missing, LOGGER.info):
            bundle = CacheBundleIn(notebook, str(path), data={"execution_seconds": seconds})
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    except NotebookFailed as failure:
        raise SphinxError(str(failure)) from None


def read_all_after_a_change(app, env, added, changed, removed):
    """Return every page when the last good build was of other sources."""
    stamp = _stamp_of_good_build(app)
    good = stamp.exists() and stamp.read_text() == key(app.srcdir)
    stamp.unlink(missing_ok=True)
    return [] if good else env.found_docs


def remember_a_good_build(app, exception):
    """Note which sources the pages were read with, unless something went wrong."""
    if exception is None and not app._warncount:
        _stamp_of_good_build(app).write_text(key(app.srcdir))


def _stamp_of_good_build(app):
    return Path(app.doctreedir) / "sources"
