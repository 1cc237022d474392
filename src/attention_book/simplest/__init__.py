"""The simplest mechanisms: the mean, the best match, a linear map, and nothing at all."""
