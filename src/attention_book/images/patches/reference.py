r"""Patches in NumPy: cut an image into squares, and put them together again."""

import numpy as np

from attention_book.shapes import anything, count, shapes


@shapes(np, image=anything("... H! W! C!"), size=count(1))
def patchify(image, size):
    """Cut an image into squares of ``size`` times ``size`` pixels, each flattened to one vector.

    Every pixel goes into exactly one patch. Where ``size`` does not divide the height or the
    width, the last patches are filled up with zeros, and the mask says where.

    Shapes:
        image: a grey one has C = 1
        returns: the patches (..., N, size·size·C) in the dtype of the image, row after row, with
            N = ⌈H / size⌉ ⌈W / size⌉, and a boolean mask (N, size·size·C), True = belongs to the
            image; the rest of a patch is zeros

    Source:
        A. Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021, section 3.1. Departures:
        any height and width, with a mask for the remainder; no projection.
    """
    inside = np.ones(image.shape[-3:], bool)
    return _cut(image, size), _cut(inside, size)


def _cut(image, size):
    *lead, H, W, C = image.shape
    rows, columns = -(-H // size), -(-W // size)
    missing = (0, rows * size - H), (0, columns * size - W), (0, 0)
    image = np.pad(image, [(0, 0)] * len(lead) + list(missing))
    squares = image.reshape(*lead, rows, size, columns, size, C).swapaxes(-4, -3)
    return squares.reshape(*lead, rows * columns, size * size * C)


@shapes(np, patches=anything("... N F"), size=count(1), height=count(1), width=count(1))
def unpatchify(patches, size, height, width):
    """Put patches back in place: the way back from :func:`patchify`.

    Shapes:
        patches: row after row, F = size·size·C
        returns: (..., height, width, C), without what was filled up

    Source:
        A. Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021, section 3.1, read
        backwards. Departure: any height and width.
    """
    rows, columns = -(-height // size), -(-width // size)
    *lead, N, F = patches.shape
    if rows * columns != N or F == 0 or F % size**2:
        raise ValueError(
            f"patches has shape {patches.shape}; it needs (..., {rows * columns}, "
            f"a multiple of {size**2})"
        )
    squares = patches.reshape(*lead, rows, columns, size, size, F // size**2).swapaxes(-4, -3)
    image = squares.reshape(*lead, rows * size, columns * size, F // size**2)
    return image[..., :height, :width, :].copy()
