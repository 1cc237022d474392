"""The pointer network: its output is a position of the input, its distribution the weights.

Limit case: as long as nothing has been pointed at, the weights are those of additive attention.
"""
