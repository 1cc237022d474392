"""Pooling a feature map: one learned query turns its cells into a vector.

Limit case: with w = 0 it is the global average.
"""
