"""The code behind the book: one small package per attention variant.

Every variant has the same rooms: ``reference`` (the formula in NumPy), ``module`` (what one
would really use, in PyTorch) and ``exercises`` (tasks that check themselves). What several
variants need lies beside them: ``softmax``, ``masks``, ``shapes``, ``plotting``, ``exercise``.
"""
