"""Kernel regression with a Gaussian kernel: attention whose score is a negative squared distance.

Limit case: when all keys are equally long it is scaled dot-product attention of the query times
``2 gamma √d_k``; at ``gamma = 0`` it is the plain mean, as ``gamma`` grows the nearest neighbour.
"""
