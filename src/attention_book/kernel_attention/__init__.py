"""Kernel regression as attention.

``reference`` is the weighted average in NumPy, ``module`` the functions to use in PyTorch. In
both, ``attention`` has the Gaussian kernel and ``regress`` any other. Limit case: when all keys
are equally long, Gaussian kernel attention is scaled dot-product attention of the query times
``2 gamma √d_k``; at ``gamma = 0`` it is the plain mean, as ``gamma`` grows the nearest neighbour.
"""
