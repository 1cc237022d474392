"""The code behind the book: one small package per attention variant.

Variants lie in families: ``kernels``, ``scores``, ``pooling``, ``hard``, ``layers``, ``images``,
and ``simplest``, what the others become. Every variant has the same rooms: ``reference`` (the
formula in NumPy), ``module`` (what one would really use, in PyTorch) and ``limits`` (its card, and
when it is a simpler variant). What several need lies beside them: ``softmax``, ``masks``,
``shapes``, ``family``, ``cost``, ``plotting``, ``finite_differences``. ``exercises`` and
``figures`` have a module for each chapter, and ``checking`` judges the answers.
"""
