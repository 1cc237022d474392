"""Additive attention: a network of one hidden layer scores a query and a key.

Limit case: with tiny arguments its tanh is the identity, and the score is the sum of a score of
the query and one of the key.
"""
