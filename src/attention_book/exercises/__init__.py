"""The exercises of the book, a module for each chapter, and how far you are.

``PLACE`` in each module is the part of the book and the place of the chapter in that part.
"""

from attention_book.checking import export_progress, import_progress, progress, reset_progress

__all__ = ["export_progress", "import_progress", "progress", "reset_progress"]
