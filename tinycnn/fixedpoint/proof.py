"""Which channels have an integer rescale that is proved equal to the contract, and how it was found."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinycnn.fixedpoint.contract import INT8_HIGH, INT8_LOW
from tinycnn.fixedpoint.integer import (
    MULTIPLIER_LIMIT,
    IntegerRescale,
    fit_multiplier_and_addend,
    half,
    multiplier_interval,
    nearest_multiplier,
    proved,
    widest_shift,
)
from tinycnn.fixedpoint.reach import Reach
from tinycnn.fixedpoint.steps import steps_of

Way = Literal["plain", "fitted", "nudged", "float"]
WAYS: tuple[Way, ...] = ("plain", "fitted", "nudged", "float")
"""plain: the scale itself, rounding half up; fitted: multiplier, if need be addend, chosen from the
thresholds; nudged: the scale was moved first; float: no integer form, so an FPU or `requantize_by_integers`
computes it."""


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """`form` equals the contract for `scale`, float32 [C], on all of `reach` unless `ways` [C] is "float"."""

    scale: NDArray[np.float32]
    reach: Reach
    form: IntegerRescale
    ways: NDArray[np.str_]

    @property
    def is_integer(self) -> NDArray[np.bool_]:
        """Which channels [C] may use `form`."""
        result: NDArray[np.bool_] = self.ways != "float"
        return result

    def counts(self) -> dict[Way, int]:
        """How many channels were proved in each way."""
        return {way: int(np.count_nonzero(self.ways == way)) for way in WAYS}


def prove(
    scale: NDArray[np.float32],
    zero_point: int,
    reach: Reach,
    low: int = INT8_LOW,
    high: int = INT8_HIGH,
    *,
    shift: int | None = None,
    any_addend: bool = True,
    every: int = 1,
) -> Proof:
    """Find an integer form for each channel and prove it; scale [C] or [1], >= 0; reach [C] within int32.

    `shift` (1 ... 50) is for an instruction that has the shift built in; otherwise each channel takes the
    widest. `any_addend=False` keeps to addends of 2**(shift - 1), for such an instruction and for the fastest
    C. `every` above 1 leaves thresholds out: what then is "float" is so for all of them, and nothing is proved.
    """
    scale = np.broadcast_to(scale, reach.low.shape)
    steps = steps_of(scale, zero_point, reach, low, high, every)
    shifts = widest_shift(scale) if shift is None else np.full(scale.shape, shift, np.int64)
    plain, addend = nearest_multiplier(scale, shifts), half(shifts)
    least, greatest = multiplier_interval(addend, shifts, steps)
    # An empty interval gives a number that `proved` refuses; it only has to be a multiplier.
    multiplier = np.clip(np.clip(plain, least, greatest), 0, MULTIPLIER_LIMIT - 1)
    rest = np.flatnonzero(~proved(IntegerRescale(multiplier, addend, shifts), steps))
    if any_addend and len(rest):
        fitted = fit_multiplier_and_addend(scale[rest], shifts[rest], steps.take(rest))
        multiplier[rest], addend[rest] = fitted.multiplier, fitted.addend
    form = IntegerRescale(multiplier, addend, shifts)
    is_plain = form.rounds_half_up & (multiplier == plain)
    ways = np.select([~proved(form, steps), is_plain], ["float", "plain"], "fitted")
    return Proof(scale, reach, form, ways)
