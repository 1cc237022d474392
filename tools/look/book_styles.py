"""Sphinx extension: one style sheet for the whole book, with the rules that its pages can use.

The theme and its extensions bring a dozen style sheets, 0.5 MB, for pages of every kind. They are
joined in their order, and a rule is left out when it needs a class or an id that no page and no
script of the book mentions.
"""

import posixpath
import re
from pathlib import Path

import tinycss2
from finishing import after_the_pages

BUNDLE = "site.css"
THEME = ("styles/theme.css", "styles/pydata-sphinx-theme.css")
NESTED = ("media", "supports")


def setup(app):
    app.connect("env-get-outdated", notice_a_new_look)
    after_the_pages(app, bundle, priority=900)  # the theme writes colours of code at 500
    return {"parallel_read_safe": True}


def notice_a_new_look(app, env, added, changed, removed):
    """Return a page to read again when only the look changed: Sphinx would copy nothing else."""
    written = Path(app.outdir, "_static", BUNDLE)
    files = [path for name in ("_static", "_extra") for path in Path(app.srcdir, name).rglob("*")]
    newest = max((path.stat().st_mtime for path in files), default=0)
    return [app.config.root_doc] if written.exists() and newest > written.stat().st_mtime else []


def bundle(app):
    """Write the style sheet that the page template links."""
    out = Path(app.outdir)
    words = {word for page in out.rglob("*.html") for word in _words(page)}
    words |= {word for script in out.rglob("*.js") for word in _words(script)}
    sheets = [_sheet(out / "_static", name, words) for name in [*THEME, *_named(app)]]
    (out / "_static" / BUNDLE).write_text("\n".join(sheets), "utf-8")


def _sheet(static, name, words):
    """Return what is left of a style sheet, and of those that it imports before it."""
    rules = tinycss2.parse_stylesheet_bytes(
        (static / name).read_bytes(), skip_comments=True, skip_whitespace=True
    )[0]
    folder = posixpath.dirname(name)
    imports = [rule for rule in rules if getattr(rule, "lower_at_keyword", "") == "import"]
    imported = [
        _sheet(static, posixpath.normpath(posixpath.join(folder, address)), words)
        for rule in imports
        for address in re.findall(r"[\w./-]+\.css", tinycss2.serialize(rule.prelude))
    ]
    own = "".join(_pruned([rule for rule in rules if rule not in imports], words))
    return "\n".join([*imported, _from_here(own, folder)])


def _named(app):
    """Return the style sheets that extensions and configuration added, in their order."""
    sheets = sorted(app.builder._css_files, key=lambda sheet: sheet.priority)
    names = [str(sheet.filename).removeprefix("_static/") for sheet in sheets]
    return list(dict.fromkeys(name.partition("?")[0] for name in names))


def _words(path):
    return set(re.findall(r"[\w-]+", path.read_text("utf-8")))


def _pruned(rules, words):
    """Yield the source of the rules that may match something."""
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [s for s in _selectors(rule.prelude) if _usable(s, words)]
            if selectors:
                prelude = ",".join(tinycss2.serialize(s).strip() for s in selectors)
                yield f"{prelude}{{{tinycss2.serialize(rule.content).strip()}}}\n"
        elif rule.type == "at-rule" and rule.lower_at_keyword in NESTED and rule.content:
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            body = "".join(_pruned(inner, words))
            if body:
                head = tinycss2.serialize(rule.prelude).strip()
                yield f"@{rule.at_keyword} {head}{{{body}}}\n"
        elif rule.type == "at-rule" and rule.lower_at_keyword != "charset":
            yield rule.serialize() + "\n"


def _selectors(prelude):
    """Split a selector list at its outer commas."""
    parts = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _usable(selector, words):
    """Return whether every class and id outside of a function such as :not() is mentioned."""
    before = None
    for token in selector:
        if token.type == "hash" and token.value not in words:
            return False
        if token.type == "ident" and before == "." and token.value not in words:
            return False
        before = token.value if token.type == "literal" else None
    return True


def _from_here(css, folder):
    """Rewrite addresses that were relative to a sheet's own folder."""
    if not folder:
        return css
    address = r"url\((['\"]?)(?!data:|https?:|#|/)([^'\")]+)\1\)"
    return re.sub(
        address, lambda m: f'url("{posixpath.normpath(posixpath.join(folder, m[2]))}")', css
    )
