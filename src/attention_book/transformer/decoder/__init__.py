"""A Transformer decoder: tokens read those before them, then a source, then a network follows.

Limit case: when nothing is read of the source, it is an encoder under a causal mask.
"""
