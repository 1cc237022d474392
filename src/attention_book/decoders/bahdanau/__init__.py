"""Bahdanau's decoder: the state before a step asks, and what it reads goes into the step.

Limit case: over one step it is additive attention, asked by the first state.
"""
