"""A Transformer encoder: attention and a feed-forward layer, each added to a residual stream.

The norms stand before the layers that read (pre-norm), and one more after the last block.

Limit case: when nothing is added, it is the identity.
"""
