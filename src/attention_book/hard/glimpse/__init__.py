"""A glimpse: one position is drawn with the softmax of the scores as probabilities.

Limit case: averaged over its draws it is soft attention; with one score far above the others it
is the best match.
"""
