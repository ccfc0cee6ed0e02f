"""Reports and benchmarks: what the generated C of a model costs, measured with the target's compiler and emulator."""

from dataclasses import dataclass

import numpy as np

from tinycnn import engine
from tinycnn.errors import TinycnnError, ToolError
from tinycnn.ir import Graph
from tinycnn.ops import row_count
from tinycnn.plan import Alternatives, Plan, candidates, is_view, plan, schedule_free_bound
from tinycnn.quantize import quantize
from tinycnn.report.budget import Budget, Code, budget
from tinycnn.runners import count_instructions, measure_code
from tinycnn.target import Target, load_target, target_names
from tinycnn_codegen.alternatives import alternatives, kernel_notes
from tinycnn_codegen.generated import Generated
from tinycnn_codegen.network import constants_bytes, generate

SYNTHETIC_SAMPLES = 4
OPTIMIZE = "-O2"
"""What code is measured and benchmarked with."""


@dataclass(frozen=True, slots=True)
class LayerCost:
    """One step of the generated C: executed instructions (exact), cycles as in `Benchmark`, multiply-accumulates."""

    name: str
    instructions: int
    cycles: int
    macs: int


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One inference on an emulated target. `instructions` is exact. So are `cycles` and `milliseconds` if
    `cycles_are_exact`; else they are estimated, from the classes of the executed instructions where the target has
    timings, without from their number. `stack_bytes` was measured, from the caller on; `static_stack_bytes` is
    the deepest chain of calls by what the compiler says of every function, None where it says nothing."""

    model: str
    target: str
    instructions: int
    cycles: int
    cycles_are_exact: bool
    milliseconds: float
    macs: int
    arena_bytes: int
    stack_bytes: int
    static_stack_bytes: int | None
    flash_code_bytes: int
    flash_constants_bytes: int
    flash_startup_bytes: int
    library_symbols: tuple[str, ...]
    compiler: str
    layers: tuple[LayerCost, ...]


def report(graph: Graph, target: Target, *, pushed: bool = False, pulled: bool = False) -> Budget:
    """The memory budget of a model on a target; a float model as the int8 model that it would become.

    Of the plans worth having it is the one with the fewest instructions that fits, else the one with the least arena.
    With `pushed` those whose input is pushed row by row, with `pulled` those whose output is pulled so.
    """
    int8 = graph if graph.is_quantized else synthetic_int8(graph)
    ways = alternatives(int8, target)
    plans = candidates(int8, ways, pushed=pushed, pulled=pulled)
    others = _plans_with_rows_passed(int8, ways, pushed=pushed, pulled=pulled)
    bound = schedule_free_bound(int8, ways, pushed=pushed, pulled=pulled)
    notes = kernel_notes(int8, target)
    for planned in plans:
        generated = generate(planned, "network", target_name=target.name)
        code, note = _code(generated, target)
        found = budget(int8, planned, target, constants_bytes(generated), code, note, (*plans, *others), notes, bound)
        if found.fits:
            break
    return found


def _plans_with_rows_passed(graph: Graph, ways: Alternatives, *, pushed: bool, pulled: bool) -> tuple[Plan, ...]:
    """The plans worth having with more rows pushed and pulled than asked for, where that makes sense."""
    rows_out = row_count(graph.tensors[graph.outputs[0]].shape) if len(graph.outputs) == 1 else 1
    can_pull = rows_out > 1 and not any(is_view(node) and graph.outputs[0] in node.outputs for node in graph.nodes)
    pushes = (pushed, True) if len(graph.inputs) == 1 and not pushed else (pushed,)
    pulls = (pulled, True) if can_pull and not pulled else (pulled,)
    return tuple(
        found
        for push in pushes
        for pull in pulls
        if (push, pull) != (pushed, pulled)
        for found in candidates(graph, ways, pushed=push, pulled=pull)
    )


def bench(
    graph: Graph,
    samples: engine.Samples,
    target: Target,
    ram_bytes: int | None = None,
    *,
    pushed: bool = False,
    pulled: bool = False,
) -> Benchmark:
    """Count the instructions of one inference of an int8 graph on the emulator of `target`.

    The plan is the one that fits `ram_bytes`, by default the target's. `samples` float32 [N, ...] with ONNX's axes;
    the first one is run. ToolError where the tools are missing.
    """
    planned = plan(graph, ram_bytes or target.ram_bytes, alternatives(graph, target), pushed=pushed, pulled=pulled)
    generated = generate(planned, "network", target_name=target.name)
    stored = engine.stored_samples(graph, engine.first_samples(engine.named_samples(graph, samples), 1))
    count = count_instructions(generated, list(stored.values()), target, optimize=OPTIMIZE)
    size = measure_code(generated, target, optimize=OPTIMIZE)
    macs = {step.node.name: planned.graph.macs(step.node) for step in planned.steps}
    layers = tuple(
        LayerCost(name, instructions, layer_cycles, macs[name])
        for name, instructions, layer_cycles in zip(generated.steps, count.per_step, count.cycles_per_step, strict=True)
    )
    # Labels between layers may keep the compiler from some optimization: what that saves belongs to no layer.
    between = LayerCost("between layers", count.unattributed, count.cycles - sum(count.cycles_per_step), 0)
    return Benchmark(
        model=graph.name,
        target=target.name,
        instructions=count.total,
        cycles=count.cycles,
        cycles_are_exact=count.cycles_are_exact,
        milliseconds=1e3 * count.cycles / target.clock_hz,
        macs=graph.total_macs,
        arena_bytes=planned.arena_bytes,
        stack_bytes=count.stack_bytes or size.stack_bytes or 0,
        static_stack_bytes=size.stack_bytes,
        flash_code_bytes=size.code_bytes,
        flash_constants_bytes=size.constants_bytes,
        flash_startup_bytes=size.startup_bytes,
        library_symbols=size.library_symbols,
        compiler=size.compiler,
        layers=(*layers, between) if between.instructions or between.cycles else layers,
    )


def bench_all(
    graph: Graph,
    samples: engine.Samples,
    ram_bytes: int | None = None,
    *,
    pushed: bool = False,
    pulled: bool = False,
) -> tuple[tuple[Benchmark, ...], dict[str, str]]:
    """`bench` on every target that has an emulator; and why, by name, the others could not: too small, or no tools."""
    found: list[Benchmark] = []
    left_out: dict[str, str] = {}
    for name in target_names():
        target = load_target(name)
        if target.emulator is None:
            continue
        try:
            found.append(bench(graph, samples, target, ram_bytes, pushed=pushed, pulled=pulled))
        except TinycnnError as error:
            left_out[name] = str(error).splitlines()[0]
    return tuple(found), left_out


def synthetic_int8(graph: Graph) -> Graph:
    """A float graph quantized on random samples: right in every size, meaningless in its scales."""
    rng = np.random.default_rng(0)
    shapes = {name: engine.onnx_shape(graph.tensors[name]) for name in graph.inputs}
    samples = {
        name: rng.uniform(0, 255, (SYNTHETIC_SAMPLES, *shape[1:])).astype(np.float32) for name, shape in shapes.items()
    }
    return quantize(graph, samples)


def _code(generated: Generated, target: Target) -> tuple[Code | None, str]:
    """What the target's compiler makes of the C, and by which compiler, or why it could not be measured."""
    try:
        size = measure_code(generated, target, optimize=OPTIMIZE)
    except ToolError as error:
        return None, f"not measured: {error}"
    code = Code(
        size.code_bytes,
        size.constants_bytes,
        size.stack_bytes or 0,
        size.compiler,
        size.stand_in,
        size.library_symbols,
        size.startup_bytes,
    )
    return code, f"{size.compiler} {OPTIMIZE}{', a stand-in' if size.stand_in else ''}"
