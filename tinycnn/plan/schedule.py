"""In which order rows are computed, and how many rows of each tensor must be kept for that.

The nodes are cut into stages. Inside a stage the last node pulls row after row, every node pulls the rows it needs
from its producers, and the pulls are flattened into one sequence; a tensor that stays inside a stage then needs only
a few rows at a time, in a ring or each at a place of its own. No row is computed twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tinycnn.plan.in_place import Choice, chains, overwritten
from tinycnn.plan.lifetimes import merged
from tinycnn.plan.model import Span
from tinycnn.plan.rows import INPUT, OUTPUT, Pull, RowGraph


def pulls(rows: RowGraph, first: int, last: int) -> list[Pull]:
    """The rows of the nodes [first, last) in the order in which the last of them pulls them; the rest come after.

    All rows of a pushed input are there when these nodes are not the first to read it.
    """
    done = dict.fromkeys(range(first, last), 0)
    order: list[Pull] = []
    arrived = 0 if rows.pushed and rows.pushed_reader >= first else rows.rows(rows.pushed or rows.graph.inputs[0])

    def arrive(row: int) -> None:
        nonlocal arrived
        order.extend(Pull(INPUT, each) for each in range(arrived, row + 1))
        arrived = max(arrived, row + 1)

    def ensure(node: int, row: int) -> None:
        while done[node] <= row:
            current = done[node]
            for tensor, wanted in rows.reads[node][current]:
                maker = rows.maker.get(tensor, -1)
                if tensor == rows.pushed and len(wanted):
                    arrive(wanted[-1])
                if maker >= first and len(wanted):
                    ensure(maker, rows.completing_turn(maker, wanted[-1]))
            order.append(Pull(node, current))
            done[node] = current + 1
            if rows.nodes[node].outputs[0] == rows.pulled:
                taken = rows.written_row(order[-1])
                order.extend([] if taken is None else [Pull(OUTPUT, taken)])

    reads_pushed = rows.pushed is not None and first <= rows.pushed_reader < last
    if reads_pushed:
        arrive(0)  # the caller has written it when the first push begins, also where a row reads nothing but padding
    for node in range(last - 1, first - 1, -1):
        ensure(node, rows.turns[node] - 1)
    if reads_pushed and rows.pushed:
        arrive(rows.rows(rows.pushed) - 1)  # rows that nothing reads, or that another stage reads
    return order


def row_times(rows: RowGraph, order: Sequence[Pull]) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """When each row of a tensor is made, and when it is read for the last time: -1 where that never happens.

    Tensors of which no row is made or read are left out.
    """
    made: dict[str, list[int]] = {}
    read: dict[str, list[int]] = {}
    for time, pull in enumerate(order):
        if pull.node == INPUT:
            _times_of(made, str(rows.pushed), rows)[pull.row] = time
        elif pull.node == OUTPUT:
            _times_of(read, str(rows.pulled), rows)[pull.row] = time
        else:
            for tensor, wanted in rows.reads[pull.node][pull.row]:
                times = _times_of(read, tensor, rows)
                for row in wanted:
                    times[row] = time
            written = rows.written_row(pull)
            if written is not None:
                _times_of(made, rows.nodes[pull.node].outputs[0], rows)[written] = time
    return made, read


def _times_of(times: dict[str, list[int]], tensor: str, rows: RowGraph) -> list[int]:
    if tensor not in times:
        times[tensor] = [-1] * rows.rows(tensor)
    return times[tensor]


@dataclass(frozen=True, slots=True)
class Held:
    """Tensors with the same bytes, how many of their rows are kept, and from which pull to which each row is alive.

    Each of `tensors` is written over the one before it, row by row; most are alone. `begins` has for each the pull that
    makes each of its rows. With `is_scattered` each row has a place of its own.
    """

    tensors: tuple[str, ...]
    begins: tuple[tuple[int, ...], ...]
    rows: int
    live: tuple[Span, ...]
    is_scattered: bool = False

    def lives_of(self, tensor: str) -> tuple[Span, ...]:
        """When the bytes of each row are those of one of the tensors: until the next one is written over it."""
        index = self.tensors.index(tensor)
        if tensor == self.tensors[-1]:
            ends = [span.last for span in self.live]
        else:
            ends = list(self.begins[index + 1])
        return tuple(Span(begin, max(end, begin + 1)) for begin, end in zip(self.begins[index], ends, strict=True))


MOST_SCATTERED_ROWS = 256
"""A tensor with more rows is kept in a ring, as a table of places would be long."""


def held(
    rows: RowGraph, order: Sequence[Pull], stage_of: Sequence[int], *, scattered: bool, in_place: Choice | None
) -> list[Held]:
    """The rows that are kept of all tensors, and the life of each row in pulls.

    Inputs are there before the first pull, outputs stay after the last. `stage_of` has the stage of each node. A tensor
    that crosses to another stage is whole, others are rings; with `scattered` rows have places of their own wherever
    they may. `in_place` chooses the input over which a tensor is written, None has it written over none.
    """
    made, read = row_times(rows, order)
    outputs = {rows.root_of[name] for name in rows.graph.outputs if name != rows.pulled}
    over = overwritten(rows, made, read, len(rows.nodes), in_place) if in_place else {}

    def is_ring(tensor: str) -> bool:
        maker = rows.pushed_reader if tensor == rows.pushed else rows.maker.get(tensor)
        reader = rows.last_reader[tensor]
        return maker is not None and tensor not in outputs and (reader < 0 or stage_of[reader] == stage_of[maker])

    found = []
    for tensors in chains(over, [*rows.graph.inputs, *rows.maker]):
        begins = tuple(tuple(max(time, 0) for time in _times_of(made, tensor, rows)) for tensor in tensors)
        times, reads = begins[0], _times_of(read, tensors[-1], rows)
        stays = tensors[-1] in outputs
        ends = [len(order) if stays else max(begin, read) + 1 for begin, read in zip(begins[-1], reads, strict=True)]
        live = tuple(Span(first, max(end, first + 1)) for first, end in zip(times, ends, strict=True))
        if scattered and rows.contiguous.isdisjoint(tensors) and 1 < len(live) <= MOST_SCATTERED_ROWS:
            found.append(Held(tensors, begins, _most_alive(live), live, is_scattered=True))
        elif all(map(is_ring, tensors)):
            found.append(Held(tensors, begins, ring_height(times, [end - 1 for end in ends]), live))
        else:
            found.append(Held(tensors, begins, len(live), live))
    return found


def _most_alive(spans: Sequence[Span]) -> int:
    return max(sum(other.first <= span.first < other.last for other in spans) for span in spans)


def alive_rows(written: Sequence[int], last_read: Sequence[int]) -> tuple[Span, ...]:
    """When some row of a ring is alive: from its pull to the last one that reads it."""
    return merged(Span(made, max(made, read) + 1) for made, read in zip(written, last_read, strict=True))


def ring_height(written: Sequence[int], last_read: Sequence[int]) -> int:
    """The fewest rows such that a row is only written over one that nobody reads any more."""
    height, oldest = 1, 0
    for row, time in enumerate(written):
        while oldest < row and last_read[oldest] < time:
            oldest += 1
        # a dead row may lie between live ones: the ring must still span from the oldest live one
        height = max(height, row - oldest + 1)
    return height
