"""Sphinx extension: each figure of a page has a number, by which one can speak of it, and its room.

On the screen a figure opens in place, larger, with its number and with what is to be seen on it:
``_extra/look/enlarge.js``. Without scripts its link leads to the picture. What a chapter writes
below a picture, in a box ``figure-says``, stands directly under its number.
"""

from pathlib import Path

from docutils import nodes
from sphinx.errors import SphinxError
from sphinx.util.images import get_image_size


def setup(app):
    app.connect("doctree-read", put_captions_below_their_figures)
    app.connect("doctree-resolved", number_the_figures)
    app.connect("html-page-context", fetch_the_opening_picture_early)
    app.add_node(nodes.image, override=True, html=(visit_image, None))
    return {"parallel_read_safe": True}


def put_captions_below_their_figures(app, doctree):
    """Move a caption, which in a notebook is the text after a cell, to the output of that cell."""
    for caption in list(doctree.findall(nodes.container)):
        if "figure-says" not in caption["classes"]:
            continue
        outputs = [
            part
            for cell in caption.parent[: caption.parent.index(caption)][-1:]
            for part in cell.children[-1:]
            if "cell_output" in getattr(part, "attributes", {}).get("classes", [])
        ]
        if not outputs:
            raise SphinxError(f"{app.env.docname}: a box figure-says stands after no picture")
        caption.parent.remove(caption)
        outputs[0].append(caption)


def number_the_figures(app, doctree, docname):
    """Write *Figure 2.3* below the third figure of chapter 2, and *Figure 3* where none counts."""
    chapter = app.env.toc_secnumbers.get(docname, {}).get("")
    prefix = f"{chapter[0]}." if chapter else ""
    number = 0
    for image in list(doctree.findall(nodes.image)):
        if "only-light" not in image["classes"] or not _is_output(image):
            continue
        number += 1
        versions = list(image.parent.findall(nodes.image))
        last = versions[versions.index(image) + 1]  # the one for dark pages
        place = last if last.parent is image.parent else last.parent
        below = nodes.paragraph("", f"Figure {prefix}{number}", classes=["figure-number"])
        place.parent.insert(place.parent.index(place) + 1, below)


def fetch_the_opening_picture_early(app, pagename, templatename, context, doctree):
    """Name the picture of a chapter's first screen in the page's head, by the screen's colours.

    The two versions themselves wait until they are seen, since one of them never is.
    """
    if doctree is None:
        return
    for image in doctree.findall(nodes.image):
        if "tag_opening" in _classes_around(image):
            scheme = "dark" if "only-dark" in image["classes"] else "light"
            context["metatags"] += (
                f'<link rel="preload" as="image" href="{image["uri"]}" '
                f'media="(prefers-color-scheme: {scheme})">\n'
            )


def _classes_around(node):
    while node.parent is not None:
        node = node.parent
        yield from node.get("classes", [])


def _is_output(image):
    return "cell_output" in _classes_around(image)


def visit_image(self, node):
    """Write an image; one that comes late says its size, so that nothing moves when it is there."""
    size = get_image_size(Path(self.builder.srcdir, node["uri"])) if "loading" in node else None
    place = len(self.body)
    type(self).visit_image(self, node)
    if size:
        tag = '<img width="{}" height="{}" '.format(*size)
        self.body[place] = self.body[place].replace("<img ", tag, 1)
