"""Where in the arena each need goes: the smallest arena that an exact search finds, and the bound below it."""

from collections.abc import Sequence

from tinycnn.plan.lifetimes import Need
from tinycnn.plan.model import ALIGNMENT_BYTES

SEARCH_NODES = 100_000
"""Partial placements that the search looks at before it settles for the best so far."""


def lower_bound_bytes(needs: Sequence[Need]) -> int:
    """Most bytes alive at once: no placement needs less. Aligned sizes are not counted, so it may be missed by them."""
    return max(
        (sum(n.size_bytes for n in needs if n.live.first <= step < n.live.last) for step in _steps(needs)),
        default=0,
    )


def place(needs: Sequence[Need]) -> dict[str, int]:
    """The offset in bytes of every need, such that needs alive at the same time do not overlap.

    Some order of placing each need at the lowest free offset gives the smallest arena; the search walks the orders,
    largest first, and leaves a branch as soon as it cannot beat the best. It is exact unless it meets SEARCH_NODES.
    Equal needs are ordered by name, so the result depends on nothing else.
    """
    return _Search(needs).run()


def arena_bytes(needs: Sequence[Need], offsets: dict[str, int]) -> int:
    return max((offsets[need.name] + need.size_bytes for need in needs), default=0)


def aligned(size_bytes: int) -> int:
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def _steps(needs: Sequence[Need]) -> range:
    return range(max((need.live.last for need in needs), default=0))


class _Search:
    def __init__(self, needs: Sequence[Need]) -> None:
        self.order = sorted(needs, key=lambda n: (-n.size_bytes, n.live.first, n.name))
        self.bound = lower_bound_bytes(needs)
        self.best: dict[str, int] = {}
        self.best_bytes = 0
        self.visited = 0

    def run(self) -> dict[str, int]:
        self._extend({}, 0)
        return self.best

    def _extend(self, offsets: dict[str, int], top_bytes: int) -> None:
        self.visited += 1
        if len(offsets) == len(self.order):
            self.best, self.best_bytes = dict(offsets), top_bytes
            return
        tried: set[tuple[int, int, int]] = set()
        for need in self.order:
            key = (need.size_bytes, need.live.first, need.live.last)
            if need.name in offsets or key in tried:
                continue
            tried.add(key)
            offset = self._lowest(need, offsets)
            top = max(top_bytes, offset + need.size_bytes)
            if self.best and top >= self.best_bytes:
                continue
            offsets[need.name] = offset
            self._extend(offsets, top)
            del offsets[need.name]
            if self.best and (self.best_bytes <= aligned(self.bound) or self.visited > SEARCH_NODES):
                return

    def _lowest(self, need: Need, offsets: dict[str, int]) -> int:
        """The lowest aligned offset where `need` fits beside everything placed that is alive with it."""
        taken = sorted(
            (offsets[other.name], offsets[other.name] + other.size_bytes)
            for other in self.order
            if other.name in offsets and other.live.overlaps(need.live)
        )
        offset = 0
        for begin, end in taken:
            if offset + need.size_bytes <= begin:
                break
            offset = max(offset, aligned(end))
        return offset
