"""Attention over a sequence: pooling with a learned query, and the additive score.

``pool`` scores each position with one learned vector and returns one average of all positions;
``attention`` scores pairs of query and key with a small network, w·tanh(q + k). Both exist in
``reference`` (NumPy) and in ``module`` (PyTorch). Limit case: with w = 0 both are the plain mean.
And without its tanh, or where its arguments are small, additive attention is pooling: the query
adds the same number to every score and cancels.
"""
