"""Sphinx extension: each figure of a page has a number, by which one can speak of it.

On the screen a figure opens in place, larger, with its number and with what is to be seen on it:
``_extra/look/enlarge.js``. Without scripts its link leads to the picture.
"""

from docutils import nodes


def setup(app):
    app.connect("doctree-resolved", number_the_figures)
    return {"parallel_read_safe": True}


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


def _is_output(image):
    parents = (image.parent, image.parent.parent)
    return any("cell_output" in parent.get("classes", []) for parent in parents)
