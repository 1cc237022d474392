"""Location-based attention: the query says which places it wants, and no key is looked at.

Limit case: when column j of W is the key j, it is multiplicative attention; with W = 0 it is the
plain mean of the values.
"""
