"""The softmax over the keys, masked, and defined on a row that sees nothing.

``reference`` is the formula in NumPy (also importable from here), ``module`` the same in PyTorch.
"""

from .reference import softmax

__all__ = ["softmax"]
