"""Transformer-XL's relative positions: the sines of the distance, seen by a learned query.

Limit case: with no distance matrix and no biases it is scaled dot-product attention.
"""
