"""Multi-head attention: several heads ask at once, each with small matrices of its own.

Limit case: one head that reads the sequence itself is self-attention; heads that all have the
same matrices are one head.
"""
