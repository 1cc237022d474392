"""Shared prefix: many requests begin alike, and the keys they share are read once for all.

Limit case: without a prefix, or without keys of its own, a request is answered by scaled
dot-product attention.
"""
