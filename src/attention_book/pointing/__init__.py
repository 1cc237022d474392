"""Pointing: the weights are the answer, or a part of it."""
