"""Sphinx extension: in a program, only what has a colour of its own gets an element.

A chapter has four thousand names, brackets and commas. Pygments puts each into an element, in the
colour that the text has anyway, and a phone lays all of them out.
"""

from functools import cache

from pygments.formatters import HtmlFormatter
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES, Text


def setup(app):
    app.connect("builder-inited", colour_what_differs)
    return {"parallel_read_safe": True}


def colour_what_differs(app):
    """Let Sphinx write programs for the two styles of the theme, the light and the dark."""
    if app.builder.format == "html":
        options = app.builder.theme.get_options()
        styles = [options[f"pygments_{mode}_style"] for mode in ("light", "dark")]
        app.builder.highlighter.formatter = formatter_for(*map(get_style_by_name, styles))


def formatter_for(*styles):
    """Return a formatter that leaves alone what looks like text in all of these styles."""

    @cache
    def plain(kind):
        while kind not in STANDARD_TYPES:  # a lexer's own: it looks like what it is a kind of
            kind = kind.parent
        return all(style.style_for_token(kind) == style.style_for_token(Text) for style in styles)

    class Formatter(HtmlFormatter):
        def format_unencoded(self, tokens, outfile):
            seen = ((Text if plain(kind) else kind, text) for kind, text in tokens)
            super().format_unencoded(seen, outfile)

    return Formatter
