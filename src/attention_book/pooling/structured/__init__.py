"""Several readers: each averages the positions of one sequence with weights of its own.

Limit case: one reader whose tanh is the identity is attention pooling; with W_2 = 0 each is the
mean.
"""
