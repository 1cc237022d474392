"""The contrastive loss: each question must weigh its own text more than those of the others.

Limit case: on vectors of length 1, dot-product attention has its weights; at a temperature without
bound every text weighs the same.
"""
