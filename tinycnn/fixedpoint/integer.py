"""The rescale with integers only, and its proof against the contract.

    y = saturate(((acc * multiplier + addend) >> shift) + zero_point)

The product is 64 bits wide. Of `multiplier` and `addend` the proof asks one inequality per threshold
(`Steps`), so for a fixed addend the multipliers that are right form an interval that is computed, not
searched; the same holds for the addend when the multiplier is fixed.

Rounding half up, addend = 2**(shift - 1), is tried first: it needs no stored addend, and from shift 33 on
only the high word of the product, (high + 2**(shift - 33)) >> (shift - 32), three instructions on most 32-bit
processors.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinycnn.fixedpoint.contract import INT8_HIGH, INT8_LOW
from tinycnn.fixedpoint.steps import Steps

MULTIPLIER_LIMIT = 2**31
MAXIMUM_SHIFT = 50
"""255 << 50 leaves room in int64 for every sum below, accumulator times multiplier included."""

_FAR = 2**61  # beyond any addend of use, yet the sum of two fits int64
_ROOM = 2**30  # for the value before the zero point is added, so that int32 holds it afterwards


@dataclass(frozen=True, slots=True, eq=False)
class IntegerRescale:
    """multiplier (0 <= m < 2**31), addend (|r| <= 2**61) and shift (1 ... 50) per channel, int64 [C] each."""

    multiplier: NDArray[np.int64]
    addend: NDArray[np.int64]
    shift: NDArray[np.int64]

    @property
    def rounds_half_up(self) -> NDArray[np.bool_]:
        """Which channels [C] have the addend 2**(shift - 1), which need not be stored."""
        result: NDArray[np.bool_] = self.addend == half(self.shift)
        return result


def requantize_integer(
    accumulators: NDArray[np.integer],
    form: IntegerRescale,
    zero_point: int,
    low: int = INT8_LOW,
    high: int = INT8_HIGH,
) -> NDArray[np.int8]:
    """Return the outputs of integer accumulators [..., C] by the integer form, as C computes them."""
    total = accumulators.astype(np.int64) * form.multiplier + form.addend
    outputs: NDArray[np.int8] = np.clip((total >> form.shift) + zero_point, low, high).astype(np.int8)
    return outputs


def half(shift: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the addend that makes the shift round half up."""
    return np.int64(1) << (shift - 1)


def widest_shift(scale: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the shift [C] that gives scale * 2**shift 31 bits, as far as 1 ... MAXIMUM_SHIFT allows."""
    exponent = np.frexp(scale)[1].astype(np.int64)
    return np.clip(31 - exponent, 1, MAXIMUM_SHIFT)


def nearest_multiplier(scale: NDArray[np.float32], shift: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return round(scale * 2**shift) [C], limited to 31 bits.

    With `widest_shift` it is exact for scales in [2**-20, 2**30): a float32 has 24 bits.
    """
    exact = np.ldexp(scale.astype(np.float64), shift.astype(np.intc))
    return np.minimum(np.rint(exact), MULTIPLIER_LIMIT - 1).astype(np.int64)


def proved(form: IntegerRescale, steps: Steps) -> NDArray[np.bool_]:
    """Return for which channels [C] the form equals the step function on every reachable accumulator.

    And without overflow: the sum fits int64, the shifted value fits int32 with any zero point added.
    """
    least, greatest = addend_interval(form.multiplier, form.shift, steps)
    fits = np.ones(form.shift.shape, np.bool_)
    for end in steps.reach:
        value = (end * form.multiplier + form.addend) >> form.shift
        fits &= np.abs(value) <= _ROOM
    return fits & (least <= form.addend) & (form.addend <= greatest)


def addend_interval(
    multiplier: NDArray[np.int64], shift: NDArray[np.int64], steps: Steps
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the least and greatest addend [C] that this multiplier makes right; least > greatest: none."""
    at_least, at_most = _addend_bounds(multiplier, shift, steps)
    return at_least.max(axis=0, initial=-_FAR), at_most.min(axis=0, initial=_FAR)


def multiplier_interval(
    addend: NDArray[np.int64], shift: NDArray[np.int64], steps: Steps
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the least and greatest multiplier [C] that this addend makes right; least > greatest: none."""
    target = (steps.levels << shift) - addend
    before = steps.first - 1
    # A threshold t inside the reach asks t * m >= target, its predecessor u asks u * m < target.
    reached = _multiplier_bounds(steps.first, target, steps.first <= steps.reach.high)
    not_yet = _multiplier_bounds(-before, 1 - target, before >= steps.reach.low)
    least = np.maximum(reached[0], not_yet[0])
    greatest = np.minimum(reached[1], not_yet[1])
    return least.max(axis=0, initial=0), greatest.min(axis=0, initial=MULTIPLIER_LIMIT - 1)


def fit_multiplier_and_addend(scale: NDArray[np.float32], shift: NDArray[np.int64], steps: Steps) -> IntegerRescale:
    """Return a multiplier that leaves right addends, if one does, and the addend nearest to half.

    The width of the interval of right addends is the least of many straight lines in the multiplier, so it is
    concave: a bisection on the slope of the line that limits it finds its greatest value, and ends where an
    addend is right. Where none is, the result is wrong too, which `proved` tells.
    """
    start = nearest_multiplier(scale, shift)
    first, last = start >> 1, np.minimum(2 * start, MULTIPLIER_LIMIT - 1)
    multiplier, found = start, np.zeros(start.shape, np.bool_)
    column = np.arange(len(start))
    while np.any(open_ := (first <= last) & ~found):
        multiplier = np.where(open_, (first + last) >> 1, multiplier)
        at_least, at_most = _addend_bounds(multiplier, shift, steps)
        lower, upper = at_least.argmax(axis=0), at_most.argmin(axis=0)
        found |= open_ & (at_least[lower, column] <= at_most[upper, column])
        rising = steps.first[lower, column] >= steps.first[upper, column]
        first = np.where(open_ & rising, multiplier + 1, first)
        last = np.where(open_ & ~rising, multiplier - 1, last)
    least, greatest = addend_interval(multiplier, shift, steps)
    return IntegerRescale(multiplier, np.clip(half(shift), least, greatest), shift)


def _addend_bounds(
    multiplier: NDArray[np.int64], shift: NDArray[np.int64], steps: Steps
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what each threshold asks of the addend: at least and at most, int64 [Y, C]."""
    target = steps.levels << shift
    product = steps.first * multiplier
    at_least = np.where(steps.first <= steps.reach.high, target - product, -_FAR)
    at_most = np.where(steps.first > steps.reach.low, target - product + multiplier - 1, _FAR)
    return np.maximum(at_least, -_FAR), np.minimum(at_most, _FAR)


def _multiplier_bounds(
    factor: NDArray[np.int64], target: NDArray[np.int64], asked: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the bounds on m that factor * m >= target sets where it is asked, int64 [Y, C]."""
    divisor = np.where(factor == 0, 1, factor)
    rounded_down, rounded_up = target // divisor, -(-target // divisor)
    least = np.where(asked & (factor > 0), rounded_up, 0)
    greatest = np.where(asked & (factor < 0), rounded_down, MULTIPLIER_LIMIT - 1)
    impossible = asked & (factor == 0) & (target > 0)
    return np.where(impossible, MULTIPLIER_LIMIT, least), greatest
