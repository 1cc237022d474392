"""Kernel regression with any kernel in the family."""

import torch

from attention_book.family import Advice, Mechanism, limit_case, normal
from attention_book.kernels.gaussian.limits import KERNEL
from attention_book.kernels.gaussian.reference import attention as gaussian_attention

from . import module, reference


def _call(n, d):
    x = torch.randn(n, d)
    return lambda: module.attention(x, x, x, kernel=lambda squared: 1 / (1 + squared))


ANY_KERNEL = Mechanism(
    "kernel regression with any kernel",
    reference.attention,
    "part1/kernel_attention.ipynb#code",
    source="nadaraya1964estimating",
    oracle="loops written from the formula; scikit-learn's neighbours within a radius",
    advice=Advice(
        choose="how far a neighbour shall count has a natural end, or the kernel itself is learned",
        order="only if the positions are the keys",
        exact="exact",
        hardware="any; a matrix of distances, no fused kernel",
        time="n**2*d",
        memory="n**2",
        call=_call,
    ),
)


@limit_case(
    ANY_KERNEL,
    KERNEL,
    when="the kernel is a Gaussian and $\\gamma = 1/2$",
    otherwise={"kernel": reference.epanechnikov},
)
def a_gaussian(rng, kernel=reference.gaussian):
    q, k, v = normal(rng, (3, 2), (5, 2), (5, 2))
    return reference.attention(q, k, v, kernel=kernel), gaussian_attention(q, k, v, gamma=0.5)
