"""Scaled dot-product attention: the query and the key are multiplied.

Limit case: when every query is zero, all scores are equal and attention is the plain mean of the
values.
"""
