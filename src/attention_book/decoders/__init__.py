"""Decoders: who asks, and when, while an output is written step by step."""
