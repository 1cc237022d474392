"""Interpretation: what a head reads, what it writes, and what a model of known weights does."""
