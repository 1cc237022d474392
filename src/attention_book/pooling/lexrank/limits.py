"""LexRank in the family."""

import numpy as np

from attention_book.family import Mechanism, limit_case
from attention_book.simplest.limits import MEAN
from attention_book.simplest.reference import mean

from . import reference

LEXRANK = Mechanism(
    "LexRank",
    reference.pool,
    "part3/encoders_at_work.ipynb#a-walk-along-similarities",
    source="erkan2004lexrank",
    oracle="a loop over the steps of the walk; the eigenvector of its matrix",
)


@limit_case(LEXRANK, MEAN, when="every step of the walk is a jump", otherwise={"jump": 0.1})
def only_jumps(rng, jump=1.0):
    x = rng.standard_normal((5, 4))
    return reference.pool(x, jump=jump), mean(x, 1)[0]


@limit_case(LEXRANK, MEAN, when="no two positions are similar", otherwise={"alike": 0.5})
def nothing_is_similar(rng, alike=0.0):
    x = np.diag(rng.uniform(1, 2, 4))
    x[0, 1:3] = alike
    return reference.pool(x), mean(x, 1)[0]
