"""Norm-based analysis: how long the vectors are that a head adds up, not how large their weights.

Limit case: where all transformed values have the length 1, the norms are the weights.
"""
