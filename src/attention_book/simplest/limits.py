"""The simplest mechanisms in the family: what the others become."""

from attention_book.family import Mechanism

from . import reference

MEAN = Mechanism("the mean of the values", reference.mean, "part1/kernel_attention.ipynb#formula")
LOOKUP = Mechanism(
    "the value of the best key",
    reference.lookup,
    "part1/kernel_attention.ipynb#from-the-nearest-to-the-mean",
)
LINEAR = Mechanism("a linear map", reference.linear_map, "part1/trained_attention.ipynb#limit-case")
IDENTITY = Mechanism("the identity", reference.identity, "part1/trained_attention.ipynb#depth")
