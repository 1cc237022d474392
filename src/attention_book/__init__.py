"""The code behind the book: one small package per attention variant.

Every variant has the same rooms: ``reference`` (the formula in NumPy), ``module`` (what one
would really use, in PyTorch) and ``limits`` (when it is a simpler variant). What several variants
need lies beside them: ``softmax``, ``masks``, ``shapes``, ``family``, ``cost``, ``plotting``. The
``exercises`` have a module for each chapter, and ``checking`` judges the answers.
"""
