"""Visual attention: patches, one query or many over a feature map, and hard glimpses.

``patchify`` and ``unpatchify`` take an image apart and put it together; ``pool`` asks a feature
map one question and returns a vector, ``self_attention`` asks one from every cell and returns a
feature map; ``glimpse`` looks at one position drawn from the weights. These exist in ``reference``
(NumPy) and in ``module`` (PyTorch). The gradient of a draw is written out in ``reference``, as
``score_function_gradient`` and ``expected_gradient``; ``module`` has ``reinforce_loss`` instead,
and leaves it to autograd. Limit cases: with w = 0 ``pool`` is the global average; one
patch as large as the image is the image; and the average of a glimpse over its draws is soft
attention.
"""
