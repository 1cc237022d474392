"""Induction by weights that are written down: after a token, what followed it before.

Limit case: it is one attention whose keys are the tokens before; without sharpness, a mean.
"""
