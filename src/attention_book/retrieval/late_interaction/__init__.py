"""Late interaction: each token of a question finds its best token of a text; the fits are added.

Limit case: it is what attention with ever larger scores finds; with one token on either side it
is a dot product.
"""
