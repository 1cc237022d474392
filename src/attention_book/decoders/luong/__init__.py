"""Luong's decoder: the recurrent network runs first, and all its states ask afterwards, at once.

Limit case: with a cell that hands on its input, it is multiplicative attention, asked by the
words themselves.
"""
