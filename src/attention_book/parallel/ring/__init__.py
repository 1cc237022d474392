"""Ring attention: a sequence divided among ranks, whose keys and values go round.

Limit case: with one rank it is scaled dot-product attention; with any number it computes the same.
"""
