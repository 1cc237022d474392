"""Tiles: exact attention whose keys are read a block at a time."""
