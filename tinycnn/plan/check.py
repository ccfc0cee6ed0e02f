"""The independent checker: runs a plan on a byte array that remembers who wrote each byte.

It knows nothing of lifetimes or of how the plan was made, only which rows the operators read and write.
"""

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ops import call_of, is_int8, row_bytes, row_count
from tinycnn.plan.model import ALIGNMENT_BYTES, Place, Plan, Step

_NOBODY = -1


class PlanError(ModelError):
    """A plan would read bytes that are not there any more, or write outside the arena: a defect of the planner."""


def check(plan: Plan) -> None:
    """PlanError unless every step reads exactly the rows that were written, and every output is there at the end."""
    memory = _Memory(plan)
    for name in plan.graph.inputs:
        for row in range(plan.places[name].rows):
            memory.write(plan.places[name], row)
    for step in plan.steps:
        _run_step(plan, step, memory)
    for name in plan.graph.outputs:
        for row in range(plan.places[name].rows):
            memory.read(plan.places[name], row, "the caller")


class _Memory:
    """For each byte of the arena the number of the tensor byte that was last written there."""

    def __init__(self, plan: Plan) -> None:
        self.owner = np.full(plan.arena_bytes, _NOBODY, np.int64)
        self.first: dict[str, int] = {}
        count = 0
        for name, place in plan.places.items():
            tensor = plan.graph.tensors[name]
            if (place.rows, place.row_bytes) != (row_count(tensor.shape), row_bytes(tensor.shape)):
                raise PlanError(f"The plan gives {name!r} {place.rows} rows of {place.row_bytes} bytes.")
            producer = plan.graph.producers.get(name)
            if producer is not None and producer not in [step.node for step in plan.steps]:
                source = producer.inputs[0]
                same_place = (place.offset_bytes, place.size_bytes) == (
                    plan.places[source].offset_bytes,
                    plan.places[source].size_bytes,
                )
                if (
                    not same_place
                    or place.held_rows != place.rows
                    or plan.places[source].held_rows != plan.places[source].rows
                ):
                    raise PlanError(f"{name!r} is a view of {source!r} but lies elsewhere or in a ring.")
                self.first[name] = self.first[source]
                continue
            self.first[name] = count
            count += place.rows * place.row_bytes
        self.next_scratch = count

    def write(self, place: Place, row: int) -> None:
        self.owner[self._bytes(place, row)] = self._numbers(place, row)

    def read(self, place: Place, row: int, reader: str) -> None:
        if not np.array_equal(self.owner[self._bytes(place, row)], self._numbers(place, row)):
            raise PlanError(
                f"{reader} reads row {row} of {place.name!r}, but those bytes were overwritten or never written."
            )

    def scratch(self, place: Place) -> None:
        """Claim a place that no tensor has, under a number of its own."""
        self.first[place.name] = self.next_scratch
        self.next_scratch += place.size_bytes
        self.write(place, 0)

    def _bytes(self, place: Place, row: int) -> slice:
        begin = place.row_offset_bytes(row)
        if place.offset_bytes % ALIGNMENT_BYTES or begin < 0 or begin + place.row_bytes > len(self.owner):
            raise PlanError(
                f"{place.name!r} lies at {begin}, outside the arena of {len(self.owner)} bytes or unaligned."
            )
        return slice(begin, begin + place.row_bytes)

    def _numbers(self, place: Place, row: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        begin = self.first[place.name] + row * place.row_bytes
        return np.arange(begin, begin + place.row_bytes)


def _run_step(plan: Plan, step: Step, memory: _Memory) -> None:
    op = step.node.op
    if not is_int8(op):
        raise PlanError(f"Step {step.node.name!r} has no int8 form.")
    call = call_of(plan.graph, step.node)
    if step.padding is not None:
        memory.scratch(step.padding)
    for row in range(step.first_row, step.last_row):
        for tensor in call.inputs:
            if tensor.name in plan.graph.constants:
                continue
            place = plan.places[tensor.name]
            for source in op.input_rows(row, tensor.shape):
                if 0 <= source < place.rows:
                    memory.read(place, source, f"step {step.node.name!r}")
                elif step.padding is None:
                    raise PlanError(f"Step {step.node.name!r} reads padding but has none.")
                else:
                    memory.read(step.padding, 0, f"step {step.node.name!r}")
        memory.write(plan.places[step.node.outputs[0]], row)
