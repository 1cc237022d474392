"""Kernels: the nearer a key, the more its value counts."""
