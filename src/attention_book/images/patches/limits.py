"""Patches in the family."""

from attention_book.family import Mechanism, limit_case
from attention_book.simplest.limits import IDENTITY
from attention_book.simplest.reference import identity

from . import reference

PATCHES = Mechanism(
    "patches",
    reference.patchify,
    "part1/visual_attention.ipynb#concepts",
    source="dosovitskiy2021image",
    oracle="`F.unfold`; scikit-learn's patches; loops over pixels",
)


@limit_case(PATCHES, IDENTITY, when="one patch is as large as the image", otherwise={"size": 2})
def one_patch(rng, size=4):
    image = rng.standard_normal((4, 4, 3))
    patches, _ = reference.patchify(image, size)
    return patches.reshape(4, 4, 3), identity(image)
