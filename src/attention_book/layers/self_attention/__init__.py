"""Self-attention of one head: every token of a sequence asks all of them, with learned matrices.

Limit case: with W_q = W_k = W_v = W_o = I it is scaled dot-product attention; one token is
multiplied by one matrix, W_v W_o.
"""
