"""Kernel regression with any kernel: the weights are a kernel of the distance, divided by its sum.

Limit case: with a Gaussian kernel it is Gaussian kernel regression.
"""
