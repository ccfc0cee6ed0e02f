"""What stands in <name>.c: the plan as a comment, the tensors, the layers, the steps of the run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinycnn.plan import Place, Plan, Step
from tinycnn.plan.model import ALIGNMENT_BYTES
from tinycnn.plan.pairs import PointwiseDepthwise
from tinycnn_codegen.cnames import unique_bases
from tinycnn_codegen.ctext import ConstantArray, Field, array_definition, plain, struct_definition
from tinycnn_codegen.generated import TappedTensor
from tinycnn_codegen.kernel_text import kernel_text
from tinycnn_codegen.layers import Layer, make_layer
from tinycnn_codegen.schedule_table import ScheduleTable, schedule_table

PLACES_PER_LINE = 16
INT16_MAX = 32767
UINT16_MAX = 65535
MANY_LAYERS = 3
"""So many layers with a kernel in plain C are too many to compile it into each of them: gcc does not at -O2."""


@dataclass(frozen=True, slots=True)
class RunStep:
    """Some rows of a layer: [first_row, last_row)."""

    layer: int
    base: str
    first_row: int
    last_row: int

    @property
    def rows(self) -> int:
        return self.last_row - self.first_row


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Everything that templates/source.c.jinja needs to know; `tapped` is numbered as in the C.

    `input` and `output` begin the identifiers of the pushed and
    the pulled tensor. `places_bytes` is what the tables of rows with places of their own take.
    """

    plan: str
    kernels: str
    tensors: tuple[str, ...]
    layers: tuple[Layer, ...]
    steps: tuple[RunStep, ...]
    tapped: tuple[TappedTensor, ...]
    schedule: ScheduleTable
    input: str
    output: str
    places_bytes: int

    @property
    def has_assembly(self) -> bool:
        return "TCN_PORTABLE" in self.kernels

    @property
    def has_pairs(self) -> bool:
        return any(layer.between for layer in self.layers)

    @property
    def has_loop(self) -> bool:
        return any(step.rows > 1 for step in self.steps)

    @property
    def is_scheduled(self) -> bool:
        """Whether some layer runs in several steps, so that the run follows a table."""
        return len(self.steps) > len(self.layers) or bool(self.input or self.output)

    @property
    def counter(self) -> str:
        """The C type that counts rows and entries of the schedule."""
        most = max([self.schedule.numbers, *(step.last_row for step in self.steps)], default=0)
        return "int16_t" if most <= INT16_MAX else "int32_t"

    @property
    def first_steps(self) -> tuple[RunStep, ...]:
        """The first step of each layer, in the order of the layers."""
        return tuple({step.layer: step for step in reversed(self.steps)}[number] for number in range(len(self.layers)))

    @property
    def constants_bytes(self) -> int:
        arrays = sum(layer.lowered.constants_bytes for layer in self.layers)
        return arrays + self.places_bytes + (self.schedule.size_bytes if self.is_scheduled else 0)


def make_source(plan: Plan, network: str, *, uint8_input: bool) -> Source:
    """Lower every node once, in the order of its first step; `network` is the network's name.

    ValueError when the steps of one node have different padding, which its one function could not tell apart.
    """
    first_steps: dict[str, tuple[int, Step]] = {}
    for number, step in enumerate(plan.steps):
        _, first = first_steps.setdefault(step.node.outputs[0], (number, step))
        if step.padding != first.padding:
            raise ValueError(f"All steps of node {step.node.name!r} must have the same padding.")
    nodes = [step.node for _, step in first_steps.values()]
    pushed = plan.graph.inputs if plan.is_pushed else ()
    read = (tensor for node in nodes for tensor in (*plan.graph.activations(node), *node.outputs))
    used = list(dict.fromkeys((*pushed, *read)))
    tensor_bases = dict(zip(used, unique_bases(used, network), strict=True))
    scattered = [plan.places[tensor] for tensor in used if plan.places[tensor].row_offsets]
    layer_bases = unique_bases([node.name for node in nodes], network)
    pairs = [node.outputs[0] for node in nodes if isinstance(node.op, PointwiseDepthwise)]
    taps_between = {output: number for number, output in enumerate(pairs, len(nodes))}
    layers = {
        output: make_layer(plan, step, number, tap, taps_between.get(output, 0), base, tensor_bases)
        for tap, (base, (output, (number, step))) in enumerate(zip(layer_bases, first_steps.items(), strict=True))
    }
    steps = _run_steps(plan, layers)
    return Source(
        _plan_comment(plan, list(layers)),
        _kernels(plan, tuple(layers.values()), uint8_input),
        tuple(
            _tensor_definition(base, plan.places[tensor], some_scattered=bool(scattered), is_far=_is_far(plan))
            for tensor, base in tensor_bases.items()
        ),
        tuple(layers.values()),
        steps,
        (
            *(TappedTensor(tensor, plan.places[tensor].rows, plan.places[tensor].row_bytes) for tensor in layers),
            *(layer.between for layer in layers.values() if layer.between),
        ),
        schedule_table([(step.layer, step.rows) for step in steps], len(layers), plan.arrivals, plan.departures),
        tensor_bases[pushed[0]] if pushed else "",
        tensor_bases[plan.graph.outputs[0]] if plan.is_pulled else "",
        sum((4 if _is_far(plan) else 2) * place.rows for place in scattered),
    )


def _run_steps(plan: Plan, layers: Mapping[str, Layer]) -> tuple[RunStep, ...]:
    numbers = {output: number for number, output in enumerate(layers)}
    found = []
    for step in plan.steps:
        (output,) = step.node.outputs
        layer = layers[output]
        last_row = step.first_row + 1 if layer.lowered.all_rows_at_once else step.last_row
        found.append(RunStep(numbers[output], layer.base, step.first_row, last_row))
    return tuple(found)


def _kernels(plan: Plan, layers: Sequence[Layer], uint8_input: bool) -> str:
    """The kernels that the layers use, with software float only where some channel needs it."""
    files = {f"tcn_{layer.kernel}.h" for layer in layers}
    if layers:
        files.add("tcn_tensor.h")
    files.update(f"tcn_{layer.window_kind}.h" for layer in layers if layer.window_taps)
    if any(layer.padding for layer in layers):
        files.add("tcn_fill.h")
    if uint8_input:
        files.add("tcn_from_uint8.h")
    stand_ins = {name: other for layer in layers for name, other in layer.lowered.stand_ins.items()}
    if any(layer.lowered.needs_float for layer in layers):
        stand_ins["tcn_rescale.h"] = "tcn_rescale_float.h"
    users = Counter(layer.kernel for layer in layers)
    if max(users["conv2d"], users["depthwise_conv2d"]) >= MANY_LAYERS:
        stand_ins["tcn_shared.h"] = "tcn_shared_by_many.h"
    if plan.is_scattered:
        stand_ins["tcn_tensor.h"] = "tcn_scattered_tensor.h"
        if _is_far(plan):
            stand_ins["tcn_place.h"] = "tcn_far_place.h"
    return kernel_text(files, stand_ins)


def _is_far(plan: Plan) -> bool:
    """Whether 16 bits cannot count the words of the arena."""
    return plan.arena_bytes > UINT16_MAX * ALIGNMENT_BYTES


def _tensor_definition(base: str, place: Place, *, some_scattered: bool, is_far: bool) -> str:
    fields: dict[str, Field] = {
        "offset": place.offset_bytes,
        "rows": place.rows,
        "row_bytes": place.row_bytes,
        "held_rows": place.held_rows,
    }
    if not some_scattered:
        return struct_definition("tcn_tensor_t", f"{base}_tensor", fields)
    if not place.row_offsets:
        return struct_definition("tcn_tensor_t", f"{base}_tensor", {**fields, "places": None})
    words = np.array(place.row_offsets) // ALIGNMENT_BYTES
    places = ConstantArray("uint32_t" if is_far else "uint16_t", words, PLACES_PER_LINE)
    name = f"{base}_places"
    return "\n".join(
        [
            array_definition(name, places),
            struct_definition(
                "tcn_tensor_t", f"{base}_tensor", {**fields, "places": places}, array_names={places: name}
            ),
        ]
    )


def _plan_comment(plan: Plan, tapped: Sequence[str]) -> str:
    """Every place in the order of the arena: where, how long, when, and the number that taps give the tensor."""
    numbers: Mapping[str, int] = {name: number for number, name in enumerate(tapped)}
    beside = {place.name: place for step in plan.steps for place in (step.padding, step.scratch) if place is not None}
    views = {node.outputs[0]: node.inputs[0] for node in plan.graph.nodes if node.outputs[0] not in numbers}
    lines = [
        "The plan of the arena: offsets and sizes in bytes; what lives in the steps [first, last) has the bytes then.",
        "",
        f"{'offset':>9} {'bytes':>9} {'rows':>6}  {'live':<12} {'tap':>4}  what",
    ]
    for place in sorted((*plan.places.values(), *beside.values()), key=_by_offset):
        live = f"[{place.live.first}, {place.live.last})"
        tap = numbers.get(place.name, "")
        what = plain(place.name)
        if place.name in views:
            what += f", the bytes of {plain(views[place.name])}"
        if place.row_offsets:
            what += ", each row at a place of its own"
        lines.append(f"{place.offset_bytes:>9} {place.size_bytes:>9} {place.held_rows:>6}  {live:<12} {tap:>4}  {what}")
    return "/* " + "\n * ".join(lines).replace(" * \n", " *\n") + "\n */"


def _by_offset(place: Place) -> tuple[int, int, int, str]:
    return (place.offset_bytes, place.live.first, place.live.last, place.name)
