"""Location-sensitive attention: the score also sees where the step before has looked.

Limit case: without the filters' share in the score it is additive attention.
"""
