"""Does a network fit a target: arena, constants, code and stack against the memory, and an estimate of its speed."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from tinycnn import fixedpoint
from tinycnn.ir import Graph, Node
from tinycnn.ops import Conv, ConvTranspose, Dense, LocallyConnected, call_of, is_accumulating, row_bytes, row_count
from tinycnn.plan import Plan
from tinycnn.plan.model import STEP_INSTRUCTIONS
from tinycnn.plan.pairs import PointwiseDepthwise
from tinycnn.quantize import moved_scales
from tinycnn.target import Target

_NO_NOTES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Code:
    """What a compiler made of the generated C, in bytes; `compiler` names it.

    `library_symbols` are the functions that a C or compiler library must provide, `startup_bytes` what the target takes
    from reset to main(). `stand_in` tells that the target's own compiler is not available and a similar one was taken.
    """

    code_bytes: int
    constants_bytes: int
    stack_bytes: int
    compiler: str
    stand_in: bool
    library_symbols: tuple[str, ...]
    startup_bytes: int = 0


@dataclass(frozen=True, slots=True)
class LayerProof:
    """By which way the rescaling of a layer's channels is known to be exact: see `fixedpoint.WAYS`."""

    name: str
    ways: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LayerKernel:
    """With which alternative the plan computes a layer (`plan.Alternative`), and what keeps it from a faster one."""

    name: str
    kernel: str
    note: str


@dataclass(frozen=True, slots=True)
class Occupation:
    """What lies at some bytes of the arena from pull to pull [first_pull, last_pull); a pull computes one row."""

    name: str
    offset_bytes: int
    size_bytes: int
    first_pull: int
    last_pull: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A plan that one could have: its arena, the most bytes alive at once in it, and its estimated instructions.

    `is_pushed` with rows pushed in, `is_pulled` with rows of the output pulled.
    """

    arena_bytes: int
    arena_lower_bound_bytes: int
    instructions_estimated: int
    is_pushed: bool = False
    is_pulled: bool = False


@dataclass(frozen=True, slots=True)
class Budget:
    """The memory budget of one network on one target; sizes in bytes.

    `code_bytes` and `stack_bytes` are None where nothing could measure them; `code_note` says why, or which compiler
    did; `library_symbols` are None then too. `startup_bytes` is flash from reset to main(). `memory_left_bytes` is what
    remains of the memory that is shortest: negative by how much the network is over.
    `arena_lower_bound_bytes` is the most bytes alive at once in the plan's order of work, `arena_gap_percent` what the
    arena has more; `schedule_free_bound_bytes` holds for every order of work with rows passed as in the plan.
    `pareto` has all plans worth having. `pulls` rows are computed one after the other; `begins` has the first pull of
    each layer, `arena` what occupies the arena when. `fp32_bytes` is what the parameters alone take as float32,
    `fp32_left_bytes` what would remain beside them with activations in float32 too. The card is `Target.card`.
    """

    model: str
    target: str
    fits: bool
    parameters: int
    macs_executed: int
    arena_bytes: int
    is_pushed: bool
    is_pulled: bool
    arena_lower_bound_bytes: int
    arena_gap_percent: float
    schedule_free_bound_bytes: int
    constants_bytes: int
    code_bytes: int | None
    stack_bytes: int | None
    startup_bytes: int
    library_symbols: tuple[str, ...] | None
    code_note: str
    ram_used_bytes: int
    ram_bytes: int
    flash_used_bytes: int
    flash_bytes: int | None
    memory_left_bytes: int
    fp32_bytes: int
    fp32_left_bytes: int
    instructions_estimated: int
    milliseconds_estimated: float
    card_int8_milliseconds_estimated: float | None
    card_float_milliseconds_estimated: float | None
    proofs: tuple[LayerProof, ...]
    kernels: tuple[LayerKernel, ...]
    pareto: tuple[Choice, ...]
    pulls: int
    begins: tuple[tuple[int, str], ...]
    arena: tuple[Occupation, ...]


def budget(
    graph: Graph,
    plan: Plan,
    target: Target,
    constants_bytes: int,
    code: Code | None,
    code_note: str,
    plans: tuple[Plan, ...] = (),
    notes: Mapping[str, str] = _NO_NOTES,
    schedule_free_bound_bytes: int = 0,
) -> Budget:
    """Add up what `plan` of an int8 graph needs on `target`.

    `plans` are all plans worth having; `notes` has by the name of an output what keeps its node from a faster kernel.
    `schedule_free_bound_bytes` is what `plan.schedule_free_bound` says. `code` is None when no compiler for the target
    was found; then `constants_bytes` are those of the arrays in the generated C, without its small structs.
    """
    if code is not None:
        constants_bytes = code.constants_bytes
    code_bytes = code.code_bytes if code else 0
    stack_bytes = code.stack_bytes if code else 0
    ram_used = plan.arena_bytes + stack_bytes
    startup_bytes = code.startup_bytes if code else 0
    flash_used = constants_bytes + code_bytes + startup_bytes
    fp32_bytes = 4 * graph.total_parameters
    if target.flash_bytes is None:
        left = target.ram_bytes - ram_used - flash_used
        fp32_left = target.ram_bytes - fp32_bytes - 4 * plan.arena_bytes - code_bytes - startup_bytes - stack_bytes
    else:
        left = min(target.ram_bytes - ram_used, target.flash_bytes - flash_used)
        fp32_left = min(
            target.ram_bytes - 4 * plan.arena_bytes - stack_bytes, target.flash_bytes - fp32_bytes - code_bytes
        )
    instructions = estimated_instructions(plan, target)
    card_int8, card_float = _card_milliseconds(graph, target)
    return Budget(
        model=graph.name,
        target=target.name,
        fits=left >= 0,
        parameters=graph.total_parameters,
        macs_executed=graph.total_macs,
        arena_bytes=plan.arena_bytes,
        is_pushed=plan.is_pushed,
        is_pulled=plan.is_pulled,
        arena_lower_bound_bytes=plan.lower_bound_bytes,
        arena_gap_percent=plan.gap_percent,
        schedule_free_bound_bytes=schedule_free_bound_bytes,
        constants_bytes=constants_bytes,
        code_bytes=code.code_bytes if code else None,
        stack_bytes=code.stack_bytes if code else None,
        startup_bytes=startup_bytes,
        library_symbols=code.library_symbols if code else None,
        code_note=code_note,
        ram_used_bytes=ram_used,
        ram_bytes=target.ram_bytes,
        flash_used_bytes=flash_used,
        flash_bytes=target.flash_bytes,
        memory_left_bytes=left,
        fp32_bytes=fp32_bytes,
        fp32_left_bytes=fp32_left,
        instructions_estimated=instructions,
        milliseconds_estimated=1e3 * instructions * target.estimate.cycles_per_instruction / target.clock_hz,
        card_int8_milliseconds_estimated=card_int8,
        card_float_milliseconds_estimated=card_float,
        proofs=proofs(graph),
        kernels=_kernels(plan, notes),
        pareto=tuple(
            Choice(p.arena_bytes, p.lower_bound_bytes, estimated_instructions(p, target), p.is_pushed, p.is_pulled)
            for p in plans or (plan,)
        ),
        pulls=len(plan.arrivals) + len(plan.departures) + sum(step.last_row - step.first_row for step in plan.steps),
        begins=_begins(plan),
        arena=tuple(
            Occupation(o.name, o.offset_bytes, o.size_bytes, o.live.first, o.live.last) for o in plan.occupants
        ),
    )


def _card_milliseconds(graph: Graph, target: Target) -> tuple[float | None, float | None]:
    """One inference on the target's card, with int8 and with float32 in its memory."""
    if target.card is None:
        return None, None
    shapes = [graph.tensors[node.outputs[0]].shape for node in graph.nodes if graph.macs(node)]
    outputs = target.card.instructions_per_output * sum(int(np.prod(shape[1:])) for shape in shapes)
    each = (target.card.instructions_per_int8_mac, target.card.instructions_per_float_mac)
    int8, floats = (
        1e3 * (graph.total_macs * per_mac + outputs) / target.card.instructions_per_second for per_mac in each
    )
    return int8, floats


def proofs(graph: Graph) -> tuple[LayerProof, ...]:
    """For each layer that rescales sums, how many channels are proved by which way."""
    moved = moved_scales(graph)
    found = []
    for node in graph.nodes:
        if is_accumulating(node.op):
            sums = node.op.accumulation(call_of(graph, node))
            ways = fixedpoint.prove(sums.scale, sums.zero_point, sums.reach).ways.tolist()
            for channel in moved.get(node.name, ()):
                if channel < len(ways) and ways[channel] != "float":
                    ways[channel] = "nudged"
            found.append(LayerProof(node.name, {way: ways.count(way) for way in fixedpoint.WAYS}))
    return tuple(found)


def _kernels(plan: Plan, notes: Mapping[str, str]) -> tuple[LayerKernel, ...]:
    """Only of nodes with alternatives, or with a note why they have none; nothing where there is nothing to tell."""
    nodes = {step.node.outputs[0]: step.node for step in plan.steps}
    if not notes and all(way.kernel == "portable" for way in plan.chosen.values()):
        return ()
    return tuple(
        LayerKernel(node.name, plan.chosen[output].kernel if output in plan.chosen else "portable", _note(node, notes))
        for output, node in nodes.items()
        if output in plan.chosen or output in notes
    )


def _note(node: Node, notes: Mapping[str, str]) -> str:
    """Of two layers in one step what both have."""
    outputs = (node.op.between.name, *node.outputs) if isinstance(node.op, PointwiseDepthwise) else node.outputs
    return "; ".join(notes[output] for output in outputs if output in notes)


def _begins(plan: Plan) -> tuple[tuple[int, str], ...]:
    found: dict[str, int] = {}
    pull = 0
    for number, step in enumerate(plan.steps):
        found.setdefault(
            step.node.name, pull + sum(bisect_right(rows, number) for rows in (plan.arrivals, plan.departures))
        )
        pull += step.last_row - step.first_row
    return tuple((first, name) for name, first in found.items())


def estimated_instructions(plan: Plan, target: Target) -> int:
    """Instructions of one inference by the target's table of costs: an estimate, nothing is run."""
    graph, costs = plan.graph, target.estimate
    total = float(STEP_INSTRUCTIONS * len(plan.steps))
    for node in graph.nodes:
        if node.outputs[0] in plan.chosen:
            total += plan.chosen[node.outputs[0]].instructions
            continue
        tensor = graph.tensors[node.outputs[0]]
        per_mac = costs.dense_instructions_per_mac
        if isinstance(node.op, Conv):
            depthwise = node.op.is_depthwise(graph.tensors[node.inputs[1]].shape)
            per_mac = costs.depthwise_instructions_per_mac if depthwise else costs.convolution_instructions_per_mac
        elif isinstance(node.op, ConvTranspose | LocallyConnected):
            per_mac = costs.convolution_instructions_per_mac
        total += graph.macs(node) * per_mac
        if isinstance(node.op, Conv | ConvTranspose | Dense | LocallyConnected) or graph.macs(node) == 0:
            total += row_count(tensor.shape) * row_bytes(tensor.shape) * costs.instructions_per_output
    return int(np.rint(total))
