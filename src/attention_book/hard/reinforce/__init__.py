"""REINFORCE: the gradient of a draw, estimated from the draw and its reward.

Limit case: averaged over all draws it is the gradient of the soft average.
"""
