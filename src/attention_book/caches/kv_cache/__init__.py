"""A cache of keys and values: what was computed for a token once is kept for all that follow.

Limit case: when all tokens come in one call, it is scaled dot-product attention under a causal
mask.
"""
