"""A stack of residual self-attention layers: each adds what it found to what came in.

Limit case: with one layer, less its input, it is self-attention; with W_o = 0 it is the identity.
"""
