"""Sinusoidal positions: each position is a row of sines and cosines, added to its token.

Limit case: where the tokens are zero and each pair of a query and a key is (1, 0), the codes
alone score as RoPE does.
"""
