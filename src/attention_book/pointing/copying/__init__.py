"""Copying: the weights of the positions become probabilities of the words that stand there.

Limit case: where no word stands twice, copying is pointing.
"""
