"""Let an environment find the package by a path from itself.

An editable installation writes the whole path of the folder, in the encoding of the language that
the system has at that moment; under another one, Python may not be able to read it.
"""

import os
import sysconfig
from pathlib import Path


def main():
    site = Path(sysconfig.get_path("purelib")).resolve()
    (written,) = site.glob("__editable__.attention_book-*.pth")
    source = Path(__file__).resolve().parents[2] / "src"
    written.write_text(os.path.relpath(source, site) + "\n", "ascii")


if __name__ == "__main__":
    main()
