"""Caches: what a decoder keeps of each token that it has read, and how little that can be."""
