"""Shaw's relative positions: a learned vector for each clipped distance joins the key.

Limit case: clipped at 0 all keys get the same vector, and it is scaled dot-product attention.
"""
