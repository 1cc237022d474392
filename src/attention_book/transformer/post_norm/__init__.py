"""A Transformer encoder as it was first published: the norm stands after each sum (post-norm).

Limit case: when nothing is added to tokens that are normalised already, it is the identity.
"""
