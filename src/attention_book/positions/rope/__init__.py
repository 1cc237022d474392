"""Rotary positions (RoPE): pairs of features of queries and keys turn with the position.

Limit case: where all tokens stand at position 0, nothing turns, and it is scaled dot-product
attention.
"""
