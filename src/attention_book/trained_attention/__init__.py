"""Networks that are trained: a dense network, self-attention with learned matrices, and depth.

``reference`` has the forward and the hand-written backward passes in NumPy, with finite
differences to check them; ``module`` has the attention layer and the stack in PyTorch, where the
gradients come from autograd. Limit case: with one token self-attention is the linear map
x·W_v·W_o, with W_q = 0 it is that map of the mean token, and a stack without layers, or with
W_o = 0 everywhere, is the identity.
"""
