"""Stretched RoPE in the family."""

from attention_book.family import Mechanism, limit_case, normal
from attention_book.positions.rope.limits import ROPE
from attention_book.positions.rope.reference import attention as rope

from . import reference

AT = "part3/positions.ipynb#longer-texts-without-training"
INTERPOLATION = Mechanism(
    "position interpolation",
    reference.interpolation,
    AT,
    source="chen2023extending",
    oracle="a loop over the pairs; positions divided by the factor",
)
NTK = Mechanism(
    "NTK-aware interpolation",
    reference.ntk,
    AT,
    source="peng2024yarn",
    oracle="loops written from the formula",
)
YARN = Mechanism(
    "YaRN",
    reference.yarn,
    AT,
    source="peng2024yarn",
    oracle="a loop over the wavelengths, from the equations of the paper",
)


def _tokens(rng):
    return normal(rng, (3, 8), (5, 8), (5, 2))


@limit_case(INTERPOLATION, ROPE, when="the factor is 1", otherwise={"factor": 4})
def interpolated_by_one(rng, factor=1):
    q, k, v = _tokens(rng)
    return rope(q, k, v, omega=reference.interpolation(8, factor=factor)), rope(q, k, v)


@limit_case(NTK, ROPE, when="the factor is 1", otherwise={"factor": 4})
def the_same_base(rng, factor=1):
    q, k, v = _tokens(rng)
    return rope(q, k, v, omega=reference.ntk(8, factor=factor)), rope(q, k, v)


@limit_case(YARN, ROPE, when="the factor is 1", otherwise={"factor": 4})
def no_longer_than_trained(rng, factor=1):
    q, k, v = _tokens(rng)
    heat = reference.temperature(factor)
    omega = reference.yarn(8, factor=factor, trained=64)
    return rope(heat * q, heat * k, v, omega=omega), rope(q, k, v)


@limit_case(
    YARN,
    INTERPOLATION,
    when="no pair turns `slow` times within the training length, and the temperature is left out",
    otherwise={"trained": 64},
)
def nothing_turns_fast(rng, trained=6):
    omega = reference.yarn(8, factor=4, trained=trained)
    return omega, reference.interpolation(8, factor=4)
