"""A plan run in Python on one array of bytes: only what the plan placed there is in it, all else is garbage."""

from collections import deque

import numpy as np

from tinycnn import fixedpoint
from tinycnn.ir import Array
from tinycnn.ops import call_of, is_accumulating, is_int8, may_overwrite, row_count, sums_rows
from tinycnn.plan import Alternative, Place, Plan, Step


def simulate(plan: Plan, inputs: dict[str, Array], rng: np.random.Generator) -> dict[str, Array]:
    """Every row that the plan computes from one sample, int8 [rows, row bytes] by tensor; then the outputs.

    An operator sees garbage in all rows of its input but those that it says it reads, and these come from the arena.
    """
    arena = rng.integers(-128, 128, plan.arena_bytes, np.int8)
    found: dict[str, Array] = {}
    given = {name: inputs[name].reshape(plan.places[name].rows, -1) for name in plan.graph.inputs}
    if not plan.is_pushed:
        for name, rows in given.items():
            for row, values in enumerate(rows):
                _row(arena, plan.places[name], row)[:] = values
    arriving = deque(enumerate(plan.arrivals))
    taken: list[Array] = []

    def take_rows(number: int) -> None:
        """The caller takes the rows of a pulled output that are ready before a step."""
        while len(taken) < len(plan.departures) and plan.departures[len(taken)] == number:
            taken.append(_row(arena, plan.places[plan.graph.outputs[0]], len(taken)).copy())

    for number, step in enumerate(plan.steps):
        take_rows(number)
        while arriving and arriving[0][1] == number:
            row, _ = arriving.popleft()
            _row(arena, plan.places[plan.graph.inputs[0]], row)[:] = given[plan.graph.inputs[0]][row]
        (output,) = step.node.outputs
        place = plan.places[output]
        computed = found.setdefault(output, np.zeros((place.rows, place.row_bytes), np.int8))
        for turn in range(step.first_row, step.last_row):
            _spoil_scratch(plan, step, turn, arena, rng)
            if sums_rows(step.node.op):
                values, row = _sum_turn(plan, step, turn, arena), 0
            else:
                values, row = _row_turn(plan, step, turn, arena, rng), turn
            if values is not None:
                _row(arena, place, row)[:] = computed[row] = values
    take_rows(len(plan.steps))
    for name in plan.graph.outputs:
        place = plan.places[name]
        outputs = np.stack(taken or [_row(arena, place, row) for row in range(place.rows)])
        assert name not in found or np.array_equal(found[name], outputs), f"output {name} was overwritten"
        found[name] = outputs
    return found


def _row(arena: Array, place: Place, row: int) -> Array:
    begin = place.row_offset_bytes(row)
    assert 0 <= begin <= begin + place.row_bytes <= len(arena), f"row {row} of {place.name} lies outside the arena"
    return arena[begin : begin + place.row_bytes]


def _spoil_scratch(plan: Plan, step: Step, turn: int, arena: Array, rng: np.random.Generator) -> None:
    """What a kernel may do to its scratch before it reads its inputs; sums that are kept come first and stay."""
    if step.scratch is not None:
        (output,) = step.node.outputs
        kept_bytes = 4 * plan.places[output].row_bytes if sums_rows(step.node.op) and turn else 0
        if not (turn and plan.chosen.get(output, Alternative("")).keeps_scratch):
            scratch = _row(arena, step.scratch, 0)[kept_bytes:]
            scratch[:] = rng.integers(-128, 128, len(scratch), np.int8)


def _row_turn(plan: Plan, step: Step, turn: int, arena: Array, rng: np.random.Generator) -> Array:
    """Row `turn` of the output, by the engine's kernel on inputs of which only the rows that are read are true.

    The kernel may write garbage to its output first, but where it may overwrite the row that it reads.
    """
    op, graph = step.node.op, plan.graph
    assert is_int8(op)
    names = graph.activations(step.node)
    shapes = [graph.tensors[name].shape for name in names]
    output = plan.places[step.node.outputs[0]]
    begin = output.row_offset_bytes(turn)
    is_input = any(
        may_overwrite(op, shape, graph.tensors[output.name].shape)
        and plan.places[name].rows == output.rows
        and plan.places[name].row_offset_bytes(turn) == begin
        for name, shape in zip(names, shapes, strict=True)
    )
    if not is_input:
        _row(arena, output, turn)[:] = rng.integers(-128, 128, output.row_bytes, np.int8)
    tensors = []
    for index, (name, shape) in enumerate(zip(names, shapes, strict=True)):
        tensor = rng.integers(-128, 128, (row_count(shape), int(np.prod(shape)) // row_count(shape)), np.int8)
        for row in op.input_rows(turn, index, *shapes):
            if 0 <= row < len(tensor):
                tensor[row] = _row(arena, plan.places[name], row)
        tensors.append(tensor.reshape(shape))
    values = op.int8_kernel(call_of(graph, step.node))(*tensors)
    return values.reshape(output.rows, -1)[turn]


def _sum_turn(plan: Plan, step: Step, turn: int, arena: Array) -> Array | None:
    """Add one input row to the int32 sums in the step's scratch; what the last turn makes of them."""
    graph, node = plan.graph, step.node
    assert is_accumulating(node.op)
    assert step.scratch is not None
    (source,) = node.inputs
    place, call = plan.places[source], call_of(graph, node)
    sums = _row(arena, step.scratch, 0)[: 4 * plan.places[node.outputs[0]].row_bytes].view(np.int32)
    row = _row(arena, place, turn).reshape(-1, len(sums)).astype(np.int32) - call.quantization(0).zero_point
    sums[:] = row.sum(axis=0) + (sums if turn else 0)
    if turn < place.rows - 1:
        return None
    accumulation = node.op.accumulation(call)
    return fixedpoint.requantize(sums, np.broadcast_to(accumulation.scale, sums.shape), accumulation.zero_point)
