"""The table of mechanisms in the README, written from the cards of the package.

Usage: python tools/content/readme_table.py            (make format calls it)
"""

import re
from pathlib import Path

from attention_book.family import limit_cases, mechanisms

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
BEGIN, END = "<!-- mechanisms -->\n", "<!-- end of mechanisms -->\n"


def table():
    """Return one line for each mechanism that is more than the simplest, in the book's order."""
    lines = [
        "| mechanism | chapter | package | compared with | becomes |",
        "|---|---|---|---|---|",
    ]
    cases = limit_cases()
    contents = re.findall(r"chapters/(\S+)", (ROOT / "_toc.yml").read_text("utf-8"))
    taught = [(m.at.partition("#")[0], m) for m in mechanisms() if m.source is not None]
    for page, mechanism in sorted(
        taught, key=lambda pair: (contents.index(pair[0].removesuffix(".ipynb")), pair[1].variant)
    ):
        chapter = page.removesuffix(".ipynb")
        folder = mechanism.variant.replace(".", "/")
        becomes = dict.fromkeys(c.special.name for c in cases if c.general is mechanism)
        lines.append(
            f"| {mechanism.name} | [`{chapter}`](chapters/{page}) "
            f"| [`{mechanism.variant}`](src/attention_book/{folder}) "
            f"| {mechanism.oracle} | {'; '.join(becomes)} |"
        )
    return "\n".join(lines) + "\n"


def with_table(text):
    """Return the text of the README with the table of today between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table() + END + after


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
