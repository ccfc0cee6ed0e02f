"""A node of the graph as a section of C: comment, constants, structs and the call that computes one row."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tinycnn.ir import Operator, Shape
from tinycnn.ops import call_of, is_int8, row_bytes, row_count
from tinycnn.plan import Place, Plan, Step
from tinycnn.plan.pairs import PointwiseDepthwise
from tinycnn_codegen.alternatives import PORTABLE
from tinycnn_codegen.ctext import (
    ConstantArray,
    Field,
    array_definition,
    comment,
    constant_arrays,
    struct_definition,
)
from tinycnn_codegen.generated import TappedTensor
from tinycnn_codegen.lower import lower
from tinycnn_codegen.lowered import Lowered


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """What templates/source.c.jinja writes about one node.

    `rows_read` says in C which row of each input goes with a row of the output.
    `base` begins the layer's identifiers; `output` and `inputs` begin those of the tensors. `tap` is the number of
    the output tensor. `parts` structs are called one after the other for each row. `window_taps` is 0 when the
    kernel reads no window. `padding` is the row that stands outside the input, which all rows but those from
    `inner_rows[0]` up to `inner_rows[1]` read, if they do. Of two layers in one (`tinycnn.plan.pairs`) `between` is the
    tensor between them and `tap_between` its number.
    """

    base: str
    comment: str
    definitions: tuple[str, ...]
    lowered: Lowered
    output: str
    inputs: tuple[str, ...]
    rows_read: tuple[str, ...]
    tap: int
    row_bytes: int
    input_rows: int
    scratch_offset_bytes: int
    output_rows: int
    padding: Place | None
    inner_rows: tuple[int, int]
    between: TappedTensor | None
    tap_between: int

    @property
    def kernel(self) -> str:
        return self.lowered.kernel

    @property
    def parts(self) -> int:
        return len(self.lowered.layers)

    @property
    def window_taps(self) -> int:
        return self.lowered.window.taps if self.lowered.window else 0

    @property
    def window_kind(self) -> str:
        """The kernel that finds the rows under the window."""
        return self.lowered.window.kind if self.lowered.window else ""

    @property
    def arguments(self) -> str:
        """What the kernel is given between its struct and the output row."""
        match self.lowered.reads:
            case "window" if self.lowered.scratch_bytes:
                return f"rows, arena + {self.scratch_offset_bytes}"
            case "window":
                return "rows"
            case "counted window":
                return f"rows, row, arena + {self.scratch_offset_bytes}" if self.lowered.scratch_bytes else "rows, row"
            case "rows":
                pairs = zip(self.inputs, self.rows_read, strict=True)
                rows = ", ".join(f"tcn_row(arena, &{tensor}_tensor, {row})" for tensor, row in pairs)
                return f"{rows}, arena + {self.scratch_offset_bytes}" if self.lowered.scratch_bytes else rows
            case "summed rows":
                return f"tcn_row(arena, &{self.inputs[0]}_tensor, row), row, arena + {self.scratch_offset_bytes}"
            case "tensor":
                return f"arena, &{self.inputs[0]}_tensor, row"
            case "tensor of part":
                return ""

    @property
    def part_tensors(self) -> tuple[str, ...]:
        """The input of each part, where each has its own. The parts are then called one by one: of a loop over an array
        of pointers in flash avr-gcc 5.4 -O2 makes loads from RAM.
        """
        return self.inputs if self.lowered.reads == "tensor of part" else ()

    @property
    def sums_rows(self) -> bool:
        """Whether only the last turn makes the one output row."""
        return self.lowered.reads == "summed rows"


def make_layer(
    plan: Plan, step: Step, number: int, tap: int, tap_between: int, base: str, tensors: Mapping[str, str]
) -> Layer:
    """The layer of a node whose first step is `step`, the step `number`; `tensors` has the C bases of tensors."""
    graph, node = plan.graph, step.node
    (output,) = node.outputs
    activations = graph.activations(node)
    held = [plan.places[name] for name in (activations[0], output)]
    whole = step.last_row - step.first_row == held[1].rows and all(place.is_whole for place in held)
    kernels = plan.chosen[output].kernel if output in plan.chosen else PORTABLE
    lowered = lower(call_of(graph, node), kernels, whole=whole)
    return Layer(
        base,
        _comment(plan, step, number, tap_between),
        tuple(_definitions(lowered, base, step)),
        lowered,
        tensors[output],
        tuple(tensors[name] for name in activations),
        _rows_read(node.op, graph.shapes(activations), plan.places[output].rows),
        tap,
        row_bytes(graph.tensors[output].shape),
        plan.places[activations[0]].rows,
        step.scratch.offset_bytes if step.scratch else 0,
        held[1].rows,
        step.padding,
        _inner_rows(plan, step),
        _between(node.op),
        tap_between,
    )


def _between(op: Operator) -> TappedTensor | None:
    if not isinstance(op, PointwiseDepthwise):
        return None
    shape = op.between.shape
    return TappedTensor(op.between.name, row_count(shape), row_bytes(shape))


def _rows_read(op: Operator, inputs: Sequence[Shape], output_rows: int) -> tuple[str, ...]:
    """In C the first row of each input that goes with a row of the output: always the first, or that of its number."""
    assert is_int8(op)
    return tuple(
        "0" if output_rows > 1 and op.input_rows(1, index, *inputs)[:1] == range(1) else "row"
        for index in range(len(inputs))
    )


def _inner_rows(plan: Plan, step: Step) -> tuple[int, int]:
    """The rows in one piece that read nothing outside the input, half open; all between them do not either."""
    op, inputs = step.node.op, plan.graph.activations(step.node)
    assert is_int8(op)
    shapes = [plan.graph.tensors[name].shape for name in inputs]
    inner = [
        row
        for row in range(plan.places[step.node.outputs[0]].rows)
        if all(
            0 <= read < plan.places[name].rows
            for index, name in enumerate(inputs)
            for read in op.input_rows(row, index, *shapes)
        )
    ]
    if step.padding is None or not inner or inner[-1] - inner[0] != len(inner) - 1:
        return (0, 0)
    return (inner[0], inner[-1] + 1)


def _comment(plan: Plan, step: Step, number: int, tap_between: int) -> str:
    graph, node = plan.graph, step.node
    shapes = " + ".join(str(list(graph.tensors[name].shape)) for name in graph.activations(node))
    macs = graph.macs(node)
    head = f"Step {number}, {node.name}: {node.op.label}, {shapes} to {list(graph.tensors[node.outputs[0]].shape)}"
    cost = f", {macs:,} multiply-accumulates." if macs else "."
    origins = ", ".join(node.origins)
    between = []
    if isinstance(node.op, PointwiseDepthwise):
        shape = list(node.op.between.shape)
        between.append(f"Between them lies {node.op.between.name}, {shape}, three rows in scratch; tap {tap_between}.")
    return comment(head + cost, *between, *([f"ONNX: {origins}"] if origins else []))


def _definitions(lowered: Lowered, base: str, step: Step) -> Iterator[str]:
    if lowered.window is not None:
        window: Mapping[str, Field] = {
            "taps": lowered.window.taps,
            "stride": lowered.window.stride,
            "pad": lowered.window.pad,
            "dilation": lowered.window.dilation,
        }
        if lowered.window.kind == "window":
            window = {**window, "padding": step.padding.offset_bytes if step.padding else 0}
        yield struct_definition(f"tcn_{lowered.window.kind}_t", f"{base}_window", window)
    names: dict[ConstantArray, str] = {}
    for part, fields in enumerate(lowered.layers):
        ending = "" if len(lowered.layers) == 1 else f"_{part}"
        arrays = list(constant_arrays(fields))
        counted = Counter(path[-1] for path, _ in arrays)
        for path, array in arrays:
            names[array] = f"{base}_{path[-1] if counted[path[-1]] == 1 else '_'.join(path)}{ending}"
            yield array_definition(names[array], array)
    yield struct_definition(f"tcn_{lowered.kernel}_t", f"{base}_layer", *lowered.layers, array_names=names)
