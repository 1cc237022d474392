"""A dense network in the family."""

from attention_book.family import Mechanism, limit_case, normal
from attention_book.simplest.limits import LINEAR
from attention_book.simplest.reference import linear_map

from . import reference

NETWORK = Mechanism(
    "a dense network",
    reference.network,
    "part1/trained_attention.ipynb#background",
    source="rumelhart1986learning",
    oracle="finite differences; autograd",
)


@limit_case(
    NETWORK,
    LINEAR,
    when="the arguments of its tanh go to 0 and it has no biases",
    otherwise={"size": 1.0},
    within=1e-9,
)
def tanh_of_small_arguments(rng, size=1e-6):
    x, W_1, W_2 = normal(rng, (5, 4), (4, 3), (3, 2))
    parameters = reference.new_network(4, 3, 2, rng=rng) | {"W_1": size * W_1, "W_2": W_2 / size}
    return reference.network(x, parameters), linear_map(x, W_1 @ W_2)
