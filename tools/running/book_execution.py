"""Sphinx extension: what the pages show is always computed from the code as it is now.

Sphinx reads a page again only when its file changed. So all pages are read again whenever the
package, the requirements or the book's tools change; before the first page is read, the notebooks
are executed whose copies are of other code; and a build that ends with an error or a warning is
not built upon.
"""

import hashlib
import sys
from pathlib import Path

from sphinx.errors import SphinxError
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
SOURCES = ("src/**/*.py", "tools/**/*.py", "requirements.txt", "pyproject.toml")


def setup(app):
    app.connect("env-get-outdated", read_all_after_a_change)
    app.connect("env-before-read-docs", execute_first)
    app.connect("build-finished", remember_a_good_build)
    return {"parallel_read_safe": True}


def key(root):
    """Return a digest of everything outside a page from which it is made."""
    digest = hashlib.sha256(sys.version.encode())
    for pattern in SOURCES:
        for path in sorted(Path(root).glob(pattern)):
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def execute_first(app, env, docnames):
    """Execute the notebooks about to be read of which there is no valid copy."""
    paths = sorted(Path(env.doc2path(name)) for name in docnames)
    notebooks = [path for path in paths if path.suffix == ".ipynb"]
    if not notebooks:
        return
    from copies import fill
    from execution import NotebookFailed

    try:
        fill(notebooks, app.srcdir, LOGGER.info)
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
