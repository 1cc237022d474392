"""FlashAttention: tiles forward and backward, so that no matrix of weights is ever stored.

Limit case: with one tile for all queries and keys it is scaled dot-product attention.
"""
