"""A dense network with one hidden layer, and its backward pass: what attention is compared with.

Limit case: with tiny arguments its tanh is the identity, and the network a linear map.
"""
