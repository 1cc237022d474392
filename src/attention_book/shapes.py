"""What attention needs of its inputs, said once, for NumPy arrays and PyTorch tensors alike."""

import operator

from numpy import broadcast_shapes


def check_qkv(q, k, v, mask, *, kind):
    """Raise an error that names the argument unless q, k, v and mask fit together.

    Shapes:
        q: (..., L, d_k)
        k: (..., S, d_k)
        v: (..., S, d_v)
        mask: boolean, broadcastable to (..., L, S), or None
        kind: the class that q, k and v must have, ``numpy.ndarray`` or ``torch.Tensor``
        The leading dimensions of q, k and v must broadcast against each other.

    Raises:
        TypeError: an argument is not of that class, the dtypes differ or are not floating point,
            or the mask is not boolean.
        ValueError: the shapes do not fit; the message gives the shape found and needed.
    """
    for name, array in (("q", q), ("k", k), ("v", v)):
        check_floating(array, name, kind=kind)
        if array.dtype != q.dtype:
            raise TypeError(f"{name} has dtype {array.dtype}; it must equal that of q, {q.dtype}")
        if array.ndim < 2:
            raise ValueError(
                f"{name} has shape {tuple(array.shape)}; it needs at least two dimensions, "
                "(..., positions, features)"
            )
    if q.shape[-1] != k.shape[-1]:
        raise ValueError(
            f"k has shape {tuple(k.shape)}; its last dimension must equal that of q, {q.shape[-1]}"
        )
    if q.shape[-1] == 0:
        raise ValueError(f"q has shape {tuple(q.shape)}; it needs at least one feature")
    if v.shape[-2] != k.shape[-2]:
        raise ValueError(
            f"v has shape {tuple(v.shape)}; it needs one value for each of the "
            f"{k.shape[-2]} keys, (..., {k.shape[-2]}, d_v)"
        )
    try:
        leading = broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    except ValueError:
        raise ValueError(
            "the leading dimensions of q, k, v must broadcast: "
            f"q has {tuple(q.shape)}, k {tuple(k.shape)}, v {tuple(v.shape)}"
        ) from None
    if mask is not None:
        check_mask(mask, (*leading, q.shape[-2], k.shape[-2]))


def check_floating(array, name, *, kind):
    """Raise an error that names ``array`` unless it is of that class and holds floats.

    Raises:
        TypeError: ``array`` is not of the class ``kind``, or its dtype is not floating point.
    """
    if not isinstance(array, kind):
        raise TypeError(f"{name} is a {type(array).__name__}; it needs a {kind.__name__}")
    if "float" not in str(array.dtype):
        raise TypeError(f"{name} has dtype {array.dtype}; it needs a floating-point dtype")


def check_map(x, mask, *, kind):
    """Raise an error unless x is a feature map, (..., H, W, d), and the mask fits its cells.

    Raises:
        TypeError: ``x`` is not of the class ``kind`` or not floating point, or ``mask`` is not
            boolean.
        ValueError: ``x`` has fewer than three dimensions or no feature, or ``mask`` does not
            broadcast to (..., H, W).
    """
    check_floating(x, "x", kind=kind)
    if x.ndim < 3 or x.shape[-1] == 0:
        raise ValueError(f"x has shape {tuple(x.shape)}; it needs (..., height, width, features)")
    if mask is not None:
        check_mask(mask, x.shape[:-1])


def check_projections(x, W_q, W_k, W_v, *, kind):
    """Raise an error that names the matrix unless each takes the features of x.

    Raises:
        TypeError: a matrix is not of the class ``kind``, or its dtype is not that of x.
        ValueError: a matrix has the wrong shape, or W_q and W_k differ in theirs.
    """
    for name, W in (("W_q", W_q), ("W_k", W_k), ("W_v", W_v)):
        check_floating(W, name, kind=kind)
        if W.dtype != x.dtype:
            raise TypeError(f"{name} has dtype {W.dtype}; it must equal that of x, {x.dtype}")
        if W.ndim != 2 or len(W) != x.shape[-1] or W.shape[1] == 0:
            raise ValueError(
                f"{name} has shape {tuple(W.shape)}; it needs one row for each feature of x, "
                f"({x.shape[-1]}, ...)"
            )
    if W_k.shape != W_q.shape:
        raise ValueError(
            f"W_k has shape {tuple(W_k.shape)}; it must equal that of W_q, {tuple(W_q.shape)}"
        )


def check_scores(scores, *, kind, **others):
    """Raise an error that names the argument unless all are floats of the shape of scores.

    Raises:
        TypeError: an argument is not of the class ``kind``, or not floating point.
        ValueError: ``scores`` has no position, or another argument has another shape.
    """
    for name, array in {"scores": scores, **others}.items():
        check_floating(array, name, kind=kind)
        if array.ndim < 1 or array.shape[-1] == 0:
            raise ValueError(f"{name} has shape {tuple(array.shape)}; it needs (..., positions)")
        if array.shape != scores.shape:
            raise ValueError(
                f"{name} has shape {tuple(array.shape)}; it must equal that of scores, "
                f"{tuple(scores.shape)}"
            )


def check_mask(mask, shape):
    """Raise unless ``mask`` is boolean and broadcasts to ``shape``.

    Raises:
        TypeError: ``mask`` is not a boolean array or tensor.
        ValueError: ``mask`` does not broadcast to ``shape``.
    """
    if not hasattr(mask, "dtype"):
        raise TypeError(f"mask is a {type(mask).__name__}; it needs a boolean array or tensor")
    if str(mask.dtype) not in ("bool", "torch.bool"):
        raise TypeError(f"mask has dtype {mask.dtype}; it needs bool, True = may attend")
    try:
        fits = broadcast_shapes(mask.shape, shape) == tuple(shape)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"mask has shape {tuple(mask.shape)}; it must broadcast to {tuple(shape)}")


def check_count(value, name, least=0):
    """Return ``value`` as a Python integer; raise an error that names it unless it can be one.

    Raises:
        TypeError: ``value`` is not an integer; True and False are none here.
        ValueError: ``value`` is below ``least``.
    """
    try:
        count = operator.index(value)
    except TypeError:
        count = None
    if count is None or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}; it needs an integer")
    if count < least:
        raise ValueError(f"{name} is {count}; it must be at least {least}")
    return count


def check_tokens(x, mask, *, kind, d_model=None):
    """Raise an error that names the argument unless x holds tokens and the mask fits them.

    Shapes:
        x: (..., n, d_model), of any positive width unless ``d_model`` is given
        mask: boolean, broadcastable to (..., n, n), or None

    Raises:
        TypeError: ``x`` is not floating point or not of the class ``kind``, or the mask is not
            boolean.
        ValueError: the shapes do not fit.
    """
    check_floating(x, "x", kind=kind)
    if x.ndim < 2 or x.shape[-1] == 0 or (d_model and x.shape[-1] != d_model):
        needed = f"(..., n, {d_model or 'd_model'})"
        raise ValueError(f"x has shape {tuple(x.shape)}; it needs {needed}")
    if mask is not None:
        check_mask(mask, (*x.shape[:-1], x.shape[-2]))


def check_parameters(parameters, x, axes, *, kind):
    """Raise an error that names the array unless ``parameters`` holds the arrays that x needs.

    ``axes`` gives a name to each axis of each array, as in ``{"W": ("d_in", "d_out")}``. Axes of
    one name have one size, and the first of all has that of the last axis of x.

    Raises:
        TypeError: an array is not of the class ``kind``, or has another dtype than x.
        ValueError: an array is missing or superfluous, or a shape does not fit or has a 0.
    """
    if not isinstance(parameters, dict) or set(parameters) != set(axes):
        found = list(parameters) if isinstance(parameters, dict) else type(parameters).__name__
        raise ValueError(f"parameters has {found}; it needs a dictionary of {', '.join(axes)}")
    sizes = {next(iter(axes.values()))[0]: x.shape[-1]}
    for name, names in axes.items():
        array = parameters[name]
        check_floating(array, name, kind=kind)
        if array.dtype != x.dtype:
            raise TypeError(f"{name} has dtype {array.dtype}; it must equal that of x, {x.dtype}")
        if array.ndim == len(names):
            found = zip(names, array.shape, strict=True)
            sizes = {axis: size for axis, size in found if size} | sizes
        needed = tuple(sizes.get(axis, axis) for axis in names)
        if array.shape != needed:
            needed = str(needed).replace("'", "")
            raise ValueError(f"{name} has shape {tuple(array.shape)}; it needs {needed} here")


def check_self_attention(x, parameters, mask, *, kind):
    """Raise an error that names the argument unless x, the four matrices and the mask fit.

    Raises:
        TypeError, ValueError: as :func:`check_tokens` and :func:`check_parameters`.
    """
    check_tokens(x, mask, kind=kind)
    axes = {
        "W_q": ("d_model", "d_k"),
        "W_k": ("d_model", "d_k"),
        "W_v": ("d_model", "d_v"),
        "W_o": ("d_v", "d_model"),
    }
    check_parameters(parameters, x, axes, kind=kind)


def check_layer_sizes(d_model, d_k, d_v):
    """Return the three sizes as Python integers, d_v = d_k when it is None.

    Raises:
        TypeError, ValueError: as :func:`check_count` with ``least=1``.
    """
    d_v = d_k if d_v is None else d_v
    sizes = {"d_model": d_model, "d_k": d_k, "d_v": d_v}
    return tuple(check_count(size, name, least=1) for name, size in sizes.items())
