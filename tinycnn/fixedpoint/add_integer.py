"""Addition of two int8 tensors with integers only, and output scales for which all ways agree.

    y = saturate((a * a_multiplier + b * b_multiplier + addend) >> shift)

All zero points are in the addend, and every partial sum fits int32. A form is proved by computing all 65,536
pairs. Wider sums do not help: of 2,000 random additions 1,986 have a form in int32, and none only in int64. In
the other 14 float32's own roundings decide ties as no such form can, so those are left to float32.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from tinycnn.fixedpoint.add import AddParameters, add_table, orders_agree
from tinycnn.fixedpoint.contract import INT8_HIGH, INT8_LOW
from tinycnn.fixedpoint.nudge import moved

_INPUTS = np.arange(INT8_LOW, INT8_HIGH + 1, dtype=np.int64)
_LARGEST_SHIFT = 23  # -128 << 24 would fill int32


@dataclass(frozen=True, slots=True)
class IntegerAdd:
    """Multipliers (>= 0), addend and shift (1 ... 23) of an addition."""

    a_multiplier: int
    b_multiplier: int
    addend: int
    shift: int

    @property
    def fits_int32(self) -> bool:
        """Whether every partial sum, in any order, fits int32."""
        return abs(self.addend) + 128 * (self.a_multiplier + self.b_multiplier) < 2**31

    def table(self) -> NDArray[np.int8]:
        """Return the outputs for all pairs, int8 [256, 256], in the order of `add_table`."""
        total = (_INPUTS * self.a_multiplier)[:, None] + (_INPUTS * self.b_multiplier + self.addend)
        outputs: NDArray[np.int8] = np.clip(total >> self.shift, INT8_LOW, INT8_HIGH).astype(np.int8)
        return outputs


@dataclass(frozen=True, slots=True)
class AgreeingAdd:
    """An output scale, `ulps` from the wanted one, for which all orders of evaluation and `form` agree."""

    y_scale: np.float32
    ulps: int
    form: IntegerAdd


def agreeing_add_scale(parameters: AddParameters, *, maximum_ulps: int = 1024) -> AgreeingAdd | None:
    """Return the nearest output scale for which all orders agree on all pairs, and an integer form does too.

    None when there is none within so many ulps; `differing_pairs` counts what remains. Random scales take a few ulps;
    simple ratios such as 1 : 1 : 2, full of exact ties, up to 352 (1,024 are 1.2e-4 of the scale at most).
    """
    start = np.array([parameters.y_scale], np.float32)
    for ulps in sorted(range(-maximum_ulps, maximum_ulps + 1), key=abs):
        scale = np.float32(moved(start, ulps)[0])
        near = parameters._replace(y_scale=scale)
        if orders_agree(near):
            form = integer_add(near)
            if form is not None:
                return AgreeingAdd(scale, ulps, form)
    return None


def integer_add(parameters: AddParameters) -> IntegerAdd | None:
    """Return an integer form that equals `add_table` on all 65,536 pairs, or None."""
    wanted = add_table(parameters)
    for near in _candidates(parameters):
        form = _with_right_addend(near, wanted)
        if form.fits_int32 and np.array_equal(form.table(), wanted):
            return form
    return None


def _candidates(parameters: AddParameters) -> Iterator[IntegerAdd]:
    """Yield the forms nearest to the exact ratios, with the largest shift that fits int32.

    The right multipliers are not always the nearest, so the eight pairs around them are tried as well.
    """
    p = parameters
    ratios = np.array([p.a_scale, p.b_scale], np.float64) / np.float64(p.y_scale)

    def near(shift: int, a_step: int, b_step: int) -> IntegerAdd:
        a_exact, b_exact = np.rint(np.ldexp(ratios, shift))
        a_multiplier, b_multiplier = max(0, int(a_exact) + a_step), max(0, int(b_exact) + b_step)
        zero_points = p.a_zero_point * a_multiplier + p.b_zero_point * b_multiplier
        half = 1 << (shift - 1)
        return IntegerAdd(a_multiplier, b_multiplier, (p.y_zero_point << shift) + half - zero_points, shift)

    for shift in range(_LARGEST_SHIFT, 0, -1):
        if near(shift, 1, 1).fits_int32:
            yield from (near(shift, *steps) for steps in product((0, -1, 1), repeat=2))
            break


def _with_right_addend(form: IntegerAdd, wanted: NDArray[np.int8]) -> IntegerAdd:
    """Return the form with the addend nearest to its own that gives the wanted outputs, if any does."""
    total = (_INPUTS * form.a_multiplier)[:, None] + _INPUTS * form.b_multiplier
    least = (wanted.astype(np.int64) << form.shift) - total
    greatest = least + (1 << form.shift) - 1
    at_least = int(least.max(where=wanted > INT8_LOW, initial=-(2**60)))
    at_most = int(greatest.min(where=wanted < INT8_HIGH, initial=2**60))
    addend = min(max(form.addend, at_least), at_most)
    return IntegerAdd(form.a_multiplier, form.b_multiplier, addend, form.shift)
