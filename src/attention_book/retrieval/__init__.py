"""Retrieval: a question and texts become vectors, and the texts are ranked by what fits best."""
