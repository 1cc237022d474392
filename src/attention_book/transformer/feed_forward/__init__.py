"""The feed-forward layer of a Transformer, plain and gated: each token by itself, made wide.

Limit case: while every hidden unit is above 0 the plain layer is a linear map.
"""
