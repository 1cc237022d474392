"""Attention pooling: the positions of a sequence are averaged, each weighted by its score.

Limit case: with w = 0 it is the mean.
"""
