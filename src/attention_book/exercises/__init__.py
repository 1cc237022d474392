"""The exercises of the book, a module for each chapter, and how far you are.

``PLACE`` in each module is the part of the book and the place of the chapter in that part.
"""

from attention_book.checking import progress, reset_progress

__all__ = ["progress", "reset_progress"]
