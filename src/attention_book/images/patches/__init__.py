"""Patches: an image is cut into squares, each a token.

Limit case: one patch as large as the image is the image.
"""
