"""The Transformer whole: an encoder reads the source, a decoder writes the target.

Limit case: when the cross-attention adds nothing, the decoder is a language model.
"""
