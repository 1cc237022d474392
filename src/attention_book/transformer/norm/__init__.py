"""Layer normalisation, and its simpler form by the root mean square: every token gets one length.

Limit case: of a token whose features have mean 0, layer normalisation is that by the root mean
square.
"""
