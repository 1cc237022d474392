"""T5's relative bias: a learned number for each bucket of distances joins the score.

Limit case: with one bucket all scores get the same number, and it is dot-product attention.
"""
