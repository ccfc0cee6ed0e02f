"""Many needs placed one after the other, each at the lowest offset that is free while it lives, then made better."""

from collections.abc import Callable, Sequence
from random import Random

import numpy as np

from tinycnn.plan.conflicts import NOWHERE, Conflict, Int64Array, aligned, conflicts, highest, lowest
from tinycnn.plan.lifetimes import Need
from tinycnn.plan.model import ALIGNMENT_BYTES

ORDERED_PLACEMENTS = 20_000
"""Placements of one need after which no order is changed any more in the hope of a smaller arena: 0.3 seconds."""
IMPROVED_PLACEMENTS = 10_000
"""Placements of one need by which `_improved` tries to make the arena smaller."""
IMPROVED_ROUNDS = 200
"""How often at most it places each need, on average."""
MOST_IMPROVEMENTS = 24


def first_fit(needs: Sequence[Need], bound_bytes: int) -> tuple[list[int], int]:
    """The offset of each need, aligned, and the bytes that they take; not below `bound_bytes`, where the search ends.

    A few simple orders are tried. In each, needs that reach above the best arena so far go to the front, again and
    again. Then the best offsets are improved.
    """
    found = conflicts(needs)
    sizes = np.array([aligned(need.size_bytes) for need in needs], np.int64)
    best, best_bytes = np.zeros(len(needs), np.int64), 1 << 60
    orders = _orders(needs)
    improvements = min(ORDERED_PLACEMENTS // max(len(orders) * len(needs), 1), MOST_IMPROVEMENTS)
    for order in orders:
        for _ in range(improvements + 1):
            offsets = _placed_in(order, found)
            top = int((offsets + sizes).max(initial=0))
            if top < best_bytes:
                best, best_bytes = offsets, top
            if best_bytes <= bound_bytes:
                return best.tolist(), best_bytes
            is_late = offsets + sizes > min(best_bytes, top) - ALIGNMENT_BYTES
            order = sorted(order, key=lambda index: not is_late[index])
    best = _improved(best, sizes, found, bound_bytes)
    return best.tolist(), int((best + sizes).max(initial=0))


def _placed_in(order: Sequence[int], found: Sequence[Conflict]) -> Int64Array:
    offsets = np.full(len(order), NOWHERE, np.int64)
    for index in order:
        offsets[index] = lowest(found[index], offsets)
    return offsets


def _orders(needs: Sequence[Need]) -> list[list[int]]:
    """Largest first; what must lie in one piece first, then in the order of time; the longest lives first; and those
    first that live when most is alive.
    """
    covers = [need.cover for need in needs]
    lengths = [cover.last - cover.first for cover in covers]
    crowds = _crowds(needs)
    ranks: tuple[Callable[[int], tuple[int, ...]], ...] = (
        lambda i: (-needs[i].size_bytes, covers[i].first),
        lambda i: (len(needs[i].pieces) == 1, covers[i].first),
        lambda i: (-needs[i].size_bytes * lengths[i],),
        lambda i: (-covers[i].last,),
        lambda i: (-crowds[i], -needs[i].size_bytes * lengths[i]),
        lambda i: (-crowds[i], -lengths[i], -needs[i].size_bytes),
    )
    return [sorted(range(len(needs)), key=rank) for rank in ranks]


def _crowds(needs: Sequence[Need]) -> list[int]:
    """For each need the most bytes alive, of all needs, at some time of its life."""
    spans = [
        (number, span.first, span.last, piece.last_byte - piece.first_byte)
        for number, need in enumerate(needs)
        for piece in need.pieces
        for span in piece.live
    ]
    changes = np.zeros(max((last for _, _, last, _ in spans), default=0) + 1, np.int64)
    for _, first, last, size in spans:
        changes[first] += size
        changes[last] -= size
    alive = np.cumsum(changes)
    found = [0] * len(needs)
    for number, first, last, _ in spans:
        found[number] = max(found[number], int(alive[first:last].max(initial=0)))
    return found


def _improved(offsets: Int64Array, sizes: Int64Array, found: Sequence[Conflict], bound_bytes: int) -> Int64Array:
    """Offsets with a lower top: again and again one need that is too high is placed anew with what lives beside it.

    All of them are taken away, and placed again one after the other, upwards or downwards. What results stays where no
    more bytes are above the limit than before, and the limit falls when none is.
    """
    rng = Random(0)
    best = current = offsets
    left = min(IMPROVED_PLACEMENTS, IMPROVED_ROUNDS * len(sizes))
    while left > 0:
        top = int((best + sizes).max(initial=0))
        if top <= bound_bytes:
            break
        limit = max(bound_bytes, top - aligned((top - bound_bytes) // 4 + 1))
        excess = _excess(current, sizes, limit)
        while left > 0 and excess:
            tried, placed = _replaced(current, sizes, found, limit, rng)
            left -= placed
            now = _excess(tried, sizes, limit)
            if now <= excess:
                current, excess = tried, now
                if int((current + sizes).max()) < top:
                    best = current
                    break
        if not excess:
            best = current
    return best


def _excess(offsets: Int64Array, sizes: Int64Array, limit: int) -> int:
    """Bytes above the limit."""
    return int(np.maximum(offsets + sizes - limit, 0).sum())


def _replaced(
    offsets: Int64Array, sizes: Int64Array, found: Sequence[Conflict], limit: int, rng: Random
) -> tuple[Int64Array, int]:
    """Other offsets, and how many needs were placed for them."""
    high = np.flatnonzero(offsets + sizes > limit)
    chosen = int(high[rng.randrange(len(high))])
    beside = np.unique(found[chosen].others)
    share = rng.choice((0.25, 0.5, 1.0))
    moved = [int(other) for other in beside if rng.random() < share]
    spread = rng.choice((0.0, 1.0, 4.0))
    rank = {other: sizes[other] * (1 + spread * rng.random()) for other in moved}
    moved.sort(key=lambda other: -rank[other])
    tried = offsets.copy()
    tried[[chosen, *moved]] = NOWHERE
    upwards = rng.random() < 0.5
    for index in (chosen, *moved):
        offset = lowest(found[index], tried) if upwards else highest(found[index], tried, limit - int(sizes[index]))
        tried[index] = offset if offset >= 0 else lowest(found[index], tried)
        if rng.random() < 0.1:
            upwards = not upwards
    return tried, len(moved) + 1
