"""Scores: how well a query and a key match."""
