"""How many bytes any schedule needs at least, in whatever order it computes rows.

A schedule computes one row at a time, the rows of a tensor in order. Just before it computes some row, a set of rows
has been computed: all that this row needs, nothing that needs it, and with each row what that one needs. Those of them
that somebody still reads are alive. The set with the fewest live bytes is a minimum cut: no schedule can compute this
row with less. The row for which that is most gives the bound.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tinycnn.plan.rows import INPUT, OUTPUT, Pull, RowGraph
from tinycnn.plan.schedule import row_times

MOST_CUTS = 48
"""Rows that are looked at, those first at which a known schedule has most bytes alive."""
_SOURCE, _SINK = -1, -2


@dataclass(frozen=True, slots=True)
class _Value:
    """Bytes that are alive from the pull that makes them to the last of `readers`, pulls of different nodes.

    Without a maker they are there from the start; without readers they are dead at once, `stays` tells that they stay.
    """

    size_bytes: int
    maker: int | None
    readers: tuple[int, ...]
    stays: bool = False


def schedule_free_bound_bytes(rows: RowGraph, order: Sequence[Pull]) -> int:
    """No schedule of `rows` needs fewer bytes. `order`, a schedule, tells which rows are worth looking at.

    Padding rows and the scratch of kernels count where they are read, alignment does not. A row that may be written
    over one that it is made of costs nothing beside it. The bound holds for kernels that else read whole rows and write
    whole rows elsewhere.
    """
    values = list(_values(rows, order))
    needs = list(_needs(rows, order))
    beside = [_beside_bytes(rows, pull) for pull in order]
    alive = _alive_bytes(values, beside)
    best = 0
    for time in sorted(range(len(order)), key=lambda time: -alive[time])[:MOST_CUTS]:
        if alive[time] <= best:
            break
        best = max(best, beside[time] + _least_alive_bytes(values, needs, time))
    return best


def _values(rows: RowGraph, order: Sequence[Pull]) -> Iterator[_Value]:
    """Rows and sums of rows; pulls are known by their number in `order`."""
    made, _ = row_times(rows, order)
    read: dict[tuple[str, int], dict[int, int]] = {}
    for time, pull in enumerate(order):
        for tensor, wanted in rows.reads[pull.node][pull.row] if pull.node >= 0 else ():
            for row in wanted:
                read.setdefault((tensor, row), {})[pull.node] = time
    outputs = {rows.root_of[name] for name in rows.graph.outputs if name != rows.pulled}
    for tensor in [*rows.graph.inputs, *rows.maker]:
        for row in range(rows.rows(tensor)):
            time = made[tensor][row] if tensor in made else -1
            readers = tuple(read.get((tensor, row), {}).values())
            yield _Value(rows.row_bytes(tensor), None if time < 0 else time, readers, tensor in outputs)
    for node, sums_bytes in enumerate(rows.sums_bytes):
        if sums_bytes and rows.turns[node] > 1:
            turns = [time for time, pull in enumerate(order) if pull.node == node]
            yield _Value(sums_bytes, turns[0], (turns[-1],))


def _needs(rows: RowGraph, order: Sequence[Pull]) -> Iterator[tuple[int, ...]]:
    """For each pull those that must come before it: of the same node, and of what makes the last rows that it reads."""
    made, _ = row_times(rows, order)
    before: dict[int, int] = {}
    for time, pull in enumerate(order):
        found = [before[pull.node]] if pull.node in before else []
        if pull.node >= 0:
            reads = rows.reads[pull.node][pull.row]
            found += [made[tensor][wanted[-1]] for tensor, wanted in reads if len(wanted) and tensor in made]
        elif pull.node == OUTPUT:
            found.append(made[str(rows.pulled)][pull.row])
        before[pull.node] = time
        yield tuple(need for need in found if need >= 0)


def _beside_bytes(rows: RowGraph, pull: Pull) -> int:
    """What is alive because of this pull itself: the row that it makes, padding, scratch but for sums made before."""
    if pull.node == OUTPUT:
        return 0
    if pull.node == INPUT:
        return rows.row_bytes(str(rows.pushed))
    scratch_bytes = rows.scratch[pull.node][0] - (rows.sums_bytes[pull.node] if pull.row else 0)
    padding = rows.paddings[pull.node] if pull.row in rows.padded_turns[pull.node] else None
    written = rows.written_row(pull) is not None
    row_bytes = rows.row_bytes(rows.nodes[pull.node].outputs[0]) if written and not rows.may_overwrite[pull.node] else 0
    return scratch_bytes + row_bytes + (padding[1] if padding else 0)


def _alive_bytes(values: Iterable[_Value], beside: Sequence[int]) -> list[int]:
    """What is alive at each pull of the known schedule."""
    changes = [0] * (len(beside) + 1)
    for value in values:
        last = len(beside) if value.stays else max(value.readers, default=-1) + 1
        first = 0 if value.maker is None else value.maker + 1
        if first < last:
            changes[first] += value.size_bytes
            changes[last] -= value.size_bytes
    alive, found = 0, []
    for change, extra in zip(changes, beside, strict=False):
        alive += change
        found.append(alive + extra)
    return found


def _least_alive_bytes(values: Iterable[_Value], needs: Sequence[tuple[int, ...]], time: int) -> int:
    """The fewest bytes that can be alive when a pull begins, over all sets of pulls that can have come before it."""
    side: dict[int, int] = {}
    waiting = list(needs[time])
    while waiting:
        pull = waiting.pop()
        if pull not in side:
            side[pull] = _SOURCE
            waiting += needs[pull]
    side[time] = _SINK
    for pull in range(time + 1, len(needs)):
        if any(side.get(need) == _SINK for need in needs[pull]):
            side[pull] = _SINK
    network = _Network()
    for pull, before in enumerate(needs):
        for need in before:
            network.add(side.get(pull, pull), side.get(need, need), None)
    helper = len(needs)
    for value in values:
        begin = _SOURCE if value.maker is None else side.get(value.maker, value.maker)
        ends = {_SINK} if value.stays else {side.get(reader, reader) for reader in value.readers}
        if begin == _SINK or ends <= {_SOURCE}:
            continue
        network.add(begin, helper, value.size_bytes)  # paid once, however many still read it
        for end in ends:
            network.add(helper, end, None)
        helper += 1
    return network.maximum_flow()


class _Network:
    """Capacities between numbered places, None for no limit; the maximum flow is the minimum cut."""

    def __init__(self) -> None:
        self.capacity: dict[int, dict[int, float]] = {_SOURCE: {}, _SINK: {}}

    def add(self, begin: int, end: int, capacity: int | None) -> None:
        if begin in (end, _SINK) or end == _SOURCE:
            return
        there = self.capacity.setdefault(begin, {})
        there[end] = there.get(end, 0) + (float("inf") if capacity is None else capacity)
        self.capacity.setdefault(end, {}).setdefault(begin, 0)

    def maximum_flow(self) -> int:
        """By augmenting shortest paths, phase by phase (Dinic)."""
        total = 0.0
        while levels := self._levels():
            untried = {place: list(ends) for place, ends in self.capacity.items()}
            while pushed := self._augment(levels, untried):
                total += pushed
        return int(total)

    def _levels(self) -> Mapping[int, int]:
        """The distance of each place from the source, if the sink can be reached."""
        levels = {_SOURCE: 0}
        waiting = deque([_SOURCE])
        while waiting:
            place = waiting.popleft()
            for end, capacity in self.capacity[place].items():
                if capacity > 0 and end not in levels:
                    levels[end] = levels[place] + 1
                    waiting.append(end)
        return levels if _SINK in levels else {}

    def _augment(self, levels: Mapping[int, int], untried: Mapping[int, list[int]]) -> float:
        """Send what one path can carry, each place one level further than the one before; 0 when there is no path."""
        path = [_SOURCE]
        while path[-1] != _SINK:
            place = path[-1]
            while untried[place]:
                end = untried[place][-1]
                if self.capacity[place][end] > 0 and levels.get(end) == levels[place] + 1:
                    path.append(end)
                    break
                untried[place].pop()
            else:
                path.pop()
                if not path:
                    return 0.0
                untried[path[-1]].pop()
        pairs = list(pairwise(path))
        amount = min(self.capacity[begin][end] for begin, end in pairs)
        for begin, end in pairs:
            self.capacity[begin][end] -= amount
            self.capacity[end][begin] += amount
        return amount
