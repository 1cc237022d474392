"""Multiplicative attention: a learned matrix stands between the query and the key.

Limit case: with the identity, divided by √d, it is scaled dot-product attention; with W = 0 it is
the plain mean of the values.
"""
