"""The independent checker: runs a plan on a byte array that remembers who wrote each byte.

It knows nothing of lifetimes or of how the plan was made, only which rows the operators read and write.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tinycnn.errors import ModelError
from tinycnn.ir import Shape
from tinycnn.ops import Int8Operator, Reshape, is_int8, may_overwrite, row_bytes, row_count, sums_rows
from tinycnn.plan.model import ALIGNMENT_BYTES, Alternative, Place, Plan, Step

_NOBODY = -1


class PlanError(ModelError):
    """A plan would read bytes that are not there any more, or write outside the arena: a defect of the planner."""


def check(plan: Plan) -> None:
    """PlanError unless every step reads exactly the rows that were written, and every output is there at the end.

    A step's row must not lie where it reads: a kernel may write any byte of the row before it reads the last one. But
    it may be the very row that is read where the operator allows that (`ops.may_overwrite`).
    """
    memory = _Memory(plan)
    if plan.is_pushed:
        (pushed,) = (plan.places[name] for name in plan.graph.inputs)
        if len(plan.arrivals) != pushed.rows or list(plan.arrivals) != sorted(plan.arrivals):
            raise PlanError(f"The rows of {pushed.name!r} do not arrive one after the other.")
    else:
        for name in plan.graph.inputs:
            for row in range(plan.places[name].rows):
                memory.write(plan.places[name], row)
    if plan.is_pulled:
        (pulled,) = (plan.places[name] for name in plan.graph.outputs)
        if len(plan.departures) != pulled.rows or list(plan.departures) != sorted(plan.departures):
            raise PlanError(f"The rows of {pulled.name!r} are not taken one after the other.")
    arrived = taken = 0
    for number in range(len(plan.steps) + 1):
        while taken < len(plan.departures) and plan.departures[taken] == number:
            memory.read(pulled, taken, "the caller")
            taken += 1
        while arrived < len(plan.arrivals) and plan.arrivals[arrived] == number:
            memory.write(pushed, arrived)
            arrived += 1
        if number < len(plan.steps):
            _run_step(plan, plan.steps[number], memory)
    for name in () if plan.is_pulled else plan.graph.outputs:
        for row in range(plan.places[name].rows):
            memory.read(plan.places[name], row, "the caller")


class _Memory:
    """For each byte of the arena the number of the tensor byte that was last written there.

    `first` is the number of each tensor's first byte; a view has the numbers of its source.
    """

    def __init__(self, plan: Plan) -> None:
        self.owner = np.full(plan.arena_bytes - plan.progress_bytes, _NOBODY, np.int64)
        self.first: dict[str, int] = {}
        self.next = 0
        for name in plan.graph.inputs:
            self._declare(plan, name)
        for node in plan.graph.nodes:
            for name in node.outputs:
                if isinstance(node.op, Reshape):
                    self._declare_view(plan, name, node.inputs[0])
                else:
                    self._declare(plan, name)

    def _declare(self, plan: Plan, name: str) -> None:
        if name not in plan.places:
            raise PlanError(f"The plan gives {name!r} no place.")
        place, shape = plan.places[name], plan.graph.tensors[name].shape
        if (place.name, place.rows, place.row_bytes) != (name, row_count(shape), row_bytes(shape)):
            raise PlanError(f"The plan gives {name!r} {place.rows} rows of {place.row_bytes} bytes.")
        for offset in (place.offset_bytes, *place.row_offsets):
            if offset % ALIGNMENT_BYTES:
                raise PlanError(f"{name!r} lies at {offset}, which is not a multiple of {ALIGNMENT_BYTES}.")
        if not 1 <= place.held_rows <= place.rows or len(place.row_offsets) not in (0, place.rows):
            raise PlanError(f"The plan holds {place.held_rows} of {place.rows} rows of {name!r}.")
        self.first[name] = self.next
        self.next += place.rows * place.row_bytes

    def _declare_view(self, plan: Plan, name: str, source: str) -> None:
        self._declare(plan, name)
        view, viewed = plan.places[name], plan.places[source]
        is_whole = view.is_whole and viewed.is_whole
        if (view.offset_bytes, view.size_bytes) != (viewed.offset_bytes, viewed.size_bytes) or not is_whole:
            raise PlanError(f"{name!r} is a view of {source!r} but lies elsewhere or in a ring.")
        self.first[name] = self.first[source]

    def write(self, place: Place, row: int) -> None:
        self.owner[self._bytes(place, row)] = self._numbers(place, row)

    def read(self, place: Place, row: int, reader: str) -> None:
        if not np.array_equal(self.owner[self._bytes(place, row)], self._numbers(place, row)):
            raise PlanError(
                f"{reader} reads row {row} of {place.name!r}, but those bytes were overwritten or never written."
            )

    def spoil(self, place: Place, row: int) -> None:
        """Forget what is in the bytes of a row that is about to be written."""
        self.owner[self._bytes(place, row)] = _NOBODY

    def fill(self, place: Place) -> None:
        """Write padding or scratch, under numbers of its own."""
        if place.offset_bytes % ALIGNMENT_BYTES:
            raise PlanError(f"{place.name!r} lies at {place.offset_bytes}, which is not aligned.")
        self.first[place.name] = self.next
        self.next += place.row_bytes
        self.write(place, 0)

    def _bytes(self, place: Place, row: int) -> slice:
        begin = place.row_offset_bytes(row)
        if begin < 0 or begin + place.row_bytes > len(self.owner):
            raise PlanError(f"Row {row} of {place.name!r} lies outside the arena of {len(self.owner)} bytes.")
        return slice(begin, begin + place.row_bytes)

    def _numbers(self, place: Place, row: int) -> npt.NDArray[np.int64]:
        begin = self.first[place.name] + row * place.row_bytes
        return np.arange(begin, begin + place.row_bytes)


def _run_step(plan: Plan, step: Step, memory: _Memory) -> None:
    op, reader = step.node.op, f"step {step.node.name!r}"
    if not is_int8(op) or isinstance(op, Reshape):
        raise PlanError(f"Nothing computes {reader}.")
    inputs = plan.graph.activations(step.node)
    shapes = [plan.graph.tensors[name].shape for name in inputs]
    keeps_scratch = _keeps_scratch(plan, step)
    for turn in range(step.first_row, step.last_row):
        written = _written_row(plan, step, turn)
        if step.scratch is not None and (turn == 0 or not keeps_scratch):
            memory.fill(step.scratch)
        if step.padding is not None and _reads_padding(plan, op, turn, inputs, shapes):
            memory.fill(step.padding)
        (output,) = (plan.places[name] for name in step.node.outputs)
        overwritten = _overwritten(op, turn, inputs, shapes, plan, output)
        for place in overwritten:
            memory.read(place, turn, reader)
        if written is not None:
            memory.spoil(output, written)
        if step.scratch is not None:
            memory.read(step.scratch, 0, reader)
        for index, name in enumerate(inputs):
            place = plan.places[name]
            for source in op.input_rows(turn, index, *shapes):
                if place in overwritten:
                    continue
                if 0 <= source < place.rows:
                    memory.read(place, source, reader)
                elif _chosen(plan, step).makes_padding:
                    continue
                elif step.padding is None:
                    raise PlanError(f"{reader} reads padding but has none.")
                elif step.padding.row_bytes < place.row_bytes:
                    raise PlanError(f"{step.padding.name!r} has only {step.padding.row_bytes} bytes.")
                else:
                    memory.read(step.padding, 0, reader)
        if written is not None:
            memory.write(output, written)


def _overwritten(
    op: Int8Operator, turn: int, inputs: Sequence[str], shapes: Sequence[Shape], plan: Plan, output: Place
) -> list[Place]:
    """The inputs of which the row `turn`, and no other, is read and lies exactly where the output's is allowed to."""
    written = plan.graph.tensors[output.name].shape
    return [
        plan.places[name]
        for index, (name, shape) in enumerate(zip(inputs, shapes, strict=True))
        if may_overwrite(op, shape, written)
        and op.input_rows(turn, index, *shapes) == range(turn, turn + 1)
        and plan.places[name].row_offset_bytes(turn) == output.row_offset_bytes(turn)
    ]


def _reads_padding(plan: Plan, op: Int8Operator, turn: int, inputs: Sequence[str], shapes: Sequence[Shape]) -> bool:
    return any(
        not 0 <= row < plan.places[name].rows
        for index, name in enumerate(inputs)
        for row in op.input_rows(turn, index, *shapes)
    )


def _chosen(plan: Plan, step: Step) -> Alternative:
    return plan.chosen.get(step.node.outputs[0], Alternative(""))


def _keeps_scratch(plan: Plan, step: Step) -> bool:
    """Whether the step's scratch must survive from row to row; PlanError unless it has all that its kernel needs."""
    (output,) = step.node.outputs
    way = _chosen(plan, step)
    sums_bytes = 4 * plan.places[output].row_bytes if sums_rows(step.node.op) else 0
    if sums_bytes + way.scratch_bytes > (step.scratch.row_bytes if step.scratch else 0):
        raise PlanError(f"Step {step.node.name!r} has no room for {sums_bytes + way.scratch_bytes} bytes of scratch.")
    return sums_bytes > 0 or way.keeps_scratch


def _written_row(plan: Plan, step: Step, turn: int) -> int | None:
    """The row of the output that a turn completes: its own, or for sums of rows the only one, with the last turn."""
    if not sums_rows(step.node.op):
        return turn
    (source,) = step.node.inputs
    return 0 if turn == plan.places[source].rows - 1 else None
