"""LexRank: a position weighs what a random walk along similarities spends on it.

Limit case: if every step jumps anywhere, or no two positions are similar, it is the mean.
"""
