"""An attention-only Transformer: residual layers of many heads, and nothing between them.

Limit case: with one head in each layer it is a residual stack; without its heads, the identity.
"""
