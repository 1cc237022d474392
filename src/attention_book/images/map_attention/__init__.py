"""Self-attention over a feature map: every cell asks all of them, and a feature map comes back.

Limit case: read as one sequence, it is self-attention with W_o = I.
"""
