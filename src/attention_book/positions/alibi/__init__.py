"""ALiBi: each score is lowered by the distance times a slope, and nothing else knows positions.

Limit case: with the slope 0 it is scaled dot-product attention.
"""
