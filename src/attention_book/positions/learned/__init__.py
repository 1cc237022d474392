"""Learned positions: each position has a vector of its own, learned, and added to its token.

Limit case: with a table of sines it is sinusoidal positions, with a table of zeros nothing.
"""
