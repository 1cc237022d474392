"""Local attention: each query looks at a few keys around a place, one that it predicts itself.

Limit case: when the window reaches far beyond all keys, it is multiplicative attention.
"""
