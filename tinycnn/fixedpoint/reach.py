"""Which accumulators a channel can reach at all, from its weights, bias and input zero point."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinycnn.fixedpoint.contract import INT8_HIGH, INT8_LOW

INT32_LIMIT = 2**31


class Reach(NamedTuple):
    """The closed interval [low, high] of accumulators per channel; both int64 [C]."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]

    def take(self, channels: NDArray[np.intp]) -> "Reach":
        """Return the intervals of some channels."""
        return Reach(self.low[channels], self.high[channels])

    def shifted(self, bias: NDArray[np.integer]) -> "Reach":
        """Return the intervals after adding a constant [C] to every accumulator."""
        return Reach(self.low + bias, self.high + bias)


def reachable(weights: NDArray[np.integer], x_zero_point: int, bias: NDArray[np.integer]) -> Reach:
    """Return the accumulators bias + sum_k w[k] * (x[k] - x_zero_point) can be, for any int8 x.

    weights [C, K] integer (less their zero point, when they have one), bias [C]. A tap in the zero padding
    adds 0, which is inside: x = x_zero_point adds the same. The interval is tight for a single output; that
    neighbouring outputs share inputs does not matter here.
    """
    largest, smallest = INT8_HIGH - x_zero_point, INT8_LOW - x_zero_point
    wide = weights.astype(np.int64)
    positive = np.maximum(wide, 0).sum(axis=1)
    negative = np.minimum(wide, 0).sum(axis=1)
    start = bias.astype(np.int64)
    return Reach(
        start + positive * smallest + negative * largest,
        start + positive * largest + negative * smallest,
    )


def pool_reach(counts: NDArray[np.integer], x_zero_point: int) -> Reach:
    """Return the reachable sums of `counts` [C] int8 inputs, each less the zero point."""
    wide = counts.astype(np.int64)
    return Reach(wide * (INT8_LOW - x_zero_point), wide * (INT8_HIGH - x_zero_point))


def accumulator_bounds(weights: NDArray[np.integer], x_zero_point: int, bias: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return a bound [C] on every partial sum of an accumulator, in any order of its terms.

    It holds whether the zero point is subtracted from each input or folded into the bias beforehand, so a
    kernel may do either: |bias| + sum |w| * (128 + |x_zero_point|).
    """
    magnitude = np.abs(weights.astype(np.int64)).sum(axis=1)
    bounds: NDArray[np.int64] = np.abs(bias.astype(np.int64)) + magnitude * (-INT8_LOW + abs(x_zero_point))
    return bounds


def overflowing_channels(
    weights: NDArray[np.integer], x_zero_point: int, bias: NDArray[np.integer]
) -> NDArray[np.intp]:
    """Return the channels whose int32 accumulator could overflow; the caller refuses them by the layer's
    name."""
    return np.flatnonzero(accumulator_bounds(weights, x_zero_point, bias) >= INT32_LIMIT)
