"""Figures that only one chapter needs, chapter by chapter."""
