"""Where in the arena each need goes: the smallest arena that a bounded search finds, and what none can go below."""

from collections.abc import Callable, Sequence
from random import Random

from tinycnn.plan.conflicts import aligned
from tinycnn.plan.first_fit import first_fit
from tinycnn.plan.lifetimes import Need, forbidden_distances

SEARCH_PLACEMENTS = 100_000
"""Placements of one need that the search tries before it settles for the best so far: about three seconds."""
SEARCH_NEEDS = 64
"""With more needs what `first_fit` finds is taken."""
SEARCH_PARTS = 64
"""With more pieces and spans of life a search would not get far: only the simple orders are tried."""
PATIENCE_ORDERS = 50
"""Orders that the search tries without a gain, for each need, before it stops."""
_ORDERS: tuple[Callable[[Need], int], ...] = (
    lambda need: -need.size_bytes,
    lambda need: -need.size_bytes * (need.cover.last - need.cover.first),
    lambda need: -(need.cover.last - need.cover.first),
    lambda need: need.cover.first,
    lambda need: -need.cover.last,
)


def lower_bound_bytes(needs: Sequence[Need]) -> int:
    """Most bytes alive at once: no placement needs less. Alignment is not counted: it may be missed by a few bytes."""
    changes: dict[int, int] = {}
    for need in needs:
        for piece in need.pieces:
            for span in piece.live:
                changes[span.first] = changes.get(span.first, 0) + piece.last_byte - piece.first_byte
                changes[span.last] = changes.get(span.last, 0) - piece.last_byte + piece.first_byte
    alive = most = 0
    for time in sorted(changes):
        alive += changes[time]
        most = max(most, alive)
    return most


def place(needs: Sequence[Need]) -> dict[str, int]:
    """The offset in bytes of every need, such that no two pieces alive at the same time share a byte.

    Where first fit does not reach the lower bound, a search tries to be better, if there are not too many needs for it.
    There they are placed one after the other, each where the arena grows least, upwards or downwards: next to what is
    placed or into what is dead of it. The best of a few simple orders is changed again and again by moving one need
    elsewhere in it, as long as that gains: until the lower bound is reached, PATIENCE_ORDERS or SEARCH_PLACEMENTS. The
    result depends on nothing but the needs. Compared with a constraint solver (CP-SAT), it found the optimum in each of
    16 plans of random graphs and of MLPerf Tiny whose bound cannot be reached or is hard to reach.
    """
    needs = sorted(needs, key=lambda need: (-need.size_bytes, need.cover.first, need.name))
    bound = aligned(lower_bound_bytes(needs))
    offsets, reached = first_fit(needs, bound)
    found = {need.name: offset for need, offset in zip(needs, offsets, strict=True)}
    if reached <= bound or len(needs) > SEARCH_NEEDS:
        return found
    parts = sum(len(piece.live) for need in needs for piece in need.pieces)
    search = _Search(needs, bound)
    searched = search.run(PATIENCE_ORDERS * len(needs) if parts <= SEARCH_PARTS else 0)
    return searched if search.best_bytes < reached else found


def arena_bytes(needs: Sequence[Need], offsets: dict[str, int]) -> int:
    return max((offsets[need.name] + need.size_bytes for need in needs), default=0)


Taken = tuple[tuple[int, int], ...]
"""Open intervals of offsets, in order and without overlaps, at which a need would collide with what is placed."""


class _Search:
    """Needs are known by index, the largest first; `forbidden[i][j]` has the distances that i must not have from j."""

    def __init__(self, needs: Sequence[Need], bound: int) -> None:
        self.needs, self.bound = needs, bound
        self.sizes = [aligned(need.size_bytes) for need in self.needs]
        self.forbidden: list[list[Taken]] = [[()] * len(self.needs) for _ in self.needs]
        covers = [need.cover for need in self.needs]
        for i, one in enumerate(self.needs):
            for j in range(i):
                if covers[i].overlaps(covers[j]):
                    found = forbidden_distances(one, self.needs[j])
                    # offsets are aligned, so intervals may end at the next aligned ones outside
                    self.forbidden[i][j] = _merged([(-aligned(-low), aligned(high)) for low, high in found], ())
                    self.forbidden[j][i] = tuple((-high, -low) for low, high in reversed(self.forbidden[i][j]))
        self.best: dict[str, int] = {}
        self.best_bytes = 0
        self.placed = 0

    def run(self, patience: int) -> dict[str, int]:
        """The best offsets found; `patience` is how many changed orders without a gain end the search."""
        order = min((sorted(range(len(self.needs)), key=self._by(rank)) for rank in _ORDERS), key=self._reach)
        rng = Random(0)
        left = patience
        while left and self.best_bytes > self.bound and self.placed < SEARCH_PLACEMENTS:
            changed = list(order)
            changed.insert(rng.randrange(len(order)), changed.pop(rng.randrange(len(order))))
            before = self.best_bytes
            if self._reach(changed) <= before:
                order = changed  # a step aside where it is no worse: from there another may help
            left = patience if self.best_bytes < before else left - 1
        return self.best

    def _by(self, rank: Callable[[Need], int]) -> Callable[[int], int]:
        return lambda index: rank(self.needs[index])

    def _reach(self, order: Sequence[int]) -> int:
        """Bytes that the needs take when placed in this order; more than the best so far is not followed up."""
        offsets: dict[int, int] = {}
        taken: dict[int, Taken] = dict.fromkeys(order, ())
        low = high = 0
        for index in order:
            offsets[index], low, high = self._tightest(index, taken[index], low, high)
            if self.best and high - low > self.best_bytes:
                break
            taken = self._beside(index, offsets[index], taken)
        self.placed += len(offsets)
        if not self.best or high - low < self.best_bytes:
            self.best = {self.needs[index].name: offset - low for index, offset in offsets.items()}
            self.best_bytes = high - low
        return high - low

    def _beside(self, index: int, offset: int, taken: dict[int, Taken]) -> dict[int, Taken]:
        """What is taken for the other needs when `index` is placed too."""
        return {
            other: _merged([(low + offset, high + offset) for low, high in self.forbidden[other][index]], intervals)
            for other, intervals in taken.items()
            if other != index
        }

    def _tightest(self, index: int, taken: Taken, low: int, high: int) -> tuple[int, int, int]:
        """The free offset at which what is placed grows least, the lowest of several, and from where to where it is."""
        size = self.sizes[index]
        best: tuple[int, int] | None = None
        begin = min(low, high - size, taken[0][0] if taken else low)
        for end, following in [*taken, (_FAR, _FAR)]:
            for wanted in (low, high - size):
                offset = min(max(wanted, begin), end)
                growth = max(high, offset + size) - min(low, offset)
                if best is None or (growth, offset) < best:
                    best = growth, offset
            begin = following
        assert best is not None
        offset = best[1]
        return offset, min(low, offset), max(high, offset + size)


_FAR = 1 << 62


def _merged(more: list[tuple[int, int]], intervals: Taken) -> Taken:
    """Open intervals in order, with those that overlap made one."""
    if not more:
        return intervals
    found: list[tuple[int, int]] = []
    for low, high in sorted([*more, *intervals]):
        if found and low < found[-1][1]:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)
