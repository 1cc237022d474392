"""Online softmax: attention over some of the keys, and how two such results become one.

Limit case: merged over all keys, each of them once, it is scaled dot-product attention.
"""
