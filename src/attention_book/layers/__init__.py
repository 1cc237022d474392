"""Layers: attention and networks with learned matrices, one layer or a stack."""
