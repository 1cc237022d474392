"""Pooling: a sequence becomes one vector, or a few, by averages of its positions."""
