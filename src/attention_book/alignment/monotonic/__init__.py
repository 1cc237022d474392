"""Monotonic attention: each step goes on from where the last one stopped, and never back.

Limit case: with probabilities 0 and 1 the expected alignment is one choice after the other.
"""
