"""Images: what is attended to is a patch, or a cell of a feature map."""
