"""Where in the arena each need goes: the smallest arena that a bounded search finds, and what none can go below."""

from collections.abc import Callable, Sequence

from tinycnn.plan.lifetimes import Need, forbidden_distances
from tinycnn.plan.model import ALIGNMENT_BYTES

SEARCH_PLACEMENTS = 20_000
"""Placements of one need that the search tries before it settles for the best so far."""
SEARCH_NEEDS = 200
"""With more needs the search would not get far: the best of the simple orders is taken."""
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

    Needs are placed one after the other, each where the arena grows least, upwards or downwards: next to what is
    placed or into what is dead of it. A few simple orders are tried, then the search walks all orders, largest first,
    and leaves a branch as soon as it cannot beat the best; it ends at the lower bound or at SEARCH_PLACEMENTS. Equal
    needs are ordered by name, so the result depends on nothing else.
    """
    return _Search(needs).run()


def arena_bytes(needs: Sequence[Need], offsets: dict[str, int]) -> int:
    return max((offsets[need.name] + need.size_bytes for need in needs), default=0)


def aligned(size_bytes: int) -> int:
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


class _Search:
    """`forbidden` has, for two needs by name, the distances that they must not have."""

    def __init__(self, needs: Sequence[Need]) -> None:
        self.needs = sorted(needs, key=lambda need: (-need.size_bytes, need.cover.first, need.name))
        self.forbidden: dict[tuple[str, str], tuple[tuple[int, int], ...]] = {}
        covers = [need.cover for need in self.needs]
        for index, one in enumerate(self.needs):
            for other, cover in zip(self.needs[:index], covers, strict=False):
                distances = forbidden_distances(one, other) if cover.overlaps(covers[index]) else ()
                self.forbidden[one.name, other.name] = distances
                self.forbidden[other.name, one.name] = tuple((-high, -low) for low, high in distances)
        self.bound = aligned(lower_bound_bytes(needs))
        self.best: dict[str, int] = {}
        self.best_bytes = 0
        self.tried = 0

    def run(self) -> dict[str, int]:
        for order in _ORDERS:
            offsets: dict[str, int] = {}
            low = high = 0
            for need in sorted(self.needs, key=order):
                offsets[need.name] = self._tightest(need, offsets, low, high)
                low, high = _grown(need, offsets[need.name], low, high)
            self._keep_if_best(offsets, low, high)
        if len(self.needs) <= SEARCH_NEEDS:
            self._extend({}, 0, 0)
        return self.best

    def _keep_if_best(self, offsets: dict[str, int], low: int, high: int) -> None:
        if not self.best or high - low < self.best_bytes:
            self.best = {name: offset - low for name, offset in offsets.items()}
            self.best_bytes = high - low

    def _extend(self, offsets: dict[str, int], low: int, high: int) -> None:
        """Place every further need in turn and go on from there; what is placed reaches from `low` to `high`."""
        if len(offsets) == len(self.needs):
            self._keep_if_best(offsets, low, high)
            return
        seen: set[tuple[int, object]] = set()
        for need in self.needs:
            key = (need.size_bytes, need.pieces)
            if need.name in offsets or key in seen:
                continue
            if self.best_bytes <= self.bound or self.tried >= SEARCH_PLACEMENTS:
                return
            seen.add(key)
            self.tried += 1
            offset = self._tightest(need, offsets, low, high)
            new_low, new_high = _grown(need, offset, low, high)
            if new_high - new_low < self.best_bytes:
                offsets[need.name] = offset
                self._extend(offsets, new_low, new_high)
                del offsets[need.name]

    def _tightest(self, need: Need, offsets: dict[str, int], low: int, high: int) -> int:
        """The aligned offset without a collision at which what is placed grows least; the lowest of several."""
        taken: list[list[int]] = []
        for begin, end in sorted(
            (placed + first, placed + last)
            for name, placed in offsets.items()
            for first, last in self.forbidden[need.name, name]
        ):
            if taken and begin < taken[-1][1]:
                taken[-1][1] = max(taken[-1][1], end)
            else:
                taken.append([begin, end])
        edges = {0, low, *(-aligned(-begin) for begin, _ in taken), *(aligned(end) for _, end in taken)}
        free = [edge for edge in edges if not any(begin < edge < end for begin, end in taken)]

        def growth(offset: int) -> tuple[int, int]:
            new_low, new_high = _grown(need, offset, low, high)
            return new_high - new_low, offset

        return min(free, key=growth)


def _grown(need: Need, offset: int, low: int, high: int) -> tuple[int, int]:
    """From where to where the arena reaches with `need` at `offset`."""
    return min(low, offset), max(high, offset + aligned(need.size_bytes))
