"""RoPE beyond its training length: other frequencies for the pairs, without other weights.

Limit case: with the factor 1 the frequencies are those of RoPE.
"""
