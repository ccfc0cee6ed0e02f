"""Which needs must not share bytes, as arrays, and where a need is free of those that are placed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinycnn.plan.lifetimes import Need
from tinycnn.plan.model import ALIGNMENT_BYTES

NOWHERE = -(1 << 40)
"""The offset of a need that is not placed yet: far below all others."""
_FAR = 1 << 42

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Conflict:
    """Of one need: offset - offset of `others[k]` must not lie inside the open interval low[k] .. high[k].

    Intervals end at multiples of the alignment, those of one other need in order and without overlaps.
    """

    others: Int64Array
    low: Int64Array
    high: Int64Array


def aligned(size_bytes: int) -> int:
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def conflicts(needs: Sequence[Need]) -> list[Conflict]:
    """For each need those that are alive at some time with it."""
    rows = [
        (number, piece.first_byte, piece.last_byte, span.first, span.last)
        for number, need in enumerate(needs)
        for piece in need.pieces
        for span in piece.live
        if span.first < span.last
    ]
    need, first_byte, last_byte, first, last = np.array(sorted(rows, key=lambda row: row[3]), np.int64).reshape(-1, 5).T
    # in the order of their beginnings, a span meets those behind it that begin before it ends
    counts = np.searchsorted(first, last, side="left") - np.arange(len(first)) - 1
    one = np.repeat(np.arange(len(first)), counts)
    other = np.arange(len(one)) - np.repeat(np.cumsum(counts) - counts, counts) + one + 1
    is_other_need = need[one] != need[other]
    one, other = one[is_other_need], other[is_other_need]
    low = (first_byte[other] - last_byte[one]) // ALIGNMENT_BYTES * ALIGNMENT_BYTES
    high = -((first_byte[one] - last_byte[other]) // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
    return _by_need(
        len(needs),
        np.concatenate([need[one], need[other]]),
        np.concatenate([need[other], need[one]]),
        np.concatenate([low, -high]),
        np.concatenate([high, -low]),
    )


def _by_need(count: int, mine: Int64Array, other: Int64Array, low: Int64Array, high: Int64Array) -> list[Conflict]:
    """Intervals of each pair of needs, those that overlap made one."""
    if not len(mine):
        empty = np.zeros(0, np.int64)
        return [Conflict(empty, empty, empty)] * count
    pair = mine * count + other
    order = np.lexsort((low, pair))
    pair, low, high = pair[order], low[order], high[order]
    _, group = np.unique(pair, return_inverse=True)
    shift = group * _FAR
    reached = np.maximum.accumulate(high + shift)
    begins = np.flatnonzero(np.append(True, low[1:] + shift[1:] >= reached[:-1]))
    low, pair = low[begins], pair[begins]
    high = (reached - shift)[np.append(begins[1:], len(reached)) - 1]
    ends = np.searchsorted(pair, np.arange(1, count + 1) * count)
    return [
        Conflict(pair[begin:end] % count, low[begin:end], high[begin:end])
        for begin, end in zip([0, *ends[:-1]], ends, strict=True)
    ]


def lowest(conflict: Conflict, offsets: Int64Array) -> int:
    """The lowest offset from 0 on at which a need is free of those with `offsets`."""
    at = offsets[conflict.others]
    return _lowest(at + conflict.low, at + conflict.high)


def highest(conflict: Conflict, offsets: Int64Array, top: int) -> int:
    """The highest such offset up to `top`; negative where there is none."""
    at = offsets[conflict.others]
    placed = at != NOWHERE
    at = at[placed]
    return top - _lowest(top - at - conflict.high[placed], top - at - conflict.low[placed])


def _lowest(begins: Int64Array, ends: Int64Array) -> int:
    above = ends > 0
    begins, ends = begins[above], ends[above]
    if not len(begins):
        return 0
    order = begins.argsort()
    begins, reached = begins[order], np.maximum.accumulate(ends[order])
    if begins[0] >= 0:
        return 0
    free = (begins[1:] >= reached[:-1]).nonzero()[0]
    return int(reached[free[0]] if len(free) else reached[-1])
