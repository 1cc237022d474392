"""Scaled dot-product attention.

``reference`` is the formula in NumPy, ``module`` the function to use in PyTorch; both are
called ``attention``. Limit case: when every query is zero, all scores are equal and attention
is the plain mean of the values.
"""
