"""The table of mechanisms in the README, written from the cards of the package.

Usage: python tools/content/readme_table.py            (make format calls it)
"""

from pathlib import Path

from attention_book.family import limit_cases, mechanisms

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- mechanisms -->\n", "<!-- end of mechanisms -->\n"


def table():
    """Return one line for each mechanism that is more than the simplest, family by family."""
    lines = [
        "| mechanism | chapter | package | compared with | becomes |",
        "|---|---|---|---|---|",
    ]
    cases = limit_cases()
    for mechanism in sorted(mechanisms(), key=lambda m: m.variant):
        if mechanism.source is None:
            continue
        page = mechanism.at.partition("#")[0]
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
