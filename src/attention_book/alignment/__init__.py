"""Alignment: the weights of one step depend on those of the step before."""
