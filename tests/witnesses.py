"""What the tests of the variants share: inputs, a comparison, and the average as a plain loop."""

import functools
import inspect
import math

import numpy as np
import pytest
import torch


def tensors(*arrays, grad=False):
    return tuple(torch.from_numpy(x.copy()).requires_grad_(grad) for x in arrays)


def beside(function, weights):
    """The function and, with ``return_weights=True``, its weights: one call to look at both."""

    @functools.wraps(function)
    def call(*args, return_weights=False, **options):
        output = function(*args, **options)
        if not return_weights:
            return output
        given = inspect.signature(function).bind(*args, **options).arguments
        takes = inspect.signature(weights).parameters
        return output, weights(**{name: x for name, x in given.items() if name in takes})

    return call


def rooms(numpys, torches, name):
    """Run a test with the function in NumPy, and with its twin on tensors."""
    function = getattr(torches, name)

    def on_tensors(*args, **options):
        def tensor(x):
            return torch.from_numpy(np.array(x)) if isinstance(x, np.ndarray) else x

        options = {key: tensor(x) for key, x in options.items()}
        return function(*map(tensor, args), **options).numpy()

    on_tensors.__name__ = f"{name}_in_torch"
    return pytest.mark.parametrize(name, [getattr(numpys, name), on_tensors])


def some_mask(*shape, seed=0):
    """A random mask whose query 1 may attend to nothing."""
    mask = np.random.default_rng(seed).random(shape) < 0.6
    mask[..., 1, :] = False
    return mask


def close(found, expected, tolerance=1e-12):
    """Assert that two arrays or tensors agree in dtype, shape and numbers."""
    found, expected = (
        x.detach().numpy() if isinstance(x, torch.Tensor) else x for x in (found, expected)
    )
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def average_by_loop(q, k, v, strength, mask=None):
    """Return outputs and weights of one sequence, in Python floats, sharing nothing with the book.

    ``strength(query, key)`` is what a key counts for a query, before the division by the sum.
    """
    outputs, weights = [], []
    for i, query in enumerate(q):
        row = [
            strength(query, key) if mask is None or mask[i][j] else 0.0 for j, key in enumerate(k)
        ]
        total = math.fsum(row) or 1.0
        weights.append([number / total for number in row])
        outputs.append(
            [
                math.fsum(a * value[f] for a, value in zip(weights[-1], v, strict=True))
                for f in range(len(v[0]))
            ]
        )
    return np.array(outputs), np.array(weights)


def dot(a, b):
    """Return the dot product of two lists of Python floats."""
    return math.fsum(x * y for x, y in zip(a, b, strict=True))
