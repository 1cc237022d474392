"""Paged attention: keys and values in blocks anywhere in memory, which a table puts in order.

Limit case: with a table that counts the blocks of one sequence from 0 it is scaled dot-product
attention over a contiguous cache.
"""
