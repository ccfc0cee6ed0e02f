"""An int8 graph as rows: which rows of which tensors each row of each node reads. No order of work is decided here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tinycnn.ir import Graph, Node
from tinycnn.ops import (
    MatrixProduct,
    Transpose,
    is_int8,
    may_overwrite,
    padding_value,
    row_bytes,
    row_count,
    sums_rows,
    turns,
)
from tinycnn.plan.lifetimes import is_view, roots
from tinycnn.plan.model import Alternative

INPUT = -1
"""The node that a pushed input counts as."""
BLOCK_READERS = (MatrixProduct, Transpose)
"""Operators whose kernels read several rows of an input as one block; others ask for the place of every row."""
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
        return self._sizes[tensor][0]

    def row_bytes(self, tensor: str) -> int:
        return self._sizes[tensor][1]

    @cached_property
    def _sizes(self) -> dict[str, tuple[int, int]]:
        """Rows and bytes of a row."""
        shapes = {name: tensor.shape for name, tensor in self.graph.tensors.items()}
        return {name: (row_count(shape), row_bytes(shape)) for name, shape in shapes.items() if shape}

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
    def may_overwrite(self) -> tuple[tuple[str, ...], ...]:
        """For each node the inputs over which its kernel may write the output, the row of the same number each time."""
        return tuple(
            tuple(
                source
                for index, source in enumerate(self.graph.activations(node))
                if may_overwrite(node.op, *self.graph.shapes((source, node.outputs[0])))
                and self.rows(source) == self.rows(node.outputs[0])
                and all(reads[index] == (source, range(row, row + 1)) for row, reads in enumerate(self.reads[number]))
            )
            for number, node in enumerate(self.nodes)
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
    def contiguous(self) -> frozenset[str]:
        """The tensors whose rows must lie one behind the other while they are alive.

        The caller writes a stored input and reads a stored output as a whole; so do views and BLOCK_READERS.
        """
        stored = {self.root_of[name] for name in (*self.graph.inputs, *self.graph.outputs)} - {self.pushed, self.pulled}
        viewed = {root for name, root in self.root_of.items() if root != name}
        moved = {
            self.root_of[name]
            for node in self.nodes
            if isinstance(node.op, BLOCK_READERS)
            for name in self.graph.activations(node)
        }
        return frozenset(str(name) for name in stored | viewed | moved)

    @cached_property
    def padded_turns(self) -> tuple[frozenset[int], ...]:
        """For each node the turns in which its kernel reads rows outside an input."""
        return tuple(
            frozenset(turn for turn in range(count) if self._reads_padding(node, turn))
            for node, count in zip(self.nodes, self.turns, strict=True)
        )

    def _reads_padding(self, node: Node, turn: int) -> bool:
        assert is_int8(node.op)
        shapes = [self.graph.tensors[name].shape for name in self.graph.activations(node)]
        if self.chosen.get(node.outputs[0], Alternative("")).makes_padding:
            return False
        wanted = [node.op.input_rows(turn, index, *shapes) for index in range(len(shapes))]
        return any(
            rows and (rows[0] < 0 or rows[-1] >= row_count(shape)) for rows, shape in zip(wanted, shapes, strict=True)
        )

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
