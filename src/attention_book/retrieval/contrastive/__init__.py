"""The contrastive loss: each question must weigh its own text more than those of the others.

Limit case: its weights are those of dot-product attention on vectors of length 1.
"""
