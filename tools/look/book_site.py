"""Sphinx extension: what belongs to the site as a whole.

The front page at the root, a description of each page, its preview and the day of its last change,
a sitemap, a page for addresses that do not exist.
"""

import os
import re
from datetime import UTC, datetime
from html import escape, unescape
from pathlib import Path

from docutils import nodes
from finishing import after_the_pages

DESCRIPTION = 160  # characters that a search engine shows


def setup(app):
    app.add_node(nodes.citation, override=True, html=(visit_citation, depart_citation))
    app.connect("config-inited", find_address)
    app.connect("html-page-context", describe)
    app.connect("html-page-context", date)
    after_the_pages(app, finish, priority=950)
    return {"parallel_read_safe": True}


def find_address(app, config):
    """Take the address under which GitHub publishes the book from the repository's name."""
    owner, _, name = os.environ.get("GITHUB_REPOSITORY", "").partition("/")
    if name and not config.html_baseurl:
        config.html_baseurl = f"https://{owner.lower()}.github.io/{name}/"


def describe(app, pagename, templatename, context, doctree):
    """Give a page what search engines, and those who are sent a link to it, are shown."""
    title = unescape(re.sub(r"<[^>]+>", "", context.get("title") or app.config.html_title))
    text = title if doctree is None else _first_words(doctree)
    tags = {"description": text, "og:title": title, "og:description": text, "og:type": "article"}
    if doctree is not None and app.config.html_baseurl:  # a preview needs absolute addresses
        context["pageurl"] = address(app, pagename)  # the theme's canonical link
        tags |= {"og:url": address(app, pagename), "og:site_name": app.config.html_title}
        tags |= preview(app, pagename, title)
    context["metatags"] = context.get("metatags", "") + "\n".join(
        f'<meta {"property" if name.startswith("og:") else "name"}="{name}"'
        f' content="{escape(str(value))}"/>'
        for name, value in tags.items()
    )


def preview(app, pagename, title):
    """Draw a page's preview and return the tags that lead to it."""
    from book_preview import ALTERNATIVE, HEIGHT, WIDTH, draw  # only here: it takes long

    name = f"_static/preview/{pagename.replace('/', '-')}.png"
    path = Path(app.outdir, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    front = pagename == app.config.root_doc
    subtitle = "An executable book" if front else app.config.html_title
    draw(title, subtitle, Path(app.srcdir, "_static/logo.svg"), path)
    return {
        "og:image": app.config.html_baseurl + name,
        "og:image:width": WIDTH,
        "og:image:height": HEIGHT,
        "og:image:alt": ALTERNATIVE.format(title=title),
        "twitter:card": "summary_large_image",
    }


def date(app, pagename, templatename, context, doctree):
    """Tell the page's template on which day its source was last changed."""
    context["changed"] = last_change(app.env, pagename)


def last_change(env, docname):
    """Return the day of the last commit that touched a page's source, None where git has none.

    sphinx-last-updated-by-git asks git, and answers with None in a shallow clone, where every file
    seems to be of the last commit.
    """
    seconds, _ = env.git_last_updated.get(docname) or (None, None)
    return None if seconds is None else datetime.fromtimestamp(int(seconds), UTC).date()


def _first_words(doctree):
    """Return the first paragraph of a page, cut after a word."""
    paragraph = next(iter(doctree.findall(nodes.paragraph)), None)
    text = " ".join(paragraph.astext().split()) if paragraph is not None else ""
    return text if len(text) <= DESCRIPTION else text[: text.rindex(" ", 0, DESCRIPTION)] + " …"


def visit_citation(self, node):
    """Open an entry of the bibliography with the role that it may have inside of a list."""
    if not isinstance(node.previous_sibling(), nodes.citation):
        self.body.append('<div role="list" class="citation-list">\n')
    self.body.append(self.starttag(node, "div", CLASS="citation", role="listitem"))


def depart_citation(self, node):
    self.body.append("</div>\n")
    if not isinstance(node.next_node(descend=False, siblings=True), nodes.citation):
        self.body.append("</div>\n")


def finish(app):
    """Write the files that stand at the root of the site."""
    out = Path(app.outdir)
    for template in out.glob("_static/*macros.html"):  # the theme's, copied with its pictures
        template.unlink()
    front = out / f"{app.config.root_doc}.html"
    (out / "index.html").write_text(
        from_the_root(front.read_text("utf-8"), Path(app.config.root_doc).parent.as_posix()),
        "utf-8",
    )
    (out / "404.html").write_text(NOT_FOUND.format(home=app.config.html_baseurl or "/"), "utf-8")
    if app.config.html_baseurl:
        changes = {address(app, name): last_change(app.env, name) for name in app.env.found_docs}
        (out / "sitemap.xml").write_text(sitemap(changes), "utf-8")


def address(app, docname):
    """Return where a page is published. The front page is published at the root."""
    front = docname == app.config.root_doc
    return app.config.html_baseurl + ("" if front else app.builder.get_target_uri(docname))


def from_the_root(page, folder):
    """Return a page of a folder as it reads from the root of the site.

    >>> from_the_root('<a href="../a.html"><a href="b.html"><a href="#c">', "chapters")
    '<a href="a.html"><a href="chapters/b.html"><a href="#c">'
    >>> from_the_root('<style>@font-face { src: url("../a.woff2"); }</style>', "chapters")
    '<style>@font-face { src: url("a.woff2"); }</style>'
    """

    def moved(match):
        name, address = match.groups()
        if address.startswith("../"):
            return f'{name}="{address[3:]}"'
        return f'{name}="{folder}/{address}"'

    page = page.replace('data-content_root="../"', 'data-content_root="./"')
    page = page.replace('url("../', 'url("')
    return re.sub(r'\b(href|src|action)="(?![a-z]+:|#|/)([^"]+)"', moved, page)


def sitemap(changes):
    """Return the list of pages for search engines, from the day of each address's last change."""
    entries = "".join(
        f"<url><loc>{escape(address)}</loc>"
        + (f"<lastmod>{day.isoformat()}</lastmod>" if day else "")
        + "</url>\n"
        for address, day in sorted(changes.items())
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{entries}</urlset>\n'
    )


NOT_FOUND = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="description" content="There is no page of The Attention Book at this address."/>
<title>No such page · The Attention Book</title>
<link rel="icon" href="data:,"/>
<style>
:root {{ color-scheme: light dark; }}
html {{ color: #1f2328; background: #ffffff; }}
a {{ color: #0b5cad; }}
@media (prefers-color-scheme: dark) {{
  html {{ color: #e6edf3; background: #14181e; }}
  a {{ color: #6cb6ff; }}
}}
body {{ font: 1.1rem/1.6 system-ui, sans-serif; }}
main {{ max-width: 34rem; margin: 12vh auto; padding: 0 1rem; }}
</style>
</head>
<body>
<main>
<h1>Nothing matches this query</h1>
<p>Every key was compared with the address you asked for, and none fits: there is no such page.
It may have moved. These are the nearest values:</p>
<ul>
<li><a href="{home}">the front page</a></li>
<li><a href="{home}search.html">search</a>, which knows Chinese terms too</li>
<li><a href="{home}chapters/glossary.html">the glossary</a></li>
</ul>
</main>
</body>
</html>
"""
