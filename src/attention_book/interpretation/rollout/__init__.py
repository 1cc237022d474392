"""Attention rollout: the weights of all layers multiplied, as if nothing else were in them.

Limit case: with one layer it is the mean of that layer and the identity.
"""
