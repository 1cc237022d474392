"""The Transformer and its pieces: what stands around attention, in a folder each."""
