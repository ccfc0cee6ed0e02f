"""The rescale as a step function: one threshold per output value says all there is to know about it.

The output never falls as the accumulator grows (conversion, product by a scale >= 0, clip and rint are all
monotone), so the smallest accumulator of each output value describes the whole function. Two rescales with
equal thresholds are equal on every accumulator: that is how integer forms are proved without trying them all.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tinycnn.fixedpoint.contract import INT8_HIGH, INT8_LOW, requantize
from tinycnn.fixedpoint.reach import Reach


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The step functions of C channels over their reachable accumulators.

    first[i, c], int64 [Y, C], is the smallest reachable accumulator whose output less the zero point is at
    least levels[i], or reach.high[c] + 1 where there is none. levels, int64 [Y, 1], holds low + 1 ... high
    less the zero point: the output is never below low, so low has no threshold.
    """

    first: NDArray[np.int64]
    levels: NDArray[np.int64]
    reach: Reach

    def take(self, channels: NDArray[np.intp]) -> Self:
        """Return the steps of some channels only."""
        return type(self)(self.first[:, channels], self.levels, self.reach.take(channels))


def steps_of(
    scale: NDArray[np.float32],
    zero_point: int,
    reach: Reach,
    low: int = INT8_LOW,
    high: int = INT8_HIGH,
    every: int = 1,
) -> Steps:
    """Return the thresholds of `requantize` with these arguments, or one of `every`; scale [C], reach [C] within int32.

    A bisection that asks `requantize` itself. It starts from the real number where scale * acc crosses the
    rounding boundary level - 1/2: the two roundings of float32(acc) * scale move the crossing by less than
    2**-22 of itself (each is off by at most 2**-24, and near a boundary of at least 1/2 no product is
    subnormal), so few rounds do.
    """
    outputs = np.arange(low + 1, high + 1, every, dtype=np.int64)[:, None]
    levels = outputs - zero_point
    crossing = (levels - 0.5) / np.maximum(scale.astype(np.float64), 2.0**-200)  # scale 0: far out of reach
    margin = np.abs(crossing) * 2.0**-22 + 1.0
    beyond = reach.high + 1
    # The wanted accumulator lies in [first, last] all the time.
    first = np.clip(np.floor(crossing - margin), reach.low, beyond).astype(np.int64)
    last = np.clip(np.ceil(crossing + margin), reach.low, beyond).astype(np.int64)
    while np.any(open_ := first < last):
        middle = (first + last) >> 1
        reached = requantize(middle, scale, zero_point, low, high) >= outputs
        last = np.where(open_ & reached, middle, last)
        first = np.where(open_ & ~reached, middle + 1, first)
    return Steps(first, levels, reach)
