"""Parallel: one attention computed by several processes, on one machine or on many."""
