"""A decoder-only language model: an encoder under a causal mask, between embedding and read-out.

Limit case: with one feature for each symbol, its scores are the states of that encoder.
"""
