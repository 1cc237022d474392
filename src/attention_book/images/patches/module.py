r"""Patches in PyTorch: cut an image into squares, and put them together again."""

import torch
import torch.nn.functional as F

from attention_book.shapes import anything, count, shapes


@shapes(torch, image=anything("... H! W! C!"), size=count(1))
def patchify(image, size):
    """Cut an image into squares of ``size`` times ``size`` pixels, each flattened to one vector.

    Shapes:
        image: a grey one has C = 1
        returns: the patches (..., N, size·size·C) in the dtype of the image, row after row, with
            N = ⌈H / size⌉ ⌈W / size⌉, and a boolean mask (N, size·size·C), True = belongs to the
            image; the rest of a patch is zeros

    Source:
        A. Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021, section 3.1. Departures:
        any height and width, with a mask for the remainder; no projection.
    """
    inside = torch.ones(image.shape[-3:], dtype=torch.bool, device=image.device)
    return _cut(image, size), _cut(inside, size)


def _cut(image, size):
    H, W = image.shape[-3:-1]
    image = F.pad(image, (0, 0, 0, -W % size, 0, -H % size))
    squares = image.unfold(-3, size, size).unfold(-3, size, size)  # (..., rows, columns, C, size²)
    return squares.movedim(-3, -1).flatten(-3).flatten(-3, -2)


@shapes(torch, patches=anything("... N F"), size=count(1), height=count(1), width=count(1))
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
    *lead, N, features = patches.shape
    if rows * columns != N or features == 0 or features % size**2:
        raise ValueError(
            f"patches has shape {tuple(patches.shape)}; it needs (..., {rows * columns}, "
            f"a multiple of {size**2})"
        )
    squares = patches.reshape(*lead, rows, columns, size, size, features // size**2)
    image = squares.transpose(-4, -3).flatten(-5, -4).flatten(-3, -2)
    return image[..., :height, :width, :].clone()
