"""Memory hops: what one look brings is added to the question of the next.

Limit case: one hop is dot-product attention with the scale 1, beside the question.
"""
