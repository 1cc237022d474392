"""Boolean masks, True = may attend, as NumPy arrays that combine with ``&``, ``|`` and ``~``.

Positions are aligned at the end: with L queries and S keys, the last query stands at the last
key. So the queries of a cached decoder, which are the newest few positions, see the past. What a
mask hides must still be finite: 0 times NaN is NaN.

>>> (causal(2, 4)).astype(int)
array([[1, 1, 1, 0],
       [1, 1, 1, 1]])
"""

import numpy as np

from attention_book import shapes
from attention_book.shapes import check_count


def causal(L, S=None):
    """Let a query see its own position and everything before it.

    Shapes:
        returns: (L, S); S = L when it is left out. With L > S the first L - S queries
        stand before the first key and see nothing.

    Raises:
        TypeError: L or S is not an integer.
        ValueError: L or S is negative.
    """
    return _offsets(L, S) >= 0


def window(L, S=None, *, size):
    """Let a query see the ``size`` newest positions up to its own, itself included.

    Some libraries count the distance instead and keep ``size + 1`` keys; here it is ``size``.

    Shapes:
        returns: (L, S). With size >= S this is :func:`causal`.

    Raises:
        TypeError: L, S or size is not an integer.
        ValueError: L or S is negative, or size is below 1.
    """
    size = check_count(size, "size", least=1)
    offsets = _offsets(L, S)
    return (offsets >= 0) & (offsets < size)


def prefix(L, S=None, *, size):
    """Let every query see the first ``size`` keys, and the rest causally.

    Shapes:
        returns: (L, S). With size = 0 this is :func:`causal`, with size >= S everything.

    Raises:
        TypeError: L, S or size is not an integer.
        ValueError: L, S or size is negative.

    Source:
        C. Raffel et al., "Exploring the Limits of Transfer Learning with a Unified
        Text-to-Text Transformer", 2020, section 3.2.1 (causal with prefix).
    """
    size = check_count(size, "size")
    offsets = _offsets(L, S)
    return (offsets >= 0) | (np.arange(offsets.shape[1]) < size)


def padding(lengths, S):
    """Let every query of sequence b see its first ``lengths[b]`` keys.

    Shapes:
        lengths: (...) integers, one per sequence
        returns: (..., 1, S), which broadcasts over queries. With heads between batch and
        queries, add their axis: ``padding(lengths, S)[:, None]``.

    Raises:
        TypeError: ``lengths`` or S is not of integers.
        ValueError: a length is negative or above S.
    """
    S = check_count(S, "S")
    lengths = np.asarray(lengths)
    if not lengths.size:
        lengths = lengths.astype(int)  # nobody's lengths, whatever NumPy calls them
    if not np.issubdtype(lengths.dtype, np.integer):
        raise TypeError(f"lengths has dtype {lengths.dtype}; it needs integers")
    if lengths.size and (lengths.min() < 0 or lengths.max() > S):
        raise ValueError(f"lengths runs from {lengths.min()} to {lengths.max()}; it needs 0 to {S}")
    return np.arange(S) < lengths[..., None, None]


def document(query_ids, key_ids=None):
    """Let a query see the keys of its own document, in a row that packs several.

    Shapes:
        query_ids: (..., L), key_ids: (..., S), the document that each position belongs to;
        key_ids = query_ids when it is left out
        returns: (..., L, S)

    Raises:
        ValueError: an argument has no positions axis, or the leading dimensions differ.
    """
    query_ids = np.asarray(query_ids)
    key_ids = query_ids if key_ids is None else np.asarray(key_ids)
    for name, ids in (("query_ids", query_ids), ("key_ids", key_ids)):
        if ids.ndim < 1:
            raise ValueError(f"{name} has shape (); it needs one id per position, (..., positions)")
    if query_ids.shape[:-1] != key_ids.shape[:-1]:
        raise ValueError(
            f"key_ids has shape {key_ids.shape}; its leading dimensions must equal those of "
            f"query_ids, {query_ids.shape[:-1]}"
        )
    return query_ids[..., :, None] == key_ids[..., None, :]


def as_tensor(mask, device=None):
    """Return a mask as a PyTorch tensor, on a device.

    Shapes:
        mask: a boolean array or tensor of any shape
        returns: a tensor of the same shape

    Raises:
        TypeError: ``mask`` is neither an array nor a tensor.
    """
    if not hasattr(mask, "dtype"):
        raise TypeError(f"mask is a {type(mask).__name__}; it needs a boolean array or tensor")
    return shapes.as_tensor(mask, device)


def _offsets(L, S):
    """Return how far each key lies behind each query, (L, S), aligned at the end."""
    L = check_count(L, "L")
    S = L if S is None else check_count(S, "S")
    return (np.arange(L)[:, None] + S - L) - np.arange(S)
