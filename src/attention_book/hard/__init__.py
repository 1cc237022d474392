"""Hard attention: look at one position, drawn from the weights."""
