"""In which order rows are computed, and how many rows of each tensor must be kept for that.

The nodes are cut into stages. Inside a stage the last node pulls row after row, every node pulls the rows it needs
from its producers, and the pulls are flattened into one sequence; a tensor that stays inside a stage then needs only
a ring of rows, one that crosses to another stage is whole. No row is computed twice. The cuts are searched for the
fewest bytes alive at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tinycnn.ir import Graph, Node
from tinycnn.ops import is_int8, padding_value, row_bytes, row_count, sums_rows, turns
from tinycnn.plan.lifetimes import is_view, merged, roots
from tinycnn.plan.model import Alternative, Span

MAX_STAGE_NODES = 24
"""Longer stages are not tried: the search takes their number squared, and rings add up."""


INPUT = -1
"""The node that a pushed input counts as."""
OUTPUT = -2
"""The node that the caller counts as who takes the rows of a pulled output."""


@dataclass(frozen=True, slots=True)
class Pull:
    """Compute one row of the output of a node, or take one turn of a node that sums rows.

    With INPUT for a node the row of the pushed input arrives, with OUTPUT the caller takes a row of the pulled output.
    """

    node: int
    row: int


@dataclass(frozen=True, eq=False)
class RowGraph:
    """An int8 graph as rows: which nodes compute, which rows of which tensors each of their rows reads.

    `chosen` has the alternatives that nodes are computed with, by output, as far as there are some. `pushed` is the
    input whose rows arrive one after the other, `pulled` the output whose rows are taken as they are ready, if there
    is one.
    """

    graph: Graph
    chosen: Mapping[str, Alternative] = field(default_factory=dict)
    pushed: str | None = None
    pulled: str | None = None

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that compute, views left out, in topological order."""
        return tuple(node for node in self.graph.nodes if not is_view(node))

    @cached_property
    def root_of(self) -> dict[str, str]:
        return roots(self.graph)

    @cached_property
    def maker(self) -> dict[str, int]:
        """Which node makes a tensor."""
        return {node.outputs[0]: index for index, node in enumerate(self.nodes)}

    @cached_property
    def last_reader(self) -> dict[str, int]:
        """The last node that reads a tensor; -1 when nothing does.

        For the graph's outputs the number of nodes, but not for a pulled one, which may be gone.
        """
        found = dict.fromkeys([*self.graph.inputs, *self.maker], -1)
        for index, node in enumerate(self.nodes):
            for name in self.graph.activations(node):
                found[self.root_of[name]] = index
        for name in self.graph.outputs:
            if name != self.pulled:
                found[self.root_of[name]] = len(self.nodes)
        return found

    @cached_property
    def pushed_reader(self) -> int:
        """The first node that reads the pushed input; the number of nodes when none does."""
        readers = (
            index
            for index, node in enumerate(self.nodes)
            if any(self.root_of[name] == self.pushed for name in self.graph.activations(node))
        )
        return next(readers, len(self.nodes))

    def rows(self, tensor: str) -> int:
        return row_count(self.graph.tensors[tensor].shape)

    def row_bytes(self, tensor: str) -> int:
        return row_bytes(self.graph.tensors[tensor].shape)

    @cached_property
    def turns(self) -> tuple[int, ...]:
        """How often each node runs."""
        tensors = self.graph.tensors
        return tuple(
            turns(node.op, tensors[self.graph.activations(node)[0]].shape, tensors[node.outputs[0]].shape)
            for node in self.nodes
        )

    @cached_property
    def sums_bytes(self) -> tuple[int, ...]:
        """An int32 per channel for each node that sums rows, 0 for the others."""
        return tuple(
            4 * self.graph.tensors[node.outputs[0]].shape[-1] if sums_rows(node.op) else 0 for node in self.nodes
        )

    @cached_property
    def scratch(self) -> tuple[tuple[int, bool], ...]:
        """For each node the bytes of its sums and its kernel's scratch, and whether they are kept between its rows."""
        found = []
        for node, sums_bytes in zip(self.nodes, self.sums_bytes, strict=True):
            way = self.chosen.get(node.outputs[0], Alternative(""))
            found.append((sums_bytes + way.scratch_bytes, sums_bytes > 0 or way.keeps_scratch))
        return tuple(found)

    def written_row(self, pull: Pull) -> int | None:
        """The row of the output that is there after a pull; None for a turn of a sum before the last."""
        if self.sums_bytes[pull.node]:
            return 0 if pull.row == self.turns[pull.node] - 1 else None
        return pull.row

    def completing_turn(self, node: int, row: int) -> int:
        """The turn after which a row of the output is there."""
        return self.turns[node] - 1 if self.sums_bytes[node] else row

    @cached_property
    def reads(self) -> tuple[tuple[tuple[tuple[str, range], ...], ...], ...]:
        """For each node and output row the rows inside the input that it reads, by tensor: all of a view's source."""
        return tuple(
            tuple(self._reads(node, row) for row in range(count))
            for node, count in zip(self.nodes, self.turns, strict=True)
        )

    def _reads(self, node: Node, row: int) -> tuple[tuple[str, range], ...]:
        assert is_int8(node.op)
        found = []
        names = self.graph.activations(node)
        shapes = [self.graph.tensors[name].shape for name in names]
        for index, name in enumerate(names):
            root = self.root_of[name]
            if root != name:
                found.append((root, range(self.rows(root))))
                continue
            wanted = node.op.input_rows(row, index, *shapes)
            # rows between two taps of a dilated window are kept too: the ring holds neighbours
            first, last = (wanted[0], wanted[-1] + 1) if wanted else (0, 0)
            found.append((root, range(max(first, 0), min(last, self.rows(root)))))
        return tuple(found)

    @cached_property
    def paddings(self) -> tuple[tuple[int, int] | None, ...]:
        """For each node the value and bytes of the row that stands for those outside its inputs, if it reads any."""
        return tuple(self._padding(node, count) for node, count in zip(self.nodes, self.turns, strict=True))

    def _padding(self, node: Node, count: int) -> tuple[int, int] | None:
        assert is_int8(node.op)
        sources = [self.graph.tensors[name] for name in self.graph.activations(node)]
        shapes = [source.shape for source in sources]
        size_bytes = 0
        for index, shape in enumerate(shapes):
            wanted = [node.op.input_rows(row, index, *shapes) for row in range(count)]
            if any(rows and (rows[0] < 0 or rows[-1] >= row_count(shape)) for rows in wanted):
                size_bytes = max(size_bytes, row_bytes(shape))
        quantization = sources[0].quantization
        if not size_bytes or quantization is None:
            return None
        return padding_value(node.op, quantization.zero_point), size_bytes


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


@dataclass(frozen=True, slots=True)
class Held:
    """How many rows of a tensor are kept, and from which pull to which each of its rows is alive."""

    rows: int
    live: tuple[Span, ...]


def held(rows: RowGraph, order: Sequence[Pull], stage_of: Sequence[int]) -> dict[str, Held]:
    """For every tensor the height of its ring (all rows where it crosses a stage) and the life of each row in pulls.

    Inputs are there before the first pull, outputs stay after the last. `stage_of` has the stage of each node.
    """
    last_read: dict[str, list[int]] = {tensor: [-1] * rows.rows(tensor) for tensor in [*rows.graph.inputs, *rows.maker]}
    written: dict[str, list[int]] = {tensor: [0] * rows.rows(tensor) for tensor in last_read}
    for time, pull in enumerate(order):
        if pull.node == INPUT:
            assert rows.pushed is not None
            written[rows.pushed][pull.row] = time
            continue
        if pull.node == OUTPUT:
            assert rows.pulled is not None
            last_read[rows.pulled][pull.row] = time
            continue
        for tensor, wanted in rows.reads[pull.node][pull.row]:
            reads = last_read[tensor]
            for read in wanted:
                reads[read] = time
        row = rows.written_row(pull)
        if row is not None:
            written[rows.nodes[pull.node].outputs[0]][row] = time
    outputs = {rows.root_of[name] for name in rows.graph.outputs if name != rows.pulled}
    found: dict[str, Held] = {}
    for tensor, reads in last_read.items():
        times = written[tensor]
        maker = rows.maker.get(tensor)
        reader = rows.last_reader[tensor]
        if tensor == rows.pushed:
            maker = rows.pushed_reader  # its rows arrive in the stage of their first reader
        whole = maker is None or tensor in outputs or (reader >= 0 and stage_of[reader] != stage_of[maker])
        ends = [len(order)] * len(reads) if tensor in outputs else [r + 1 for r in map(max, times, reads)]
        live = tuple(Span(made, max(end, made + 1)) for made, end in zip(times, ends, strict=True))
        found[tensor] = Held(len(reads) if whole else _ring_height(times, reads), live)
    return found


def _alive_rows(written: Sequence[int], last_read: Sequence[int]) -> tuple[Span, ...]:
    """When some row of a ring is alive: from its pull to the last one that reads it."""
    return merged(Span(made, max(made, read) + 1) for made, read in zip(written, last_read, strict=True))


def _ring_height(written: Sequence[int], last_read: Sequence[int]) -> int:
    """The fewest rows such that a row is only written over one that nobody reads any more."""
    height, oldest = 1, 0
    for row, time in enumerate(written):
        while oldest < row and last_read[oldest] < time:
            oldest += 1
        # a dead row may lie between live ones: the ring must still span from the oldest live one
        height = max(height, row - oldest + 1)
    return height


def peak_bytes(rows: RowGraph, first: int, last: int) -> int:
    """Most bytes alive at once while the nodes [first, last) run as one stage, tensors that pass by included."""
    order = pulls(rows, first, last)
    before = [t for t in rows.last_reader if rows.maker.get(t, -1) < first and rows.last_reader[t] >= first]
    if rows.pushed in before and rows.pushed_reader >= first:
        before.remove(rows.pushed)
    changes = [0] * (len(order) + 1)
    reads: dict[str, list[int]] = {}
    written: dict[str, list[int]] = {}
    for time, pull in enumerate(order):
        if pull.node == INPUT:
            assert rows.pushed is not None
            written.setdefault(rows.pushed, []).append(time)
            continue
        if pull.node == OUTPUT:
            assert rows.pulled is not None
            reads.setdefault(rows.pulled, [-1] * rows.rows(rows.pulled))[pull.row] = time
            continue
        for tensor, wanted in rows.reads[pull.node][pull.row]:
            times = reads.setdefault(tensor, [-1] * rows.rows(tensor))
            for row in wanted:
                times[row] = time
        if rows.written_row(pull) is not None:
            written.setdefault(rows.nodes[pull.node].outputs[0], []).append(time)
        scratch_bytes, is_kept = rows.scratch[pull.node]
        changes[time] += scratch_bytes if pull.row == 0 or not is_kept else 0
        changes[time + 1] -= scratch_bytes if pull.row == rows.turns[pull.node] - 1 or not is_kept else 0
    constant = 0
    for tensor in before:
        size = rows.row_bytes(tensor)
        constant += rows.rows(tensor) * size
        if rows.last_reader[tensor] < last:
            for read in reads[tensor]:
                changes[read + 1] -= size  # a row that nothing reads any more is dead from the start
    for tensor, times in written.items():
        if rows.last_reader[tensor] >= last:  # whole, as it crosses to another stage
            for time in times:
                changes[time] += rows.row_bytes(tensor)
            continue
        seen = reads.get(tensor, [-1] * len(times))
        size = _ring_height(times, seen) * rows.row_bytes(tensor)
        for span in _alive_rows(times, seen):
            changes[span.first] += size
            changes[span.last] -= size
    paddings: dict[int, int] = {}
    for padding in rows.paddings[first:last]:
        value, size = padding or (0, 0)
        paddings[value] = max(size, paddings.get(value, 0))
    best, alive = 0, constant + sum(paddings.values())
    for change in changes[:-1]:
        alive += change
        best = max(best, alive)
    return best


def best_cuts(rows: RowGraph) -> list[int]:
    """Where to cut for the lowest peak: the first node of every stage. Of equal peaks the one with the most cuts."""
    count = len(rows.nodes)
    best: list[tuple[int, int, int]] = [(0, 0, 0)]  # peak, minus the number of stages, first node of the last stage
    for last in range(1, count + 1):
        options: list[tuple[int, int, int]] = []
        for first in range(last - 1, max(0, last - MAX_STAGE_NODES) - 1, -1):
            peak, stages, _ = best[first]
            if not options or peak <= min(options)[0]:  # else it cannot win, whatever this stage takes
                options.append((max(peak, peak_bytes(rows, first, last)), stages - 1, first))
        best.append(min(options))
    cuts, last = [], count
    while last:
        last = best[last][2]
        cuts.append(last)
    return cuts[::-1]
