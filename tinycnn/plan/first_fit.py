"""Many needs placed one after the other, each at the lowest offset that is free while it lives."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinycnn.plan.lifetimes import Need, Piece
from tinycnn.plan.model import ALIGNMENT_BYTES

MOST_COMPARISONS = 5_000_000
"""Of pairs of needs, after which an order is not changed any more in the hope of a smaller arena."""

MOST_IMPROVEMENTS = 24
_NEVER = np.iinfo(np.int64).max

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Life:
    """A piece with its spans as arrays, in order: alive in the pulls [first[i], last[i])."""

    first_byte: int
    last_byte: int
    first: Int64Array
    last: Int64Array

    @classmethod
    def of(cls, piece: Piece) -> "_Life":
        spans = np.array([(span.first, span.last) for span in piece.live], np.int64).reshape(-1, 2)
        return cls(piece.first_byte, piece.last_byte, spans[:, 0], spans[:, 1])


def first_fit(needs: Sequence[Need], bound_bytes: int) -> tuple[list[int], int]:
    """The offset of each need, aligned, and the bytes that they take; not below `bound_bytes`, where the search ends.

    A few simple orders are tried. Then needs that reach above the best arena so far go to the front of the order, again
    and again.
    """
    best: list[int] = []
    best_bytes = 0
    lives = [[_Life.of(piece) for piece in need.pieces] for need in needs]
    pieces = sum(len(need.pieces) for need in needs)
    spans = sum(len(life.first) for found in lives for life in found)
    improvements = min(MOST_COMPARISONS // max(pieces * spans, 1), MOST_IMPROVEMENTS)
    for order in _orders(needs):
        for _ in range(improvements + 1):
            offsets, top = _placed_in(needs, lives, order)
            if not best or top < best_bytes:
                best, best_bytes = offsets, top
            if best_bytes <= bound_bytes:
                return best, best_bytes
            limit = min(best_bytes, top) - ALIGNMENT_BYTES
            late = [index for index in order if offsets[index] + needs[index].size_bytes > limit]
            moved = set(late)
            order = [*late, *(index for index in order if index not in moved)]
    return best, best_bytes


def _orders(needs: Sequence[Need]) -> Iterable[list[int]]:
    """Largest first; what must lie in one piece first, then in the order of time; the longest lives first."""
    covers = [need.cover for need in needs]
    indices = range(len(needs))
    yield sorted(indices, key=lambda i: (-needs[i].size_bytes, covers[i].first))
    yield sorted(indices, key=lambda i: (len(needs[i].pieces) == 1, covers[i].first))
    yield sorted(indices, key=lambda i: -needs[i].size_bytes * (covers[i].last - covers[i].first))
    yield sorted(indices, key=lambda i: -covers[i].last)


def _placed_in(needs: Sequence[Need], lives: Sequence[Sequence[_Life]], order: Sequence[int]) -> tuple[list[int], int]:
    room = sum(len(life.first) for pieces in lives for life in pieces)
    first, last, low, high = (np.zeros(room, np.int64) for _ in range(4))  # the pieces placed so far
    count = top = 0
    offsets = [0] * len(needs)
    for index in order:
        blocked: list[tuple[Int64Array, Int64Array]] = []
        for life in lives[index]:
            ends_later = np.searchsorted(life.last, first[:count], side="right")
            meets = np.append(life.first, _NEVER)[ends_later] < last[:count]
            blocked.append((low[:count][meets] - life.last_byte, high[:count][meets] - life.first_byte))
        offset = _lowest(*(np.concatenate(ends) for ends in zip(*blocked, strict=True)))
        offsets[index] = offset
        top = max(top, offset + needs[index].size_bytes)
        for life in lives[index]:
            end = count + len(life.first)
            first[count:end], last[count:end] = life.first, life.last
            low[count:end], high[count:end] = offset + life.first_byte, offset + life.last_byte
            count = end
    return offsets, _aligned(top)


def _lowest(begins: Int64Array, ends: Int64Array) -> int:
    """The lowest aligned offset that is not inside any of the open intervals."""
    above = ends > 0
    order = np.argsort(begins[above], kind="stable")
    begins, reached = begins[above][order], np.maximum.accumulate(ends[above][order])
    if not len(begins) or begins[0] >= 0:
        return 0
    after = -(-reached // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
    free = np.append(begins[1:] >= after[:-1], True)
    return int(after[np.argmax(free)])


def _aligned(size_bytes: int) -> int:
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
