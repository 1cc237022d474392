"""Pooling: one learned query turns a sequence into a vector."""
