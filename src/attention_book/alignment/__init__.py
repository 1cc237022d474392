"""Alignment: a step reads around a place, which it predicts or knows from the step before."""
